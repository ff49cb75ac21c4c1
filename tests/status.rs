//! What verifiers follow: frames, snapshots, status lists, and the bounds that answers promise.
mod fixture;

use std::io::Read;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_verifier::{Frame, KeySet, Snapshot, Status, StatusIndex};
use fixture::{Answer, Client, ISSUER, Installation, MANAGEMENT_KEY, claims, header, is_problem};
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);
/// What is promised where every resource server concerned follows.
const AT_ONCE: Duration = Duration::from_millis(12_500);

async fn get(installation: &Installation, path: &str) -> Answer {
    installation.send("GET", path, &[], "").await
}

async fn status_keys(installation: &Installation) -> KeySet {
    KeySet::parse(get(installation, "/status/v1/jwks.json").await.text.as_bytes()).unwrap()
}

async fn snapshot(installation: &Installation) -> Snapshot {
    let answer = get(installation, "/status/v1/snapshot").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/secevent+jwt"), "{answer:?}");
    Snapshot::verify(&answer.text, &status_keys(installation).await, ISSUER).unwrap()
}

/// What was revoked since a snapshot.
async fn since(installation: &Installation, before: &Snapshot) -> Frame {
    installation.pass(SECOND).await;
    let path = format!("/status/v1/feed/after/{}/{}", before.publication.epoch, before.publication.rev);
    let frames = get(installation, &path).await.expect(200);
    Frame::verify(frames[0].as_str().unwrap(), &status_keys(installation).await, ISSUER).unwrap()
}

fn index(token: &str) -> StatusIndex {
    let status: Status = serde_json::from_value(claims(token)["status"].clone()).unwrap();
    status.index(ISSUER).unwrap()
}

/// The status of a token's entry, as its list says.
async fn bit(installation: &Installation, token: &str) -> u8 {
    installation.pass(SECOND).await;
    let entry = &claims(token)["status"]["status_list"];
    let path = entry["uri"].as_str().unwrap().strip_prefix(ISSUER).unwrap().to_owned();
    let list = get(installation, &path).await;
    assert_eq!((list.status.as_u16(), list.header("content-type")), (200, "application/statuslist+jwt"), "{list:?}");
    let lst = URL_SAFE_NO_PAD.decode(claims(&list.text)["status_list"]["lst"].as_str().unwrap()).unwrap();
    let mut bits = Vec::new();
    flate2::read::ZlibDecoder::new(lst.as_slice()).read_to_end(&mut bits).unwrap();
    assert_eq!(bits.len() * 8, 1 << 20);
    let idx = entry["idx"].as_u64().unwrap() as usize;
    bits[idx / 8] >> (idx % 8) & 1
}

#[tokio::test]
async fn tsl_5_1_every_token_names_its_entry_and_the_list_says_when_it_is_revoked() {
    let installation = Installation::new().await;
    let client = installation.application().await;
    let (one, sibling) = (installation.token(&client).await, installation.token(&client).await);
    assert_eq!(index(&one), index(&sibling), "one entry for each generation of a credential");
    assert_eq!(bit(&installation, &one).await, 0);
    let list = get(&installation, "/status/v1/lists/0").await;
    assert_eq!(header(&list.text)["typ"], "statuslist+jwt");
    let said = claims(&list.text);
    assert_eq!((&said["sub"], &said["ttl"]), (&json!(format!("{ISSUER}/status/v1/lists/0")), &json!(5)));
    assert_eq!((&said["iss"], &said["status_list"]["bits"]), (&json!(ISSUER), &json!(1)));
    assert_eq!(said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap(), 60);
    assert_eq!(said["status_list"]["aggregation_uri"], format!("{ISSUER}/status/v1/aggregation"));
    assert_eq!(list.header("access-control-allow-origin"), "*");

    installation.manage("DELETE", &format!("/connect/applications/{}", client.id), Value::Null).await.expect(204);
    assert_eq!(bit(&installation, &one).await, 1);
}

#[tokio::test]
async fn tsl_8_a_list_is_tagged_and_only_the_present_ones_are_there() {
    let installation = Installation::new().await;
    let list = get(&installation, "/status/v1/lists/0").await;
    let tag = list.header("etag").to_owned();
    let again = installation.send("GET", "/status/v1/lists/0", &[("if-none-match", &tag)], "").await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
    assert_eq!(get(&installation, "/status/v1/lists/0?time=1795132800").await.status, 501);
    for absent in ["/status/v1/lists/1", "/status/v1/lists/00", "/status/v1/lists/-1", "/status/v1/lists/x"] {
        is_problem(&get(&installation, absent).await, 404, "not_found");
    }
    for number in ["+1", "01", "-1", "x"] {
        is_problem(&get(&installation, &format!("/status/v1/feed/slot/{number}")).await, 404, "not_found");
    }
    let lists = get(&installation, "/status/v1/aggregation").await.expect(200);
    assert_eq!(lists, json!({ "status_lists": [format!("{ISSUER}/status/v1/lists/0")] }));
    installation.pass(Duration::from_secs(31)).await;
    let later = installation.send("GET", "/status/v1/lists/0", &[("if-none-match", &tag)], "").await;
    assert_eq!(later.status, 200, "an unchanged list is signed again before it expires");
}

#[tokio::test]
async fn rfc8414_2_the_metadata_names_where_revocation_is_published() {
    let installation = Installation::new().await;
    let metadata = get(&installation, "/.well-known/oauth-authorization-server").await.expect(200);
    for (member, path) in [
        ("status_list_aggregation_endpoint", "/status/v1/aggregation"),
        ("status_feed_endpoint", "/status/v1/feed"),
        ("status_snapshot_endpoint", "/status/v1/snapshot"),
        ("status_jwks_uri", "/status/v1/jwks.json"),
    ] {
        assert_eq!(metadata[member], format!("{ISSUER}{path}"));
    }
    assert_eq!(metadata["status_max_staleness"], 10);
}

#[tokio::test]
async fn status_keys_are_a_set_of_their_own() {
    let installation = Installation::new().await;
    let kids = |set: Value| set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let tokens = kids(get(&installation, "/.well-known/jwks.json").await.expect(200));
    let status = kids(get(&installation, "/status/v1/jwks.json").await.expect(200));
    assert!(!status.is_empty() && status.iter().all(|kid| !tokens.contains(kid)));
    let frame = get(&installation, "/status/v1/snapshot").await.text;
    assert!(status.contains(&header(&frame)["kid"].as_str().unwrap().to_owned()));
    assert_eq!(header(&frame)["typ"], "secevent+jwt");
    let said = claims(&frame);
    assert!(["exp", "sub", "aud"].iter().all(|name| said.get(name).is_none()), "SSF 1.0: a SET for everyone has none of them");

    let before = snapshot(&installation).await.publication.jwks;
    let rotated = installation.manage("POST", "/signing_keys/rotate", json!({ "purpose": "status", "force": true })).await.expect(200);
    assert_eq!((&rotated["purpose"], &rotated["alg"]), (&json!("status"), &json!("ES256")));
    installation.pass(2 * SECOND).await;
    let after = snapshot(&installation).await.publication.jwks;
    assert_ne!(before, after, "a verifier sees that the keys changed");
    let refused = installation.manage("POST", "/signing_keys/rotate", json!({ "purpose": "status", "alg": "RS256" })).await;
    is_problem(&refused, 422, "invalid");
}

/// Everything that takes rights away moves the credential to a new entry and publishes the old one.
#[tokio::test]
async fn each_loss_of_rights_is_published() {
    let installation = Installation::new().await;
    let client = installation.application().await;
    let application = format!("/connect/applications/{}", client.id);
    let organization = format!("/organizations/{}", client.organization);
    let changes = [
        ("POST", format!("{application}/revoke_tokens"), json!({}), None),
        ("POST", format!("{application}/disable"), json!({}), Some(format!("{application}/enable"))),
        ("PUT", application.clone(), json!({ "scopes": ["threads:read"] }), None),
        ("POST", format!("{organization}/suspend"), json!({}), Some(format!("{organization}/reactivate"))),
    ];
    for (method, path, body, back) in changes {
        let token = installation.token(&client).await;
        let before = snapshot(&installation).await;
        let answer = installation.manage(method, &path, body.clone()).await;
        assert_eq!(answer.status, 200, "{path} {answer:?}");
        let frame = since(&installation, &before).await;
        assert_eq!(frame.indexes().collect::<Vec<_>>(), [index(&token)], "{path}");
        let (epoch, rev) = answer.header("revocation-rev").rsplit_once('.').unwrap();
        assert_eq!(epoch, frame.publication.epoch);
        assert!((frame.prev + 1..=frame.publication.rev).contains(&rev.parse().unwrap()), "{path}");
        if let Some(path) = back {
            installation.manage("POST", &path, json!({})).await.expect(200);
        }
        let next = installation.token(&client).await;
        assert_ne!(index(&next), index(&token), "{path}: an entry never becomes valid again");
        assert_eq!((bit(&installation, &token).await, bit(&installation, &next).await), (1, 0));
    }
    let token = installation.token(&client).await;
    let before = snapshot(&installation).await;
    installation.manage("POST", &format!("{application}/client_secrets/rotate"), json!({ "overlap_seconds": 0 })).await.expect(201);
    assert_eq!(since(&installation, &before).await.indexes().collect::<Vec<_>>(), [index(&token)]);
}

#[tokio::test]
async fn a_planned_rotation_publishes_nothing() {
    let installation = Installation::new().await;
    let client = installation.application().await;
    let before = snapshot(&installation).await;
    let rotate = format!("/connect/applications/{}/client_secrets/rotate", client.id);
    let answer = installation.manage("POST", &rotate, json!({ "overlap_seconds": 3600 })).await;
    let overlap_and_token = Duration::from_secs(2 * 3600) + installation.lease();
    assert_eq!(promised(&installation, &answer), overlap_and_token, "the overlap, and the longest that a token obtained in it may live");
    answer.expect(201);
    installation.pass(Duration::from_secs(3 * 3600)).await;
    assert_eq!(since(&installation, &before).await.indexes().count(), 0);
}

#[tokio::test]
async fn rfc7009_a_single_token_travels_as_its_jti() {
    let installation = Installation::new().await;
    let client = installation.application().await;
    let token = installation.token(&client).await;
    let before = snapshot(&installation).await;
    installation.form("/oauth/revoke", &client, &format!("token={token}")).await.expect(200);
    let said = claims(&token);
    let frame = since(&installation, &before).await;
    assert_eq!(json!(frame.publication.jti), json!({ said["jti"].as_str().unwrap(): said["exp"] }));
    assert_eq!(frame.indexes().count(), 0, "its siblings live");
    assert_eq!(snapshot(&installation).await.publication.jti, frame.publication.jti);
    installation.pass(Duration::from_secs(300 + 61)).await;
    assert!(snapshot(&installation).await.publication.jti.is_empty());
}

#[tokio::test]
async fn a_revoked_api_key_and_its_tokens_share_an_entry() {
    let installation = Installation::new().await;
    installation.permission_with("threads:read", json!({ "grantable_to": ["api_key_organization"] })).await;
    let organization = installation.organization("Acme").await;
    let key = installation.api_key(&organization, json!({ "permissions": ["threads:read"] })).await;
    let validated = installation.validate(&key["value"]).await;
    let token = installation.key_token_answer(&key, "").await.expect(200)["access_token"].as_str().unwrap().to_owned();
    assert_eq!(validated["status"], claims(&token)["status"]);
    assert_eq!(validated["cache_ttl"], 10);
    let before = snapshot(&installation).await;
    let deleted = installation.manage("DELETE", &format!("/api_keys/{}", key["id"].as_str().unwrap()), Value::Null).await;
    assert!(deleted.headers.contains_key("revocation-rev"), "{deleted:?}");
    assert_eq!(since(&installation, &before).await.indexes().collect::<Vec<_>>(), [index(&token)]);
    let refused = installation.validate(&key["value"]).await;
    assert_eq!(refused, json!({ "api_key": null, "reason": "revoked" }));
}

#[tokio::test]
async fn a_revocation_is_remembered_until_its_last_token_has_expired_and_not_for_ever() {
    let installation = Installation::new().await;
    let client = installation.application().await;
    let token = installation.token(&client).await;
    installation.manage("DELETE", &format!("/connect/applications/{}", client.id), Value::Null).await.expect(204);
    let live = async |installation: &Installation| snapshot(installation).await.indexes().unwrap();
    installation.pass(Duration::from_secs(3719)).await;
    assert_eq!(live(&installation).await, [index(&token)], "an hour, a cut-off issuer's minute, and the clocks' minute");
    installation.pass(Duration::from_secs(61)).await;
    assert_eq!(live(&installation).await, []);
    let installation = installation.restart().await;
    assert_eq!(live(&installation).await, []);
}

#[tokio::test]
async fn revocations_and_the_epoch_outlive_a_restart() {
    let installation = Installation::new().await;
    let client = installation.application().await;
    let token = installation.token(&client).await;
    installation.manage("DELETE", &format!("/connect/applications/{}", client.id), Value::Null).await.expect(204);
    let before = snapshot(&installation).await;
    let installation = installation.restart().await;
    let after = snapshot(&installation).await;
    assert_eq!(after.indexes().unwrap(), [index(&token)]);
    assert_eq!((after.publication.epoch, after.publication.rev), (before.publication.epoch, before.publication.rev));
}

#[tokio::test]
async fn what_frames_cannot_say_is_in_the_snapshot() {
    let installation = Installation::new().await;
    let now = snapshot(&installation).await.publication;
    for path in [format!("/status/v1/feed/after/00000000/{}", now.rev), format!("/status/v1/feed/after/{}/{}", now.epoch, now.rev + 1)] {
        is_problem(&get(&installation, &path).await, 410, "take_snapshot");
    }
    is_problem(&get(&installation, &format!("/status/v1/feed/after/{}/x", now.epoch)).await, 404, "not_found");
}

#[tokio::test]
async fn a_slot_is_the_same_for_everyone_and_covers_five_seconds() {
    let installation = Installation::new().await;
    let client = installation.application().await;
    let token = installation.token(&client).await;
    let before = snapshot(&installation).await.publication;
    let second = installation.clock.now().seconds();
    installation.manage("DELETE", &format!("/connect/applications/{}", client.id), Value::Null).await.expect(204);
    for later in 1..=4 {
        installation.pass(SECOND).await;
        let answer = get(&installation, &format!("/status/v1/feed/slot/{}", second + later)).await;
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
        let frame = Frame::verify(&answer.text, &status_keys(&installation).await, ISSUER).unwrap();
        assert!(frame.prev <= before.rev && frame.publication.as_of / 1000 >= i64::try_from(second + later).unwrap());
        assert_eq!(frame.indexes().collect::<Vec<_>>(), [index(&token)]);
        assert_eq!(get(&installation, &format!("/status/v1/feed/slot/{}", second + later)).await.text, answer.text);
    }
    installation.pass(Duration::from_secs(10)).await;
    let late = get(&installation, &format!("/status/v1/feed/slot/{}", second + 14)).await;
    let frame = Frame::verify(&late.text, &status_keys(&installation).await, ISSUER).unwrap();
    assert!(frame.prev > before.rev && frame.set.is_empty());
    for out_of_reach in [second + 8, second + 16, u64::MAX] {
        let refused = get(&installation, &format!("/status/v1/feed/slot/{out_of_reach}")).await;
        is_problem(&refused, 404, "not_found");
        assert_eq!(refused.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn without_a_read_of_the_store_nothing_is_signed() {
    let installation = Installation::new().await;
    snapshot(&installation).await;
    installation.app.authority.close_store().await;
    installation.clock.advance(2 * SECOND);
    is_problem(&get(&installation, "/status/v1/snapshot").await, 503, "unavailable");
    let second = installation.clock.now().seconds();
    is_problem(&get(&installation, &format!("/status/v1/feed/slot/{second}")).await, 503, "unavailable");
}

async fn promise(installation: &Installation, client: &Client) -> Duration {
    promise_of(installation, &format!("/connect/applications/{}/revoke_tokens", client.id)).await
}

async fn promise_of(installation: &Installation, path: &str) -> Duration {
    let answer = installation.manage("POST", path, json!({})).await;
    promised(installation, &answer)
}

fn promised(installation: &Installation, answer: &Answer) -> Duration {
    let by = time::OffsetDateTime::parse(answer.header("revocation-effective-by"), &time::format_description::well_known::Rfc3339).unwrap();
    let now = i128::from(installation.clock.now().millis());
    Duration::from_millis(u64::try_from(by.unix_timestamp_nanos() / 1_000_000 - now).unwrap())
}

#[tokio::test]
async fn an_answer_promises_the_bound_where_all_enforce_and_the_last_expiry_where_one_does_not() {
    let installation = Installation::new().await;
    let server = async |identifier: &str, more: Value| {
        let mut body = json!({ "identifier": identifier, "name": identifier });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        installation.manage("POST", "/resource_servers", body).await
    };
    let refused = server("https://a.example", json!({ "access_token_ttl": 7200 })).await;
    is_problem(&refused, 422, "invalid");
    server("https://a.example", json!({ "status_enforcing": true, "access_token_ttl": 86400 })).await.expect(201);
    let client = installation.application().await;
    assert_eq!(promise(&installation, &client).await, AT_ONCE, "S, the clocks' two seconds, and the commit");
    let token = installation.token(&client).await;
    let said = claims(&token);
    assert_eq!(said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap(), 86400);

    server("https://b.example", json!({})).await.expect(201);
    installation.pass(Duration::from_secs(2 * 86400)).await;
    assert_eq!(promise(&installation, &client).await, Duration::from_secs(300) + installation.lease(), "b's tokens live for five minutes");
    let only_a = json!({ "resources": ["https://a.example"] });
    installation.manage("PUT", &format!("/connect/applications/{}", client.id), only_a).await.expect(200);
    assert_eq!(promise(&installation, &client).await, AT_ONCE);

    let a = installation.manage("GET", "/resource_servers/https%3A%2F%2Fa.example", Value::Null).await.expect(200);
    let path = format!("/resource_servers/{}", a["id"].as_str().unwrap());
    is_problem(&installation.manage("PATCH", &path, json!({ "status_enforcing": false })).await, 422, "invalid");
    let body = json!({ "status_enforcing": false, "access_token_ttl": null });
    installation.manage("PATCH", &path, body).await.expect(200);
    let day = Duration::from_secs(86400) + installation.lease();
    assert_eq!(promise(&installation, &client).await, day, "tokens of a day are about, and nobody follows");
}

#[tokio::test]
async fn a_suspension_promises_for_the_longest_lived_application() {
    let installation = Installation::new().await;
    installation.manage("POST", "/resource_servers", json!({ "identifier": "https://a.example", "name": "a" })).await.expect(201);
    let organization = installation.organization("Acme").await;
    let client = installation.application_of(&organization, json!({ "access_token_ttl": 3600 })).await;
    let said = claims(&installation.token(&client).await);
    assert_eq!(said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap(), 3600);
    let promised = promise_of(&installation, &format!("/organizations/{organization}/suspend")).await;
    assert_eq!(promised, Duration::from_secs(3600) + installation.lease());
}

#[tokio::test]
async fn single_revocations_have_an_end() {
    let installation = Installation::new().await;
    let client = installation.application().await;
    for _ in 0..1000 {
        let token = installation.token(&client).await;
        installation.form("/oauth/revoke", &client, &format!("token={token}")).await.expect(200);
    }
    let token = installation.token(&client).await;
    let refused = installation.form("/oauth/revoke", &client, &format!("token={token}")).await;
    refused.expect_oauth(429, "temporarily_unavailable");
    assert!(installation.active(&client, &token).await, "nobody was told that it were revoked");
    let other = installation.application_of(&client.organization, json!({})).await;
    let others = installation.token(&other).await;
    installation.form("/oauth/revoke", &other, &format!("token={others}")).await.expect(200);
    installation.pass(Duration::from_secs(3700)).await;
    let token = installation.token(&client).await;
    installation.form("/oauth/revoke", &client, &format!("token={token}")).await.expect(200);
}

#[tokio::test]
async fn a_key_that_is_ended_now_takes_its_tokens_along() {
    let installation = Installation::new().await;
    let organization = installation.organization("Acme").await;
    let key = installation.api_key(&organization, json!({})).await;
    let token = installation.key_token_answer(&key, "").await.expect(200)["access_token"].as_str().unwrap().to_owned();
    let before = snapshot(&installation).await;
    let answer = installation.manage("POST", &format!("/api_keys/{}/expire", key["id"].as_str().unwrap()), json!({})).await;
    assert!(answer.status.is_success() && answer.headers.contains_key("revocation-rev"), "{answer:?}");
    assert!(!installation.active_for_operator(&token).await);
    assert_eq!(since(&installation, &before).await.indexes().collect::<Vec<_>>(), [index(&token)]);
}

#[tokio::test]
async fn a_narrowed_personal_key_gets_no_token_that_looks_like_one_without_bounds() {
    let installation = Installation::new().await;
    for identifier in ["https://a.example", "https://b.example"] {
        installation.manage("POST", "/resource_servers", json!({ "identifier": identifier, "name": "x" })).await.expect(201);
    }
    installation.permission_with("billing:read", json!({ "grantable_to": ["api_key_user"], "resource_server": "https://b.example" })).await;
    let (organization, user) = (installation.organization("Acme").await, installation.user("ada@acme.example").await);
    installation.member(&user, &organization, "member").await;
    let narrow = installation.personal_key(&user, &organization, json!({ "permissions": ["billing:read"] })).await;
    let free = installation.personal_key(&user, &organization, json!({})).await;
    installation.key_token_answer(&narrow, "&resource=https://a.example").await.expect_oauth(400, "invalid_scope");
    installation.key_token_answer(&narrow, "&resource=https://b.example").await.expect(200);
    let token = installation.key_token_answer(&free, "&resource=https://a.example").await.expect(200);
    assert!(token.get("scope").is_none());
}

#[tokio::test]
async fn keys_of_another_version_are_in_no_cache() {
    let installation = Installation::new().await;
    let fingerprint = snapshot(&installation).await.publication.jwks;
    for path in ["/.well-known/jwks.json", "/status/v1/jwks.json"] {
        for (query, cached) in
            [(String::new(), true), (format!("?v={fingerprint}"), true), ("?v=other".into(), false), ("?v=".into(), false)]
        {
            let answer = get(&installation, &format!("{path}{query}")).await;
            assert_eq!(answer.header("cache-control"), if cached { "public, max-age=300" } else { "no-store" }, "{path}{query}");
        }
    }
}

#[tokio::test]
async fn rfc7240_an_answer_waits_until_its_revocation_is_published() {
    let installation = Installation::new().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let publisher = tokio::spawn(std::sync::Arc::clone(&installation.app.authority).publish_status(stopped));
    let client = installation.application().await;
    let path = format!("/connect/applications/{}", client.id);
    let answer = installation.manage_as(MANAGEMENT_KEY, "DELETE", &path, Value::Null, &[("prefer", "wait=5")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (204, "wait=5"), "{answer:?}");
    let rev = answer.header("revocation-rev").to_owned();
    let published = installation.manage("GET", &format!("/revocations/{rev}"), Value::Null).await.expect(200);
    assert_eq!((&published["object"], &published["rev"]), (&json!("revocation"), &json!(rev)));
    assert_eq!(published["published_at"], installation.clock.now().to_string());
    for unknown in ["7f3a.1", "1", "x.y", &format!("{rev}000"), &rev.replace('.', ".+"), &rev.replace('.', ".0")] {
        is_problem(&installation.manage("GET", &format!("/revocations/{unknown}"), Value::Null).await, 404, "not_found");
    }
    stop.send_replace(true);
    publisher.await.unwrap();
    // Nobody publishes now: the answer says that it did not wait, and that it is not published yet.
    let client = installation.application().await;
    let path = format!("/connect/applications/{}", client.id);
    let answer = installation.manage_as(MANAGEMENT_KEY, "DELETE", &path, Value::Null, &[("prefer", "wait=0")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (204, ""));
    let published = installation.manage("GET", &format!("/revocations/{}", answer.header("revocation-rev")), Value::Null).await.expect(200);
    assert_eq!(published["published_at"], Value::Null);
}

#[tokio::test]
async fn a_page_may_ask_with_headers_of_its_own() {
    let installation = Installation::new().await;
    let asked =
        [("origin", "https://any.example"), ("access-control-request-method", "GET"), ("access-control-request-headers", "if-none-match")];
    let answer = installation.send("OPTIONS", "/status/v1/lists/0", &asked, "").await;
    assert!(answer.status.is_success(), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(answer.header("access-control-allow-headers").contains("if-none-match"));
}

#[tokio::test]
async fn a_second_resource_server_that_follows_delays_no_promise() {
    let installation = Installation::new().await;
    let server = async |name: &str| {
        let body = json!({ "identifier": format!("https://{name}.example"), "name": name, "status_enforcing": true });
        installation.manage("POST", "/resource_servers", body).await.expect(201);
    };
    server("a").await;
    let client = installation.application().await;
    server("b").await;
    assert_eq!(promise(&installation, &client).await, AT_ONCE);
}

#[tokio::test]
async fn the_kept_answer_of_a_retry_has_the_bound_too() {
    let installation = Installation::new().await;
    let client = installation.application().await;
    let path = format!("/connect/applications/{}/revoke_tokens", client.id);
    let key = [("idempotency-key", "once")];
    let first = installation.manage_as(MANAGEMENT_KEY, "POST", &path, json!({}), &key).await;
    let again = installation.manage_as(MANAGEMENT_KEY, "POST", &path, json!({}), &key).await;
    for name in ["revocation-rev", "revocation-effective-by"] {
        assert!(!first.header(name).is_empty());
        assert_eq!(first.header(name), again.header(name));
    }
}

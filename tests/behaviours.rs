//! The promises of five products about API keys and applications (Endgame E, EntryGuard G, Echopoint P, Boltcall B, WorkOS W), each kept by
//! this one authority, configured. `docs/behaviours.md` says which test holds which.
mod fixture;

use std::time::Duration;

use fixture::{Installation, MANAGEMENT_KEY, basic, claims, is_problem};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

#[tokio::test]
async fn e2_e3_e20_there_are_two_kinds_of_credential_and_the_prefix_tells_them_apart() {
    let on = Installation::new().await;
    on.manage("PUT", "/settings", json!({ "api_key_prefix": "eak" })).await.expect(200);
    let client = on.application().await;
    let key = on.api_key(&client.organization, json!({})).await;
    assert!(text(&key["value"]).starts_with("eak_") && client.secret.starts_with("chs_"));
    assert!(client.client_id.starts_with("client_"));
    let token = on.token(&client).await;
    assert!(!token.starts_with("eak_") && token.split('.').count() == 3);
}

#[tokio::test]
async fn e8_e9_g1_only_an_admin_creates_keys_and_applications() {
    let on = Installation::new().await;
    let (organization, other) = (on.organization("Acme").await, on.organization("Other").await);
    let (admin, member, stranger) = (on.user("admin@x").await, on.user("member@x").await, on.user("stranger@x").await);
    on.member(&admin, &organization, "admin").await;
    on.member(&member, &organization, "member").await;
    on.member(&stranger, &other, "admin").await;
    let requests = [
        (format!("/organizations/{organization}/api_keys"), json!({ "name": "k" })),
        (format!("/user_management/users/{admin}/api_keys"), json!({ "name": "k", "organization_id": organization })),
        ("/connect/applications".to_owned(), json!({ "name": "a", "organization_id": organization })),
    ];
    for (path, body) in requests {
        for who in [member.as_str(), stranger.as_str(), "user_01KAJ2M3N4P5Q6R7S8T9V0W1X2", "nobody", ""] {
            let refused = on.manage_as(MANAGEMENT_KEY, "POST", &path, body.clone(), &[("chancery-acting-user", who)]).await;
            is_problem(&refused, 403, "not_an_admin");
        }
        let made = on.manage_as(MANAGEMENT_KEY, "POST", &path, body, &[("chancery-acting-user", &admin)]).await.expect(201);
        assert_eq!(made["created_by"], json!(admin), "{path}");
    }
    let events = on.manage("GET", "/events?events=api_key.created&limit=1", Value::Null).await.expect(200);
    let actor = &events["data"][0]["context"]["actor"];
    assert_eq!((&actor["id"], &actor["name"]), (&json!(admin), &json!("admin@x")));
    assert!(text(&actor["via"]).starts_with("mk_"));
    // An admin of the organization has no say in what concerns the whole installation.
    let catalogue = json!({ "slug": "a:b", "name": "a" });
    let refused = on.manage_as(MANAGEMENT_KEY, "POST", "/authorization/permissions", catalogue, &[("chancery-acting-user", &admin)]).await;
    is_problem(&refused, 403, "not_an_admin");
}

#[tokio::test]
async fn e12_e13_e16_e27_a_key_is_personal_or_the_organizations_and_resolves_to_one_of_two_principals() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let user = on.user("ada@example.com").await;
    on.member(&user, &organization, "admin").await;
    let own = on.api_key(&organization, json!({})).await;
    let personal = on.personal_key(&user, &organization, json!({})).await;
    assert_eq!(own["owner"], json!({ "type": "organization", "id": organization }));
    assert_eq!(personal["owner"], json!({ "type": "user", "id": user, "organization_id": organization }));
    let of = async |key: &Value| on.validate(&key["value"]).await["api_key"]["principal"].clone();
    assert_eq!(of(&personal).await, json!({ "type": "user", "id": user }));
    let principal = of(&own).await;
    assert_eq!(principal["type"], "organization");
    assert!(text(&principal["id"]).starts_with("prn_"));
}

#[tokio::test]
async fn e15_e46_e47_who_leaves_takes_his_personal_keys_with_him_and_the_organizations_stay() {
    let on = Installation::new().await;
    let (organization, other) = (on.organization("Acme").await, on.organization("Other").await);
    for (number, leave) in ["deactivate", "delete membership", "delete user"].into_iter().enumerate() {
        let user = on.user(&format!("{number}@example.com")).await;
        let membership = on.member(&user, &organization, "admin").await;
        on.member(&user, &other, "member").await;
        let acting = [("chancery-acting-user", user.as_str())];
        let path = format!("/organizations/{organization}/api_keys");
        let own = on.manage_as(MANAGEMENT_KEY, "POST", &path, json!({ "name": "CI" }), &acting).await.expect(201);
        let personal = on.personal_key(&user, &organization, json!({})).await;
        let elsewhere = on.personal_key(&user, &other, json!({})).await;
        let token = on.key_token_answer(&personal, "").await.expect(200)["access_token"].clone();
        let membership = format!("/user_management/organization_memberships/{membership}");
        match leave {
            "deactivate" => drop(on.manage("PUT", &format!("{membership}/deactivate"), Value::Null).await.expect(200)),
            "delete membership" => drop(on.manage("DELETE", &membership, Value::Null).await.expect(204)),
            _ => drop(on.manage("DELETE", &format!("/user_management/users/{user}"), Value::Null).await.expect(204)),
        }
        assert_eq!(on.reason(&personal["value"]).await, "revoked", "{leave}");
        assert_eq!(on.introspect(text(&token)).await, json!({ "active": false }), "{leave}");
        on.key_token_answer(&personal, "").await.expect_oauth(401, "invalid_client");
        assert_eq!(on.reason(&own["value"]).await, Value::Null, "{leave}: the organization's own key stays");
        let elsewhere = on.reason(&elsewhere["value"]).await;
        assert_eq!(elsewhere, if leave == "delete user" { json!("revoked") } else { Value::Null }, "{leave}");
        if leave == "deactivate" {
            on.manage("PUT", &format!("{membership}/reactivate"), json!({})).await.expect(200);
            assert_eq!(on.reason(&personal["value"]).await, "revoked", "coming back does not bring keys back");
        }
    }
    let names = on.event_names().await;
    let left = names.iter().position(|name| name == "organization_membership.deleted").unwrap();
    assert_eq!(names[left - 1], "api_key.revoked", "the key's end is told with the change that ended it");
}

#[tokio::test]
async fn e21_g14_p5_w5_w6_a_value_is_shown_once() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let key = on.api_key(&organization, json!({})).await;
    let value = text(&key["value"]);
    let id = text(&key["id"]);
    for (method, path, body) in [
        ("GET", format!("/api_keys/{id}"), Value::Null),
        ("GET", format!("/organizations/{organization}/api_keys"), Value::Null),
        ("PATCH", format!("/api_keys/{id}"), json!({ "name": "renamed" })),
        ("POST", "/api_keys/validations".to_owned(), json!({ "value": value })),
        ("POST", format!("/api_keys/{id}/expire"), json!({ "expires_at": "2027-01-01T00:00:00Z" })),
        ("GET", "/events?limit=100".to_owned(), Value::Null),
    ] {
        let answer = on.manage(method, &path, body).await;
        assert!(!answer.text.contains(value) && !answer.text.contains("\"value\""), "{method} {path}: {answer:?}");
        assert!(answer.text.contains(text(&key["obfuscated_value"])), "{method} {path}");
    }
}

#[tokio::test]
async fn e22_e48_e55_p18_rotating_leaves_the_client_and_its_tokens_alone() {
    let on = Installation::new().await;
    let client = on.application().await;
    let token = on.token(&client).await;
    let rotated = on.manage("POST", &format!("/connect/applications/{}/client_secrets/rotate", client.id), json!({})).await.expect(201);
    assert!(on.active(&client, &token).await, "tokens of the old secret live");
    let new = fixture::Client { secret: text(&rotated["secret"]).to_owned(), ..client.clone() };
    assert_eq!(claims(&on.token(&new).await)["client_id"], json!(client.client_id));
    on.token_answer(&client, "").await.expect(200);
}

#[tokio::test]
async fn e23_e24_e26_the_exchange_is_client_credentials_and_answers_a_jwt_and_its_lifetime() {
    let on = Installation::new().await;
    let client = on.application().await;
    let answer = on.token_answer(&client, "").await.expect(200);
    assert_eq!((text(&answer["token_type"]), answer["expires_in"].as_u64()), ("Bearer", Some(300)));
    assert!(answer.get("refresh_token").is_none());
    assert_eq!(claims(text(&answer["access_token"]))["client_id"], json!(client.client_id));
}

#[tokio::test]
async fn e28_org_wide_keys_and_applications_share_the_organizations_one_principal() {
    let on = Installation::new().await;
    let client = on.application().await;
    let other = on.application_of(&client.organization, json!({})).await;
    let key = on.api_key(&client.organization, json!({})).await;
    let organization = on.manage("GET", &format!("/organizations/{}", client.organization), Value::Null).await.expect(200);
    let principal = &organization["principal"];
    let (token, another) = (on.token(&client).await, on.token(&other).await);
    let of_key = on.key_token_answer(&key, "").await.expect(200)["access_token"].clone();
    for token in [token.as_str(), another.as_str(), text(&of_key)] {
        assert_eq!(&claims(token)["principal"], principal);
        assert_eq!(&on.introspect(token).await["principal"], principal);
    }
    assert_eq!(&on.validate(&key["value"]).await["api_key"]["principal"], principal);
    assert_eq!(&on.introspect(text(&key["value"])).await["principal"], principal);
    let elsewhere = on.api_key(&on.organization("Other").await, json!({})).await;
    assert_ne!(&elsewhere["principal"], principal);
}

#[tokio::test]
async fn e49_e50_g23_g24_w10_w11_deleting_is_immediate_for_both_kinds() {
    let on = Installation::new().await;
    let client = on.application().await;
    let key = on.api_key(&client.organization, json!({})).await;
    let token = on.token(&client).await;
    let of_key = on.key_token_answer(&key, "").await.expect(200)["access_token"].clone();
    on.manage("DELETE", &format!("/connect/applications/{}", client.id), Value::Null).await.expect(204);
    assert!(!on.active_for_operator(&token).await);
    on.token_answer(&client, "").await.expect_oauth(401, "invalid_client");
    on.manage("DELETE", &format!("/api_keys/{}", text(&key["id"])), Value::Null).await.expect(204);
    assert_eq!(on.reason(&key["value"]).await, "revoked");
    assert!(!on.active_for_operator(text(&of_key)).await);
    on.key_token_answer(&key, "").await.expect_oauth(401, "invalid_client");
}

#[tokio::test]
async fn g2_a_plan_without_keys_refuses_to_make_them() {
    let on = Installation::new().await;
    let organization = on.organization("Free").await;
    let path = format!("/organizations/{organization}/api_keys");
    let key = on.api_key(&organization, json!({})).await;
    let settings = format!("/organizations/{organization}/settings");
    let off = on.manage("PUT", &settings, json!({ "api_keys_enabled": false, "applications_enabled": false })).await.expect(200);
    assert_eq!((&off["api_keys_enabled"], &off["effective"]["api_keys_enabled"]), (&json!(false), &json!(false)));
    is_problem(&on.manage("POST", &path, json!({ "name": "k" })).await, 403, "feature_disabled");
    is_problem(&on.manage("POST", &format!("/api_keys/{}/rotate", text(&key["id"])), json!({})).await, 403, "feature_disabled");
    let application = json!({ "name": "a", "organization_id": organization });
    is_problem(&on.manage("POST", "/connect/applications", application.clone()).await, 403, "feature_disabled");
    assert_eq!(on.reason(&key["value"]).await, Value::Null, "what there is goes on working");
    on.manage("DELETE", &format!("/api_keys/{}", text(&key["id"])), Value::Null).await.expect(204);
    on.manage("PUT", &settings, json!({ "api_keys_enabled": null, "applications_enabled": null })).await.expect(200);
    on.api_key(&organization, json!({})).await;
    on.manage("POST", "/connect/applications", application).await.expect(201);
    on.manage("PUT", "/settings", json!({ "api_keys_enabled": false })).await.expect(200);
    is_problem(&on.manage("POST", &path, json!({ "name": "k" })).await, 403, "feature_disabled");
    on.manage("PUT", &settings, json!({ "api_keys_enabled": true })).await.expect(200);
    on.api_key(&organization, json!({})).await;
}

#[tokio::test]
async fn g5_to_g8_g16_to_g18_g30_a_key_has_what_its_form_asks_and_its_table_shows() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    on.permission("sessions:read").await;
    on.manage("PUT", "/settings", json!({ "api_key_prefix": "eg_live" })).await.expect(200);
    let body = json!({ "expires_at": "2027-01-01T00:00:00+02:00", "description": "for the pipeline", "permissions": ["sessions:read"] });
    let key = on.api_key(&organization, body).await;
    assert_eq!((text(&key["description"]), text(&key["expires_at"])), ("for the pipeline", "2026-12-31T22:00:00.000Z"));
    assert_eq!((&key["permissions"], &key["last_used_at"], text(&key["status"])), (&json!(["sessions:read"]), &Value::Null, "active"));
    let shown = text(&key["obfuscated_value"]);
    let start = shown.split("...").next().unwrap();
    assert!(start.starts_with("eg_live_") && text(&key["value"]).starts_with(start), "{shown}");
    let used = json!({ "value": key["value"], "source_ip": "203.0.113.7" });
    on.manage("POST", "/api_keys/validations", used).await.expect(200);
    on.pass(Duration::from_secs(5)).await;
    let found = on.manage("GET", &format!("/api_keys/{}", text(&key["id"])), Value::Null).await.expect(200);
    assert_eq!((text(&found["last_used_at"]), text(&found["last_used_ip"])), ("2026-11-20T00:00:00.000Z", "203.0.113.7"));
}

#[tokio::test]
async fn g9_g10_full_access_is_every_permission_by_name() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    for slug in ["sessions:read", "sessions:write", "resources:read"] {
        on.permission(slug).await;
    }
    on.permission_with("threads:write", json!({ "grantable_to": ["api_key_user"] })).await;
    let key = on.api_key(&organization, json!({ "permissions": ["*"] })).await;
    assert_eq!(key["permissions"], json!(["resources:read", "sessions:read", "sessions:write"]), "what this kind may hold, by name");
    on.permission("audit_logs:read").await;
    let later = on.manage("GET", &format!("/api_keys/{}", text(&key["id"])), Value::Null).await.expect(200);
    assert_eq!(later["permissions"], key["permissions"], "what comes later is not in it");
    let client = on.application_of(&organization, json!({ "scopes": ["*"] })).await;
    assert_eq!(on.token_answer(&client, "").await.expect(200)["scope"], "audit_logs:read resources:read sessions:read sessions:write");
    let narrow = on.management_key(&["api_keys:write", "applications:write"], None).await;
    for (path, body) in [
        (format!("/organizations/{organization}/api_keys"), json!({ "name": "k", "permissions": ["*"] })),
        ("/connect/applications".to_owned(), json!({ "name": "a", "organization_id": organization, "scopes": ["*"] })),
    ] {
        is_problem(&on.manage_as(&narrow, "POST", &path, body, &[]).await, 403, "permission_not_held");
    }
}

#[tokio::test]
async fn g25_b12_w10_a_revoked_key_stays_to_be_seen() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let (revoked, expired, active) = (
        on.api_key(&organization, json!({})).await,
        on.api_key(&organization, json!({})).await,
        on.api_key(&organization, json!({})).await,
    );
    on.manage("DELETE", &format!("/api_keys/{}", text(&revoked["id"])), Value::Null).await.expect(204);
    on.manage("POST", &format!("/api_keys/{}/expire", text(&expired["id"])), json!({})).await.expect(200);
    let listed = async |query: &str| {
        let list = on.manage("GET", &format!("/organizations/{organization}/api_keys{query}"), Value::Null).await.expect(200);
        list["data"].as_array().unwrap().iter().map(|key| key["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, [active["id"].clone(), expired["id"].clone()]);
    assert_eq!(listed("?status=revoked").await, [revoked["id"].clone()]);
    assert_eq!(listed("?status=expired").await, [expired["id"].clone()]);
    assert_eq!(listed("?status=active").await, [active["id"].clone()]);
    assert_eq!(listed("?status=all").await.len(), 3);
    is_problem(&on.manage("GET", &format!("/organizations/{organization}/api_keys?status=dead"), Value::Null).await, 422, "invalid");
    let found = on.manage("GET", &format!("/api_keys/{}", text(&revoked["id"])), Value::Null).await.expect(200);
    assert_eq!((text(&found["status"]), text(&found["revoked_at"])), ("revoked", "2026-11-20T00:00:00.000Z"));
}

#[tokio::test]
async fn g26_g27_b2_a_key_dies_on_its_date_and_without_one_never() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let dated = on.api_key(&organization, json!({ "expires_at": "2026-11-21T00:00:00Z" })).await;
    let endless = on.api_key(&organization, json!({})).await;
    on.pass(DAY - Duration::from_millis(1)).await;
    assert_eq!(on.reason(&dated["value"]).await, Value::Null);
    on.pass(Duration::from_millis(1)).await;
    assert_eq!(on.reason(&dated["value"]).await, "expired");
    on.key_token_answer(&dated, "").await.expect_oauth(401, "invalid_client");
    let found = on.manage("GET", &format!("/api_keys/{}", text(&dated["id"])), Value::Null).await.expect(200);
    assert_eq!(found["status"], "expired");
    on.pass(DAY * 3650).await;
    assert_eq!(on.reason(&endless["value"]).await, Value::Null);
}

#[tokio::test]
async fn g28_b13_case_238_an_expired_key_can_be_revoked_and_a_revoked_one_never_comes_back() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let key = on.api_key(&organization, json!({})).await;
    let path = format!("/api_keys/{}", text(&key["id"]));
    on.manage("POST", &format!("{path}/expire"), json!({})).await.expect(200);
    is_problem(&on.manage("POST", &format!("{path}/expire"), json!({ "expires_at": null })).await, 409, "api_key_expired");
    on.manage("DELETE", &path, Value::Null).await.expect(204);
    assert_eq!(on.manage("GET", &path, Value::Null).await.expect(200)["status"], "revoked", "revoked says more than expired");
    on.manage("DELETE", &path, Value::Null).await.expect(204);
    for (action, body) in [("expire", json!({ "expires_at": null })), ("expire", json!({})), ("rotate", json!({}))] {
        is_problem(&on.manage("POST", &format!("{path}/{action}"), body).await, 409, "api_key_revoked");
    }
    assert_eq!(on.reason(&key["value"]).await, "revoked");
}

#[tokio::test]
async fn p2_p3_p4_a_key_belongs_to_one_organization_and_holds_what_is_listed() {
    let on = Installation::new().await;
    let (organization, other) = (on.organization("Acme").await, on.organization("Other").await);
    on.permission("flows:read").await;
    on.permission("flows:execute").await;
    let key = on.api_key(&organization, json!({ "permissions": ["flows:execute"] })).await;
    let check = async |more: Value| {
        let mut body = json!({ "value": key["value"] });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        on.manage("POST", "/api_keys/validations", body).await.expect(200)["reason"].clone()
    };
    assert_eq!(check(json!({ "required_permissions": ["flows:execute"], "organization_id": organization })).await, Value::Null);
    assert_eq!(check(json!({ "organization_id": other })).await, "organization_mismatch");
    assert_eq!(check(json!({ "required_permissions": ["flows:execute", "flows:read"] })).await, "missing_permission");
}

#[tokio::test]
async fn p6_expiry_can_be_the_default_and_bounded() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let path = format!("/organizations/{organization}/api_keys");
    on.manage("PUT", "/settings", json!({ "default_expiry_days": 90 })).await.expect(200);
    let expiry = |key: &Value| key["expires_at"].clone();
    assert_eq!(expiry(&on.api_key(&organization, json!({})).await), "2027-02-18T00:00:00.000Z");
    assert_eq!(expiry(&on.api_key(&organization, json!({ "expires_at": null })).await), Value::Null, "never, where that is allowed");
    let settings = format!("/organizations/{organization}/settings");
    on.manage("PUT", &settings, json!({ "max_expiry_days": 30 })).await.expect(200);
    let bounded = on.api_key(&organization, json!({})).await;
    assert_eq!(expiry(&bounded), "2026-12-20T00:00:00.000Z");
    for too_late in [json!(null), json!("2026-12-20T00:00:00.001Z")] {
        is_problem(&on.manage("POST", &path, json!({ "name": "k", "expires_at": too_late })).await, 422, "invalid");
        let expire = format!("/api_keys/{}/expire", text(&bounded["id"]));
        is_problem(&on.manage("POST", &expire, json!({ "expires_at": too_late })).await, 422, "invalid");
    }
    for wrong in ["2026-11-19T00:00:00Z", "9999-01-01T00:00:00Z", "tomorrow", ""] {
        is_problem(&on.manage("POST", &path, json!({ "name": "k", "expires_at": wrong })).await, 422, "invalid");
    }
    is_problem(&on.manage("PUT", &settings, json!({ "default_expiry_days": 31 })).await, 422, "invalid");
    is_problem(&on.manage("PUT", &settings, json!({ "max_expiry_days": 0 })).await, 422, "invalid");
}

#[tokio::test]
async fn p11_p12_p13_p14_the_catalogue_is_served_whole_with_its_presets() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    for (slug, name) in [
        ("flows:read", "Read flows"),
        ("flows:execute", "Execute flows"),
        ("webhooks:read", "Read captured webhooks"),
        ("runner:complete", "Report a run"),
    ] {
        on.manage("POST", "/authorization/permissions", json!({ "slug": slug, "name": name, "description": name })).await.expect(201);
    }
    let preset = json!({ "slug": "ci", "name": "CI pipeline", "permissions": ["flows:execute", "runner:complete"] });
    on.manage("POST", "/permission_presets", preset).await.expect(201);
    let catalogue = on.manage("GET", "/permissions", Value::Null).await.expect(200);
    let resources: Vec<_> = catalogue["resources"].as_array().unwrap().iter().map(|group| text(&group["resource"])).collect();
    assert_eq!(resources, ["flows", "runner", "webhooks"]);
    assert_eq!(catalogue["resources"][0]["permissions"][0]["slug"], "flows:execute");
    assert_eq!(catalogue["presets"][0]["permissions"], json!(["flows:execute", "runner:complete"]));
    let key = on.api_key(&organization, json!({ "preset": "ci", "permissions": ["flows:read"] })).await;
    assert_eq!(key["permissions"], json!(["flows:execute", "flows:read", "runner:complete"]));
    let unknown = on.manage("POST", &format!("/organizations/{organization}/api_keys"), json!({ "name": "k", "preset": "cd" })).await;
    is_problem(&unknown, 422, "invalid");
    let removal = on.manage("DELETE", "/authorization/permissions/flows:read", Value::Null).await;
    is_problem(&removal, 409, "permission_in_use");
    on.manage("DELETE", &format!("/api_keys/{}", text(&key["id"])), Value::Null).await.expect(204);
    on.manage("DELETE", "/authorization/permissions/flows:read", Value::Null).await.expect(204);
    is_problem(&on.manage("DELETE", "/authorization/permissions/flows:execute", Value::Null).await, 409, "permission_in_use");
    on.manage("DELETE", "/permission_presets/ci", Value::Null).await.expect(204);
    on.manage("DELETE", "/authorization/permissions/flows:execute", Value::Null).await.expect(204);
}

#[tokio::test]
async fn p18_a_key_is_replaced_by_one_with_the_same_permissions_and_both_are_seen_in_use() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    on.permission("flows:read").await;
    let old = on.api_key(&organization, json!({ "permissions": ["flows:read"], "expires_at": "2027-02-18T00:00:00Z" })).await;
    on.validate(&old["value"]).await;
    on.pass(DAY).await;
    let rotate = format!("/api_keys/{}/rotate", text(&old["id"]));
    let new = on.manage("POST", &rotate, json!({ "overlap_seconds": 3600, "overlap_from": "first_use" })).await.expect(201);
    assert_eq!((&new["permissions"], &new["owner"], &new["name"]), (&old["permissions"], &old["owner"], &old["name"]));
    assert_eq!(text(&new["expires_at"]), "2027-02-19T00:00:00.000Z", "it lives as long as the old one was made for");
    assert_eq!(new["retiring"], json!([{ "id": old["id"], "expires_at": "2027-02-18T00:00:00.000Z" }]), "its own expiry stays");
    on.pass(DAY).await;
    assert_eq!(on.reason(&old["value"]).await, Value::Null, "the overlap waits for the first use");
    on.validate(&new["value"]).await;
    on.pass(Duration::from_secs(3600)).await;
    assert_eq!((on.reason(&new["value"]).await, on.reason(&old["value"]).await), (Value::Null, json!("expired")));
    for key in [&old, &new] {
        let found = on.manage("GET", &format!("/api_keys/{}", text(&key["id"])), Value::Null).await.expect(200);
        assert!(found["last_used_at"].is_string() && found["usage"]["last_7d"].as_u64() > Some(0), "{found}");
    }
}

#[tokio::test]
async fn b3_w9_at_least_one_permission_is_a_setting() {
    let on = Installation::new().await;
    let (strict, easy) = (on.organization("Strict").await, on.organization("Easy").await);
    on.permission("calls:read").await;
    on.manage("PUT", &format!("/organizations/{strict}/settings"), json!({ "require_permissions": true })).await.expect(200);
    let path = format!("/organizations/{strict}/api_keys");
    for none in [json!({ "name": "k" }), json!({ "name": "k", "permissions": [] })] {
        is_problem(&on.manage("POST", &path, none).await, 422, "invalid");
    }
    on.api_key(&strict, json!({ "permissions": ["calls:read"] })).await;
    let key = on.api_key(&easy, json!({})).await;
    assert_eq!(on.validate(&key["value"]).await["api_key"]["permissions"], json!([]), "none given is none, not all");
}

#[tokio::test]
async fn b4_b5_b6_b9_read_and_write_are_granted_apart_and_a_resource_may_have_no_write() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    for slug in ["calls:read", "calls:write", "analytics:read"] {
        on.permission(slug).await;
    }
    let path = format!("/organizations/{organization}/api_keys");
    let refused = on.manage("POST", &path, json!({ "name": "k", "permissions": ["analytics:write"] })).await;
    is_problem(&refused, 422, "invalid");
    assert_eq!(refused.json()["errors"][0]["code"], "unknown_permission");
    let writer = on.api_key(&organization, json!({ "permissions": ["calls:write"] })).await;
    let body = json!({ "value": writer["value"], "required_permissions": ["calls:read"] });
    assert_eq!(on.manage("POST", "/api_keys/validations", body).await.expect(200)["reason"], "missing_permission");
    on.key_token_answer(&writer, "&scope=calls:read").await.expect_oauth(400, "invalid_scope");
    assert_eq!(on.key_token_answer(&writer, "").await.expect(200)["scope"], "calls:write");
    let both = on.api_key(&organization, json!({ "permissions": ["calls:write", "calls:read"] })).await;
    assert_eq!(both["permissions"], json!(["calls:read", "calls:write"]));
}

#[tokio::test]
async fn e14_e17_e31_which_kind_of_credential_may_hold_a_permission_is_the_catalogues_to_say() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let user = on.user("ada@example.com").await;
    on.member(&user, &organization, "member").await;
    on.permission("threads:read").await;
    on.permission_with("threads:write", json!({ "grantable_to": ["api_key_user"] })).await;
    let refused = on
        .manage("POST", &format!("/organizations/{organization}/api_keys"), json!({ "name": "k", "permissions": ["threads:write"] }))
        .await;
    assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["code"]), (422, &json!("not_grantable")));
    let application = json!({ "name": "a", "organization_id": organization, "scopes": ["threads:write"] });
    assert_eq!(on.manage("POST", "/connect/applications", application).await.expect(422)["errors"][0]["code"], "not_grantable");
    let personal = on.personal_key(&user, &organization, json!({ "permissions": ["threads:read", "threads:write"] })).await;
    assert_eq!(personal["permissions"], json!(["threads:read", "threads:write"]));
    let narrower = json!({ "grantable_to": ["api_key_organization"] });
    is_problem(&on.manage("PATCH", "/authorization/permissions/threads:write", narrower).await, 409, "permission_in_use");
    let wider = json!({ "grantable_to": ["api_key_user", "m2m"] });
    on.manage("PATCH", "/authorization/permissions/threads:write", wider).await.expect(200);
    on.application_of(&organization, json!({ "scopes": ["threads:write"] })).await;
}

#[tokio::test]
async fn b15_each_key_shows_its_uses_of_a_day_a_week_and_a_month() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    let key = on.api_key(&organization, json!({})).await;
    let use_it = async |times: usize| {
        for _ in 0..times {
            on.validate(&key["value"]).await;
        }
    };
    use_it(1).await;
    on.pass(DAY * 8).await;
    use_it(2).await;
    on.pass(DAY * 2).await;
    use_it(3).await;
    on.key_token_answer(&key, "").await.expect(200);
    on.pass(Duration::from_secs(5)).await;
    let path = format!("/api_keys/{}", text(&key["id"]));
    let usage = json!({ "last_24h": 4, "last_7d": 6, "last_30d": 7 });
    assert_eq!(on.manage("GET", &path, Value::Null).await.expect(200)["usage"], usage);
    let hours = on.manage("GET", &format!("{path}/usage"), Value::Null).await.expect(200);
    let uses: Vec<_> = hours["hours"].as_array().unwrap().iter().map(|hour| hour["uses"].as_u64().unwrap()).collect();
    assert_eq!((uses, &hours["last_30d"], text(&hours["object"])), (vec![1, 2, 4], &json!(7), "api_key_usage"));
    let refused = json!({ "value": key["value"], "required_permissions": ["a:b"] });
    on.manage("POST", "/api_keys/validations", refused).await.expect(200);
    let on = on.restart().await;
    on.pass(Duration::from_secs(5)).await;
    assert_eq!(
        on.manage("GET", &path, Value::Null).await.expect(200)["usage"],
        usage,
        "what was refused is no use, and none is told twice"
    );
}

#[tokio::test]
async fn w2_w3_w4_w7_the_owner_tells_whose_key_it_is_and_each_list_holds_its_own() {
    let on = Installation::new().await;
    let (organization, other) = (on.organization("Acme").await, on.organization("Other").await);
    let user = on.user("ada@example.com").await;
    on.member(&user, &organization, "member").await;
    on.member(&user, &other, "member").await;
    let own = on.api_key(&organization, json!({})).await;
    let personal = on.personal_key(&user, &organization, json!({})).await;
    let elsewhere = on.personal_key(&user, &other, json!({})).await;
    let listed = async |path: String| {
        let list = on.manage("GET", &path, Value::Null).await.expect(200);
        list["data"].as_array().unwrap().iter().map(|key| key["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(listed(format!("/organizations/{organization}/api_keys")).await, [own["id"].clone()]);
    assert_eq!(listed(format!("/organizations/{organization}/api_keys?owner=user")).await, [personal["id"].clone()]);
    assert_eq!(listed(format!("/organizations/{organization}/api_keys?owner=all")).await.len(), 2);
    assert_eq!(listed(format!("/user_management/users/{user}/api_keys")).await.len(), 2);
    assert_eq!(listed(format!("/user_management/users/{user}/api_keys?organization_id={other}")).await, [elsewhere["id"].clone()]);
    let stranger = on.user("bob@example.com").await;
    let body = json!({ "name": "k", "organization_id": organization });
    is_problem(&on.manage("POST", &format!("/user_management/users/{stranger}/api_keys"), body).await, 422, "invalid");
}

#[tokio::test]
async fn w8_w12_to_w16_a_validation_is_always_200() {
    let on = Installation::new().await;
    let organization = on.organization("Acme").await;
    on.permission("posts:read").await;
    let key = on.api_key(&organization, json!({ "permissions": ["posts:read"] })).await;
    let good = on.validate(&key["value"]).await;
    for member in
        ["object", "id", "owner", "name", "obfuscated_value", "permissions", "last_used_at", "expires_at", "created_at", "updated_at"]
    {
        assert!(good["api_key"].get(member).is_some(), "{member}");
    }
    assert_eq!(good["api_key"]["permissions"], json!(["posts:read"]));
    let other = on.api_key(&organization, json!({})).await;
    let mut wrong = text(&other["value"]).to_owned();
    wrong.truncate(wrong.len() - 1);
    for (value, reason) in [("", "malformed"), ("nonsense", "malformed"), (&wrong, "malformed"), (&"x".repeat(5000), "malformed")] {
        assert_eq!(on.reason(&json!(value)).await, reason);
    }
    // Well formed, with a right checksum, and no key of ours.
    let foreign = Installation::new().await;
    let theirs = foreign.api_key(&foreign.organization("Acme").await, json!({})).await;
    assert_eq!(on.reason(&theirs["value"]).await, "not_found");
    let bearer = basic("a", "b");
    let refused = on.send("POST", "/api_keys/validations", &[("authorization", &bearer), ("content-type", "application/json")], "{}").await;
    is_problem(&refused, 401, "unauthorized");
    is_problem(&on.manage("POST", "/api_keys/validations", json!({})).await, 422, "invalid");
}

#[tokio::test]
async fn e50_case_239_a_revoked_key_is_good_for_nobody_from_the_answer_on() {
    let on = std::sync::Arc::new(Installation::new().await);
    let organization = on.organization("Acme").await;
    for _ in 0..20 {
        let key = on.api_key(&organization, json!({})).await;
        let revoked = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let checks: Vec<_> = (0..50)
            .map(|_| {
                let (on, value, revoked) = (std::sync::Arc::clone(&on), key["value"].clone(), std::sync::Arc::clone(&revoked));
                tokio::spawn(async move {
                    let before = revoked.load(std::sync::atomic::Ordering::SeqCst);
                    let reason = on.reason(&value).await;
                    assert!(!before || reason == "revoked", "a check that began after the answer saw a live key");
                })
            })
            .collect();
        on.manage("DELETE", &format!("/api_keys/{}", text(&key["id"])), Value::Null).await.expect(204);
        revoked.store(true, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(on.reason(&key["value"]).await, "revoked");
        for check in checks {
            check.await.unwrap();
        }
    }
}

/// The promises that are the authority's to keep.
const PROMISES: [&str; 71] = [
    "E2", "E3", "E8", "E9", "E12", "E13", "E15", "E16", "E20", "E21", "E22", "E23", "E24", "E26", "E27", "E28", "E46", "E47", "E48", "E49",
    "E50", "E55", "G1", "G2", "G5", "G6", "G7", "G8", "G9", "G10", "G14", "G16", "G17", "G18", "G23", "G24", "G25", "G26", "G28", "G30",
    "P2", "P3", "P5", "P6", "P11", "P12", "P13", "P14", "P18", "B2", "B3", "B4", "B5", "B6", "B12", "B13", "B15", "W2", "W3", "W4", "W5",
    "W6", "W7", "W8", "W9", "W10", "W11", "W12", "W13", "W14", "W16",
];

/// The numbers of a cell: `E2, G5–G8` is five of them.
fn numbers(cell: &str) -> Vec<String> {
    let mut all = Vec::new();
    for part in cell.split(", ") {
        let (first, last) = part.split_once('–').unwrap_or((part, part));
        let number = |text: &str| text[1..].parse::<u32>().unwrap();
        all.extend((number(first)..=number(last)).map(|number| format!("{}{number}", &first[..1])));
    }
    all
}

#[test]
fn every_promise_is_in_the_table_with_a_test_that_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("docs/behaviours.md")).unwrap();
    let mut held = Vec::new();
    for row in table.lines().filter(|row| row.ends_with("| holds |")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let (file, tests) = cells[2].strip_prefix('`').and_then(|cell| cell.split_once(".rs`: ")).unwrap_or(("behaviours", cells[2]));
        let source = std::fs::read_to_string(root.join(format!("tests/{file}.rs"))).unwrap();
        for test in tests.split(", ") {
            assert!(source.contains(&format!("fn {}(", test.trim_matches('`'))), "{test} of {} is nowhere", cells[0]);
        }
        held.extend(numbers(cells[0]));
    }
    for promise in PROMISES {
        assert!(held.iter().any(|number| number == promise), "{promise} is not in docs/behaviours.md");
    }
}

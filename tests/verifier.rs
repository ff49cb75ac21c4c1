//! The verifier crate's strictness with one token: K6, cases 124 to 143 as they apply to access tokens.
mod fixture;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_verifier::{Expectation, KeySet, TokenType, VerifyError, verify};
use fixture::{ISSUER, Installation};
use serde_json::{Value, json};

async fn key_set(on: &Installation) -> KeySet {
    KeySet::parse(on.send("GET", "/.well-known/jwks.json", &[], "").await.text.as_bytes()).unwrap()
}

const NOW: u64 = 1_795_132_800;

fn expectation(types: &[TokenType]) -> Expectation<'_> {
    Expectation { issuer: ISSUER, audience: Some(ISSUER), types, leeway: 0, now: NOW }
}

const ACCESS: &[TokenType] = &[TokenType::AccessToken];

/// Signs whatever header and claims with a key of the test's own, and gives the set that verifies it.
struct Forge {
    pair: ring::signature::EcdsaKeyPair,
    keys: KeySet,
}

impl Forge {
    fn new() -> Self {
        use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
        // Tests of one process share jsonwebtoken's provider: it must be the one that also signs.
        chancery::keys::provider::install();
        let random = ring::rand::SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let jwks = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k", "x": x, "y": y }] });
        Self { pair, keys: KeySet::parse(jwks.to_string().as_bytes()).unwrap() }
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = self.pair.sign(&ring::rand::SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

const HEADER: &str = r#"{"typ":"at+jwt","alg":"ES256","kid":"k"}"#;

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "client_x", "aud": ISSUER, "exp": NOW + 300, "iat": NOW, "jti": "j", "client_id": "client_x", "org_id": "org_x",
        "principal": { "type": "organization", "id": "prn_x" }, "cred": "secret_x", "gen": 1
    })
}

#[test]
fn k6_every_deviation_is_refused() {
    let forge = Forge::new();
    let check = |token: &str| verify(token, &forge.keys, &expectation(ACCESS));
    assert!(check(&forge.sign(HEADER, &claims().to_string())).is_ok());
    assert!(check(&forge.sign(&HEADER.replace("at+jwt", "application/at+jwt"), &claims().to_string())).is_ok());
    for header in [
        r#"{"typ":"JWT","alg":"ES256","kid":"k"}"#,
        r#"{"typ":"dpop+jwt","alg":"ES256","kid":"k"}"#,
        r#"{"alg":"ES256","kid":"k"}"#,
        r#"{"typ":"at+jwt","alg":"ES256"}"#,
        r#"{"typ":"at+jwt","alg":"none","kid":"k"}"#,
        r#"{"typ":"at+jwt","alg":"nOnE","kid":"k"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","kid":"k"}"#,
        r#"{"typ":"at+jwt","alg":"RS256","kid":"k"}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"../../dev/null"}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":{"a":1}}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","crit":["x"]}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","crit":[]}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","b64":false}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","jku":"https://evil.example"}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","jwk":{}}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","zip":"DEF"}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k","kid":"k"}"#,
        "null",
        "[]",
    ] {
        assert!(check(&forge.sign(header, &claims().to_string())).is_err(), "{header}");
    }
    for (member, wrong) in [
        ("iss", json!("https://auth.example.com/")),
        ("iss", json!([ISSUER])),
        ("aud", json!([ISSUER])),
        ("aud", json!("https://other.example")),
        ("aud", json!(123)),
        ("exp", json!(NOW)),
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999.5)),
        ("exp", json!(-1)),
        ("iat", json!(NOW + 61)),
        ("nbf", json!(NOW + 61)),
        ("sub", json!(7)),
        ("jti", json!("")),
        ("scope", json!("a  b")),
        ("scope", json!(["a"])),
        ("gen", json!("1")),
        ("principal", json!("prn_x")),
    ] {
        let mut changed = claims();
        changed[member] = wrong.clone();
        assert!(check(&forge.sign(HEADER, &changed.to_string())).is_err(), "{member}: {wrong}");
    }
    for member in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "org_id", "principal", "cred", "gen"] {
        let mut changed = claims();
        changed.as_object_mut().unwrap().remove(member);
        assert!(check(&forge.sign(HEADER, &changed.to_string())).is_err(), "without {member}");
    }
    let twice = claims().to_string().replacen('{', "{\"aud\":\"https://evil.example\",", 1);
    assert!(matches!(check(&forge.sign(HEADER, &twice)), Err(VerifyError::Claims(_))));
    let good = forge.sign(HEADER, &claims().to_string());
    for wrong in [
        format!("{good}="),
        format!("{good}."),
        format!(" {good}"),
        good.replace('.', ".."),
        good.rsplit_once('.').unwrap().0.to_owned(),
        "x".repeat(4097),
    ] {
        assert!(check(&wrong).is_err(), "{wrong}");
    }
    let (message, signature) = good.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for forged in [vec![0; 64], bytes[..63].to_vec(), [&bytes[..], &[0]].concat(), vec![0xff; 64]] {
        assert!(check(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(forged))).is_err());
    }
}

#[test]
fn k1_a_key_set_that_cannot_be_trusted_is_refused_and_foreign_keys_are_passed_over() {
    let ec = json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k", "x": URL_SAFE_NO_PAD.encode([1; 32]), "y": URL_SAFE_NO_PAD.encode([1; 32]) });
    let with = |member: &str, value: Value| {
        let mut key = ec.clone();
        key[member] = value;
        key
    };
    let parse = |keys: Value| KeySet::parse(json!({ "keys": keys }).to_string().as_bytes());
    assert!(parse(json!([ec])).is_ok_and(|set| set.contains("k")));
    assert!(parse(json!([ec, { "kty": "AKP", "alg": "ML-DSA-65", "kid": "q" }])).is_ok());
    for bad in [
        json!([]),
        json!([with("d", json!("x"))]),
        json!([ec, ec]),
        json!([with("alg", json!("RS256"))]),
        json!([with("use", json!("enc"))]),
        json!([with("kty", json!("oct"))]),
    ] {
        assert!(parse(bad.clone()).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn our_tokens_verify_with_the_published_keys() {
    let on = Installation::new().await;
    let client = on.application().await;
    let token = on.token(&client).await;
    let verified = verify(&token, &key_set(&on).await, &expectation(ACCESS)).unwrap();
    assert_eq!((verified.organization(), verified.client_id.as_str()), (client.organization.as_str(), client.client_id.as_str()));
    assert!(verified.require_scope("threads:read").is_ok() && verified.require_scope("admin").is_err());
    assert!(matches!(verify(&token, &key_set(&on).await, &expectation(&[TokenType::Jwt])), Err(VerifyError::Type)));
}

//! What signs in simulations: a status key, and tokens whose signature nobody looks at.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Map, json};

use crate::{AccessToken, Audience, KeySet, Principal, Status, StatusIndex};

pub(crate) const ISSUER: &str = "https://auth.example.com";

/// What signs publications: a status key and the set it is in.
pub(crate) struct StatusKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    kid: String,
}

impl StatusKey {
    pub(crate) fn new(kid: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self { pair, random, kid: kid.into() }
    }

    pub(crate) fn key_set(&self) -> KeySet {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y), "kid": self.kid, "alg": "ES256", "use": "sig" });
        KeySet::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap()
    }

    pub(crate) fn sign(&self, claims: &impl serde::Serialize) -> String {
        let header = json!({ "typ": "secevent+jwt", "alg": "ES256", "kid": self.kid }).to_string();
        let payload = serde_json::to_vec(claims).unwrap();
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.pair.sign(&self.random, message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The claims of a token of a credential.
pub(crate) fn token(index: StatusIndex, iat: i64, exp: i64) -> AccessToken {
    AccessToken {
        iss: ISSUER.into(),
        sub: "client".into(),
        aud: Audience("https://api.example.com".into()),
        exp: u64::try_from(exp / 1000).unwrap(),
        iat: u64::try_from(iat / 1000).unwrap(),
        jti: format!("{}-{iat}", index.number()),
        client_id: "client".into(),
        org_id: "org".into(),
        scope: None,
        principal: Principal::Organization { id: "prn".into() },
        cred: "secret".into(),
        generation: 1,
        status: Some(Status::of(ISSUER, index)),
        nbf: None,
        custom: Map::new(),
    }
}

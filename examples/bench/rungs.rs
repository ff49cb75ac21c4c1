//! The rungs: what is asked of whom, in rounds, so that a machine whose speed varies does so for all of them.
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tempfile::TempDir;

use crate::bare;
use crate::driver::{Arrivals, Load, ask};
use crate::house::{House, KEY, text};
use crate::report::Row;
use crate::servers::{self, Server};

pub const CONNECTIONS: usize = 32;
const ROUNDS: usize = 7;
const MEASURED: Duration = Duration::from_millis(1200);
const FORM: &str = "application/x-www-form-urlencoded";
pub const ASKED: &str = "grant_type=client_credentials&scope=threads%3Aread";

/// By what a rung is bounded beside the bare answer.
#[derive(Clone, Copy)]
enum Signed {
    No,
    Es256,
    Eddsa,
    Rs256,
}

struct Rung {
    name: &'static str,
    signed: Signed,
    load: Load,
}

impl Rung {
    fn new(name: &'static str, signed: Signed, address: &str, requests: Vec<String>) -> Self {
        Self { name, signed, load: Load::new(address.to_owned(), requests, CONNECTIONS, Arrivals::Closed) }
    }
}

pub struct Rungs {
    pub house: House,
    rungs: Vec<Rung>,
    servers: Vec<Server>,
    _folder: TempDir,
}

/// The signatures of one round, a second.
struct Signatures {
    es256: f64,
    eddsa: [f64; 2],
    rs256: [f64; 2],
}

impl Signatures {
    fn measure() -> Self {
        Self { es256: bare::es256(), eddsa: bare::eddsa(), rs256: bare::rs256() }
    }

    fn of(&self, signed: Signed) -> f64 {
        match signed {
            Signed::No => f64::INFINITY,
            Signed::Es256 => self.es256,
            Signed::Eddsa => self.eddsa[1],
            Signed::Rs256 => self.rs256[1],
        }
    }

    fn rows(rounds: &[Self]) -> Vec<Row> {
        let row = |name: &str, of: fn(&Self) -> f64| Row { name: name.into(), per_second: median(rounds.iter().map(of)), ratio: None };
        vec![
            row("bare signature ES256, ring", |it| it.es256),
            row("bare signature EdDSA, ring", |it| it.eddsa[0]),
            row("bare signature EdDSA, aws-lc", |it| it.eddsa[1]),
            row("bare signature RS256, ring", |it| it.rs256[0]),
            row("bare signature RS256, aws-lc", |it| it.rs256[1]),
        ]
    }
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A form, as it goes over the wire; without a line for an Authorization that is empty.
pub fn post(path: &str, authorization: &str, body: &str) -> String {
    request("POST", path, authorization, FORM, body)
}

pub fn request(method: &str, path: &str, authorization: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    let authorization = if authorization.is_empty() { String::new() } else { format!("Authorization: {authorization}\r\n") };
    format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{authorization}Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}")
}

pub fn basic(client: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")))
}

impl Rungs {
    /// What is asked of us alone.
    pub fn of_ours(cores: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir_in("target").unwrap();
        let settings = [&[("CHANCERY_KEY_LEAD", "1s")], settings].concat();
        let house = House::start_in(folder.path(), Some(cores), &settings);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let rungs = runtime.block_on(ours(&house));
        Self { house, rungs, servers: Vec::new(), _folder: folder }
    }

    pub fn set_up() -> Self {
        let mut all = Self::of_ours("0", &[]);
        let bare = servers::bare();
        let token = String::from_utf8(all.load("ES256 access tokens").requests[0].clone()).unwrap();
        let after = |path: &str| vec![token.replacen("/oauth/token", path, 1)];
        let bare_rungs = [
            Rung::new("bare axum answer", Signed::No, &bare.address, vec![token.clone()]),
            Rung::new("bare axum answer after a bare signature ES256", Signed::Es256, &bare.address, after("/es256")),
            Rung::new("bare axum answer after a bare signature EdDSA", Signed::Eddsa, &bare.address, after("/eddsa")),
        ];
        all.rungs.splice(0..0, bare_rungs);
        all.servers.push(bare);
        let peer_secret = "a-secret-of-more-than-thirty-two-characters";
        for (name, path, peer) in [
            ("node-oidc-provider, ES256 access tokens", "/token", servers::node_oidc_provider()),
            ("Authlib and gunicorn, ES256 access tokens", "/oauth/token", servers::authlib()),
        ] {
            let Some(peer) = peer else {
                println!("{name}: not installed (make peers)");
                continue;
            };
            let request = post(path, &basic("client", peer_secret), ASKED);
            all.rungs.push(Rung::new(name, Signed::Es256, &peer.address, vec![request]));
            all.servers.push(peer);
        }
        all
    }

    /// What is asked under this name.
    pub fn load(&self, name: &str) -> &Load {
        &self.rungs.iter().find(|rung| rung.name == name).unwrap().load
    }

    pub fn measure(&self) -> Vec<Row> {
        let mut signatures = Vec::new();
        let mut measured: Vec<Vec<(f64, f64)>> = self.rungs.iter().map(|_| Vec::new()).collect();
        for _ in 0..ROUNDS {
            let round = Signatures::measure();
            let mut bare = f64::NAN;
            for (rung, measured) in self.rungs.iter().zip(&mut measured) {
                let answers = ask(&rung.load, MEASURED);
                assert_eq!(answers.of(200), answers.all(), "{}: {}", rung.name, answers.statuses());
                let per_second = answers.per_second(200);
                // The first rung is the bare answer.
                if bare.is_nan() {
                    bare = per_second;
                }
                measured.push((per_second, per_second * (1.0 / bare + 1.0 / round.of(rung.signed))));
            }
            signatures.push(round);
        }
        let mut rows = Signatures::rows(&signatures);
        for (rung, measured) in self.rungs.iter().zip(measured) {
            let ratio = median(measured.iter().map(|(_, ratio)| *ratio));
            rows.push(Row { name: rung.name.into(), per_second: median(measured.iter().map(|(rate, _)| *rate)), ratio: Some(ratio) });
        }
        rows
    }
}

async fn ours(house: &House) -> Vec<Rung> {
    house.manage("POST", "/authorization/permissions", json!({ "slug": "threads:read", "name": "Read" })).await;
    for alg in ["ES256", "EdDSA", "RS256"] {
        let server = json!({ "identifier": format!("https://{alg}.example"), "name": alg, "signing_alg": alg, "default": alg == "ES256" });
        house.manage("POST", "/resource_servers", server).await;
    }
    let organization = house.organization().await;
    let application = json!({ "name": "a", "organization_id": organization, "scopes": ["threads:read"], "access_token_ttl": 3600 });
    let made = house.manage("POST", "/connect/applications", application).await;
    let (client, secret) = (text(&made["client_id"]), text(&made["client_secret"]["secret"]));
    let keys = format!("/organizations/{organization}/api_keys");
    let key = text(&house.manage("POST", &keys, json!({ "name": "CI", "permissions": ["threads:read"] })).await["value"]);
    // Until the keys of all three algorithms sign.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let token = house.token(&client, &secret).await;
    let basic = basic(&client, &secret);
    let of = |alg: &str| post("/oauth/token", &basic, &format!("{ASKED}&resource=https%3A%2F%2F{alg}.example"));
    let in_form = post("/oauth/token", "", &format!("{ASKED}&client_id={client}&client_secret={secret}"));
    let bearer = format!("Bearer {KEY}");
    let validation = json!({ "value": key, "required_permissions": ["threads:read"] }).to_string();
    let validation = request("POST", "/api_keys/validations", &bearer, "application/json", &validation);
    let rung = |name, signed, request: String| Rung::new(name, signed, &house.address(), vec![request]);
    vec![
        rung("ES256 access tokens", Signed::Es256, of("ES256")),
        rung("ES256 access tokens, secret in the form", Signed::Es256, in_form),
        rung("EdDSA access tokens", Signed::Eddsa, of("EdDSA")),
        rung("RS256 access tokens", Signed::Rs256, of("RS256")),
        rung("JWK set", Signed::No, "GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        rung("introspections of a live token", Signed::No, post("/oauth/introspect", &bearer, &format!("token={token}"))),
        rung("API key validations", Signed::No, validation),
    ]
}

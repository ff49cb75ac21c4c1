//! The courier: posts webhooks to the outside, signed, within deadlines, and never to an internal address the operator has not named.
mod guard;

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use ring::hmac;
use url::Url;

use crate::domain::credential::Secret;
use crate::domain::timestamp::Timestamp;
use guard::Guard;

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);
/// How long a registration waits to learn where a name leads.
const LOOK_UP: Duration = Duration::from_secs(2);

/// Posts webhooks.
pub struct Courier {
    guard: Guard,
    /// For https: any public address, and internal ones that were named.
    secure: Result<reqwest::Client, String>,
    /// For plain http: internal addresses that were named, and no others.
    plain: Result<reqwest::Client, String>,
}

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    #[error("{0}")]
    Refused(&'static str),
    #[error("no answer within 10 seconds")]
    TimedOut,
    #[error("no connection: {0}")]
    NoConnection(String),
}

impl Courier {
    /// `networks` are the internal ones that may be sent to.
    pub fn new(networks: Vec<IpNet>) -> Self {
        // Whoever embeds this may have installed another provider: that one is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let guard = Guard::new(networks);
        let client = |guard: Guard| {
            // A proxy would resolve names by itself, past the guard.
            let builder = reqwest::Client::builder().no_proxy().redirect(Policy::none()).dns_resolver(Arc::new(guard));
            let builder = builder.connect_timeout(CONNECT).timeout(WHOLE).user_agent("Chancery-Webhooks/1");
            builder.build().map_err(|error| error.to_string())
        };
        Self { secure: client(guard.clone()), plain: client(guard.only_named()), guard }
    }

    /// Whether a delivery to this URL would be let out; a name that leads nowhere yet is.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    pub async fn admit(&self, url: &Url) -> Result<(), &'static str> {
        let guard = self.guard_for(url);
        guard.check_literal(url)?;
        let Some(url::Host::Domain(name)) = url.host() else { return Ok(()) };
        match tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((name, 443))).await {
            Ok(Ok(addresses)) => guard.check_all(addresses.map(|address| address.ip())),
            _ => Ok(()),
        }
    }

    /// Posts a body; answers the status of whatever came back.
    ///
    /// # Errors
    /// [`Undelivered`].
    pub async fn post(&self, url: &Url, secret: &Secret, body: String, now: Timestamp) -> Result<u16, Undelivered> {
        self.guard_for(url).check_literal(url).map_err(Undelivered::Refused)?;
        let client = if url.scheme() == "https" { &self.secure } else { &self.plain };
        let client = client.as_ref().map_err(|error| Undelivered::NoConnection(error.clone()))?;
        let signature = sign(secret, now, &body);
        let request = client.post(url.clone()).header(CONTENT_TYPE, "application/json").header("WorkOS-Signature", signature);
        match request.body(body).send().await {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) if error.is_timeout() => Err(Undelivered::TimedOut),
            Err(error) => Err(Undelivered::NoConnection(innermost(&error))),
        }
    }

    fn guard_for(&self, url: &Url) -> Guard {
        if url.scheme() == "https" { self.guard.clone() } else { self.guard.only_named() }
    }
}

/// `t=<Unix milliseconds>, v1=<hex>`: HMAC-SHA-256 with the endpoint's secret over `<t>.<body>`, as WorkOS signs.
pub fn sign(secret: &Secret, now: Timestamp, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    let t = now.millis().to_string();
    [t.as_bytes(), b".", body.as_bytes()].into_iter().for_each(|part| context.update(part));
    let hex: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={t}, v1={hex}")
}

/// The cause that tells most, without the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn admits(networks: &[&str], url: &str) -> bool {
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        Courier::new(networks).admit(&Url::parse(url).unwrap()).await.is_ok()
    }

    #[tokio::test]
    async fn case_249_internal_addresses_are_refused_unless_they_were_named() {
        for internal in [
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://10.0.0.8/",
            "https://192.168.1.1/",
            "https://172.16.0.1/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://[::1]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[64:ff9b:1::7f00:1]/",
            "https://[::ffff:0:7f00:1]/",
            "https://[2002:7f00:1::]/",
            "https://localhost/",
        ] {
            assert!(!admits(&[], internal).await, "{internal}");
        }
        assert!(admits(&[], "https://93.184.216.34/").await);
        assert!(!admits(&[], "http://93.184.216.34/").await, "plain http goes to named networks only");
        assert!(admits(&["127.0.0.0/8", "::1/128"], "http://127.0.0.1:9000/").await);
        assert!(admits(&["127.0.0.0/8", "::1/128"], "http://localhost:9000/").await);
        assert!(!admits(&["127.0.0.0/8"], "http://10.0.0.8/").await);
    }
}

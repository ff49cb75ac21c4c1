//! The relying party: an operator proves at his own identity provider who he is (OpenID Connect Core 1.0 §3.1, with PKCE, RFC 7636).
mod exchange;
mod id_token;
mod person;
mod provider;

use std::sync::Arc;
use std::time::Duration;

use oauth2::{AuthorizationCode, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse};
use reqwest::redirect::Policy;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use crate::domain::credential::Secret;
use crate::domain::management_key::Identity;
use crate::domain::timestamp::Timestamp;
use exchange::Exchange;
use person::Person;
pub use provider::is_private;
use provider::{AWAY, KEPT, Provider};

const CONNECT: Duration = Duration::from_secs(3);
const WHOLE: Duration = Duration::from_secs(10);
/// How long an operator may take at the provider.
pub const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// How the provider knows this installation.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The provider's issuer identifier, byte for byte.
    pub issuer: String,
    pub client_id: String,
    /// `None` where the provider takes PKCE alone.
    pub client_secret: Option<Arc<Secret>>,
}

/// What is remembered of a sign-in while the operator is away at the provider; his own browser keeps it.
#[derive(Serialize, Deserialize)]
pub struct Attempt {
    state: String,
    nonce: String,
    verifier: String,
    /// Seconds since 1970.
    begun_at: u64,
    /// Whether he was asked to sign in there anew, however lately he had.
    again: bool,
}

/// What the operator came back with (RFC 6749 §4.1.2).
pub struct Authorization<'a> {
    pub code: &'a str,
    pub state: &'a str,
    /// Whose answer it is, where the provider says so (RFC 9207).
    pub iss: Option<&'a str>,
}

/// That somebody is who he is.
pub struct Proof {
    pub identities: Vec<Identity>,
    /// When he last proved it to the provider, where that says so.
    pub signed_in_at: Option<Timestamp>,
}

/// Why it is not known who he is.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    #[error("the identity provider cannot be asked: {0}")]
    Away(String),
    #[error("the identity provider refused: {0}")]
    Refused(String),
    #[error("what the identity provider says cannot be taken: {0}")]
    Unfit(String),
}

pub struct RelyingParty {
    registration: Registration,
    /// What asks the provider, and where it sends the operator back to.
    ready: Result<(reqwest::Client, RedirectUrl), String>,
    /// What it published, or why it was not there, and when.
    provider: Mutex<Option<(Timestamp, Result<Provider, String>)>>,
}

impl RelyingParty {
    /// `redirect_uri` is where the provider sends the operator back to.
    pub fn new(registration: Registration, redirect_uri: &str) -> Self {
        // Whoever embeds this may have installed another provider of cryptography: that one is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder().redirect(Policy::none()).connect_timeout(CONNECT).timeout(WHOLE);
        let http = builder.user_agent("Chancery/1").build().map_err(|error| error.to_string());
        let redirect_uri = RedirectUrl::new(redirect_uri.to_owned()).map_err(|error| error.to_string());
        Self { registration, ready: http.and_then(|http| Ok((http, redirect_uri?))), provider: Mutex::new(None) }
    }

    /// The provider's name for an operator: the host of its issuer.
    pub fn provider_host(&self) -> String {
        let host = Url::parse(&self.registration.issuer).ok().and_then(|issuer| issuer.host_str().map(str::to_owned));
        host.unwrap_or_else(|| self.registration.issuer.clone())
    }

    /// Where the operator has to go, and what to remember until he is back. `again` makes the provider ask him anew.
    ///
    /// # Errors
    /// [`Unproven::Away`], [`Unproven::Unfit`].
    pub async fn begin(&self, again: bool, now: Timestamp) -> Result<(Url, Attempt), Unproven> {
        let (http, redirect_uri) = self.ready()?;
        let provider = self.provider(http, now).await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = CsrfToken::new_random();
        let client = provider.client(&self.registration, redirect_uri);
        let request = client.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge);
        let request = ["openid", "email"].into_iter().fold(request, |request, scope| request.add_scope(Scope::new(scope.into())));
        let mut request = request.add_extra_param("nonce", nonce.secret());
        if again {
            request = request.add_extra_param("prompt", "login").add_extra_param("max_age", "0");
        }
        let (url, state) = request.url();
        let attempt = Attempt {
            state: state.into_secret(),
            nonce: nonce.into_secret(),
            verifier: verifier.into_secret(),
            begun_at: now.seconds(),
            again,
        };
        Ok((url, attempt))
    }

    /// Who came back with this.
    ///
    /// # Errors
    /// [`Unproven`].
    pub async fn finish(&self, attempt: &Attempt, authorization: &Authorization<'_>, now: Timestamp) -> Result<Proof, Unproven> {
        if authorization.state != attempt.state || authorization.iss.is_some_and(|iss| iss != self.registration.issuer) {
            return Err(Unproven::Unfit("the answer belongs to another sign-in (RFC 6749 §10.12, RFC 9207)".into()));
        }
        let (http, redirect_uri) = self.ready()?;
        if now.seconds().saturating_sub(attempt.begun_at) > PATIENCE.as_secs() {
            return Err(Unproven::Unfit("it took longer than ten minutes".into()));
        }
        let provider = self.provider(http, now).await?;
        let client = provider.client(&self.registration, redirect_uri);
        let exchange = client.exchange_code(AuthorizationCode::new(authorization.code.to_owned()));
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier.clone()));
        let answer = exchange.request_async(&Exchange(http)).await.map_err(exchange::unproven)?;
        let id_token = &answer.extra_fields().id_token;
        let keys = exchange::fetch(http, &provider.jwks_uri).await?;
        let unfit = |why: &str| Unproven::Unfit(why.to_owned());
        let issuer = &self.registration.issuer;
        let (person, signed_in_at) = id_token::verify(id_token, &keys, &self.registration, attempt, now).map_err(unfit)?;
        let Some(userinfo) = provider.userinfo_endpoint.as_ref().filter(|_| person.email.is_none()) else {
            return Ok(Proof { identities: person.identities(issuer), signed_in_at });
        };
        let more = exchange::fetch_with(http, userinfo, answer.access_token().secret()).await?;
        let more: Person = serde_json::from_slice(&more).map_err(|_json| unfit("its UserInfo answer cannot be read"))?;
        // OpenID Connect Core 1.0 §5.3.2.
        if more.sub != person.sub {
            return Err(unfit("its UserInfo answer is about somebody else"));
        }
        Ok(Proof { identities: more.identities(issuer), signed_in_at })
    }

    fn ready(&self) -> Result<&(reqwest::Client, RedirectUrl), Unproven> {
        self.ready.as_ref().map_err(|why| Unproven::Away(why.clone()))
    }

    /// What the provider publishes, read again after a while.
    async fn provider(&self, http: &reqwest::Client, now: Timestamp) -> Result<Provider, Unproven> {
        let mut kept = self.provider.lock().await;
        match &*kept {
            Some((at, Ok(provider))) if now.since(*at) < KEPT => return Ok(provider.clone()),
            // Whoever waited for the same answer need not ask again.
            Some((at, Err(why))) if now.since(*at) < AWAY => return Err(Unproven::Away(why.clone())),
            _ => {}
        }
        let found = Provider::discover(http, &self.registration.issuer).await;
        let told = match &found {
            Ok(provider) => Some(Ok(provider.clone())),
            Err(Unproven::Away(why)) => Some(Err(why.clone())),
            Err(_) => None,
        };
        *kept = told.map(|told| (now, told));
        found
    }
}

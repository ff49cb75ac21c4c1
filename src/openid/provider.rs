//! What the provider publishes of itself (OpenID Connect Discovery 1.0 §4).
use std::time::Duration;

use oauth2::basic::{BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType};
use oauth2::{
    AuthType, AuthUrl, Client, ClientId, ClientSecret, EndpointNotSet, EndpointSet, ExtraTokenFields, RedirectUrl, StandardRevocableToken,
    StandardTokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::exchange::fetch;
use super::{Registration, Unproven};

/// For how long it is taken as it was read.
pub const KEPT: Duration = Duration::from_secs(5 * 60);
/// For how long it is not asked again when it did not answer.
pub const AWAY: Duration = Duration::from_secs(3);

#[derive(Clone, Deserialize)]
pub struct Provider {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    pub jwks_uri: Url,
    pub userinfo_endpoint: Option<Url>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What a token answer has beside OAuth's own members.
#[derive(Debug, Deserialize, Serialize)]
pub struct IdTokenField {
    pub id_token: String,
}

impl ExtraTokenFields for IdTokenField {}

type OpenIdClient = Client<
    BasicErrorResponse,
    StandardTokenResponse<IdTokenField, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// Whether what is said there stays between the two: by TLS, or on this machine.
pub fn is_private(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && loopback)
}

impl Provider {
    pub async fn discover(http: &reqwest::Client, issuer: &str) -> Result<Self, Unproven> {
        let address = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let address = Url::parse(&address).map_err(|error| Unproven::Away(error.to_string()))?;
        let document = fetch(http, &address).await?;
        let unfit = |why: String| Unproven::Unfit(format!("its openid-configuration {why}"));
        let provider: Self = serde_json::from_slice(&document).map_err(|error| unfit(format!("cannot be read: {error}")))?;
        if provider.issuer != issuer {
            return Err(unfit(format!("is of the issuer {}, not of {issuer}", provider.issuer)));
        }
        let endpoints = [&provider.authorization_endpoint, &provider.token_endpoint, &provider.jwks_uri];
        for endpoint in endpoints.into_iter().chain(&provider.userinfo_endpoint) {
            if !is_private(endpoint) {
                return Err(unfit(format!("names {endpoint}, which is neither https nor on this machine")));
            }
        }
        Ok(provider)
    }

    /// The secret goes into the header, unless the provider takes it in the form alone (RFC 6749 §2.3.1).
    pub fn client(&self, registration: &Registration, redirect_uri: &RedirectUrl) -> OpenIdClient {
        let methods = self.token_endpoint_auth_methods_supported.as_deref();
        let in_form = methods.is_some_and(|methods| !methods.iter().any(|method| method == "client_secret_basic"));
        let client = Client::new(ClientId::new(registration.client_id.clone()))
            .set_auth_uri(AuthUrl::from_url(self.authorization_endpoint.clone()))
            .set_token_uri(TokenUrl::from_url(self.token_endpoint.clone()))
            .set_redirect_uri(redirect_uri.clone())
            .set_auth_type(if in_form { AuthType::RequestBody } else { AuthType::BasicAuth });
        match &registration.client_secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
            None => client,
        }
    }
}

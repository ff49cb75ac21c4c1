//! Issuing an access token for the client_credentials grant (RFC 6749 §4.4, RFC 8707 §2, RFC 9068 §2): no row is read and none written.
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_verifier::{AccessToken, Algorithm, Audience, Principal, Scope, Status, StatusIndex, TokenType};

use super::Authority;
use super::authenticate::Authenticated;
use super::token_quotas::QuotaExceeded;
use crate::directory::Catalogue;
use crate::domain::application::{access_token_lifetime, told_lifetime};
use crate::domain::id::OrganizationId;
use crate::domain::resource_server::{ResourceServer, may_ask_for};
use crate::domain::signing_key::KeyLine;
use crate::domain::timestamp::Timestamp;
use crate::domain::token_quota::Left;
use crate::keys::signer::SigningFailed;
use crate::random::NoRandomness;

/// The bounds of a `scope` parameter (case 171).
pub const MAX_SCOPE_TOKENS: usize = 100;
pub const MAX_SCOPE_BYTES: usize = 4096;

/// What is asked for.
#[derive(Default)]
pub struct TokenRequest {
    /// `None` asks for all the client holds.
    pub scope: Option<Scope>,
    /// The identifier of a resource server (RFC 8707).
    pub resource: Option<String>,
    /// Must be the client's own, if given.
    pub organization: Option<String>,
}

/// RFC 6749 §5.1.
pub struct IssuedToken {
    pub access_token: String,
    /// Seconds; what the client is told.
    pub expires_in: u64,
    pub scope: Option<Scope>,
    /// Of the quotas that are enforced, this token counted.
    pub left: Vec<Left>,
    /// Whether it is beyond a quota that is only observed.
    pub exceeds_observed: bool,
}

/// Why no token was issued, to an authenticated client.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error("the scope is not within what this client holds for the resource")]
    InvalidScope,
    #[error("the resource is unknown, or not granted to this client")]
    UnknownTarget,
    #[error("several resources are possible: name one with the resource parameter")]
    AmbiguousTarget,
    #[error("the organization is not this client's")]
    OtherOrganization,
    #[error(transparent)]
    QuotaExceeded(#[from] QuotaExceeded),
    #[error("no key is active for the resource's algorithm")]
    NoKey,
    #[error(transparent)]
    Signing(#[from] SigningFailed),
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

/// What of a client decides over its tokens, whichever kind it is.
struct Holder<'a> {
    client_id: String,
    sub: String,
    organization_id: OrganizationId,
    principal: Principal,
    cred: String,
    generation: i64,
    status_index: StatusIndex,
    scope: &'a Scope,
    access_token_ttl: Option<u32>,
    /// Identifiers of the resource servers it may ask for; `None` is any.
    resources: Option<&'a [String]>,
    /// No token outlives this.
    ends_at: Option<Timestamp>,
}

/// The resource server a token is for, or the issuer itself while none is registered.
enum Target {
    Registered(Arc<ResourceServer>),
    Issuer,
}

impl Authority {
    /// Issues a token to a client that authenticated, and counts the use.
    ///
    /// # Errors
    /// [`IssueError`]; then nothing was issued and nothing counted.
    pub fn issue(&self, client: &Authenticated, request: TokenRequest, source: Option<IpAddr>) -> Result<IssuedToken, IssueError> {
        let holder = holder(client);
        if request.organization.as_ref().is_some_and(|organization| *organization != holder.organization_id.to_string()) {
            return Err(IssueError::OtherOrganization);
        }
        let catalogue = self.directory.catalogue();
        let issuer = &self.deployment.issuer;
        let target = target(&catalogue, holder.resources, request.resource.as_deref(), issuer)?;
        let now = self.clock.now();
        let audience = target.identifier(issuer);
        let scope = grant(&catalogue, holder.scope, request.scope, audience)?;
        // A user's key without permissions acts as its user does: one that was narrowed must not seem to be one.
        if scope.is_none() && !holder.scope.is_empty() && matches!(holder.principal, Principal::User { .. }) {
            return Err(IssueError::InvalidScope);
        }
        let mut admission = self.admit(client, now)?;
        let left = holder.ends_at.map_or(u64::MAX, |end| end.seconds().saturating_sub(now.seconds()));
        let expires_in = u64::from(target.lifetime(holder.access_token_ttl)).min(left);
        let jti = self.random.bytes::<16>()?;
        let claims = AccessToken {
            iss: issuer.clone(),
            sub: holder.sub,
            aud: Audience(audience.to_owned()),
            exp: now.seconds() + expires_in,
            iat: now.seconds(),
            jti: URL_SAFE_NO_PAD.encode(jti.as_ref()),
            client_id: holder.client_id,
            org_id: holder.organization_id.to_string(),
            scope,
            principal: holder.principal,
            cred: holder.cred,
            generation: holder.generation,
            status: Some(Status::of(issuer, holder.status_index)),
            nbf: None,
            custom: target.claims(),
        };
        let ring = self.ring.snapshot();
        let signer = target.algorithms(now).into_iter().flatten().find_map(|algorithm| ring.signer(KeyLine::of_tokens(algorithm)));
        let access_token = signer.ok_or(IssueError::NoKey)?.sign(target.typ().name(), &claims)?;
        match client {
            Authenticated::Application { application, secret, .. } => self.uses.note_secret(secret, application.id, now, source),
            Authenticated::ApiKey(entry) => {
                entry.note_use(now, source);
                self.uses.note_api_key(entry, now, source);
            }
        }
        self.count_token(&mut admission, now);
        let spread = u32::from_be_bytes([jti[0], jti[1], jti[2], jti[3]]);
        let expires_in = told_lifetime(expires_in, self.deployment.expires_in_jitter, spread);
        Ok(IssuedToken {
            access_token,
            expires_in,
            scope: claims.scope,
            exceeds_observed: admission.exceeds_observed(),
            left: admission.left,
        })
    }
}

fn holder(client: &Authenticated) -> Holder<'_> {
    match client {
        Authenticated::Application { application, secret, organization } => {
            let client_id = application.client_id.to_string();
            Holder {
                sub: client_id.clone(),
                client_id,
                organization_id: application.organization_id,
                principal: Principal::Organization { id: organization.principal.to_string() },
                cred: secret.id.to_string(),
                generation: secret.generation,
                status_index: secret.status_index,
                scope: &application.scope,
                access_token_ttl: application.access_token_ttl,
                resources: application.resources.as_deref(),
                ends_at: None,
            }
        }
        Authenticated::ApiKey(entry) => {
            let id = entry.key.id.to_string();
            Holder {
                sub: entry.key.owner.user_id().map_or_else(|| id.clone(), |user| user.to_string()),
                client_id: id.clone(),
                organization_id: entry.key.owner.organization_id(),
                principal: entry.key.principal.clone(),
                cred: id,
                generation: entry.generation,
                status_index: entry.status_index,
                scope: &entry.key.permissions,
                access_token_ttl: None,
                resources: None,
                ends_at: entry.key.life.ends_at(),
            }
        }
    }
}

impl Target {
    fn identifier<'a>(&'a self, issuer: &'a str) -> &'a str {
        match self {
            Self::Registered(server) => &server.identifier,
            Self::Issuer => issuer,
        }
    }

    /// The algorithm in force, and the one before it: a new one's first key may be a moment late.
    fn algorithms(&self, now: Timestamp) -> [Option<Algorithm>; 2] {
        match self {
            Self::Registered(server) => [Some(server.signing.algorithm(now)), server.signing.before],
            Self::Issuer => [Some(Algorithm::ES256), None],
        }
    }

    fn typ(&self) -> TokenType {
        match self {
            Self::Registered(server) => server.token_typ,
            Self::Issuer => TokenType::AccessToken,
        }
    }

    fn claims(&self) -> serde_json::Map<String, serde_json::Value> {
        match self {
            Self::Registered(server) => server.claims.clone(),
            Self::Issuer => serde_json::Map::new(),
        }
    }

    /// The shorter of what the client and the resource server ask for, seconds.
    fn lifetime(&self, of_client: Option<u32>) -> u32 {
        let of_server = match self {
            Self::Registered(server) => server.access_token_ttl,
            Self::Issuer => None,
        };
        let enforcing = matches!(self, Self::Registered(server) if server.status_enforcing);
        access_token_lifetime(of_client, of_server, enforcing)
    }
}

/// RFC 8707 §2, RFC 9068 §3: which resource server is meant. An unknown one and one that is not granted get the same answer.
fn target(catalogue: &Catalogue, resources: Option<&[String]>, asked: Option<&str>, issuer: &str) -> Result<Target, IssueError> {
    let registered = |identifier: &str| catalogue.resource_servers.get(identifier).cloned().map(Target::Registered);
    let may = |identifier: &str| may_ask_for(resources, identifier);
    if let Some(asked) = asked {
        if catalogue.resource_servers.is_empty() && asked == issuer {
            return Ok(Target::Issuer);
        }
        return registered(asked).filter(|_| may(asked)).ok_or(IssueError::UnknownTarget);
    }
    let mut possible = catalogue.resource_servers.keys().filter(|identifier| may(identifier));
    match (possible.next(), possible.next()) {
        (Some(only), None) => registered(only).ok_or(IssueError::UnknownTarget),
        (Some(_), Some(_)) => {
            let default = catalogue.default.as_deref().filter(|default| may(default));
            default.and_then(registered).ok_or(IssueError::AmbiguousTarget)
        }
        (None, _) if catalogue.resource_servers.is_empty() => Ok(Target::Issuer),
        (None, _) => Err(IssueError::UnknownTarget),
    }
}

/// RFC 6749 §3.3: all of what is asked, or nothing; what the client holds for another resource is not for this one.
fn grant(catalogue: &Catalogue, held: &Scope, asked: Option<Scope>, audience: &str) -> Result<Option<Scope>, IssueError> {
    let granted = match asked.filter(|scope| !scope.is_empty()) {
        Some(asked) => {
            let all_for_audience = asked.iter().all(|token| catalogue.is_for(token.as_str(), audience));
            if !asked.is_subset(held) || !all_for_audience {
                return Err(IssueError::InvalidScope);
            }
            asked
        }
        None => held.iter().filter(|token| catalogue.is_for(token.as_str(), audience)).collect(),
    };
    Ok(Some(granted).filter(|scope| !scope.is_empty()))
}

//! Offline verification of Chancery's access tokens (RFC 9068), for resource servers.
//!
//! ```no_run
//! # async fn example(bearer: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use chancery_verifier::Verifier;
//!
//! let verifier = Verifier::discover("https://auth.example.com").audience("https://api.example.com").connect().await?;
//! let token = verifier.verify(bearer).await?;
//! token.require_scope("threads:read")?;
//! println!("{} of {}", token.principal().id(), token.organization());
//! # Ok(()) }
//! ```
//!
//! # What is checked
//! Exactly three canonical base64url parts, at most [`MAX_TOKEN_BYTES`]; a header of `typ`, `alg` and `kid` and nothing else (so no
//! `crit`, `jku`, `jwk`, `x5u`); the algorithm the issuer's key set binds to that `kid`; the signature; `typ`, `iss`, `aud`, `exp`, `nbf`, `iat`;
//! and that every claim of RFC 9068 §2.2 is there once, with its right JSON type.
//!
//! # Revocation
//! Where the issuer publishes revocations, which Chancery does, they are followed from `connect` on: a token whose application, secret, key or
//! organization was revoked is refused within a second ([`VerifyError::Revoked`], 401), without the issuer being asked per request. The price:
//! when nothing was heard for longer than the authority publishes (10 s unless it was set up otherwise) every token is refused
//! ([`VerifyError::Stale`], 503, never 401). [`Discovery::profile`] makes that sooner, [`Discovery::not_enforcing`] gives both up: then a token
//! is good until its `exp`. [`Revocations`] is the same without input or output, for whoever brings his own.
//!
//! # What is not checked
//! - **What the caller may do.** Compare [`AccessToken::organization`] with the object's owner and call [`AccessToken::require_scope`].
//! - **Sender constraints** (RFC 8705, RFC 9449): these are bearer tokens.
#![warn(missing_docs)]

mod algorithm;
mod cache;
mod claims;
mod frame;
mod jwks;
pub mod provider;
mod revocations;
#[cfg(test)]
mod rules;
mod scope;
mod signed;
#[cfg(test)]
mod simulation;
mod status;
mod verify;

#[cfg(feature = "fetch")]
mod api_key;
#[cfg(feature = "fetch")]
mod clock;
#[cfg(feature = "fetch")]
mod discovery;
#[cfg(feature = "fetch")]
mod events;
#[cfg(feature = "axum")]
mod extract;
#[cfg(feature = "fetch")]
mod fetch;
#[cfg(feature = "fetch")]
mod figures;
#[cfg(feature = "fetch")]
mod follow;
#[cfg(feature = "axum")]
mod layer;
#[cfg(feature = "fetch")]
mod verified;
#[cfg(feature = "fetch")]
mod verifier;

pub use algorithm::Algorithm;
pub use cache::VerifiedTokens;
pub use claims::{AccessToken, Audience, InsufficientScope, Principal};
pub use frame::{Frame, MAX_PUBLICATION_BYTES, Publication, SECURITY_EVENT, SecurityEvent, Snapshot, deflate, fingerprint};
pub use jwks::{KeySet, KeySetError};
pub use revocations::{Action, Applied, PublicationError, Revocations, Verdict};
pub use scope::{Scope, ScopeError, ScopeToken};
pub use status::{Status, StatusIndex, StatusListEntry, list_uri};
pub use verify::{Expectation, MAX_TOKEN_BYTES, TokenType, VerifyError, verify};

#[cfg(feature = "fetch")]
pub use api_key::{ApiKey, ApiKeyError};
#[cfg(feature = "fetch")]
pub use discovery::{DiscoverError, Discovery, Profile};
#[cfg(feature = "axum")]
pub use extract::{Bearer, Challenge};
#[cfg(feature = "fetch")]
pub use figures::Figures;
#[cfg(feature = "axum")]
pub use layer::{RequireAccessToken, RequireAccessTokenService};
#[cfg(feature = "fetch")]
pub use verified::Verified;
#[cfg(feature = "fetch")]
pub use verifier::Verifier;

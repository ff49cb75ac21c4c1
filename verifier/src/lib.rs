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
//! # What is not checked
//! - **Revocation.** A token of a deleted application verifies until its `exp` (300 s after `iat` unless configured otherwise). Where that is too
//!   long, ask the issuer's introspection endpoint (RFC 7662).
//! - **What the caller may do.** Compare [`AccessToken::organization`] with the object's owner and call [`AccessToken::require_scope`].
//! - **Sender constraints** (RFC 8705, RFC 9449): these are bearer tokens.
#![warn(missing_docs)]

mod algorithm;
mod claims;
mod frame;
mod jwks;
pub mod provider;
mod scope;
mod signed;
mod status;
mod verify;

#[cfg(feature = "axum")]
mod extract;
#[cfg(feature = "fetch")]
mod fetch;
#[cfg(feature = "axum")]
mod layer;

pub use algorithm::Algorithm;
pub use claims::{AccessToken, Audience, InsufficientScope, Principal};
pub use frame::{Frame, MAX_PUBLICATION_BYTES, Publication, SECURITY_EVENT, SecurityEvent, Snapshot, deflate, fingerprint};
pub use jwks::{KeySet, KeySetError};
pub use scope::{Scope, ScopeError, ScopeToken};
pub use status::{Status, StatusIndex, StatusListEntry, list_uri};
pub use verify::{Expectation, MAX_TOKEN_BYTES, TokenType, VerifyError, verify};

#[cfg(feature = "axum")]
pub use extract::{Bearer, Challenge};
#[cfg(feature = "fetch")]
pub use fetch::{DiscoverError, Discovery, Verifier};
#[cfg(feature = "axum")]
pub use layer::{RequireAccessToken, RequireAccessTokenService};

//! Chancery: an OAuth 2.0 authority for machines (RFC 6749 §4.4, RFC 9068, RFC 7662, RFC 7009, RFC 8414, RFC 8707).
//!
//! The map, from the outside in; each layer knows only those below it, and `tests/layering.rs` holds that.
//! - `main`, [`cli`], [`config`], [`telemetry`]: assembly.
//! - [`http`]: speaks HTTP; decides nothing.
//! - [`authority`]: decides; one file per power. Knows no HTTP and no SQL.
//! - [`storage`]: SQL, and nothing else knows it. [`keys`]: what signs and seals. [`directory`]: who may obtain a token, in memory.
//!   [`status`]: what verifiers are told, in memory.
//!   [`courier`]: what posts webhooks to the outside. [`openid`]: what asks an identity provider who somebody is.
//! - [`domain`]: what things are, without input or output.
//! - `chancery_verifier`: the token format and its verification, a crate of its own for resource servers.
pub mod authority;
pub mod cli;
pub mod clock;
pub mod config;
pub mod courier;
pub mod directory;
pub mod domain;
pub mod http;
pub mod keys;
pub mod openid;
pub mod random;
pub mod status;
pub mod storage;
pub mod telemetry;

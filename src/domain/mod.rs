//! What things are, without input or output: the nouns of the authority, parsed once and valid from then on.
pub mod application;
pub mod client_secret;
pub mod credential;
pub mod event;
pub mod id;
pub mod management_key;
pub mod organization;
pub mod page;
pub mod permission;
pub mod resource_server;
pub mod signing_key;
pub mod text;
pub mod timestamp;
pub mod usage;

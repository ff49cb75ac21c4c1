//! Keys: the master key that seals, the pepper that digests secrets, and the ring of keys that sign.
pub mod generate;
pub mod master;
pub mod pepper;
pub mod provider;
pub mod ring;
pub mod seal;
pub mod signer;

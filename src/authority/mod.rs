//! The authority: what is decided, one file per power. It knows no HTTP and no SQL.
pub mod applications;
pub mod authenticate;
pub mod caller;
pub mod change;
pub mod client_secrets;
pub mod error;
pub mod events;
pub mod failures;
pub mod housekeeping;
pub mod idempotency;
pub mod introspect;
pub mod issue;
pub mod management_keys;
pub mod organizations;
pub mod permissions;
pub mod refusals;
pub mod resource_servers;
pub mod revoke;
pub mod rotate;
pub mod signing_keys;
pub mod start;
pub mod usage;
pub mod validity;

use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::signing_key::Schedule;
use crate::keys::pepper::Pepper;
use crate::keys::ring::{KeyRing, RingError};
use crate::keys::seal::Sealer;
use crate::random::Random;
use crate::storage::Database;

use error::Error;
use failures::Failures;
use idempotency::InFlight;
use refusals::Refusals;
use usage::Uses;

/// What the operator chose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The issuer identifier (RFC 8414 §2), byte for byte as it stands in every token.
    pub issuer: String,
    pub schedule: Schedule,
}

/// The authority, made by [`start::start`].
pub struct Authority {
    pub settings: Settings,
    pub clock: Clock,
    pub ring: KeyRing,
    pub(crate) directory: Directory,
    pub(crate) database: Database,
    pub(crate) sealer: Sealer,
    pub(crate) pepper: Pepper,
    pub(crate) random: Random,
    pub(crate) uses: Uses,
    pub(crate) failures: Failures,
    pub(crate) refusals: Refusals,
    pub(crate) in_flight: InFlight,
}

impl Authority {
    /// Takes every committed change into memory, signing keys included.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be read.
    pub async fn catch_up(&self) -> Result<(), Error> {
        let followed = self.directory.follow(&self.database, self.clock.now()).await?;
        if followed.signing_keys_changed {
            self.load_keys().await?;
        }
        Ok(())
    }

    pub(crate) async fn load_keys(&self) -> Result<(), Error> {
        let mut tx = self.database.read().await?;
        self.ring.load(&mut tx, &self.sealer).await.map_err(|error| match error {
            RingError::Store(error) => error.into(),
            other => Error::internal(other),
        })
    }

    /// How many applications there are, for the operator's metrics.
    pub fn application_count(&self) -> usize {
        self.directory.application_count()
    }

    /// Closes the store: nothing can be changed any more, and what is in memory goes on being served.
    pub async fn close_store(&self) {
        self.database.close().await;
    }
}

impl Authority {
    /// A new id for a request, as it stands in `X-Request-ID`, the log and the event chain.
    pub fn request_id(&self) -> String {
        self.random.id::<crate::domain::id::RequestKind>(self.clock.now()).to_string()
    }

    /// Whether a key signs, so that tokens can be issued.
    pub fn can_sign(&self) -> bool {
        !self.ring.snapshot().algorithms().is_empty()
    }

    /// Whether the store answers.
    pub async fn store_answers(&self) -> bool {
        self.database.read().await.is_ok()
    }
}

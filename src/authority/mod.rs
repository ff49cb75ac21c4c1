//! The authority: what is decided, one file per power. It knows no HTTP and no SQL.
pub mod acting;
pub mod api_keys;
pub mod applications;
pub mod authenticate;
pub mod bound;
pub mod caller;
pub mod change;
pub mod client_secrets;
pub mod error;
pub mod events;
pub mod failures;
mod grants;
pub mod housekeeping;
pub mod idempotency;
pub mod introspect;
pub mod issue;
pub mod management_keys;
pub mod memberships;
pub mod organizations;
pub mod permissions;
pub mod portal;
pub mod presets;
pub mod publish;
pub mod refusals;
pub mod resource_servers;
pub mod revoke;
pub mod rotate;
pub mod rotate_api_key;
pub mod settings;
pub mod signing_keys;
pub mod start;
pub mod status;
pub mod usage;
pub mod users;
pub mod validate;
pub mod validity;
pub mod webhook_delivery;
pub mod webhooks;

use tokio::sync::{Mutex, watch};

use crate::clock::Clock;
use crate::courier::Courier;
use crate::directory::Directory;
use crate::domain::credential::ApiKeyPrefix;
use crate::domain::revocation::StatusProfile;
use crate::domain::signing_key::Schedule;
use crate::keys::pepper::Pepper;
pub use crate::keys::ring::PublishedKeys;
use crate::keys::ring::{KeyRing, RingError};
use crate::keys::seal::Sealer;
use crate::random::Random;
use crate::status::Status;
use crate::storage::{Database, installation};

use error::Error;
use failures::Failures;
use idempotency::InFlight;
use publish::Publisher;
use refusals::Refusals;
use usage::Counts;

/// How the operator deployed it.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The issuer identifier (RFC 8414 §2), byte for byte as it stands in every token.
    pub issuer: String,
    pub schedule: Schedule,
    pub status: StatusProfile,
    /// What API keys begin with where no settings say otherwise.
    pub api_key_prefix: ApiKeyPrefix,
    /// Internal networks that webhooks may be sent to.
    pub webhook_networks: Vec<ipnet::IpNet>,
}

/// The authority, made by [`start::start`].
pub struct Authority {
    pub deployment: Deployment,
    pub clock: Clock,
    pub ring: KeyRing,
    pub(crate) directory: Directory,
    pub(crate) database: Database,
    pub(crate) sealer: Sealer,
    pub(crate) pepper: Pepper,
    pub(crate) random: Random,
    pub(crate) uses: Counts,
    pub(crate) failures: Failures,
    pub(crate) refusals: Refusals,
    pub(crate) in_flight: InFlight,
    pub(crate) courier: Courier,
    /// Told whenever something was committed.
    pub(crate) committed: watch::Sender<()>,
    pub(crate) status: Status,
    pub(crate) publisher: Publisher,
    /// Held while the signing keys are read again, so that an older state never follows a newer one.
    loading_keys: Mutex<()>,
}

impl Authority {
    /// Takes every committed change into memory, signing keys included.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store cannot be read.
    pub async fn catch_up(&self) -> Result<(), Error> {
        self.directory.follow(&self.database, self.clock.now()).await?;
        if self.directory.signing_keys_changed() { self.load_keys().await } else { Ok(()) }
    }

    /// Reads the signing keys again, unless another has since they changed.
    async fn load_keys(&self) -> Result<(), Error> {
        let _turn = self.loading_keys.lock().await;
        if !self.directory.take_signing_keys_changed() {
            return Ok(());
        }
        let loaded = async { self.ring.load(&mut self.database.read().await?, &self.sealer).await }.await;
        loaded.map_err(|error| {
            self.directory.set_signing_keys_changed();
            match error {
                RingError::Store(error) => error.into(),
                other => Error::internal(other),
            }
        })
    }

    /// How many API keys there are, dead ones too, for the operator's metrics.
    pub fn api_key_count(&self) -> usize {
        self.directory.api_key_count()
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
        let read = async { installation::head(&mut self.database.read().await?).await };
        read.await.is_ok()
    }
}

//! The authority: what is decided, one file per power. It knows no HTTP and no SQL.
pub mod acting;
pub mod api_keys;
pub mod applications;
pub mod authenticate;
pub mod bound;
pub mod caller;
pub mod change;
pub mod client_secrets;
pub mod console;
pub mod error;
pub mod events;
pub mod failures;
pub mod follow;
mod grants;
pub mod housekeeping;
pub mod idempotency;
pub mod introspect;
pub mod issue;
pub mod management_keys;
pub mod memberships;
pub mod moving;
pub mod openid;
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
pub mod token_quotas;
pub mod token_requests;
pub mod usage;
pub mod usage_history;
pub mod users;
pub mod validate;
pub mod validity;
pub mod webhook_delivery;
pub mod webhooks;

use std::time::Duration;

use chancery_verifier::VerifiedTokens;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::courier::Courier;
use crate::directory::Directory;
use crate::domain::brand::Brand;
use crate::domain::credential::ApiKeyPrefix;
use crate::domain::id::RequestKind;
use crate::domain::revocation::StatusProfile;
use crate::domain::schedule::Schedule;
use crate::keys::pepper::Pepper;
use crate::keys::ring::KeyRing;
pub use crate::keys::ring::PublishedKeys;
use crate::keys::seal::Sealer;
use crate::openid::{Registration, RelyingParty};
use crate::random::Random;
use crate::status::Status;
use crate::storage::Database;

use failures::Failures;
use follow::{Lease, Rounds};
use idempotency::InFlight;
use publish::Publisher;
use refusals::Refusals;
use token_quotas::Exceeded;
use usage::Counts;

/// How the operator deployed it.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The issuer identifier (RFC 8414 §2), byte for byte as it stands in every token.
    pub issuer: String,
    pub schedule: Schedule,
    pub status: StatusProfile,
    /// For how long tokens are issued without the store, where it is one that others change too.
    pub lease: Duration,
    /// By up to how many hundredths clients are told a shorter lifetime, each token's by another part, so that they do not all come back at
    /// once.
    pub expires_in_jitter: u32,
    /// What API keys begin with where no settings say otherwise.
    pub api_key_prefix: ApiKeyPrefix,
    /// Internal networks that webhooks may be sent to.
    pub webhook_networks: Vec<ipnet::IpNet>,
    /// Whose portal it seems to be.
    pub brand: Brand,
    /// Where operators sign in, beside their management keys.
    pub openid: Option<Registration>,
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
    token_requests: token_requests::TokenRequests,
    pub(crate) failures: Failures,
    pub(crate) refusals: Refusals,
    exceeded: Exceeded,
    pub(crate) in_flight: InFlight,
    pub(crate) courier: Courier,
    pub(crate) openid: Option<RelyingParty>,
    /// What this process is called among several on one store; the one on SQLite succeeds itself.
    pub(crate) instance: String,
    /// Told whenever something was committed.
    pub(crate) committed: watch::Sender<()>,
    pub(crate) status: Status,
    pub(crate) publisher: Publisher,
    /// Tokens that were asked about.
    verified: VerifiedTokens,
    rounds: Rounds,
    lease: Lease,
}

impl Authority {
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
        self.random.unordered_id::<RequestKind>(self.clock.now()).to_string()
    }

    /// Whether a key signs, so that tokens can be issued.
    pub fn can_sign(&self) -> bool {
        !self.ring.snapshot().algorithms().is_empty()
    }
}

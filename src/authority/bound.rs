//! By when a revocation holds everywhere: what an answer promises whoever deletes, rotates or suspends, and what became of it.
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Authority;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::application::{Application, MAX_ACCESS_TOKEN_TTL, access_token_lifetime, max_access_token_ttl};
use crate::domain::management_key::Power;
use crate::domain::resource_server::{ResourceServer, may_ask_for};
use crate::domain::revocation::{CLOCK_DIFFERENCE, kept_for};
use crate::domain::timestamp::Timestamp;
use crate::status::{read_revision, revision};
use crate::storage::{installation, resource_servers, revocations};

/// The longest that an answer is held back until its revocation is published.
pub const MAX_WAIT: Duration = Duration::from_secs(10);
/// The most that a commit takes after what it promises was written down.
const COMMIT: Duration = Duration::from_millis(500);

/// Whose tokens a change makes worthless.
#[derive(Clone)]
pub(super) enum Revokes {
    /// One application's.
    Application(Application),
    /// One application's, whose credential obtains tokens until then; they live to their end.
    Later(Application, Timestamp),
    /// API keys', which have no lifetime of their own.
    ApiKeys,
    /// Those of any applications and API keys.
    Any,
}

/// The promise: the revision the revocation is published under, and when no resource server takes the tokens any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    pub rev: i64,
    /// The revision's name: the database's incarnation and the number.
    pub id: String,
    pub effective_by_ms: i64,
}

/// What became of a revocation.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "object", rename = "revocation")]
pub struct PublishedRevocation {
    pub rev: String,
    /// When it was told to every verifier that listens, by this process or, for an older one, by the time this process started; null while
    /// it was not yet.
    pub published_at: Option<Timestamp>,
}

impl Authority {
    /// When a revision was published.
    pub async fn find_revocation(&self, caller: &Caller, id: &str) -> Result<PublishedRevocation, Error> {
        caller.demand(Power::EventsRead)?;
        // What was just answered may not have been read by the publisher yet.
        let head = installation::status_head(&mut self.database.read().await?).await?;
        let epoch = head.status_epoch.unwrap_or_default();
        let rev = read_revision(id, &epoch).filter(|rev| *rev <= head.rev).ok_or(Error::NotFound("revocation"))?;
        Ok(PublishedRevocation { rev: id.to_owned(), published_at: self.status.published_at(rev) })
    }

    /// Waits until a revision is published; whether it was in time.
    pub async fn wait_until_published(&self, rev: i64, wait: Duration) -> bool {
        tokio::time::timeout(wait.min(MAX_WAIT), self.status.wait_for(rev)).await.is_ok()
    }
}

impl Change {
    /// What may be promised, if the change revokes something; known before it is committed, so that a kept answer has it too.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn bound(&mut self) -> Result<Option<Bound>, Error> {
        let Some(revokes) = self.revokes.clone() else { return Ok(None) };
        // A large change takes its time: what is promised is counted from its end.
        self.chain_events().await?;
        // Whatever revokes is an event.
        let Some(rev) = self.first_rev else { return Ok(None) };
        let head = installation::status_head(&mut self.tx).await?;
        let servers = resource_servers::all(&mut self.tx).await?;
        let now = self.authority.clock.now();
        let (from, longest) = match &revokes {
            Revokes::Later(application, retires_at) => (*retires_at, longest_ever(&servers, application)),
            Revokes::Application(application) => (now, longest(&servers, Some(application), now)),
            Revokes::ApiKeys => (now, longest(&servers, None, now)),
            Revokes::Any => (now, longest_unenforced(&servers)),
        };
        // An instance that is cut off makes tokens of what it knew, and where none is enforced they are taken.
        let last = from + longest + if longest.is_zero() { Duration::ZERO } else { self.lease() };
        let silence = self.authority.deployment.status.max_staleness + CLOCK_DIFFERENCE;
        let effective_by = last.max(Timestamp::from_millis(head.unenforced_until)).max(now + silence + COMMIT);
        let id = revision(&head.status_epoch.unwrap_or_default(), rev);
        Ok(Some(Bound { rev, id, effective_by_ms: effective_by.millis() }))
    }

    /// Notes what verifiers are told to bear. One that was cut off before it heard of a shorter time bears the longer one.
    pub(super) async fn note_max_staleness(&mut self) -> Result<(), Error> {
        let now = self.authority.deployment.status.max_staleness;
        let millis = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let before = installation::replace_max_staleness(&mut self.tx, millis).await?;
        if before > millis {
            let borne = Duration::from_millis(u64::try_from(before).unwrap_or(0)) + CLOCK_DIFFERENCE;
            installation::set_unenforced_until(&mut self.tx, self.now + borne).await?;
        }
        Ok(())
    }

    /// For how long another instance may make tokens of an older view.
    fn lease(&self) -> Duration {
        if self.authority.database.is_shared() { self.authority.deployment.lease } else { Duration::ZERO }
    }

    /// Has revocations remembered for as long as a token may live that is made within the lease.
    pub(super) async fn note_lease(&mut self) -> Result<(), Error> {
        let enforcing = resource_servers::all(&mut self.tx).await?.iter().any(|server| server.status_enforcing);
        self.keep_revocations(enforcing).await
    }

    pub(super) async fn keep_revocations(&mut self, enforcing: bool) -> Result<(), Error> {
        let longest = Duration::from_secs(u64::from(max_access_token_ttl(enforcing)));
        Ok(revocations::keep_for(&mut self.tx, kept_for(longest, self.authority.deployment.lease)).await?)
    }

    /// Notes how long tokens may live that were made for a resource server as it was, or for the issuer itself. One that stops enforcing
    /// leaves tokens behind that may live for a day.
    pub(super) async fn note_unenforced_tokens(&mut self, was_enforcing: bool) -> Result<(), Error> {
        let until = self.now + Duration::from_secs(u64::from(max_access_token_ttl(was_enforcing))) + self.lease();
        Ok(installation::set_unenforced_until(&mut self.tx, until).await?)
    }
}

/// The longest that a token of an application, or of an API key, made now may live with a verifier that revocation does not reach.
fn longest(servers: &[ResourceServer], application: Option<&Application>, now: Timestamp) -> Duration {
    let own = application.and_then(|application| application.access_token_ttl);
    let concerned = servers.iter().filter(|server| !server.status_enforcing && may(application, server));
    let longest = concerned.map(|server| access_token_lifetime(own, server.access_token_ttl, false)).max();
    // While no resource server is registered, tokens are for the issuer itself.
    let Some(longest) = longest.or(servers.is_empty().then(|| access_token_lifetime(own, None, false))) else { return Duration::ZERO };
    // Its own setting may have been a longer one a moment ago.
    let changed = application.is_some_and(|application| {
        application.version > 1 && application.updated_at + Duration::from_secs(u64::from(MAX_ACCESS_TOKEN_TTL)) > now
    });
    Duration::from_secs(u64::from(if changed { MAX_ACCESS_TOKEN_TTL } else { longest }))
}

/// The same whatever the application asks for.
fn longest_unenforced(servers: &[ResourceServer]) -> Duration {
    let of = |server: &ResourceServer| server.access_token_ttl.unwrap_or(MAX_ACCESS_TOKEN_TTL).min(MAX_ACCESS_TOKEN_TTL);
    let longest = servers.iter().filter(|server| !server.status_enforcing).map(of).max();
    let longest = longest.or(servers.is_empty().then_some(MAX_ACCESS_TOKEN_TTL));
    longest.map_or(Duration::ZERO, |seconds| Duration::from_secs(u64::from(seconds)))
}

/// The longest that any token of an application may live, whatever is set until it is made.
fn longest_ever(servers: &[ResourceServer], application: &Application) -> Duration {
    let enforcing = servers.iter().any(|server| server.status_enforcing && may(Some(application), server));
    Duration::from_secs(u64::from(max_access_token_ttl(enforcing)))
}

fn may(application: Option<&Application>, server: &ResourceServer) -> bool {
    application.is_none_or(|application| may_ask_for(application.resources.as_deref(), &server.identifier))
}

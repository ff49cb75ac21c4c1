//! By when a revocation holds everywhere: what an answer promises whoever deletes, rotates or suspends, and what became of it.
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Authority;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::domain::application::{Application, DEFAULT_ACCESS_TOKEN_TTL, MAX_ACCESS_TOKEN_TTL, MIN_ACCESS_TOKEN_TTL, max_access_token_ttl};
use crate::domain::management_key::Power;
use crate::domain::resource_server::ResourceServer;
use crate::domain::revocation::CLOCK_DIFFERENCE;
use crate::domain::timestamp::Timestamp;
use crate::storage::{installation, resource_servers};

/// The longest that an answer is held back until its revocation is published.
pub const MAX_WAIT: Duration = Duration::from_secs(10);

/// Whose tokens a change makes worthless, and when.
#[derive(Clone)]
pub(super) struct Revokes {
    /// `None` are those of several credentials.
    application: Option<Application>,
    /// When the credential stops obtaining tokens, if it is not at once: its tokens then live to their end.
    retires_at: Option<Timestamp>,
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
    pub fn find_revocation(&self, caller: &Caller, id: &str) -> Result<PublishedRevocation, Error> {
        caller.demand(Power::EventsRead)?;
        let seen = self.status.seen().ok_or(Error::NotFound("revocation"))?;
        let rev = id.rsplit_once('.').filter(|(epoch, _)| **epoch == *seen.epoch).and_then(|(_, rev)| rev.parse::<i64>().ok());
        let rev = rev.filter(|rev| (0..=seen.rev).contains(rev)).ok_or(Error::NotFound("revocation"))?;
        Ok(PublishedRevocation { rev: format!("{}.{rev}", seen.epoch), published_at: self.status.published_at(rev) })
    }

    /// Waits until a revision is published; whether it was in time.
    pub async fn wait_until_published(&self, rev: i64, wait: Duration) -> bool {
        tokio::time::timeout(wait.min(MAX_WAIT), self.status.wait_for(rev)).await.is_ok()
    }
}

impl Change {
    /// Notes that tokens of an application are worthless from now on.
    pub(super) fn revokes_of(&mut self, application: &Application) {
        self.revokes = Some(Revokes { application: Some(application.clone()), retires_at: None });
    }

    /// Notes that tokens of an application obtained until then are the last of their credential.
    pub(super) fn retires_of(&mut self, application: &Application, retires_at: Timestamp) {
        self.revokes = Some(Revokes { application: Some(application.clone()), retires_at: Some(retires_at) });
    }

    /// Notes that tokens of whatever credentials are worthless from now on.
    pub(super) fn revokes_any(&mut self) {
        self.revokes = Some(Revokes { application: None, retires_at: None });
    }

    /// What may be promised, if the change revokes something; known before it is committed, so that a kept answer has it too.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn bound(&mut self) -> Result<Option<Bound>, Error> {
        let Some(revokes) = self.revokes.clone() else { return Ok(None) };
        let head = installation::status_head(&mut self.tx).await?;
        let servers = resource_servers::all(&mut self.tx).await?;
        let profile = self.authority.deployment.status;
        let unenforced_until = Timestamp::from_millis(head.unenforced_until);
        let last = match revokes.retires_at {
            Some(retires_at) => retires_at + lifetime(&servers, revokes.application.as_ref(), self.now, false),
            None => self.now + lifetime(&servers, revokes.application.as_ref(), self.now, true),
        };
        let effective_by = last.max(unenforced_until).max(self.now + profile.max_staleness + CLOCK_DIFFERENCE);
        // The change's first event has the next place in the chain.
        let rev = head.rev + 1;
        let id = format!("{}.{rev}", head.status_epoch.unwrap_or_default());
        Ok(Some(Bound { rev, id, effective_by_ms: effective_by.millis() }))
    }

    /// Notes, before resource servers change, how long a token may live that none of those that follow revocations will see.
    pub(super) async fn note_unenforced_tokens(&mut self) -> Result<(), Error> {
        let servers = resource_servers::all(&mut self.tx).await?;
        // A server that stops enforcing leaves tokens behind that may live for a day.
        let longest = if servers.iter().any(|server| server.status_enforcing) { max_access_token_ttl(true) } else { MAX_ACCESS_TOKEN_TTL };
        let until = self.now + Duration::from_secs(u64::from(longest));
        Ok(installation::set_unenforced_until(&mut self.tx, until).await?)
    }
}

/// The longest that a token made now may live: all of them, or only those for resource servers that revocation does not reach.
fn lifetime(servers: &[ResourceServer], application: Option<&Application>, now: Timestamp, unenforced: bool) -> Duration {
    let resources = application.and_then(|application| application.resources.as_ref());
    let may = |server: &&ResourceServer| resources.is_none_or(|own| own.contains(&server.identifier));
    let own = application.and_then(|application| application.access_token_ttl);
    let of = |asked: Option<u32>, enforcing: bool| {
        asked.unwrap_or(DEFAULT_ACCESS_TOKEN_TTL).clamp(MIN_ACCESS_TOKEN_TTL, max_access_token_ttl(enforcing))
    };
    let concerned = servers.iter().filter(may).filter(|server| !(unenforced && server.status_enforcing));
    let longest = concerned.map(|server| of([own, server.access_token_ttl].into_iter().flatten().min(), server.status_enforcing)).max();
    // While no resource server is registered, tokens are for the issuer itself.
    let longest = longest.or(servers.is_empty().then(|| of(own, false)));
    let Some(longest) = longest else { return Duration::ZERO };
    // Its own setting may have been a longer one a moment ago.
    let changed = application.is_some_and(|application| {
        application.version > 1 && application.updated_at + Duration::from_secs(u64::from(MAX_ACCESS_TOKEN_TTL)) > now
    });
    Duration::from_secs(u64::from(if changed { longest.max(MAX_ACCESS_TOKEN_TTL) } else { longest }))
}

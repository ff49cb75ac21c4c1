//! What a verifier knows of revocations, without input or output: frames, snapshots and keys come in, checks and wishes come out.
//!
//! Two things make it right. Knowledge only grows: an entry once revoked stays until no token can carry it. And freshness is the signed time of
//! what was applied without a gap, never the time it arrived: whoever is cut off, or fed old frames, notices and refuses.
mod memory;
mod mutation;
mod outcome;
mod wishes;

use std::collections::HashMap;
use std::time::Duration;

use crate::claims::AccessToken;
use crate::frame::{Frame, Publication, Snapshot, fingerprint};
use crate::jwks::KeySet;
use crate::status::StatusIndex;
use crate::verify::VerifyError;
use memory::Memory;
#[cfg(test)]
pub(crate) use mutation::Rules;
use mutation::rule;
pub use outcome::{Action, Applied, PublicationError, Verdict};

/// How far a publication may lie in the future, milliseconds: clocks differ.
const CLOCK_DIFFERENCE: i64 = 2000;
/// A clock that goes back by more was set, milliseconds.
const SET_BACK: i64 = 250;
/// A token without `status` is one of a version that published none: it is taken this long after `iat`, seconds.
const UNNAMED_LIFETIME: u64 = 300;

/// Where in the chain of revisions the verifier is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Position {
    epoch: String,
    rev: i64,
}

/// A verifier's knowledge of revocations. Times are milliseconds since the epoch, handed in.
pub struct Revocations {
    issuer: String,
    own_max_staleness: Option<Duration>,
    status_keys: KeySet,
    fingerprint: String,
    position: Option<Position>,
    /// As of when everything is known; `None` before the first snapshot.
    fresh: Option<i64>,
    /// The newest publication seen, applied or not.
    newest: i64,
    /// The time when something last happened.
    latest: i64,
    /// What the newest publication says of itself.
    heartbeat: Duration,
    max_staleness: Duration,
    /// The fingerprint of the keys the newest publication names.
    named: String,
    /// Whether one was signed with a key that is not known.
    unknown_key: bool,
    /// As of when everything but the keys is known.
    held: Option<i64>,
    wants_snapshot: bool,
    /// The revision that must be reached before frames go on without a gap.
    gap: Option<i64>,
    /// Whether what came was not enough: the snapshot is next.
    failed: bool,
    asked: HashMap<&'static str, i64>,
    memory: Memory,
    #[cfg(test)]
    pub(crate) rules: Rules,
}

impl Revocations {
    /// Knows nothing yet, and so refuses everything. `max_staleness` is the verifier's own, beside the authority's: the shorter counts.
    pub fn new(issuer: impl Into<String>, max_staleness: Option<Duration>) -> Self {
        Self {
            issuer: issuer.into(),
            own_max_staleness: max_staleness,
            status_keys: KeySet::default(),
            fingerprint: String::new(),
            position: None,
            fresh: None,
            newest: i64::MIN,
            latest: i64::MIN,
            heartbeat: Duration::from_secs(2),
            max_staleness: Duration::ZERO,
            named: String::new(),
            unknown_key: false,
            held: None,
            wants_snapshot: true,
            gap: None,
            failed: false,
            asked: HashMap::new(),
            memory: Memory::default(),
            #[cfg(test)]
            rules: Rules::ALL,
        }
    }

    /// Takes in both key sets, fetched together; whether tokens are to be verified with `tokens` from now on. Sets other than those the
    /// newest publication names come from some cache, and may hold a key that was withdrawn.
    pub fn on_keys(&mut self, tokens: &KeySet, status: KeySet) -> bool {
        let fingerprint = fingerprint(tokens.kids(), status.kids());
        if std::mem::take(&mut self.unknown_key) {
            // A publication could not be verified at all; the next one says whether these are the keys.
            self.named.clear();
        }
        if !self.named.is_empty() && self.named != fingerprint {
            return false;
        }
        (self.fingerprint, self.status_keys) = (fingerprint, status);
        self.fresh = self.fresh.max(self.held.take());
        true
    }

    /// Whether the keys at hand are those the newest publication names.
    pub fn has_the_keys(&self) -> bool {
        !self.unknown_key && (self.named.is_empty() || self.named == self.fingerprint)
    }

    /// Takes in a frame, from whichever feed, slot or catch-up.
    ///
    /// # Errors
    /// [`PublicationError`]; then nothing was taken in.
    pub fn on_frame(&mut self, frame: &str, now: i64) -> Result<Applied, PublicationError> {
        let frame = Frame::verify(frame, &self.status_keys, &self.issuer).map_err(|error| self.invalid(error))?;
        let publication = &frame.publication;
        self.revoke(frame.indexes(), publication);
        self.look_at(publication, now)?;
        let Some(position) = &mut self.position else { return Ok(Applied::Incomplete) };
        if position.epoch != publication.epoch {
            // An old frame of a database that is no more is no reason to ask for everything.
            self.wants_snapshot |= self.fresh.is_none_or(|fresh| fresh < publication.as_of);
            return Ok(Applied::Incomplete);
        }
        if frame.prev > position.rev && rule!(self.continuity) {
            self.gap = self.gap.max(Some(frame.prev));
            if !rule!(self.held_while_catching_up) {
                self.freshen(publication, now);
            }
            return Ok(Applied::Incomplete);
        }
        position.rev = position.rev.max(publication.rev);
        self.gap = self.gap.filter(|gap| *gap > position.rev);
        Ok(self.freshen(publication, now))
    }

    /// Takes in a snapshot.
    ///
    /// # Errors
    /// [`PublicationError`]; then nothing was taken in.
    pub fn on_snapshot(&mut self, snapshot: &str, now: i64) -> Result<Applied, PublicationError> {
        let snapshot = Snapshot::verify(snapshot, &self.status_keys, &self.issuer).map_err(|error| self.invalid(error))?;
        let publication = &snapshot.publication;
        let indexes = snapshot.indexes()?;
        let same_epoch = self.position.as_ref().is_some_and(|position| position.epoch == publication.epoch);
        if !same_epoch && self.position.is_some() && !rule!(self.union_on_epoch) {
            self.memory = Memory::default();
        }
        self.revoke(indexes.into_iter(), publication);
        self.look_at(publication, now)?;
        let older = self.fresh.max(self.held).is_some_and(|known| publication.as_of < known);
        match &mut self.position {
            Some(position) if same_epoch => position.rev = position.rev.max(publication.rev),
            // A cache may still have the one from before the database was restored.
            Some(_) if older => return Ok(Applied::Incomplete),
            position => *position = Some(Position { epoch: publication.epoch.clone(), rev: publication.rev }),
        }
        self.wants_snapshot = false;
        self.gap = self.gap.filter(|gap| same_epoch && self.position.as_ref().is_some_and(|position| *gap > position.rev));
        Ok(self.freshen(publication, now))
    }

    /// The feed said that only the snapshot can tell.
    pub fn on_reset(&mut self) {
        self.wants_snapshot = true;
    }

    /// A clock that was set back would make old knowledge seem new: that is forgotten until a publication says anew how old it is.
    fn mind_the_clock(&mut self, now: i64) {
        if self.was_set_back(now) {
            (self.newest, self.fresh, self.held) = (i64::MIN, None, None);
        }
        self.latest = now;
    }

    fn was_set_back(&self, now: i64) -> bool {
        (self.newest > now.saturating_add(CLOCK_DIFFERENCE) || self.latest > now.saturating_add(SET_BACK)) && rule!(self.no_future)
    }

    fn may_ask(&mut self, what: &'static str, patience: i64, now: i64) -> bool {
        let may = self.asked.get(what).is_none_or(|asked| !(*asked..*asked + patience).contains(&now));
        if may {
            self.asked.insert(what, now);
        }
        may
    }

    /// Where the feed is to go on: the value of `Last-Event-ID`.
    pub fn left_off(&self) -> Option<String> {
        self.position.as_ref().map(|position| format!("{}.{}", position.epoch, position.rev))
    }

    /// How old the knowledge is; `None` while there is none, or when the clock was set back since it came.
    pub fn age(&self, now: i64) -> Option<Duration> {
        let fresh = self.fresh.filter(|_| !self.was_set_back(now))?;
        Some(Duration::from_millis(u64::try_from(now - fresh).unwrap_or(0)))
    }

    /// How many revocations are remembered.
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The oldest knowledge that may decide: the shortest of the authority's, the verifier's and the route's.
    fn limit(&self, of_route: Option<Duration>) -> Duration {
        [Some(self.max_staleness), self.own_max_staleness, of_route].into_iter().flatten().min().unwrap_or_default()
    }

    /// Whether a verified token of this issuer was revoked.
    pub fn check(&self, token: &AccessToken, now: i64, max_staleness: Option<Duration>) -> Verdict {
        let Some(status) = &token.status else {
            let may = token.iat.saturating_add(UNNAMED_LIFETIME) >= u64::try_from(now / 1000).unwrap_or(0);
            return if may { self.decide(None, Some(&token.jti), now, max_staleness) } else { Verdict::Unknown };
        };
        match status.index(&self.issuer) {
            Some(index) => self.decide(Some(index), Some(&token.jti), now, max_staleness),
            None => Verdict::Unknown,
        }
    }

    /// Whether a credential was revoked.
    pub fn check_index(&self, index: StatusIndex, now: i64, max_staleness: Option<Duration>) -> Verdict {
        self.decide(Some(index), None, now, max_staleness)
    }

    fn decide(&self, index: Option<StatusIndex>, jti: Option<&str>, now: i64, max_staleness: Option<Duration>) -> Verdict {
        // What was revoked stays so, however old the knowledge of it.
        if index.is_some_and(|index| self.memory.has_credential(index)) || jti.is_some_and(|jti| self.memory.has_token(jti)) {
            return Verdict::Revoked;
        }
        match self.age(now) {
            Some(age) if age <= self.limit(max_staleness) || !rule!(self.stale_is_refused) => Verdict::Good { age },
            _ => Verdict::Stale,
        }
    }

    /// A key that is not known may be new.
    fn invalid(&mut self, error: VerifyError) -> PublicationError {
        self.unknown_key |= error == VerifyError::UnknownKey;
        error.into()
    }

    fn look_at(&mut self, publication: &Publication, now: i64) -> Result<(), PublicationError> {
        self.mind_the_clock(now);
        if publication.as_of > now + CLOCK_DIFFERENCE && rule!(self.no_future) {
            return Err(PublicationError::FromTheFuture);
        }
        if publication.as_of >= self.newest {
            self.newest = publication.as_of;
            self.heartbeat = Duration::from_millis(publication.h);
            self.max_staleness = Duration::from_millis(publication.s);
            self.unknown_key = false;
            if self.named != publication.jwks {
                self.named.clone_from(&publication.jwks);
                self.asked.remove("keys");
            }
        }
        // By signed time: a clock that was ahead for a while must not make anyone forget.
        self.memory.forget(now.min(self.newest));
        Ok(())
    }

    /// Moves freshness to the publication's signed time, or remembers it until the keys it names are at hand.
    fn freshen(&mut self, publication: &Publication, now: i64) -> Applied {
        let time = if rule!(self.signed_time) { publication.as_of } else { now };
        if !self.has_the_keys() && rule!(self.held_while_keys_change) {
            self.held = self.held.max(Some(time));
            return Applied::Incomplete;
        }
        self.fresh = self.fresh.max(Some(time));
        Applied::Current
    }

    fn revoke(&mut self, indexes: impl Iterator<Item = StatusIndex>, publication: &Publication) {
        let keep = i64::try_from(publication.keep).unwrap_or(i64::MAX / 1000).saturating_mul(1000);
        // Without the rule: as long as a token lives, as if no issuer had an old memory.
        let keep = if rule!(self.kept_long_enough) { keep } else { keep / 2 };
        let until = publication.as_of.saturating_add(keep);
        indexes.for_each(|index| self.memory.revoke(index, until));
        publication.jti.iter().for_each(|(jti, exp)| self.memory.revoke_token(jti, *exp));
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

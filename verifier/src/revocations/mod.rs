//! What a verifier knows of revocations, without input or output: frames, snapshots and keys come in, checks and wishes come out.
//!
//! Two things make it right. Knowledge only grows: an entry once revoked stays until no token can carry it. And freshness is the signed time of
//! what was applied without a gap, never the time it arrived: whoever is cut off, or fed old frames, notices and refuses.
mod memory;
mod mutation;
mod outcome;

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
/// A token without `status` is one of a version that published none: it is taken this long after `iat`, seconds.
const UNNAMED_LIFETIME: u64 = 300;
/// The same wish is not repeated before this time, milliseconds.
const PATIENCE: i64 = 500;
/// Keys are asked for at most this often, milliseconds, and often enough to stay fresh.
const KEYS_PATIENCE: i64 = 5000;

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
    /// What the newest publication says of itself.
    heartbeat: Duration,
    max_staleness: Duration,
    /// Which keys the newest publication names, when it is not those at hand, and as of when everything else is known.
    other_keys: Option<String>,
    held: Option<i64>,
    wants_snapshot: bool,
    /// The revision that must be reached before frames go on without a gap.
    gap: Option<i64>,
    slot_failed: bool,
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
            heartbeat: Duration::from_secs(2),
            max_staleness: Duration::ZERO,
            other_keys: None,
            held: None,
            wants_snapshot: true,
            gap: None,
            slot_failed: false,
            asked: HashMap::new(),
            memory: Memory::default(),
            #[cfg(test)]
            rules: Rules::ALL,
        }
    }

    /// Takes in both key sets, fetched together. Tokens are verified with `tokens` from the moment this is called.
    pub fn on_keys(&mut self, tokens: &KeySet, status: KeySet) {
        self.fingerprint = fingerprint(tokens.kids(), status.kids());
        self.status_keys = status;
        match self.other_keys.as_deref() {
            // A publication could not be verified at all; the next one says whether these are the keys.
            Some("") => self.other_keys = None,
            Some(wanted) if wanted == self.fingerprint => {
                self.other_keys = None;
                self.fresh = self.fresh.max(self.held.take());
            }
            _ => {}
        }
    }

    /// Takes in a frame, from whichever feed, slot or catch-up.
    ///
    /// # Errors
    /// [`PublicationError`]; then nothing was taken in.
    pub fn on_frame(&mut self, frame: &str, now: i64) -> Result<Applied, PublicationError> {
        let frame = Frame::verify(frame, &self.status_keys, &self.issuer).map_err(|error| self.invalid(error))?;
        let publication = &frame.publication;
        self.look_at(publication, now)?;
        self.revoke(frame.indexes(), publication);
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
        let older = publication.as_of < self.newest;
        self.look_at(publication, now)?;
        let same_epoch = self.position.as_ref().is_some_and(|position| position.epoch == publication.epoch);
        if !same_epoch && self.position.is_some() && !rule!(self.union_on_epoch) {
            self.memory = Memory::default();
        }
        self.revoke(indexes.into_iter(), publication);
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

    /// What was asked for could not be had.
    pub fn on_failure(&mut self, action: &Action) {
        match action {
            Action::AskSlot { .. } => self.slot_failed = true,
            // Frames do not reach back that far.
            Action::CatchUp { .. } => self.wants_snapshot = true,
            Action::FetchSnapshot | Action::FetchKeys { .. } => {}
        }
    }

    /// What to fetch now, if anything. Whoever calls does it, says what came of it, and asks again.
    pub fn next_action(&mut self, now: i64) -> Option<Action> {
        if let Some(fingerprint) = self.other_keys.clone() {
            let patience = KEYS_PATIENCE.min(millis(self.limit(None)) / 4);
            if self.may_ask("keys", patience, now) {
                return Some(Action::FetchKeys { fingerprint });
            }
        }
        if self.wants_snapshot {
            return self.may_ask("snapshot", PATIENCE, now).then_some(Action::FetchSnapshot);
        }
        if self.gap.is_some() {
            let Position { epoch, rev } = self.position.clone()?;
            return self.may_ask("catch up", PATIENCE, now).then_some(Action::CatchUp { epoch, rev });
        }
        if self.is_silent(now) && self.may_ask("slot", 1000, now) {
            if std::mem::take(&mut self.slot_failed) {
                return Some(Action::FetchSnapshot);
            }
            return Some(Action::AskSlot { second: now.div_euclid(1000) });
        }
        None
    }

    /// Whether nothing new came for two heartbeats and a half.
    fn is_silent(&self, now: i64) -> bool {
        self.fresh.is_some_and(|fresh| now - fresh > millis(self.heartbeat * 5 / 2))
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

    /// How often a frame comes when nothing happens.
    pub fn heartbeat(&self) -> Duration {
        self.heartbeat
    }

    /// How old the knowledge is; `None` while there is none.
    pub fn age(&self, now: i64) -> Option<Duration> {
        self.fresh.map(|fresh| Duration::from_millis(u64::try_from(now - fresh).unwrap_or(0)))
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
        if error == VerifyError::UnknownKey && self.other_keys.is_none() {
            self.other_keys = Some(String::new());
        }
        error.into()
    }

    fn look_at(&mut self, publication: &Publication, now: i64) -> Result<(), PublicationError> {
        if publication.as_of > now + CLOCK_DIFFERENCE && rule!(self.no_future) {
            return Err(PublicationError::FromTheFuture);
        }
        if publication.as_of >= self.newest {
            self.newest = publication.as_of;
            self.heartbeat = Duration::from_millis(publication.h);
            self.max_staleness = Duration::from_millis(publication.s);
            self.other_keys = (publication.jwks != self.fingerprint).then(|| publication.jwks.clone());
        }
        self.memory.forget(now);
        Ok(())
    }

    /// Moves freshness to the publication's signed time, or remembers it until the keys it names are at hand.
    fn freshen(&mut self, publication: &Publication, now: i64) -> Applied {
        let time = if rule!(self.signed_time) { publication.as_of } else { now };
        if self.other_keys.is_some() && rule!(self.held_while_keys_change) {
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

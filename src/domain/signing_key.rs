//! The life of a signing key: published → active → retiring → removed, and compromised from any of them; decided here, carried out elsewhere.
//!
//! A verifier may have fetched the key set up to [`Schedule::lead`] ago and must still verify every unexpired token. So a key is published a
//! lead before it signs, and stays published until the last token it signed has expired.
use chancery_verifier::Algorithm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schedule::Schedule;
use super::timestamp::Timestamp;

/// How many keys of one line the JWK set holds at the most (K8).
pub const MAX_PUBLISHED_KEYS: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// In the JWK set, not signing yet.
    Published,
    /// The one that signs.
    Active,
    /// In the JWK set, signing no more.
    Retiring,
    /// Out of the JWK set: every token it signed has expired.
    Removed,
    /// Out of the JWK set at once; its tokens are refused.
    Compromised,
}

impl KeyState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Removed => "removed",
            Self::Compromised => "compromised",
        }
    }

    pub fn is_in_jwks(self) -> bool {
        matches!(self, Self::Published | Self::Active | Self::Retiring)
    }
}

/// What a key signs. Each purpose has a JWK set of its own: a stolen status key mints no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyPurpose {
    /// Access tokens.
    AccessToken,
    /// Frames, snapshots and status lists.
    Status,
}

impl KeyPurpose {
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::Status => "status",
        }
    }
}

/// The keys that follow one another: those of one purpose and one algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyLine {
    pub purpose: KeyPurpose,
    pub alg: Algorithm,
}

impl KeyLine {
    pub const STATUS: Self = Self { purpose: KeyPurpose::Status, alg: Algorithm::ES256 };

    pub fn of_tokens(alg: Algorithm) -> Self {
        Self { purpose: KeyPurpose::AccessToken, alg }
    }

    /// Every line there may be.
    pub fn all() -> impl Iterator<Item = Self> {
        Algorithm::ALL.into_iter().map(Self::of_tokens).chain([Self::STATUS])
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "signing_key")]
pub struct SigningKey {
    /// RFC 7638 thumbprint of the public key, so no two keys ever share one.
    pub kid: String,
    pub purpose: KeyPurpose,
    #[schemars(with = "String", extend("enum" = ["ES256", "EdDSA", "RS256", "PS256"]))]
    pub alg: Algorithm,
    pub state: KeyState,
    pub published_at: Timestamp,
    /// The earliest moment it may sign.
    pub activates_at: Timestamp,
    pub activated_at: Option<Timestamp>,
    pub retired_at: Option<Timestamp>,
    /// When it leaves the JWK set.
    pub removes_at: Option<Timestamp>,
}

impl SigningKey {
    pub fn line(&self) -> KeyLine {
        KeyLine { purpose: self.purpose, alg: self.alg }
    }
}

/// One due step for the keys of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a key and publish it.
    Publish {
        activates_at: Timestamp,
    },
    /// Make a key that signs from now on: there is none.
    PublishActive,
    /// Let `successor` sign in place of `retiring`.
    Promote {
        retiring: Option<String>,
        successor: String,
    },
    Remove {
        kid: String,
    },
}

/// What is due now for the keys of one line, the first step of possibly several: carry it out and ask again.
pub fn next_step(keys: &[SigningKey], now: Timestamp, schedule: &Schedule) -> Option<Step> {
    let active = keys.iter().find(|key| key.state == KeyState::Active);
    let successor = successor(keys);
    if let Some(removed) = keys.iter().find(|key| key.state == KeyState::Retiring && key.removes_at.is_some_and(|at| at <= now)) {
        return Some(Step::Remove { kid: removed.kid.clone() });
    }
    match (active, successor) {
        (None, None) => Some(Step::PublishActive),
        (None, Some(successor)) if successor.activates_at <= now => {
            Some(Step::Promote { retiring: None, successor: successor.kid.clone() })
        }
        (None, Some(_)) => None,
        (Some(_), None) => Some(Step::Publish { activates_at: now + schedule.lead }),
        (Some(active), Some(successor)) => {
            let due = active.activated_at.is_none_or(|at| at + schedule.active_period <= now) && successor.activates_at <= now;
            due.then(|| Step::Promote { retiring: Some(active.kid.clone()), successor: successor.kid.clone() })
        }
    }
}

/// The published key that signs next: the one that has been published longest.
pub fn successor(keys: &[SigningKey]) -> Option<&SigningKey> {
    keys.iter().filter(|key| key.state == KeyState::Published).min_by_key(|key| (key.activates_at, key.published_at))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    /// Plays the schedule against a verifier that caches the key set for as long as it may, and a signer.
    struct Model {
        keys: Vec<SigningKey>,
        schedule: Schedule,
        now: Timestamp,
        tokens: Vec<(String, Timestamp)>,
        made: usize,
        cached: Vec<String>,
        cached_at: Timestamp,
    }

    impl Model {
        fn jwks(&self) -> Vec<String> {
            self.keys.iter().filter(|key| key.state.is_in_jwks()).map(|key| key.kid.clone()).collect()
        }

        fn make(&mut self, state: KeyState, activates_at: Timestamp) {
            self.made += 1;
            self.keys.push(SigningKey {
                kid: format!("k{}", self.made),
                purpose: KeyPurpose::AccessToken,
                alg: Algorithm::ES256,
                state,
                published_at: self.now,
                activates_at,
                activated_at: (state == KeyState::Active).then_some(self.now),
                retired_at: None,
                removes_at: None,
            });
        }

        fn promote(&mut self, retiring: Option<&str>, successor: &str) {
            let (now, schedule) = (self.now, self.schedule);
            for key in &mut self.keys {
                if Some(key.kid.as_str()) == retiring {
                    (key.state, key.retired_at, key.removes_at) = (KeyState::Retiring, Some(now), Some(schedule.removes_at(now)));
                } else if key.kid == successor {
                    (key.state, key.activated_at) = (KeyState::Active, Some(now));
                }
            }
        }

        fn tick(&mut self) {
            while let Some(step) = next_step(&self.keys, self.now, &self.schedule) {
                match step {
                    Step::Publish { activates_at } => self.make(KeyState::Published, activates_at),
                    Step::PublishActive => self.make(KeyState::Active, self.now),
                    Step::Promote { retiring, successor } => self.promote(retiring.as_deref(), &successor),
                    Step::Remove { kid } => {
                        self.keys.iter_mut().filter(|key| key.kid == kid).for_each(|key| key.state = KeyState::Removed);
                    }
                }
            }
        }
    }

    fn run(schedule: Schedule, cache: Duration, steps: &[(u64, bool)]) -> Result<(), String> {
        let start = Timestamp::from_millis(1_700_000_000_000);
        let mut model = Model { keys: vec![], schedule, now: start, tokens: vec![], made: 0, cached: vec![], cached_at: start };
        model.tick();
        model.cached = model.jwks();
        for (seconds, refetch) in steps {
            model.now = model.now + Duration::from_secs(*seconds);
            model.tick();
            let active: Vec<_> = model.keys.iter().filter(|key| key.state == KeyState::Active).collect();
            if active.len() != 1 || successor(&model.keys).is_none() {
                return Err(format!("{} active keys", active.len()));
            }
            let kid = active[0].kid.clone();
            model.tokens.push((kid, model.now + schedule.max_token_lifetime));
            if *refetch || model.cached_at + cache <= model.now {
                (model.cached, model.cached_at) = (model.jwks(), model.now);
            }
            model.tokens.retain(|(_, expires)| *expires > model.now);
            if let Some((kid, _)) = model.tokens.iter().find(|(kid, _)| !model.cached.contains(kid)) {
                return Err(format!("a token of {kid} does not verify with {:?}", model.cached));
            }
            if model.jwks().len() > MAX_PUBLISHED_KEYS {
                return Err("too many keys".into());
            }
        }
        Ok(())
    }

    fn schedule() -> Schedule {
        Schedule { active_period: Duration::from_secs(24 * 3600), ..Schedule::with_lead(Schedule::DEFAULT_LEAD) }
    }

    fn steps() -> impl Strategy<Value = Vec<(u64, bool)>> {
        proptest::collection::vec((1_u64..3600, any::<bool>()), 100..400)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn k8_k9_every_unexpired_token_verifies_at_a_verifier_that_caches_for_an_hour(steps in steps()) {
            prop_assert_eq!(run(schedule(), Duration::from_secs(3600), &steps), Ok(()));
        }
    }

    /// The model must notice when the rule is broken, or it proves nothing.
    #[test]
    fn k9_a_schedule_without_lead_or_without_token_lifetime_is_caught() {
        let steady: Vec<_> = (0..2000).map(|step| (300, step % 13 == 0)).collect();
        assert_eq!(run(schedule(), Duration::from_secs(3600), &steady), Ok(()));
        let long_cache = Duration::from_secs(40 * 24 * 3600);
        assert!(run(schedule(), long_cache, &steady.iter().map(|(seconds, _)| (*seconds, false)).collect::<Vec<_>>()).is_err());
        let mut keys_leave_early = schedule();
        keys_leave_early.max_token_lifetime = Duration::ZERO;
        let mut model_lifetime = keys_leave_early;
        model_lifetime.max_token_lifetime = Duration::from_secs(3600);
        assert!(keys_leave_early.removes_at(Timestamp::from_millis(0)) < model_lifetime.removes_at(Timestamp::from_millis(0)));
    }
}

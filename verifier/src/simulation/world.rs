//! A modelled authority and its verifiers: credentials come and go, publishers are cut off, feeds freeze, clocks differ.
use std::collections::{BTreeMap, BTreeSet};

use super::parts::{Answer, Authority, Chance, Feed, Issuer, Outcome, Publisher, Revocation, Verifier};
use super::signing::{ISSUER, StatusKey, token};
use crate::revocations::{Action, Revocations, Rules, Verdict};
use crate::{AccessToken, Frame, KeySet, Publication, Snapshot, StatusIndex, fingerprint};

const START: i64 = 1_795_132_800_000;
const RUNS_FOR: i64 = 600_000;
const STEP: i64 = 50;
const S: i64 = 10_000;
const H: i64 = 2000;
/// A token's life, and for how long an issuer that lost its database goes on making them, milliseconds.
const TTL: i64 = 60_000;
const LEASE: i64 = 60_000;
const KEEP: i64 = TTL + LEASE + 20_000;
const VERIFIERS: usize = 12;

pub(super) struct World {
    now: i64,
    chance: Chance,
    authority: Authority,
    rules: Rules,
    key: StatusKey,
    keys: KeySet,
    /// The sets of token keys there are in turn, and which is published.
    token_keys: [KeySet; 2],
    token_keys_at: usize,
    /// A snapshot that some cache has, and since when.
    cached: Option<(i64, String)>,
    head: i64,
    revocations: Vec<Revocation>,
    /// Numbered, not yet committed: when each will be.
    pending: Vec<(i64, i64, StatusIndex)>,
    live: Vec<StatusIndex>,
    made: u64,
    tokens: Vec<(i64, AccessToken)>,
    history: Vec<String>,
    publishers: [Publisher; 2],
    verifiers: Vec<Verifier>,
    issuer: Issuer,
}

impl World {
    pub(super) fn new(seed: u64, authority: Authority, rules: Rules) -> Self {
        let key = StatusKey::new("st-1");
        let keys = key.key_set();
        let publisher = || Publisher { framed: 0, beat_at: START, cut_until: 0 };
        let mut world = Self {
            now: START,
            chance: Chance(seed),
            authority,
            rules,
            key,
            keys,
            token_keys: [StatusKey::new("at-1").key_set(), StatusKey::new("at-2").key_set()],
            token_keys_at: 0,
            cached: None,
            head: 0,
            revocations: Vec::new(),
            pending: Vec::new(),
            live: Vec::new(),
            made: 0,
            tokens: Vec::new(),
            history: Vec::new(),
            publishers: [publisher(), publisher()],
            verifiers: Vec::new(),
            issuer: Issuer { frozen: None },
        };
        for _ in 0..VERIFIERS {
            let clock_difference = world.chance.below(1001) - 500;
            let feed = |publisher| Feed { publisher, under_way: Vec::new(), frozen_until: 0 };
            let revocations = world.know_nothing();
            let feeds = [feed(0), feed(1)];
            world.verifiers.push(Verifier { revocations, clock_difference, clock_wrong: (0, 0), feeds, answers: Vec::new() });
        }
        world
    }

    fn know_nothing(&self) -> Revocations {
        let mut revocations = Revocations::new(ISSUER, None);
        revocations.on_keys(&self.token_keys[self.token_keys_at], self.keys.clone());
        revocations.rules = self.rules;
        revocations
    }

    fn publication(&self, rev: i64, as_of: i64) -> Publication {
        Publication {
            epoch: "7f3a".into(),
            rev,
            as_of,
            h: u64::try_from(H).unwrap(),
            s: u64::try_from(S).unwrap(),
            keep: u64::try_from(KEEP / 1000).unwrap(),
            jwks: fingerprint(self.token_keys[self.token_keys_at].kids(), self.keys.kids()),
            jti: BTreeMap::new(),
        }
    }

    /// What the database says is revoked in a range of revisions, and still matters.
    fn revoked(&self, after: i64, to: i64) -> impl Iterator<Item = StatusIndex> + '_ {
        let of_range = move |one: &&Revocation| one.rev > after && one.rev <= to && one.committed_at + KEEP > self.now;
        self.revocations.iter().filter(of_range).map(|one| one.index)
    }

    fn frame(&self, prev: i64, rev: i64) -> String {
        let mut set: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for index in self.revoked(prev, rev) {
            set.entry(index.list()).or_default().insert(index.position());
        }
        self.key.sign(&Frame { prev, publication: self.publication(rev, self.now), set }.into_claims(ISSUER))
    }

    /// Credentials come, are used, and are revoked.
    fn live_on(&mut self) {
        if self.live.len() < 40 {
            self.made += 1;
            self.live.push(StatusIndex::new(self.made * 7919));
        }
        if self.live.len() > 10 && self.chance.once_in(40) {
            let gone = usize::try_from(self.chance.below(i64::try_from(self.live.len()).unwrap())).unwrap();
            let index = self.live.swap_remove(gone);
            let delay = self.chance.below(600);
            if self.authority.numbers_at_commit {
                self.pending.push((self.now + delay, 0, index));
            } else {
                self.head += 1;
                self.pending.push((self.now + delay, self.head, index));
            }
        }
        let (due, later) = std::mem::take(&mut self.pending).into_iter().partition(|(at, ..)| *at <= self.now);
        self.pending = later;
        for (_, numbered, index) in Vec::from_iter::<Vec<_>>(due) {
            if self.authority.numbers_at_commit {
                self.head += 1;
            }
            let rev = if self.authority.numbers_at_commit { self.head } else { numbered };
            self.revocations.push(Revocation { rev, index, committed_at: self.now });
        }
        self.issue();
        let old = self.now - KEEP - TTL;
        self.revocations.retain(|one| one.committed_at > old);
        self.tokens.retain(|(exp, _)| *exp + 10_000 > self.now);
    }

    /// Tokens are made, also by an issuer that still remembers what is long revoked.
    fn issue(&mut self) {
        if self.chance.once_in(400) {
            self.issuer.frozen = Some((self.now + LEASE, self.live.clone()));
        }
        self.issuer.frozen.take_if(|(until, _)| *until <= self.now);
        let remembered = self.issuer.frozen.as_ref().map_or(&self.live, |(_, remembered)| remembered);
        let index = remembered[usize::try_from(self.chance.below(i64::try_from(remembered.len()).unwrap())).unwrap()];
        self.tokens.push((self.now + TTL, token(index, self.now, self.now + TTL)));
    }

    /// Publishers read, sign and tell; some are cut off. Now and then the signing keys change.
    fn publish(&mut self) {
        if self.chance.once_in(2000) {
            self.token_keys_at = 1 - self.token_keys_at;
        }
        for number in 0..2 {
            if self.chance.once_in(800) {
                self.publishers[number].cut_until = self.now + self.chance.below(30_000);
            }
            let Publisher { framed, beat_at, cut_until } = self.publishers[number];
            let cut = cut_until > self.now;
            if cut && self.authority.reads_before_it_signs {
                continue;
            }
            let seen = if cut { framed } else { self.revocations.iter().map(|one| one.rev).max().unwrap_or(0).max(framed) };
            if seen == framed && beat_at > self.now {
                continue;
            }
            let frame = self.frame(framed, seen);
            (self.publishers[number].framed, self.publishers[number].beat_at) = (seen, self.now + H);
            self.history.push(frame.clone());
            let replayed = self.history[usize::try_from(self.chance.below(i64::try_from(self.history.len()).unwrap())).unwrap()].clone();
            for verifier in &mut self.verifiers {
                let feeds = verifier.feeds.iter_mut().filter(|feed| feed.publisher == number);
                for feed in feeds {
                    if !self.chance.once_in(20) {
                        // Some overtake others.
                        feed.under_way.push((self.now + self.chance.below(300), frame.clone()));
                    }
                    if self.chance.once_in(20) {
                        feed.under_way.push((self.now + self.chance.below(3000), replayed.clone()));
                    }
                }
            }
        }
        if self.history.len() > 200 {
            self.history.drain(..100);
        }
    }

    /// What a verifier asks for is answered late, by a publisher that may be cut off, or not at all.
    fn answer(&mut self, action: Action) -> (i64, Answer) {
        let at = self.now + 20 + self.chance.below(800);
        let reachable = self.publishers.iter().any(|publisher| publisher.cut_until <= self.now) && !self.chance.once_in(4);
        let head = self.revocations.iter().map(|one| one.rev).max().unwrap_or(0);
        let answer = match &action {
            _ if !reachable => Answer::Failed(action),
            Action::FetchSnapshot if self.cached.as_ref().is_some_and(|(at, _)| *at + 3000 > self.now) && self.chance.once_in(2) => {
                Answer::Snapshot(self.cached.as_ref().map(|(_, snapshot)| snapshot.clone()).unwrap())
            }
            Action::FetchSnapshot => {
                let snapshot = Snapshot::new(self.publication(head, self.now), self.revoked(i64::MIN, head));
                let snapshot = self.key.sign(&snapshot.into_claims(ISSUER));
                self.cached = Some((self.now, snapshot.clone()));
                Answer::Snapshot(snapshot)
            }
            Action::CatchUp { rev, .. } => Answer::Frame(self.frame(*rev, head.max(*rev))),
            Action::AskSlot { .. } => Answer::Frame(self.frame((head - 3).max(0), head)),
            // Some cache has the set from before.
            Action::FetchKeys { .. } if self.chance.once_in(3) => Answer::Keys(self.token_keys[1 - self.token_keys_at].clone()),
            Action::FetchKeys { .. } => Answer::Keys(self.token_keys[self.token_keys_at].clone()),
        };
        (at, answer)
    }

    /// Frames and answers arrive, verifiers wish and restart.
    fn verifiers_listen(&mut self) {
        for number in 0..self.verifiers.len() {
            if self.chance.once_in(8000) {
                self.verifiers[number].revocations = self.know_nothing();
                self.verifiers[number].answers.clear();
            }
            for feed in 0..2 {
                if self.chance.once_in(1500) {
                    self.verifiers[number].feeds[feed].frozen_until = self.now + self.chance.below(40_000);
                }
            }
            let verifier = &mut self.verifiers[number];
            if verifier.clock_wrong.0 <= self.now {
                verifier.clock_wrong.1 = 0;
                if self.chance.once_in(4000) {
                    let by = [5000, -5000, 7_200_000, -7_200_000][usize::try_from(self.chance.below(4)).unwrap()];
                    verifier.clock_wrong = (self.now + self.chance.below(60_000), by);
                }
            }
            let now = verifier.time(self.now);
            for feed in &mut verifier.feeds {
                if feed.frozen_until > self.now {
                    continue;
                }
                let (due, later) = std::mem::take(&mut feed.under_way).into_iter().partition(|(at, _)| *at <= self.now);
                feed.under_way = later;
                for (_, frame) in Vec::from_iter::<Vec<_>>(due) {
                    let _ = verifier.revocations.on_frame(&frame, now);
                }
            }
            let (due, later) = std::mem::take(&mut verifier.answers).into_iter().partition(|(at, _)| *at <= self.now);
            verifier.answers = later;
            for (_, answer) in Vec::from_iter::<Vec<_>>(due) {
                match answer {
                    Answer::Frame(frame) => drop(verifier.revocations.on_frame(&frame, now)),
                    Answer::Snapshot(snapshot) => drop(verifier.revocations.on_snapshot(&snapshot, now)),
                    Answer::Keys(tokens) => drop(verifier.revocations.on_keys(&tokens, self.keys.clone())),
                    Answer::Failed(action) => verifier.revocations.on_failure(&action),
                }
            }
            if let Some(action) = verifier.revocations.next_action(now) {
                let answer = self.answer(action);
                self.verifiers[number].answers.push(answer);
            }
        }
    }

    /// Goes on for a moment; whether there is more to come.
    pub(super) fn step(&mut self, outcome: &mut Outcome) -> bool {
        self.now += STEP;
        self.live_on();
        self.publish();
        self.verifiers_listen();
        for number in 0..self.verifiers.len() {
            self.attempt(number, outcome);
        }
        self.now < START + RUNS_FOR
    }

    /// A verifier is shown a token.
    fn attempt(&mut self, number: usize, outcome: &mut Outcome) {
        let shown = usize::try_from(self.chance.below(i64::try_from(self.tokens.len()).unwrap())).unwrap();
        let (exp, token) = &self.tokens[shown];
        let verifier = &self.verifiers[number];
        let now = verifier.time(self.now);
        if now > *exp + 5000 {
            return;
        }
        outcome.attempts += 1;
        match verifier.revocations.check(token, now, None) {
            Verdict::Good { .. } => {
                outcome.accepted += 1;
                let index = token.status.as_ref().unwrap().index(ISSUER).unwrap();
                let revoked = self.revocations.iter().find(|one| one.index == index);
                if revoked.is_some_and(|one| self.now > one.committed_at + S + verifier.lag()) {
                    outcome.past_the_bound += 1;
                }
            }
            Verdict::Stale => outcome.stale += 1,
            Verdict::Revoked | Verdict::Unknown => {}
        }
    }
}

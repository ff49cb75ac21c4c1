//! The rules of following that a fault model does not reach, one by one.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::revocations::{Action, Applied, PublicationError, Revocations, Rules, Verdict};
use crate::simulation::{ISSUER, StatusKey, token};
use crate::{Frame, KeySet, Publication, Snapshot, StatusIndex, fingerprint};

const NOW: i64 = 1_795_132_800_000;
const MINUTE: i64 = 60_000;

struct Publisher {
    key: StatusKey,
    epoch: &'static str,
    /// The fingerprint it names.
    jwks: String,
}

impl Publisher {
    fn new() -> Self {
        let key = StatusKey::new("st-1");
        let jwks = fingerprint([], key.key_set().kids());
        Self { key, epoch: "7f3a", jwks }
    }

    fn publication(&self, rev: i64, as_of: i64) -> Publication {
        let (epoch, jwks) = (self.epoch.into(), self.jwks.clone());
        Publication { epoch, rev, as_of, h: 2000, s: 10_000, keep: 3720, jwks, jti: BTreeMap::new() }
    }

    fn frame(&self, prev: i64, rev: i64, as_of: i64, revoked: &[u64]) -> String {
        let set = if revoked.is_empty() { BTreeMap::new() } else { BTreeMap::from([(0, BTreeSet::from_iter(revoked.iter().copied()))]) };
        self.key.sign(&Frame { prev, publication: self.publication(rev, as_of), set }.into_claims(ISSUER))
    }

    fn snapshot(&self, rev: i64, as_of: i64, revoked: &[u64]) -> String {
        let indexes = revoked.iter().map(|number| StatusIndex::new(*number));
        self.key.sign(&Snapshot::new(self.publication(rev, as_of), indexes).into_claims(ISSUER))
    }

    /// A verifier that knows everything up to revision 5.
    fn follower(&self) -> Revocations {
        let mut revocations = Revocations::new(ISSUER, None);
        revocations.on_keys(&KeySet::default(), self.key.key_set());
        assert_eq!(revocations.next_action(NOW), Some(Action::FetchSnapshot));
        assert_eq!(revocations.on_snapshot(&self.snapshot(5, NOW, &[]), NOW), Ok(Applied::Current));
        revocations
    }
}

fn verdict(revocations: &Revocations, index: u64, now: i64) -> Verdict {
    revocations.check_index(StatusIndex::new(index), now, None)
}

fn is_good(revocations: &Revocations, now: i64) -> bool {
    matches!(verdict(revocations, 999, now), Verdict::Good { .. })
}

#[test]
fn knowing_nothing_everything_is_refused() {
    let publisher = Publisher::new();
    let mut revocations = Revocations::new(ISSUER, None);
    revocations.on_keys(&KeySet::default(), publisher.key.key_set());
    assert_eq!(verdict(&revocations, 1, NOW), Verdict::Stale);
    // A frame says what is new, not what was before.
    assert_eq!(revocations.on_frame(&publisher.frame(5, 5, NOW, &[]), NOW), Ok(Applied::Incomplete));
    assert_eq!(verdict(&revocations, 1, NOW), Verdict::Stale);
}

#[test]
fn a_publication_from_the_future_is_refused() {
    let publisher = Publisher::new();
    let mut revocations = publisher.follower();
    let frame = |as_of| publisher.frame(5, 5, as_of, &[]);
    assert_eq!(revocations.on_frame(&frame(NOW + 2001), NOW), Err(PublicationError::FromTheFuture));
    assert_eq!(revocations.on_frame(&frame(NOW + 2000), NOW), Ok(Applied::Current));
    assert!(!is_good(&revocations, NOW + 12_001), "it makes nobody fresher than it says");
}

#[test]
fn a_clock_set_back_makes_nothing_seem_fresh() {
    let publisher = Publisher::new();
    let mut revocations = publisher.follower();
    let back = NOW - 60 * MINUTE;
    assert_eq!(verdict(&revocations, 1, back), Verdict::Stale, "before anything comes");
    assert_eq!(revocations.on_frame(&publisher.frame(5, 6, NOW + 1000, &[7]), back), Err(PublicationError::FromTheFuture));
    assert_eq!((verdict(&revocations, 1, back), verdict(&revocations, 7, back)), (Verdict::Stale, Verdict::Revoked));
    // Set back by less than S, between two frames.
    let mut little = publisher.follower();
    little.next_action(NOW + 9000);
    assert_eq!(verdict(&little, 1, NOW + 4000), Verdict::Stale);
    little.next_action(NOW + 4000);
    assert_eq!(little.on_frame(&publisher.frame(5, 5, NOW + 3000, &[]), NOW + 4000), Ok(Applied::Current));
    assert!(is_good(&little, NOW + 4000));
    // The clock was an hour ahead, and is right now: what comes says how old it is.
    let mut ahead = publisher.follower();
    let right = NOW - 60 * MINUTE;
    assert_eq!(ahead.on_frame(&publisher.frame(5, 5, right, &[]), right), Ok(Applied::Current));
    assert!(is_good(&ahead, right + 10_000) && !is_good(&ahead, right + 10_001));
}

#[test]
fn a_clock_that_was_ahead_for_a_while_makes_nobody_forget() {
    let publisher = Publisher::new();
    let mut revocations = publisher.follower();
    revocations.on_frame(&publisher.frame(5, 6, NOW, &[7]), NOW).unwrap();
    let ahead = NOW + 120 * MINUTE;
    revocations.on_frame(&publisher.frame(6, 6, NOW + 1000, &[]), ahead).unwrap();
    revocations.on_frame(&publisher.frame(6, 6, NOW + 2000, &[]), NOW + 2000).unwrap();
    assert_eq!(verdict(&revocations, 7, NOW + 2000), Verdict::Revoked);
}

#[test]
fn the_shortest_of_the_bounds_counts_and_revoked_stays_revoked() {
    let publisher = Publisher::new();
    let mut revocations = publisher.follower();
    revocations.on_frame(&publisher.frame(5, 6, NOW, &[7]), NOW).unwrap();
    let at = |seconds: i64| NOW + seconds * 1000;
    assert!(is_good(&revocations, at(10)) && !is_good(&revocations, at(10) + 1));
    let within = |now, seconds| revocations.check_index(StatusIndex::new(1), now, Some(Duration::from_secs(seconds)));
    assert_eq!((within(at(3), 2), within(at(11), 60)), (Verdict::Stale, Verdict::Stale), "a route bears less, and never more");
    assert_eq!(verdict(&revocations, 7, at(3600)), Verdict::Revoked, "however old the knowledge");
    let mut strict = Revocations::new(ISSUER, Some(Duration::from_secs(3)));
    strict.on_keys(&KeySet::default(), publisher.key.key_set());
    strict.on_snapshot(&publisher.snapshot(5, NOW, &[]), NOW).unwrap();
    assert!(is_good(&strict, at(3)) && !is_good(&strict, at(3) + 1));
}

#[test]
fn another_epoch_adds_to_what_is_known_and_takes_nothing_away() {
    let mut publisher = Publisher::new();
    let mut revocations = publisher.follower();
    revocations.on_frame(&publisher.frame(5, 6, NOW, &[7]), NOW).unwrap();
    let old = publisher.snapshot(6, NOW + 500, &[7]);
    // The database was restored to before the revocation.
    publisher.epoch = "c0de";
    assert_eq!(revocations.on_frame(&publisher.frame(3, 3, NOW + 1000, &[]), NOW + 1000), Ok(Applied::Incomplete));
    assert_eq!(revocations.next_action(NOW + 1000), Some(Action::FetchSnapshot));
    assert_eq!(revocations.on_snapshot(&old, NOW + 1000), Ok(Applied::Current), "what a cache still had");
    assert_eq!(revocations.left_off().as_deref(), Some("7f3a.6"));
    revocations.on_frame(&publisher.frame(3, 3, NOW + 1500, &[]), NOW + 1500).unwrap();
    revocations.on_snapshot(&publisher.snapshot(3, NOW + 2000, &[8]), NOW + 2000).unwrap();
    assert_eq!(revocations.left_off().as_deref(), Some("c0de.3"));
    assert_eq!((verdict(&revocations, 7, NOW + 2000), verdict(&revocations, 8, NOW + 2000)), (Verdict::Revoked, Verdict::Revoked));
    // Frames from before the restore make nobody go back.
    let before = Publisher { epoch: "7f3a", ..publisher }.frame(6, 6, NOW, &[]);
    assert_eq!(revocations.on_frame(&before, NOW + 2000), Ok(Applied::Incomplete));
    assert_eq!((revocations.left_off().as_deref(), revocations.next_action(NOW + 2000)), (Some("c0de.3"), None));
}

#[test]
fn an_old_frame_of_another_epoch_is_no_reason_to_ask() {
    let mut publisher = Publisher::new();
    let mut revocations = publisher.follower();
    publisher.epoch = "0000";
    assert_eq!(revocations.on_frame(&publisher.frame(1, 9, NOW - MINUTE, &[4]), NOW), Ok(Applied::Incomplete));
    assert_eq!(revocations.next_action(NOW), None);
    assert_eq!(verdict(&revocations, 4, NOW), Verdict::Revoked, "what it revokes is revoked all the same");
}

#[test]
fn while_the_keys_are_others_freshness_waits_for_them() {
    let mut publisher = Publisher::new();
    let mut revocations = publisher.follower();
    let token_key = StatusKey::new("at-1").key_set();
    publisher.jwks = fingerprint(token_key.kids(), publisher.key.key_set().kids());
    for second in 1..=10 {
        let now = NOW + second * 1000;
        assert_eq!(revocations.on_frame(&publisher.frame(5, 5, now, &[]), now), Ok(Applied::Incomplete));
    }
    assert_eq!(revocations.next_action(NOW + 10_000), Some(Action::FetchKeys { fingerprint: publisher.jwks.clone() }));
    assert_eq!(revocations.next_action(NOW + 10_001), Some(Action::AskSlot { second: (NOW + 10_001) / 1000 }));
    assert_eq!(revocations.next_action(NOW + 10_002), None, "asked once");
    assert!(!is_good(&revocations, NOW + 10_003), "a key that was withdrawn is not gone on being trusted");
    // Sets of some cache are not taken; a feed that is behind names older ones, and does not count either.
    assert!(!revocations.on_keys(&KeySet::default(), publisher.key.key_set()));
    assert!(!is_good(&revocations, NOW + 10_003));
    assert!(revocations.on_keys(&token_key, publisher.key.key_set()));
    assert!(is_good(&revocations, NOW + 19_999) && !is_good(&revocations, NOW + 20_001));
    let behind = Publisher { jwks: fingerprint([], publisher.key.key_set().kids()), ..publisher };
    revocations.on_frame(&behind.frame(5, 5, NOW + 9000, &[]), NOW + 11_000).unwrap();
    assert_eq!(revocations.next_action(NOW + 11_000), None);
}

#[test]
fn a_frame_of_an_unknown_key_makes_it_ask_for_keys() {
    let mut revocations = Publisher::new().follower();
    let other = Publisher { key: StatusKey::new("st-2"), ..Publisher::new() };
    assert!(revocations.on_frame(&other.frame(5, 5, NOW, &[]), NOW).is_err());
    assert_eq!(revocations.next_action(NOW), Some(Action::FetchKeys { fingerprint: String::new() }));
    let another_issuers = other.key.sign(&json_of_another_issuer());
    revocations.on_keys(&KeySet::default(), other.key.key_set());
    assert!(revocations.on_frame(&another_issuers, NOW).is_err());
}

fn json_of_another_issuer() -> serde_json::Value {
    let publisher = Publisher::new();
    serde_json::to_value(
        Frame { prev: 5, publication: publisher.publication(5, NOW), set: BTreeMap::new() }.into_claims("https://evil.example"),
    )
    .unwrap()
}

/// That a rule is needed: what must not be accepted is, when the rule is taken out.
#[track_caller]
fn is_needed(take_out: impl Fn(&mut Rules), accepts: impl Fn(Publisher, &mut Revocations) -> bool) {
    let publisher = Publisher::new();
    let mut with = publisher.follower();
    assert!(!accepts(publisher, &mut with), "with the rule");
    let publisher = Publisher::new();
    let mut without = publisher.follower();
    take_out(&mut without.rules);
    assert!(accepts(publisher, &mut without), "without it");
}

#[test]
fn without_the_limit_to_the_future_a_wrong_clock_keeps_everything_fresh() {
    is_needed(
        |rules| rules.no_future = false,
        |publisher, revocations| {
            let _ = revocations.on_frame(&publisher.frame(5, 5, NOW + 60 * MINUTE, &[]), NOW);
            is_good(revocations, NOW + 30 * MINUTE)
        },
    );
}

#[test]
fn replaced_instead_of_added_to_a_restored_database_revives_the_revoked() {
    is_needed(
        |rules| rules.union_on_epoch = false,
        |publisher, revocations| {
            let _ = revocations.on_frame(&publisher.frame(5, 6, NOW, &[7]), NOW);
            let publisher = Publisher { epoch: "c0de", ..publisher };
            let _ = revocations.on_snapshot(&publisher.snapshot(3, NOW + 1000, &[]), NOW + 1000);
            matches!(verdict(revocations, 7, NOW + 1000), Verdict::Good { .. })
        },
    );
}

#[test]
fn fresh_with_old_keys_a_withdrawn_key_goes_on_being_trusted() {
    is_needed(
        |rules| rules.held_while_keys_change = false,
        |publisher, revocations| {
            let publisher = Publisher { jwks: "others".into(), ..publisher };
            for second in 1..=60 {
                let _ = revocations.on_frame(&publisher.frame(5, 5, NOW + second * 1000, &[]), NOW + second * 1000);
            }
            is_good(revocations, NOW + 60 * 1000)
        },
    );
}

#[test]
fn a_gap_is_caught_up_with_or_else_the_snapshot_is_asked_for() {
    let publisher = Publisher::new();
    let mut revocations = publisher.follower();
    assert_eq!(revocations.on_frame(&publisher.frame(8, 9, NOW + 1000, &[9]), NOW + 1000), Ok(Applied::Incomplete));
    assert_eq!(verdict(&revocations, 9, NOW + 1000), Verdict::Revoked, "what the frame revokes is not held back");
    let catch_up = Action::CatchUp { epoch: "7f3a".into(), rev: 5 };
    assert_eq!(revocations.next_action(NOW + 1000), Some(catch_up.clone()));
    // A heartbeat of a feed that is behind closes no gap.
    assert_eq!(revocations.on_frame(&publisher.frame(5, 5, NOW + 500, &[]), NOW + 1600), Ok(Applied::Current));
    assert_eq!(revocations.next_action(NOW + 1600), Some(catch_up.clone()));
    revocations.on_failure(&catch_up);
    assert_eq!(revocations.next_action(NOW + 1700), Some(Action::FetchSnapshot));
    assert_eq!(revocations.next_action(NOW + 2200), Some(catch_up), "each in its turn");
    assert_eq!(revocations.on_frame(&publisher.frame(5, 9, NOW + 2300, &[6, 9]), NOW + 2300), Ok(Applied::Current));
    assert_eq!(revocations.next_action(NOW + 3000), None, "the gap is closed, however that came");
}

#[test]
fn in_silence_the_slot_is_asked_for_and_then_the_snapshot() {
    let mut revocations = Publisher::new().follower();
    assert_eq!(revocations.next_action(NOW + 5000), None);
    assert_eq!(revocations.patience(), Duration::from_secs(5));
    let slot = revocations.next_action(NOW + 5001).unwrap();
    assert_eq!(slot, Action::AskSlot { second: (NOW + 5001) / 1000 });
    revocations.on_failure(&slot);
    assert_eq!(revocations.next_action(NOW + 6001), Some(Action::FetchSnapshot));
}

#[test]
fn tokens_without_a_status_or_with_anothers() {
    let publisher = Publisher::new();
    let mut revocations = publisher.follower();
    let mut of_old = token(StatusIndex::new(1), NOW - 299_000, NOW + MINUTE);
    of_old.status = None;
    assert!(matches!(revocations.check(&of_old, NOW, None), Verdict::Good { .. }));
    assert_eq!(revocations.check(&of_old, NOW + 2000, None), Verdict::Unknown, "an issuer that names none for five minutes never will");
    let mut foreign = token(StatusIndex::new(1), NOW, NOW + MINUTE);
    foreign.status.as_mut().unwrap().status_list.uri = "https://evil.example/status/v1/lists/0".into();
    assert_eq!(revocations.check(&foreign, NOW, None), Verdict::Unknown);
    let one = token(StatusIndex::new(1), NOW, NOW + MINUTE);
    let mut publication = publisher.publication(6, NOW);
    publication.jti.insert(one.jti.clone(), one.exp);
    let frame = Frame { prev: 5, publication, set: BTreeMap::new() };
    revocations.on_frame(&publisher.key.sign(&frame.into_claims(ISSUER)), NOW).unwrap();
    assert_eq!(revocations.check(&one, NOW, None), Verdict::Revoked);
    let sibling = token(StatusIndex::new(1), NOW + 1, NOW + MINUTE);
    assert!(matches!(revocations.check(&sibling, NOW, None), Verdict::Good { .. }));
}

#[test]
fn what_no_token_can_carry_any_more_is_forgotten() {
    let publisher = Publisher::new();
    let mut revocations = publisher.follower();
    for number in 0..1000 {
        let at = NOW + i64::try_from(number).unwrap();
        revocations.on_frame(&publisher.frame(5, 5, at, &[number]), at).unwrap();
    }
    assert_eq!(revocations.len(), 1000);
    let (almost, over) = (NOW + 3720 * 1000, NOW + (3720 + 61) * 1000);
    revocations.on_frame(&publisher.frame(5, 5, almost, &[]), almost).unwrap();
    assert_eq!(revocations.len(), 1000);
    revocations.on_frame(&publisher.frame(5, 5, over, &[]), over).unwrap();
    assert!(revocations.is_empty());
}

//! The bound under faults: the real library against a modelled authority whose publishers, feeds, caches, issuers and clocks fail.
//!
//! Every run is decided by its seed. A token is accepted past the bound when a verifier finds it good later than its credential's revocation
//! was committed, and S and two seconds after that. With all rules that never happens; each rule taken out makes it happen.
mod parts;
mod signing;
mod world;

use crate::revocations::Rules;
use parts::{Authority, Outcome, SOUND};
pub(crate) use signing::{ISSUER, StatusKey, token};
use world::World;

/// Runs worlds of ten minutes until so many tokens were shown, or one was accepted past the bound.
fn run(attempts: u64, authority: Authority, rules: Rules) -> Outcome {
    let mut outcome = Outcome::default();
    for seed in 1.. {
        let mut world = World::new(seed, authority, rules);
        while world.step(&mut outcome) {
            if outcome.attempts >= attempts || outcome.past_the_bound > 0 {
                return outcome;
            }
        }
    }
    outcome
}

/// How many tokens are shown; `make soak` asks for more.
#[expect(clippy::disallowed_methods, reason = "how long a soak runs is said from outside")]
fn attempts() -> u64 {
    std::env::var("CHANCERY_ATTEMPTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000)
}

#[test]
fn a4_no_token_is_accepted_past_the_bound_whatever_fails() {
    let outcome = run(attempts(), SOUND, Rules::ALL);
    assert_eq!(outcome.past_the_bound, 0, "{outcome:?}");
    assert!(outcome.accepted > outcome.attempts / 3, "a verifier that refuses everything proves nothing: {outcome:?}");
    assert!(outcome.stale > 0, "the faults were felt: {outcome:?}");
}

/// That a rule is needed: without it, tokens are accepted past the bound.
#[track_caller]
fn is_needed(authority: Authority, rules: Rules) {
    let outcome = run(3_000_000, authority, rules);
    assert!(outcome.past_the_bound > 0, "{outcome:?}");
}

#[test]
fn without_the_check_for_gaps_tokens_are_accepted_past_the_bound() {
    is_needed(SOUND, Rules { continuity: false, ..Rules::ALL });
}

#[test]
fn with_freshness_by_arrival_tokens_are_accepted_past_the_bound() {
    is_needed(SOUND, Rules { signed_time: false, ..Rules::ALL });
}

#[test]
fn with_freshness_moved_while_catching_up_tokens_are_accepted_past_the_bound() {
    is_needed(SOUND, Rules { held_while_catching_up: false, ..Rules::ALL });
}

#[test]
fn with_entries_forgotten_when_a_token_would_have_expired_those_of_a_stale_issuer_are_accepted() {
    is_needed(SOUND, Rules { kept_long_enough: false, ..Rules::ALL });
}

#[test]
fn failing_open_tokens_are_accepted_past_the_bound() {
    is_needed(SOUND, Rules { stale_is_refused: false, ..Rules::ALL });
}

#[test]
fn with_frames_signed_without_a_read_tokens_are_accepted_past_the_bound() {
    is_needed(Authority { reads_before_it_signs: false, ..SOUND }, Rules::ALL);
}

#[test]
fn with_numbers_given_before_the_commit_tokens_are_accepted_past_the_bound() {
    is_needed(Authority { numbers_at_commit: false, ..SOUND }, Rules::ALL);
}

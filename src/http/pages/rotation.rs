//! A rotation on a page: how long the old one goes on, who still has it, and when it can go.
use std::time::Duration;

use super::credentials::expiry;
use super::{Action, Block, Cell, Facts, Field, Fields, Form, Notice, Question, Tone, minute, seconds};
use crate::authority::usage_history::RotationUse;
use crate::domain::api_key::{ApiKey, ApiKeyStatus};
use crate::domain::client_secret::{ClientSecret, SecretStatus};
use crate::domain::id::{ApiKeyId, ClientSecretId};
use crate::domain::rotation::{DEFAULT_OVERLAP, MAX_OVERLAP, OverlapFrom, Rotation};
use crate::domain::text::{FieldError, Name};
use crate::domain::timestamp::Timestamp;

/// The secret that is to replace others, while a rotation is under way.
pub fn successor(secrets: &[ClientSecret]) -> Option<&ClientSecret> {
    let old = secrets.iter().filter(|secret| secret.status == SecretStatus::Retiring);
    let successors = old.filter_map(|secret| secret.life.retirement).map(|retirement| retirement.successor);
    let newest = successors.max_by_key(ToString::to_string)?;
    secrets.iter().find(|secret| secret.id == newest)
}

/// One of the two credentials of a rotation.
struct Turn {
    /// As it is told from the other.
    hint: String,
    /// Uses since the rotation.
    uses: i64,
    first_used_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    last_used_ip: Option<String>,
}

/// A rotation that is under way.
struct Turning {
    /// `secret` or `API key`, and what is done to one that can go.
    what: &'static str,
    end: &'static str,
    began_at: Timestamp,
    new: Turn,
    old: Vec<Turn>,
    /// How long the tokens of the old one live.
    tokens_live_for: Duration,
}

impl Turning {
    /// How far it is, and whether the old one can go.
    fn blocks(&self, now: Timestamp) -> [Block; 2] {
        let row = |age: &str, turn: &Turn| (format!("The {age} one, {}", turn.hint), Cell::Number(turn.uses));
        let last = |turn: &Turn| {
            let from = turn.last_used_ip.clone().unwrap_or_default();
            [("Last used".to_owned(), Cell::Time(turn.last_used_at, "never")), ("From".to_owned(), Cell::text(from))]
        };
        let rows = [row("new", &self.new)].into_iter().chain(last(&self.new));
        let rows = rows.chain(self.old.iter().flat_map(|old| [row("old", old)].into_iter().chain(last(old))));
        let title = format!("Uses since {}, the hour of the rotation", minute(&Timestamp::from_hour(self.began_at.hour())));
        [self.notice(now).into(), Facts { title, rows: rows.collect() }.into()]
    }

    /// Whether the old one can go: that is what a rotation waits for. With it go the tokens that it obtained.
    fn notice(&self, now: Timestamp) -> Notice {
        let (what, end) = (self.what, self.end);
        let warn = |text: String| Notice::new(Tone::Warn, text);
        let Some(activated) = self.new.first_used_at else {
            return warn(format!("The new {what} has not been used yet: whoever has the old one goes on with it. Keep it."));
        };
        match self.old.iter().filter_map(|old| old.last_used_at).max() {
            Some(last) if last >= activated => {
                warn(format!("Both {what}s are in use: somebody has not changed over yet. Its last use says when and from where."))
            }
            Some(last) if last + self.tokens_live_for > now => {
                let then = seconds(last + self.tokens_live_for);
                warn(format!("Only the new {what} is in use. Tokens that the old one obtained live until {then}: safe to {end} then."))
            }
            _ => {
                let text = format!(
                    "Safe to {end} now: since the new {what} was used first, nobody used the old one, and its tokens have expired."
                );
                Notice::new(Tone::Good, text)
            }
        }
    }
}

/// How far the rotation of an application's secrets is, and the ways to finish it and to call it off. `place` is the application's page.
pub fn rotation_blocks(
    secrets: &[ClientSecret],
    new: &ClientSecret,
    used: &RotationUse<ClientSecretId>,
    place: &str,
    now: Timestamp,
) -> Vec<Block> {
    let turn = |secret: &ClientSecret| Turn {
        hint: format!("…{}", secret.secret_hint),
        uses: used.since.get(&secret.id).copied().unwrap_or(0),
        first_used_at: secret.activated_at,
        last_used_at: secret.last_used_at,
        last_used_ip: secret.last_used_ip.clone(),
    };
    let old: Vec<_> = secrets.iter().filter(|secret| secret.status == SecretStatus::Retiring && secret.id != new.id).collect();
    let mut actions: Vec<_> = old
        .iter()
        .map(|secret| {
            Action::link(format!("{place}/client_secrets/{}/delete", secret.id), "Finish: remove the old secret", &secret.secret_hint)
                .last()
        })
        .collect();
    actions.push(Action::link(format!("{place}/cancel_rotation"), "Cancel the rotation", ""));
    let turning = Turning {
        what: "secret",
        end: "remove",
        began_at: new.created_at,
        new: turn(new),
        old: old.into_iter().map(turn).collect(),
        tokens_live_for: used.tokens_live_for,
    };
    turning.blocks(now).into_iter().chain([Block::Actions(actions)]).collect()
}

/// The same of a key, which goes by being revoked; `finish` is where that is asked about.
pub fn key_rotation_blocks(old: &ApiKey, new: &ApiKey, used: &RotationUse<ApiKeyId>, finish: Option<String>, now: Timestamp) -> Vec<Block> {
    if new.status_at(now) != ApiKeyStatus::Active {
        let waits = old.life.retirement.is_some_and(|retirement| retirement.ends_at.is_none());
        let then =
            if waits { "This one goes on as if there had been no rotation." } else { "This one ends with its overlap all the same." };
        return vec![Notice::new(Tone::Bad, format!("What was to replace this key does not work any more. {then}")).into()];
    }
    let turn = |key: &ApiKey| Turn {
        hint: key.obfuscated_value.clone(),
        uses: used.since.get(&key.id).copied().unwrap_or(0),
        first_used_at: key.activated_at,
        last_used_at: key.last_used_at,
        last_used_ip: key.last_used_ip.clone(),
    };
    let (new_turn, old_turn, tokens_live_for) = (turn(new), vec![turn(old)], used.tokens_live_for);
    let turning = Turning { what: "API key", end: "revoke", began_at: new.created_at, new: new_turn, old: old_turn, tokens_live_for };
    let finish = finish.map(|path| Block::Actions(vec![Action::link(path, "Finish: revoke the old key", old.name.as_str()).last()]));
    turning.blocks(now).into_iter().chain(finish).collect()
}

/// The page before a rotation is called off.
pub fn cancellation(application: &str, new: Option<&ClientSecret>, place: &str) -> Question<'static> {
    let used = new.and_then(|new| new.activated_at);
    Question {
        title: format!("Cancel the rotation of {application}?"),
        text: if used.is_some() {
            "The new secret is in use already: whoever has it is refused at once. The old one works as before."
        } else {
            "The new secret is gone at once; nobody has used it. The old one works as before."
        },
        facts: Facts { title: String::new(), rows: vec![("The new secret was used first".into(), Cell::Time(used, "never"))] },
        action: format!("{place}/cancel_rotation"),
        button: "Cancel the rotation",
        back: place.to_owned(),
        ..Question::default()
    }
}

/// How long the old one goes on, and what the new one is called and when it ends: the same for secrets and keys.
pub fn rotation_form(action: String, end: Field) -> Form {
    let overlaps =
        [("3600", "an hour"), ("86400", "a day"), ("259200", "three days"), ("604800", "a week"), ("0", "not at all: it ends at once")];
    Form {
        title: "Rotate".into(),
        about: "A new one beside the old one, which goes on working for the overlap.".into(),
        action,
        fields: vec![
            Field::choice("overlap", "The old one goes on for", &overlaps, "86400"),
            Field::choice("from", "Counted from", &[("now", "now"), ("first_use", "the first use of the new one")], "first_use"),
            Field::text("name", "Name of the new one", "", ""),
            end,
        ],
        button: "Rotate".into(),
        anchor: "rotate",
        ..Form::default()
    }
}

/// # Errors
/// A [`FieldError`] for an overlap, a name or an end that is none.
pub fn rotation(fields: &Fields, now: Timestamp) -> Result<Rotation, FieldError> {
    let overlap = match fields.get("overlap") {
        None => DEFAULT_OVERLAP,
        Some(text) => {
            let parsed = text.parse().ok().map(Duration::from_secs).filter(|overlap| *overlap <= MAX_OVERLAP);
            parsed.ok_or_else(|| FieldError::new("invalid_value", "overlap", "overlap takes seconds, a week at the most"))?
        }
    };
    let from = fields.chosen("from", &[("now", OverlapFrom::Now), ("first_use", OverlapFrom::FirstUse)])?;
    let from = from.filter(|_| !overlap.is_zero()).unwrap_or(OverlapFrom::Now);
    let name = fields.get("name").map(|name| Name::parse("name", name)).transpose()?;
    Ok(Rotation { overlap, from, name, expires_at: expiry(fields, now)?.flatten() })
}

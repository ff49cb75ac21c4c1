//! A rotation on a page: how long the old one goes on, who still has it, and when it can go.
use std::time::Duration;

use super::credentials::REMOVAL;
use super::{Action, Block, Cell, Facts, Field, Fields, Form, Notice, Question, Tone, minute, seconds};
use crate::authority::usage_history::RotationUse;
use crate::domain::client_secret::{ClientSecret, SecretStatus};
use crate::domain::rotation::{DEFAULT_OVERLAP, MAX_OVERLAP, OverlapFrom, Rotation};
use crate::domain::text::FieldError;
use crate::domain::timestamp::Timestamp;

/// The secret that is to replace others, while a rotation is under way.
pub fn successor(secrets: &[ClientSecret]) -> Option<&ClientSecret> {
    let old = secrets.iter().filter(|secret| secret.status == SecretStatus::Retiring);
    let successors = old.filter_map(|secret| secret.life.retirement).map(|retirement| retirement.successor);
    let newest = successors.max_by_key(ToString::to_string)?;
    secrets.iter().find(|secret| secret.id == newest)
}

/// How far a rotation is: who still has the old secret, and the ways to finish it and to call it off. `place` is the application's page.
pub fn rotation_blocks(secrets: &[ClientSecret], new: &ClientSecret, used: &RotationUse, place: &str, now: Timestamp) -> Vec<Block> {
    let named = |secret: &ClientSecret| {
        let age = if secret.id == new.id { "new" } else { "old" };
        (format!("The {age} one, …{}", secret.secret_hint), Cell::Number(used.since.get(&secret.id).copied().unwrap_or(0)))
    };
    let old: Vec<_> = secrets.iter().filter(|secret| secret.status == SecretStatus::Retiring && secret.id != new.id).collect();
    let told = [new].into_iter().chain(old.iter().copied());
    let facts = Facts {
        title: format!("Uses since {}, the hour of the rotation", minute(&Timestamp::from_hour(new.created_at.hour()))),
        rows: told.map(named).collect(),
    };
    let mut actions: Vec<_> = old
        .iter()
        .map(|secret| {
            Action::link(format!("{place}/client_secrets/{}/delete", secret.id), "Finish: remove the old secret", &secret.secret_hint)
                .last()
        })
        .collect();
    actions.push(Action::link(format!("{place}/cancel_rotation"), "Cancel the rotation", ""));
    vec![notice(&old, new, used.tokens_live_for, now).into(), facts.into(), Block::Actions(actions)]
}

/// Whether the old secret can go: that is what a rotation waits for. With it go the tokens that it obtained.
fn notice(old: &[&ClientSecret], new: &ClientSecret, tokens_live_for: Duration, now: Timestamp) -> Notice {
    let Some(activated) = new.activated_at else {
        return Notice::new(Tone::Warn, "The new secret has not been used yet: whoever has the old one goes on with it. Keep it.");
    };
    let last = old.iter().filter_map(|secret| secret.last_used_at).max();
    match last {
        Some(last) if last >= activated => {
            Notice::new(Tone::Warn, "Both secrets are in use: somebody has not changed over yet. Its last use says when and from where.")
        }
        Some(last) if last + tokens_live_for > now => {
            let then = seconds(last + tokens_live_for);
            Notice::new(
                Tone::Warn,
                format!("Only the new secret is in use. Tokens that the old one obtained live until {then}: safe to remove then."),
            )
        }
        _ => Notice::new(
            Tone::Good,
            "Safe to remove now: since the new secret was used first, nobody used the old one, and its tokens have expired.",
        ),
    }
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

/// The page before a secret goes.
pub fn removal(application: &str, secret: &ClientSecret, place: &str) -> Question<'static> {
    let rows = vec![
        ("Application".to_owned(), Cell::text(application)),
        ("Ends with".to_owned(), Cell::code(format!("…{}", secret.secret_hint))),
        ("Last Used".to_owned(), Cell::Time(secret.last_used_at, "never")),
        ("From".to_owned(), Cell::text(secret.last_used_ip.clone().unwrap_or_default())),
        ("24 h / 7 d / 30 d".to_owned(), Cell::Usage(secret.usage, None)),
    ];
    Question {
        title: "Remove this secret?".into(),
        text: REMOVAL,
        facts: Facts { title: "What hangs on it".into(), rows },
        action: format!("{place}/client_secrets/{}/delete", secret.id),
        button: "Remove",
        back: place.to_owned(),
        ..Question::default()
    }
}

/// How long the old one goes on: the same for secrets and keys.
pub fn rotation_form(action: String) -> Form {
    let overlaps =
        [("3600", "an hour"), ("86400", "a day"), ("259200", "three days"), ("604800", "a week"), ("0", "not at all: it ends at once")];
    Form {
        title: "Rotate".into(),
        about: "A new one beside the old one, which goes on working for the overlap.".into(),
        action,
        fields: vec![
            Field::choice("overlap", "The old one goes on for", &overlaps, "86400"),
            Field::choice("from", "Counted from", &[("now", "now"), ("first_use", "the first use of the new one")], "first_use"),
        ],
        button: "Rotate".into(),
        anchor: "rotate",
        ..Form::default()
    }
}

/// # Errors
/// A [`FieldError`] for an overlap that is none.
pub fn rotation(fields: &Fields) -> Result<Rotation, FieldError> {
    let overlap = match fields.get("overlap") {
        None => DEFAULT_OVERLAP,
        Some(text) => {
            let parsed = text.parse().ok().map(Duration::from_secs).filter(|overlap| *overlap <= MAX_OVERLAP);
            parsed.ok_or_else(|| FieldError::new("invalid_value", "overlap", "overlap takes seconds, a week at the most"))?
        }
    };
    let from = fields.chosen("from", &[("now", OverlapFrom::Now), ("first_use", OverlapFrom::FirstUse)])?;
    let from = from.filter(|_| !overlap.is_zero()).unwrap_or(OverlapFrom::Now);
    Ok(Rotation { overlap, from, name: None, expires_at: None })
}

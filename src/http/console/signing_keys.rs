//! Signing keys, with their timeline: published, signing, still trusted, gone (K10 to K12).
use axum::extract::{Path, RawQuery};
use axum::response::Response;

use super::visit::Visit;
use crate::authority::error::Error;
use crate::domain::management_key::Power;
use crate::domain::signing_key::{KeyLine, KeyState, SigningKey};
use crate::domain::timestamp::Timestamp;
use crate::http::pages::{
    Action, Block, Cell, Chip, Facts, Field, Fields, Notice, Page, Question, Refused, Stretch, Table, Tone, short, timeline,
};

const WRITE: Power = Power::SigningKeysWrite;

fn state(key: &SigningKey) -> Chip {
    match key.state {
        KeyState::Published => Chip { tone: Tone::Plain, text: "Published" },
        KeyState::Active => Chip { tone: Tone::Good, text: "Signs" },
        KeyState::Retiring => Chip { tone: Tone::Warn, text: "Retiring" },
        KeyState::Compromised => Chip { tone: Tone::Bad, text: "Compromised" },
        KeyState::Removed => Chip { tone: Tone::Plain, text: "Removed" },
    }
}

pub async fn list(visit: Visit) -> Result<Response, Refused> {
    let keys = visit.app.authority.list_signing_keys(visit.caller()).await.map_err(|error| visit.refused(error))?;
    let writes = visit.may(WRITE) && visit.caller().demand_installation().is_ok();
    let columns = ["Key", "For", "Algorithm", "State", "Published", "Signs from", "Signed until", "Leaves the key set", ""];
    let mut table = Table::new("", &columns, "No key.");
    for key in keys.iter().rev().filter(|key| key.state != KeyState::Removed || visit.query.has("all")) {
        let mut actions = Vec::new();
        if writes && key.state == KeyState::Active {
            let place = format!("signing_keys/rotate?alg={}&purpose={}", key.alg.name(), key.purpose.name());
            actions.push(Action::link(visit.path(place), "Rotate", &key.kid));
        }
        if writes && key.state.is_in_jwks() {
            actions.push(
                Action::link(visit.path(format!("signing_keys/{}/revoke", key.kid)), "Withdraw", &format!("{} as compromised", key.kid))
                    .dangerous(),
            );
        }
        table.rows.push(vec![
            Cell::code(short(&key.kid, 12)),
            Cell::text(key.purpose.name()),
            Cell::text(key.alg.name()),
            Cell::Chip(state(key)),
            Cell::Time(Some(key.published_at), ""),
            Cell::Time(key.activated_at.or(Some(key.activates_at)), ""),
            Cell::Time(key.retired_at, ""),
            Cell::Time(key.removes_at, ""),
            Cell::Actions(actions),
        ]);
    }
    let mut page = Page::new("Signing keys");
    page.push(Notice::new(
        Tone::Plain,
        "Keys rotate by themselves: each is published before it signs, and stays until its last token has expired.",
    ));
    page.push(table);
    page.blocks.push(lives(&keys, visit.now()));
    Ok(visit.render("signing_keys", page))
}

/// From when each was published, and until when it signs and is trusted.
fn lives(keys: &[SigningKey], now: Timestamp) -> Block {
    let shown = keys.iter().rev().filter(|key| key.state.is_in_jwks());
    let life = |key: &SigningKey| {
        let signs = key.activated_at.unwrap_or(key.activates_at);
        // The one that signs goes on until the one that is published begins.
        let next =
            keys.iter().filter(|next| next.line() == key.line() && next.state == KeyState::Published).map(|next| next.activates_at).min();
        let until = next.filter(|_| key.state == KeyState::Active).unwrap_or(now);
        let retired = key.retired_at.unwrap_or(until.max(signs));
        let gone = key.removes_at.unwrap_or(retired);
        let stretches =
            [(key.published_at, signs, "before", "published"), (signs, retired, "good", "signs"), (retired, gone, "warn", "still trusted")];
        let stretches = stretches.into_iter().filter(|(from, until, _, _)| until > from);
        let stretches = stretches.map(|(from, until, class, what)| Stretch { from, until, class, what }).collect();
        (format!("{} {}, {}", short(&key.kid, 6), key.alg.name(), key.purpose.name()), stretches)
    };
    let svg = timeline(&shown.map(life).collect::<Vec<_>>(), now);
    Block::Chart { title: "Published, signing, still trusted".into(), svg, table: None }
}

fn line(visit: &Visit, fields: &Fields) -> Result<KeyLine, Refused> {
    let named = |line: &KeyLine| line.alg.name() == fields.text("alg") && line.purpose.name() == fields.text("purpose");
    KeyLine::all().find(named).ok_or_else(|| visit.refused(Error::NotFound("signing key")))
}

pub async fn confirm_rotation(visit: Visit) -> Result<Response, Refused> {
    let line = line(&visit, &visit.query)?;
    visit.demand_confirmed(&format!("signing_keys/rotate?alg={}&purpose={}", line.alg.name(), line.purpose.name()))?;
    let question = Question {
        title: format!("Rotate the {} key?", line.alg),
        text: "The published successor signs from now on. Tokens of the key before stay good: it leaves the key set after the last of them.",
        asks: vec![Field::Tick {
            name: "force",
            label: "Force it, also where verifiers that keep the key set may not have the successor yet",
            on: false,
        }],
        action: visit.path(format!("signing_keys/rotate?alg={}&purpose={}", line.alg.name(), line.purpose.name())),
        button: "Rotate",
        back: visit.path("signing_keys"),
        ..Question::default()
    };
    Ok(visit.render("signing_keys", question.page()))
}

pub async fn rotate(visit: Visit, RawQuery(query): RawQuery, fields: Fields) -> Result<Response, Refused> {
    let line = line(&visit, &Fields::of_query(query.as_deref()))?;
    visit.demand_confirmed("signing_keys")?;
    let rotate = ("signing_key.rotate", WRITE);
    visit.change(rotate, None, async |change| change.rotate_signing_key(line, fields.has("force")).await).await?;
    Ok(visit.done("signing_keys", "rotated", None))
}

pub async fn confirm_compromise(visit: Visit, Path(kid): Path<String>) -> Result<Response, Refused> {
    let keys = visit.app.authority.list_signing_keys(visit.caller()).await.map_err(|error| visit.refused(error))?;
    let known = keys.into_iter().find(|key| key.kid == kid);
    let kid = known.map(|key| key.kid).ok_or_else(|| visit.refused(Error::NotFound("signing key")))?;
    visit.demand_confirmed(&format!("signing_keys/{kid}/revoke"))?;
    let question = Question {
        title: "Is this key compromised?".into(),
        text: "It leaves the key set at once, and every token it signed is dead. Its successor signs, whether every verifier has it or not.",
        facts: Facts { title: String::new(), rows: vec![("Key".into(), Cell::code(kid.clone()))] },
        action: visit.path(format!("signing_keys/{kid}/revoke")),
        button: "Withdraw it",
        back: visit.path("signing_keys"),
        ..Question::default()
    };
    Ok(visit.render("signing_keys", question.page()))
}

pub async fn compromise(visit: Visit, Path(kid): Path<String>) -> Result<Response, Refused> {
    visit.demand_confirmed(&format!("signing_keys/{kid}/revoke"))?;
    let revoke = ("signing_key.revoke", WRITE);
    visit.change(revoke, Some(&kid), async |change| change.compromise_signing_key(&kid).await).await?;
    Ok(visit.done("signing_keys", "withdrawn", None))
}

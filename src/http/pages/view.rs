//! The blocks of a page, and how they are rendered: what stands in them is text, and escaped where it is written.
use askama::Template;
use axum::response::{Html, IntoResponse, Response};

use super::Fields;
use super::assets::version;
use super::chart::spark;
use super::form::{Field, Form, Kind};
use super::table::{Action, Cell, Sorted, Table};
use crate::domain::timestamp::Timestamp;

/// What is around every page of an area.
#[derive(Clone, Default)]
pub struct Frame {
    pub base: String,
    /// `console` or `portal`.
    pub area: &'static str,
    /// Whose pages these are.
    pub name: String,
    /// Addresses of the product's own picture and style, where it has any.
    pub logo: Option<String>,
    pub style: Option<String>,
    /// What the entries are, over them.
    pub section: &'static str,
    pub navigation: Vec<Link>,
    /// The path of the entry that is shown as the current one.
    pub current: String,
    /// Nothing on the page needs the script: it is there sooner without.
    pub plain: bool,
    /// Where the page leads by itself, at once.
    pub onward: Option<String>,
    /// Where its forms stand, and what makes each time it is shown another one.
    pub forms: Option<(String, String)>,
    /// Who is in, and the path of the form that lets him out.
    pub who: Option<(String, String)>,
}

pub struct Page {
    pub title: String,
    pub trail: Vec<Link>,
    pub blocks: Vec<Block>,
}

#[derive(Clone, Debug)]
pub struct Link {
    pub href: String,
    pub text: String,
}

pub enum Block {
    Notice(Notice),
    Facts(Facts),
    Table(Table),
    Form(Form),
    Reveal(Reveal),
    /// Of one thing; the one without an address is shown.
    Tabs(Vec<Link>),
    /// Buttons beside each other.
    Actions(Vec<Action>),
    Chart {
        title: String,
        svg: String,
        /// The same in numbers, where no other table says it.
        table: Option<Table>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Warn,
    Bad,
    Plain,
}

pub struct Notice {
    pub tone: Tone,
    pub text: String,
}

#[derive(Default)]
pub struct Facts {
    pub title: String,
    pub rows: Vec<(String, Cell)>,
}

/// What was just made and is shown this once.
pub struct Reveal {
    pub text: &'static str,
    /// What it is called beside its value.
    pub called: &'static str,
    /// What else is needed beside it, for a token: a client id.
    pub client_id: Option<String>,
    pub secret: String,
    pub dotenv: String,
    pub dotenv_name: String,
    pub snippets: Vec<(&'static str, String)>,
    /// Where a token is asked for, to try it; nothing for what is no client.
    pub token_endpoint: Option<String>,
    pub done: String,
}

#[derive(Template)]
#[template(path = "layout.html")]
struct Layout<'a> {
    frame: &'a Frame,
    page: &'a Page,
    version: &'a str,
}

impl Frame {
    /// Around what is shown to somebody who is not in.
    pub fn bare(base: &str) -> Self {
        Self { base: base.to_owned(), area: "console", name: "Chancery".into(), plain: true, ..Self::default() }
    }

    pub fn render(&self, page: &Page) -> Response {
        let layout = Layout { frame: self, page, version: version() };
        match layout.render() {
            Ok(html) => Html(html).into_response(),
            Err(_) => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

impl Page {
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), trail: Vec::new(), blocks: Vec::new() }
    }

    pub fn push(&mut self, block: impl Into<Block>) {
        self.blocks.push(block.into());
    }
}

macro_rules! blocks {
    ($($kind:ident)*) => {$(
        impl From<$kind> for Block {
            fn from(block: $kind) -> Self {
                Self::$kind(block)
            }
        }
    )*};
}

blocks! { Notice Facts Table Form Reveal }

impl Notice {
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// The end of the year 2999, milliseconds.
const LAST: i64 = 32_503_680_000_000;

impl Notice {
    /// What was just done, by the query of the page that follows: `done` names it, `by` is the moment by which it holds, milliseconds.
    pub fn of_query(query: &Fields) -> Option<Self> {
        let text = match query.get("done")? {
            "saved" => "Saved.",
            "made" => "Made.",
            "deleted" => "Deleted.",
            "revoked" => "Revoked.",
            "rotated" => "Rotated.",
            "disabled" => "Disabled: it obtains no tokens.",
            "withdrawn" => {
                "Withdrawn: verifiers that follow revocations refuse what it signed within a second; every other when what it keeps of the key set ends, after five minutes, or later where it keeps it longer."
            }
            "cancelled" => "The rotation was cancelled: the old secret works as before, the new one is gone.",
            "suspended" => "Suspended: nothing of this organization works.",
            "ended" => "The session is over.",
            _ => return None,
        };
        let by = query.get("by").and_then(|by| by.parse().ok()).filter(|by| (0..LAST).contains(by)).map(Timestamp::from_millis);
        Some(by.map_or_else(|| Self::new(Tone::Good, text), |by| Self::bound(text, by)))
    }

    /// What ended, and by when every verifier refuses it.
    pub fn bound(text: &str, by: Timestamp) -> Self {
        let text =
            format!("{text} Verifiers that follow revocations refuse it within a second; every other by {} {}.", day(&by), seconds(by));
        Self::new(Tone::Good, text)
    }
}

impl Tone {
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Plain => "plain",
        }
    }
}

impl Link {
    pub fn new(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self { href: href.into(), text: text.into() }
    }
}

/// A moment as people read it: its day, and its minute, UTC.
fn day(at: &Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

pub fn minute(at: &Timestamp) -> String {
    at.to_string().chars().skip(11).take(5).collect::<String>() + " UTC"
}

/// As much of a long text as a table has room for.
pub fn short(text: &str, most: usize) -> String {
    let mut kept: String = text.chars().take(most).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    kept
}

/// To the second, UTC.
pub fn seconds(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(11..19).map_or_else(|| text.clone(), |time| format!("{time} UTC"))
}

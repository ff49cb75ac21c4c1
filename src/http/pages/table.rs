//! Tables: their cells, and what can be done about a row.
use super::view::{Link, Tone};
use crate::domain::page::Order;
use crate::domain::timestamp::Timestamp;
use crate::domain::usage::Usage;

#[derive(Default)]
pub struct Table {
    pub title: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
    /// What is said where there is nothing at all.
    pub empty: String,
    /// A filter is on: nothing was found, which is not the same as nothing being there.
    pub filtered: bool,
    /// There is nothing at all yet, neither shown nor left out.
    pub fresh: bool,
    pub filters: Vec<Link>,
    /// What is searched in, where it is not the name, and what can be found there.
    pub searches: &'static str,
    pub known: &'static [&'static str],
    /// Where what is searched for is asked for, and what it is now.
    pub search: Option<(String, String)>,
    /// What else the list was asked with, and stays.
    pub kept: Vec<(String, String)>,
    /// The first and the last day that are asked for, where days can be.
    pub days: Option<(String, String)>,
    pub newer: Option<String>,
    pub older: Option<String>,
}

pub struct Column {
    pub title: &'static str,
    pub sorted: Sorted,
}

/// How a list comes into the order of a column.
#[derive(Clone, PartialEq, Eq)]
pub enum Sorted {
    No,
    /// By the script: all of it is on the page.
    Here,
    /// By asking for it; which way round it is now, where it is.
    Asked {
        href: String,
        now: Option<Order>,
    },
}

impl Column {
    /// For `aria-sort`.
    pub fn direction(&self) -> Option<&'static str> {
        match &self.sorted {
            Sorted::Asked { now: Some(Order::Ascending), .. } => Some("ascending"),
            Sorted::Asked { now: Some(Order::Descending), .. } => Some("descending"),
            _ => None,
        }
    }
}

pub enum Cell {
    Text(String),
    Code(String),
    Link(Link),
    /// What something is called, the page it has, if it has one, and whose it is.
    Name {
        text: String,
        href: Option<String>,
        of: Option<String>,
    },
    Chip(Chip),
    Time(Option<Timestamp>, &'static str),
    /// Counts of 24 hours, 7 and 30 days, and the last 24 hours as a line, oldest first, where it is known.
    Usage(Usage, Option<Vec<i64>>),
    /// Counts, oldest first, as a line.
    Spark(Vec<i64>),
    Number(i64),
    /// Behind a few words: what would fill the page.
    Details(String, String),
    Actions(Vec<Action>),
}

#[derive(Clone, Copy)]
pub struct Chip {
    pub tone: Tone,
    pub text: &'static str,
}

/// A button that does something at once, or a link to where it is asked for.
#[derive(Default)]
pub struct Action {
    pub path: String,
    pub text: &'static str,
    /// A form that is sent; otherwise a link.
    pub posts: bool,
    pub danger: bool,
    /// Nothing of it is left afterwards: it has the bin for a picture (G20).
    pub bin: bool,
    /// What is read out: which of several things it is about.
    pub about: String,
}

impl Action {
    pub fn post(path: impl Into<String>, text: &'static str, about: &str) -> Self {
        Self { path: path.into(), text, posts: true, about: about.to_owned(), ..Self::default() }
    }

    pub fn link(path: impl Into<String>, text: &'static str, about: &str) -> Self {
        Self { path: path.into(), text, about: about.to_owned(), ..Self::default() }
    }

    pub fn dangerous(self) -> Self {
        Self { danger: true, ..self }
    }

    pub fn last(self) -> Self {
        Self { danger: true, bin: true, ..self }
    }
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn code(text: impl Into<String>) -> Self {
        Self::Code(text.into())
    }

    pub fn link(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Link(Link::new(href, text))
    }

    pub fn chip(tone: Tone, text: &'static str) -> Self {
        Self::Chip(Chip { tone, text })
    }
}

impl Table {
    pub fn new(title: impl Into<String>, columns: &[&'static str], empty: impl Into<String>) -> Self {
        let sorted = |title: &str| if ["", "By the hour"].contains(&title) { Sorted::No } else { Sorted::Here };
        let columns = columns.iter().map(|title| Column { title, sorted: sorted(title) }).collect();
        Self { title: title.into(), columns, empty: empty.into(), ..Self::default() }
    }

    /// What is over a cell, for a template, which has references.
    pub fn title_of(&self, column: &usize) -> &'static str {
        self.columns.get(*column).map_or("", |column| column.title)
    }
}

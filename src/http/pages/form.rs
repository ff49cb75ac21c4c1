//! Forms: what is asked, with as little typing as there can be.
use super::Fields;
use crate::domain::metadata::Metadata;
use crate::domain::permission::{PermissionCatalogue, Preset};
use crate::domain::text::MAX_DESCRIPTION;

/// What a key may be made for, days, and what is offered first.
const EXPIRIES: [u32; 4] = [7, 30, 90, 365];
const OFFERED: u32 = 90;
/// What a text of JSON may have, characters.
pub const MAX_JSON: usize = 40_000;

#[derive(Default)]
pub struct Form {
    pub title: String,
    pub about: String,
    pub action: String,
    pub fields: Vec<Field>,
    pub button: String,
    /// What a link can lead to.
    pub anchor: &'static str,
    pub danger: bool,
    pub cancel: Option<String>,
    /// Of what it changes, as it was when the form was made.
    pub version: Option<i64>,
    /// Why it was not taken when it was sent.
    pub refused: String,
    /// Shown at once, not only when it is opened.
    pub open: bool,
}

pub enum Field {
    Text {
        name: &'static str,
        label: &'static str,
        value: String,
        placeholder: &'static str,
        required: bool,
        hint: &'static str,
        kind: Kind,
        /// What it can be, with what that is called: something else can be written all the same.
        known: Vec<(String, String)>,
    },
    /// Text of several lines.
    Lines {
        name: &'static str,
        label: &'static str,
        value: String,
        placeholder: &'static str,
        hint: &'static str,
        /// Characters.
        most: usize,
    },
    Secret {
        name: &'static str,
        label: &'static str,
        hint: &'static str,
        /// Whether it is what one signs in with, which browsers may know.
        own: bool,
    },
    Choice {
        name: &'static str,
        label: &'static str,
        options: Vec<(String, String)>,
        chosen: String,
        hint: String,
    },
    /// When it ends: presets in days, with the date they come to.
    Expiry {
        name: &'static str,
        options: Vec<(String, String)>,
        chosen: String,
    },
    Checks {
        name: &'static str,
        label: &'static str,
        presets: Vec<(String, String, String)>,
        groups: Vec<Checks>,
    },
    Tick {
        name: &'static str,
        label: &'static str,
        on: bool,
    },
    Hidden {
        name: &'static str,
        value: String,
    },
}

/// What a browser looks at before it sends a text, so that nothing written is lost to a refusal.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Any,
    Email,
    Url,
    /// From the one to the other.
    Number(u32, u32),
    /// A name of permissions and presets.
    Slug,
}

pub struct Checks {
    pub title: String,
    /// Value, text, whether it is on.
    pub boxes: Vec<(String, String, bool)>,
}

impl Checks {
    /// Names by what stands before their `separator`; `on` are ticked.
    pub fn by_subject<'a>(names: impl IntoIterator<Item = &'a str>, separator: char, on: &[String]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for name in names {
            let subject = name.split(separator).next().unwrap_or(name);
            let ticked = (name.to_owned(), String::new(), on.iter().any(|asked| asked == name));
            match groups.last_mut().filter(|group| group.title == subject) {
                Some(group) => group.boxes.push(ticked),
                None => groups.push(Self { title: subject.to_owned(), boxes: vec![ticked] }),
            }
        }
        groups
    }
}

impl Field {
    /// What was written in its place; a secret is written again.
    pub fn take(&mut self, written: &Fields) {
        match self {
            Self::Text { name, value, .. } | Self::Lines { name, value, .. } => *value = written.text(name).to_owned(),
            Self::Choice { name, options, chosen, .. } | Self::Expiry { name, options, chosen } => {
                *chosen = written.text(name).to_owned();
                // What cannot be chosen any more is not another choice: it is refused until there is one.
                if options.iter().all(|(value, _)| value != chosen) {
                    options.push((chosen.clone(), chosen.clone()));
                }
            }
            Self::Checks { name, presets, groups, .. } => {
                let mut on = written.all(name);
                let preset = presets.iter().find(|(slug, ..)| *slug == written.text("preset"));
                on.extend(preset.iter().flat_map(|(.., all)| all.split(' ')).map(str::to_owned));
                groups.iter_mut().flat_map(|group| &mut group.boxes).for_each(|(value, _, ticked)| *ticked = on.contains(value));
            }
            Self::Tick { name, on, .. } => *on = written.has(name),
            Self::Secret { .. } | Self::Hidden { .. } => {}
        }
    }

    pub fn text(name: &'static str, label: &'static str, placeholder: &'static str, hint: &'static str) -> Self {
        Self::Text { name, label, value: String::new(), placeholder, required: false, hint, kind: Kind::Any, known: Vec::new() }
    }

    pub fn required(name: &'static str, label: &'static str, placeholder: &'static str, hint: &'static str) -> Self {
        let mut field = Self::text(name, label, placeholder, hint);
        if let Self::Text { required, .. } = &mut field {
            *required = true;
        }
        field
    }

    pub fn name(value: &str, placeholder: &'static str) -> Self {
        Self::required("name", "Name", placeholder, "").with(value)
    }

    /// One with something in it already.
    pub fn filled(name: &'static str, label: &'static str, value: String, placeholder: &'static str) -> Self {
        Self::text(name, label, placeholder, "").with(value)
    }

    pub fn with(mut self, is: impl Into<String>) -> Self {
        if let Self::Text { value, .. } | Self::Lines { value, .. } = &mut self {
            *value = is.into();
        }
        self
    }

    pub fn of_kind(mut self, asked: Kind) -> Self {
        if let Self::Text { kind, .. } = &mut self {
            *kind = asked;
        }
        self
    }

    pub fn suggesting(mut self, options: Vec<(String, String)>) -> Self {
        if let Self::Text { known, .. } = &mut self {
            *known = options;
        }
        self
    }

    pub fn description(value: Option<String>, placeholder: &'static str) -> Self {
        let value = value.unwrap_or_default();
        Self::Lines { name: "description", label: "Description", value, placeholder, hint: "", most: MAX_DESCRIPTION }
    }

    /// What the product keeps with an organization or a user; see [`Fields::metadata`].
    pub fn metadata(value: &Metadata) -> Self {
        let value = if value.is_empty() { String::new() } else { serde_json::to_string_pretty(value).unwrap_or_default() };
        let hint = "A JSON object of texts.";
        Self::Lines { name: "metadata", label: "Metadata", value, placeholder: "{ \"plan\": \"gold\" }", hint, most: MAX_JSON }
    }

    pub fn choice(name: &'static str, label: &'static str, options: &[(&str, &str)], chosen: &str) -> Self {
        let options = options.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned())).collect();
        Self::Choice { name, label, options, chosen: chosen.to_owned(), hint: String::new() }
    }

    /// P6: an expiry is what is offered first, the settings' own where they have one; none beyond the latest there may be, days.
    pub fn expiry(default: Option<u32>, latest: Option<u32>) -> Self {
        Self::first(default, latest, &[])
    }

    /// The same for what no settings speak of, with what else there is to choose.
    pub fn end(latest: Option<u32>, also: &[(&str, &str)]) -> Self {
        Self::first(None, latest, also)
    }

    fn first(default: Option<u32>, latest: Option<u32>, also: &[(&str, &str)]) -> Self {
        let mut days = days(latest);
        let default = default.map(|default| latest.map_or(default, |latest| default.min(latest))).filter(|default| *default > 0);
        days.extend(default.filter(|default| !days.contains(default)));
        days.sort_unstable();
        let chosen = default.or_else(|| days.iter().rev().find(|days| **days <= OFFERED).copied());
        let never = latest.is_none().then_some(("never", "Never"));
        // Where there is no day to choose, what is left is not chosen unasked.
        let none = days.is_empty().then_some(("", "–"));
        Self::ending(&days, chosen.map_or_else(String::new, |days| days.to_string()), none.iter().chain(&never).chain(also))
    }

    /// When what replaces another ends: as it says of itself where nothing is chosen.
    pub fn end_of_successor(latest: Option<u32>, unsaid: &str) -> Self {
        Self::ending(&days(latest), String::new(), [("", unsaid)].iter())
    }

    fn ending<'a>(days: &[u32], chosen: String, also: impl Iterator<Item = &'a (&'a str, &'a str)>) -> Self {
        let text = |days: &u32| match days {
            1 => "1 day".to_owned(),
            365 => "1 year".to_owned(),
            days => format!("{days} days"),
        };
        let also = also.map(|(value, text)| ((*value).to_owned(), (*text).to_owned()));
        let options = days.iter().map(|days| (days.to_string(), text(days))).chain(also).collect();
        Self::Expiry { name: "expires", options, chosen }
    }
}

/// What may be chosen where there is a latest.
fn days(latest: Option<u32>) -> Vec<u32> {
    let mut days: Vec<u32> = EXPIRIES.into_iter().filter(|days| latest.is_none_or(|latest| *days <= latest)).collect();
    days.extend(latest.filter(|latest| (1..EXPIRIES[EXPIRIES.len() - 1]).contains(latest) && !days.contains(latest)));
    days
}

/// G9, G10: with a box for every scope there is.
pub fn with_full_access(mut field: Field) -> Field {
    if let Field::Checks { groups, .. } = &mut field
        && !groups.is_empty()
    {
        groups.insert(0, Checks { title: String::new(), boxes: vec![("*".into(), "Full Access (grants all scopes)".into(), false)] });
    }
    field
}

/// The whole catalogue as boxes, with its presets; `on` are ticked.
pub fn permission_checks(catalogue: &PermissionCatalogue, on: &[String]) -> Field {
    let of = |preset: &Preset| (preset.slug.as_str().to_owned(), preset.name.as_str().to_owned(), preset.permissions.to_string());
    let presets = catalogue.presets.iter().map(of).collect();
    let groups = catalogue.resources.iter().map(|group| Checks {
        title: group.resource.clone(),
        boxes: group
            .permissions
            .iter()
            .map(|permission| {
                let slug = permission.slug.as_str().to_owned();
                let text = permission.description.clone().unwrap_or_else(|| permission.name.as_str().to_owned());
                let ticked = on.contains(&slug);
                (slug, text, ticked)
            })
            .collect(),
    });
    Field::Checks { name: "permissions", label: "Scopes", presets, groups: groups.collect() }
}

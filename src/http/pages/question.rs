//! The page before something ends: what it is, what hangs on it, and the button.
use super::{Facts, Field, Form, Notice, Page, Tone};

#[derive(Default)]
pub struct Question<'a> {
    pub title: String,
    pub text: &'a str,
    /// What hangs on it.
    pub facts: Facts,
    /// What has to be written down before it is done.
    pub asks: Vec<Field>,
    pub action: String,
    pub button: &'static str,
    pub back: String,
}

impl Question<'_> {
    pub fn page(self) -> Page {
        let mut page = Page::new(self.title);
        page.push(Notice::new(Tone::Warn, self.text));
        if !self.facts.rows.is_empty() {
            page.push(self.facts);
        }
        page.push(Form {
            title: self.button.into(),
            action: self.action,
            fields: self.asks,
            button: self.button.into(),
            danger: true,
            cancel: Some(self.back),
            open: true,
            ..Form::default()
        });
        page
    }
}

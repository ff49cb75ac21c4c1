//! The page before something ends: what it is, what hangs on it, and the button.
use crate::http::pages::{Facts, Form, Notice, Page, Tone};

use super::visit::Visit;

/// One question.
pub struct Question<'a> {
    pub title: String,
    pub text: &'a str,
    /// What hangs on it.
    pub facts: Facts,
    pub action: String,
    pub button: &'static str,
    pub back: String,
}

pub fn ask(visit: &Visit, current: &str, question: Question<'_>) -> axum::response::Response {
    let mut page = Page::new(question.title);
    page.push(Notice::new(Tone::Warn, question.text));
    if !question.facts.rows.is_empty() {
        page.push(question.facts);
    }
    page.push(Form {
        title: question.button.into(),
        action: question.action,
        button: question.button.into(),
        danger: true,
        cancel: Some(question.back),
        open: true,
        ..Form::default()
    });
    visit.render(current, page)
}

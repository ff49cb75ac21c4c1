//! A page that says why there is no other.
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::sent::{Unfit, Why};
use super::view::{Frame, Link, Notice, Page, Tone};
use crate::authority::error::Error;
use crate::http::App;
use crate::http::hygiene::Cause;

pub struct Refused {
    status: StatusCode,
    title: &'static str,
    text: String,
    /// What is around it.
    frame: Box<Frame>,
    cause: Option<Box<str>>,
    /// Of a form, which is shown again with it.
    unfit: Option<Why>,
    /// Whether there is a way on from here.
    leads_home: bool,
    /// Where to go instead of reading a page.
    elsewhere: Option<Box<str>>,
}

impl Refused {
    pub fn new(app: &App, status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            title,
            text: text.into(),
            frame: Box::new(Frame::bare(&super::base(app))),
            cause: None,
            unfit: None,
            leads_home: true,
            elsewhere: None,
        }
    }

    /// In another place than the console.
    pub fn within(self, frame: Frame) -> Self {
        Self { frame: Box::new(frame), ..self }
    }

    /// For somebody who cannot go anywhere from here.
    pub fn at_the_end(self) -> Self {
        Self { leads_home: false, ..self }
    }

    /// For a form that came before: what it asked for was done then.
    pub fn repeated(app: &App) -> Self {
        let text = "This form was sent before, and what it asks for was done then. Where it made a secret, that was shown then and is not shown \
                    again: if it was not copied, rotate it, or make another one.";
        Self { unfit: Some(Why::Repeated), ..Self::new(app, StatusCode::CONFLICT, "It was done already", text) }
    }

    fn unfit(self) -> Self {
        Self { unfit: Some(Why::Refused), ..self }
    }

    /// Sends the visitor to another page.
    pub fn elsewhere(app: &App, path: String) -> Self {
        Self { elsewhere: Some(path.into()), ..Self::new(app, StatusCode::SEE_OTHER, "", "") }
    }

    /// Leads on by itself, from a page of ours: a cookie that is `Strict` comes along from there, and not from another site.
    pub fn onward(app: &App, path: String) -> Self {
        let mut page = Self::new(app, StatusCode::OK, "One moment", "The page you followed a link to opens in a moment.");
        page.frame.navigation.push(Link::new(path.clone(), "Continue"));
        page.frame.onward = Some(path);
        page
    }

    pub fn of(app: &App, error: Error) -> Self {
        let page = |status, title, text: String| Self::new(app, status, title, text);
        match error {
            Error::Invalid(fields) => {
                let text = fields.iter().map(|field| field.message.as_str()).collect::<Vec<_>>().join("; ");
                page(StatusCode::UNPROCESSABLE_ENTITY, "That cannot be taken", text).unfit()
            }
            Error::NotFound(what) => page(StatusCode::NOT_FOUND, "Not found", format!("There is no such {what}.")),
            Error::InvalidCursor => page(StatusCode::NOT_FOUND, "Not found", "There is no such page.".into()),
            Error::Forbidden { message, .. } => page(StatusCode::FORBIDDEN, "Not allowed", message),
            Error::Conflict { message, .. } => page(StatusCode::CONFLICT, "Not now", message).unfit(),
            Error::VersionMismatch => {
                let text = "Somebody changed it after this form was opened, and nothing of yours was taken. Open it again, and change what is left to change.";
                page(StatusCode::PRECONDITION_FAILED, "It is not as you saw it", text.into())
            }
            Error::Unauthenticated => {
                page(StatusCode::FORBIDDEN, "This session is over", "It ended, or the management key behind it did.".into())
            }
            Error::IdempotencyInProgress => page(StatusCode::CONFLICT, "Not now", "It is being done already: look in a moment.".into()),
            Error::Unavailable(cause) => {
                let text = "Changes cannot be made for the moment: try again.".to_owned();
                Self { cause: Some(cause.to_string().into()), ..page(StatusCode::SERVICE_UNAVAILABLE, "Try again", text) }
            }
            other => {
                let text = "Something went wrong here.".to_owned();
                Self { cause: Some(format!("{other:?}").into()), ..page(StatusCode::INTERNAL_SERVER_ERROR, "Internal error", text) }
            }
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        if let Some(path) = self.elsewhere {
            return axum::response::Redirect::to(&path).into_response();
        }
        let mut page = Page::new(self.title);
        page.push(Notice::new(if self.status.is_success() { Tone::Plain } else { Tone::Bad }, &self.text));
        let mut frame = self.frame;
        if self.leads_home && frame.navigation.is_empty() {
            frame.navigation.push(Link::new(format!("{}/{}", frame.base, frame.area), "Go to the first page"));
        }
        let mut response = (self.status, frame.render(&page)).into_response();
        if let Some(why) = self.unfit {
            response.extensions_mut().insert(Unfit { why, text: self.text });
        }
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(cause.into()));
        }
        response
    }
}

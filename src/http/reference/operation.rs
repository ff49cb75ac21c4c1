//! Operations: each route together with what the reference says of it, so that none can be served without being described.
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::routing::{MethodFilter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use crate::http::App;

type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// One route, described.
pub struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) tag: &'static str,
    pub(super) id: String,
    pub(super) summary: &'static str,
    pub(super) description: Option<&'static str>,
    pub(super) query: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) status: StatusCode,
    pub(super) answer: Option<MakeSchema>,
    pub(super) dialect: Dialect,
    /// Statuses beside those that every operation of its kind may answer.
    pub(super) more_errors: &'static [u16],
    changes: bool,
}

/// A member of the query.
pub struct Parameter {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) schema: Value,
}

/// What is sent.
pub(super) struct Body {
    pub(super) content_type: &'static str,
    pub(super) schema: MakeSchema,
    pub(super) example: Value,
}

/// Whose errors it speaks, and how its caller authenticates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// RFC 9457, a management key.
    Management,
    /// RFC 6749 §5.2, a client or a management key.
    Oauth,
    /// RFC 6749 §5.2, nobody in particular.
    Public,
}

/// Routes of one kind of thing.
pub struct Routes {
    tag: &'static str,
    pub(super) router: Router<Arc<App>>,
    pub(super) operations: Vec<Operation>,
}

macro_rules! methods {
    ($($name:ident $method:ident)*) => {$(
        pub fn $name<T: 'static>(
            self,
            path: &'static str,
            handler: impl Handler<T, Arc<App>>,
            summary: &'static str,
            describe: impl FnOnce(Operation) -> Operation,
        ) -> Self {
            self.on(MethodFilter::$method, Method::$method, path, handler, summary, describe)
        }
    )*};
}

impl Routes {
    methods! { get GET post POST put PUT patch PATCH delete DELETE }

    pub fn new(tag: &'static str) -> Self {
        Self { tag, router: Router::new(), operations: Vec::new() }
    }

    fn on<T: 'static>(
        mut self,
        filter: MethodFilter,
        method: Method,
        path: &'static str,
        handler: impl Handler<T, Arc<App>>,
        summary: &'static str,
        describe: impl FnOnce(Operation) -> Operation,
    ) -> Self {
        self.router = self.router.route(path, on(filter, handler));
        self.operations.push(describe(Operation::new(method, path, self.tag, summary)));
        self
    }

    /// A route that the reference leaves out: another name of one that is in it.
    pub fn alias(mut self, path: &'static str, method: axum::routing::MethodRouter<Arc<App>>) -> Self {
        self.router = self.router.route(path, method);
        self
    }

    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self
    }

    /// Wraps the routers, not what is said of them.
    pub fn map_router(mut self, wrap: impl FnOnce(Router<Arc<App>>) -> Router<Arc<App>>) -> Self {
        self.router = wrap(self.router);
        self
    }
}

impl Operation {
    fn new(method: Method, path: &'static str, tag: &'static str, summary: &'static str) -> Self {
        let id = summary.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let changes = method != Method::GET;
        let status = if method == Method::DELETE { StatusCode::NO_CONTENT } else { StatusCode::OK };
        Self {
            method,
            path,
            tag,
            id,
            summary,
            description: None,
            query: Vec::new(),
            body: None,
            status,
            answer: None,
            dialect: Dialect::Management,
            more_errors: &[],
            changes,
        }
    }

    pub fn about(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// A list in pages.
    pub fn pages(self) -> Self {
        let number = serde_json::json!({ "type": "integer", "minimum": 1, "maximum": 100, "default": 10 });
        let order = serde_json::json!({ "type": "string", "enum": ["asc", "desc"], "default": "desc" });
        self.parameter("limit", "How many, at the most.", number)
            .query("after", "The id of the object after which the page begins; not together with `before`.")
            .query("before", "The id of the object before which the page ends.")
            .parameter("order", "By creation.", order)
    }

    /// A further member of the query, any text.
    pub fn query(self, name: &'static str, description: &'static str) -> Self {
        self.parameter(name, description, serde_json::json!({ "type": "string" }))
    }

    pub fn choice(self, name: &'static str, description: &'static str, values: &[&str]) -> Self {
        self.parameter(name, description, serde_json::json!({ "type": "string", "enum": values }))
    }

    fn parameter(mut self, name: &'static str, description: &'static str, schema: Value) -> Self {
        self.query.push(Parameter { name, description, schema });
        self
    }

    /// A JSON body.
    pub fn takes<T: JsonSchema>(mut self, example: Value) -> Self {
        self.body = Some(Body { content_type: "application/json", schema: |generator| generator.subschema_for::<T>(), example });
        self
    }

    /// A form body.
    pub fn takes_form<T: JsonSchema>(mut self, example: Value) -> Self {
        let schema: MakeSchema = |generator| generator.subschema_for::<T>();
        self.body = Some(Body { content_type: "application/x-www-form-urlencoded", schema, example });
        self
    }

    pub fn answers<T: JsonSchema>(mut self) -> Self {
        self.answer = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// An answer without a body.
    pub fn empty(mut self) -> Self {
        self.status = StatusCode::NO_CONTENT;
        self
    }

    pub fn creates<T: JsonSchema>(mut self) -> Self {
        self.status = StatusCode::CREATED;
        self.answers::<T>()
    }

    /// It changes nothing that is stored, although its method might.
    pub fn only_reads(mut self) -> Self {
        self.changes = false;
        self
    }

    pub fn speaks(mut self, dialect: Dialect, more_errors: &'static [u16]) -> Self {
        (self.dialect, self.more_errors) = (dialect, more_errors);
        self
    }

    /// Every error status it may answer.
    pub(super) fn errors(&self) -> Vec<u16> {
        let mut errors: Vec<u16> = match self.dialect {
            Dialect::Management => vec![400, 401, 403, 404, 413, 500, 503],
            Dialect::Oauth => vec![400, 401, 413, 415, 429, 500, 503],
            Dialect::Public => vec![500],
        };
        if self.dialect == Dialect::Management {
            if self.changes {
                errors.extend([409, 412]);
            }
            if self.body.is_some() {
                errors.push(415);
            }
            if self.changes || self.body.is_some() || !self.query.is_empty() {
                errors.push(422);
            }
        }
        errors.extend(self.more_errors);
        errors.sort_unstable();
        errors
    }

    /// Whether an Idempotency-Key has a meaning.
    pub(super) fn is_idempotent_by_key(&self) -> bool {
        self.dialect == Dialect::Management && self.changes && self.method == Method::POST
    }
}

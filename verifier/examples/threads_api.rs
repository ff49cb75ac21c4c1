//! A resource server: threads of customer organizations, read and written with API keys and access tokens, verified offline.
//!
//! `cargo run -p chancery-verifier --example threads_api -- --issuer http://127.0.0.1:8080 --listen 127.0.0.1:9090`
//!
//! Its audience is `http://` and the address it listens on: register that as a resource server. API keys are validated with the management key
//! in `CHANCERY_MANAGEMENT_KEY`; without one none are taken. `docs/tutorial.md` walks through it.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use chancery_verifier::{ApiKeyError, Principal, Verifier, VerifyError};
use ring::rand::{SecureRandom, SystemRandom};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;

const USAGE: &str = "usage: threads_api --issuer URL --listen ADDRESS:PORT";
const MAX_TITLE: usize = 200;

type ThreadId = Result<Path<String>, PathRejection>;
type Body = Result<Bytes, BytesRejection>;

/// What a handler is given.
struct Api {
    verifier: Verifier,
    threads: Mutex<BTreeMap<String, Thread>>,
}

#[derive(Clone, Serialize)]
struct Thread {
    id: String,
    title: String,
    published: bool,
    /// The user who made it, and who alone changes it.
    owner: String,
    organization_id: String,
    created_at: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewThread {
    title: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThreadChange {
    title: Option<String>,
    published: Option<bool>,
}

/// Who is calling, whatever the credential: a user, or the organization itself.
struct Caller {
    organization: String,
    user: Option<String>,
    /// What the credential was narrowed to; nothing named is all that its user may.
    permissions: Vec<String>,
}

/// Why a request is refused.
#[derive(Debug)]
enum Refusal {
    InvalidParams(String),
    Unauthorized(&'static str),
    Forbidden(&'static str),
    NotFound,
    MethodNotAllowed,
    Unavailable,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |name: &str| arguments.iter().position(|one| one == name).and_then(|at| arguments.get(at + 1)).ok_or(USAGE);
    let (issuer, listen) = (argument("--issuer")?, argument("--listen")?);
    let listener = TcpListener::bind(listen).await?;
    let audience = format!("http://{}", listener.local_addr()?);
    let mut discovery = Verifier::discover(issuer).audience(&audience);
    match management_key() {
        Some(key) => discovery = discovery.management_key(key),
        None => eprintln!("CHANCERY_MANAGEMENT_KEY is not set: API keys are refused"),
    }
    let api = Arc::new(Api { verifier: discovery.connect().await?, threads: Mutex::default() });
    println!("threads at {audience}/api/v1/threads, for tokens of {issuer} with the audience {audience}");
    axum::serve(listener, router(api)).await?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a program of its own reads its environment in one place")]
fn management_key() -> Option<String> {
    std::env::var("CHANCERY_MANAGEMENT_KEY").ok().filter(|key| !key.is_empty())
}

fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/v1/threads", get(list).post(create))
        .route("/api/v1/threads/{id}", get(find).patch(change).delete(remove))
        .fallback(async |_caller: Caller| Refusal::NotFound)
        .method_not_allowed_fallback(async |_caller: Caller| Refusal::MethodNotAllowed)
        .with_state(api)
}

async fn list(State(api): State<Arc<Api>>, caller: Caller) -> Response {
    let threads = api.threads.lock().unwrap_or_else(PoisonError::into_inner);
    let data: Vec<&Thread> = threads.values().filter(|thread| caller.may_read(thread)).collect();
    Json(json!({ "data": data })).into_response()
}

async fn create(State(api): State<Arc<Api>>, caller: Caller, body: Body) -> Result<Response, Refusal> {
    let owner = caller.writer()?.to_owned();
    let new: NewThread = parse(body)?;
    let thread = Thread {
        id: id("thread"),
        title: title(new.title)?,
        published: false,
        owner,
        organization_id: caller.organization,
        created_at: now(),
    };
    api.threads.lock().unwrap_or_else(PoisonError::into_inner).insert(thread.id.clone(), thread.clone());
    Ok((StatusCode::CREATED, Json(thread)).into_response())
}

async fn find(State(api): State<Arc<Api>>, caller: Caller, id: ThreadId) -> Result<Json<Thread>, Refusal> {
    let threads = api.threads.lock().unwrap_or_else(PoisonError::into_inner);
    threads.get(&read(id)?).filter(|thread| caller.may_read(thread)).cloned().map(Json).ok_or(Refusal::NotFound)
}

async fn change(State(api): State<Arc<Api>>, caller: Caller, id: ThreadId, body: Body) -> Result<Json<Thread>, Refusal> {
    caller.writer()?;
    let change: ThreadChange = parse(body)?;
    let new_title = change.title.map(title).transpose()?;
    let mut threads = api.threads.lock().unwrap_or_else(PoisonError::into_inner);
    let thread = caller.own(threads.get_mut(&read(id)?))?;
    thread.title = new_title.unwrap_or_else(|| thread.title.clone());
    thread.published = change.published.unwrap_or(thread.published);
    Ok(Json(thread.clone()))
}

async fn remove(State(api): State<Arc<Api>>, caller: Caller, id: ThreadId) -> Result<StatusCode, Refusal> {
    caller.writer()?;
    let mut threads = api.threads.lock().unwrap_or_else(PoisonError::into_inner);
    let id = read(id)?;
    caller.own(threads.get_mut(&id))?;
    threads.remove(&id);
    Ok(StatusCode::NO_CONTENT)
}

impl Caller {
    /// A published thread is everyone's in its organization; another only its owner's.
    fn may_read(&self, thread: &Thread) -> bool {
        thread.organization_id == self.organization && (thread.published || self.user.as_ref() == Some(&thread.owner))
    }

    /// Whoever writes is a user: the organization's own credentials read.
    fn writer(&self) -> Result<&str, Refusal> {
        let user =
            self.user.as_deref().ok_or(Refusal::Forbidden("this credential is the organization's own: it reads, a user's writes"))?;
        let narrowed = !self.permissions.is_empty() && !self.permissions.iter().any(|permission| permission == "threads:write");
        if narrowed { Err(Refusal::Forbidden("this key was made without threads:write")) } else { Ok(user) }
    }

    /// A thread the caller may change. One he may not even read is not there.
    fn own<'a>(&self, thread: Option<&'a mut Thread>) -> Result<&'a mut Thread, Refusal> {
        let thread = thread.filter(|thread| self.may_read(thread)).ok_or(Refusal::NotFound)?;
        if self.user.as_ref() == Some(&thread.owner) { Ok(thread) } else { Err(Refusal::Forbidden("only its owner changes a thread")) }
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Refusal;

    /// One credential: `Authorization: Bearer` with a token or a key, or `X-Api-Key`. `X-Organization-Id` only narrows.
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Refusal> {
        let values = |name: &str| parts.headers.get_all(name).iter().collect::<Vec<_>>();
        let caller = match (values("authorization").as_slice(), values("x-api-key").as_slice()) {
            ([], []) => return Err(Refusal::Unauthorized("send a credential as Authorization: Bearer, or an API key as X-Api-Key")),
            ([value], []) => bearer(api, value).await?,
            ([], [value]) => api_key(api, value.to_str().unwrap_or_default()).await?,
            _ => return Err(Refusal::InvalidParams("send exactly one credential".into())),
        };
        let other = values("x-organization-id").into_iter().any(|named| named != caller.organization.as_str());
        if other { Err(Refusal::NotFound) } else { Ok(caller) }
    }
}

async fn bearer(api: &Api, value: &HeaderValue) -> Result<Caller, Refusal> {
    let value = value.to_str().ok().and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let credential = value.map(|(_, credential)| credential.trim()).ok_or(Refusal::Unauthorized("the scheme is Bearer"))?;
    // A JWT has three parts; an API key has a prefix and no point.
    if !credential.contains('.') {
        return api_key(api, credential).await;
    }
    let token = api.verifier.verify(credential).await.map_err(|error| match error {
        VerifyError::Stale | VerifyError::KeysUnavailable => Refusal::Unavailable,
        _ => Refusal::Unauthorized("the access token is not good, or not good any more"),
    })?;
    let permissions = token.scope.iter().flat_map(|scope| scope.iter()).map(|token| token.to_string()).collect();
    Ok(Caller { organization: token.organization().to_owned(), user: user(token.principal()), permissions })
}

async fn api_key(api: &Api, value: &str) -> Result<Caller, Refusal> {
    let key = api.verifier.verify_api_key(value).await.map_err(|error| match error {
        ApiKeyError::Unavailable | ApiKeyError::ManagementKeyRefused => Refusal::Unavailable,
        ApiKeyError::NotSetUp => Refusal::Unauthorized("API keys are not taken here"),
        _ => Refusal::Unauthorized("the API key is not good, or not good any more"),
    })?;
    let permissions = key.permissions.iter().map(|token| token.to_string()).collect();
    Ok(Caller { organization: key.organization, user: user(&key.principal), permissions })
}

fn user(principal: &Principal) -> Option<String> {
    match principal {
        Principal::User { id } => Some(id.clone()),
        Principal::Organization { .. } => None,
    }
}

/// What cannot be an id names nothing.
fn read(id: ThreadId) -> Result<String, Refusal> {
    id.map(|Path(id)| id).map_err(|_utf8| Refusal::NotFound)
}

fn parse<T: DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    let body = body.map_err(|error| Refusal::InvalidParams(error.body_text()))?;
    serde_json::from_slice(&body).map_err(|error| Refusal::InvalidParams(format!("the body is not what it should be: {error}")))
}

fn title(text: String) -> Result<String, Refusal> {
    let good = !text.trim().is_empty() && text.chars().count() <= MAX_TITLE && !text.chars().any(char::is_control);
    if good { Ok(text) } else { Err(Refusal::InvalidParams(format!("title takes 1 to {MAX_TITLE} characters on one line"))) }
}

fn id(kind: &str) -> String {
    let mut bytes = [0; 12];
    // Without randomness ids would repeat, and one thread replace another.
    assert!(SystemRandom::new().fill(&mut bytes).is_ok(), "the system gives no random bytes");
    format!("{kind}_{}", bytes.map(|byte| format!("{byte:02x}")).concat())
}

#[expect(clippy::disallowed_methods, reason = "a program of its own reads the clock in one place")]
fn now() -> String {
    let now = OffsetDateTime::now_utc();
    now.replace_millisecond(now.millisecond()).unwrap_or(now).format(&Rfc3339).unwrap_or_default()
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, message) = match &self {
            Self::InvalidParams(message) => (StatusCode::BAD_REQUEST, "INVALID_PARAMS", message.as_str()),
            Self::Unauthorized(message) => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED", *message),
            Self::Forbidden(message) => (StatusCode::FORBIDDEN, "FORBIDDEN", *message),
            Self::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such thing here"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "INVALID_PARAMS", "this path does not take this method"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "credentials cannot be checked just now: try again"),
        };
        let body = json!({ "error": { "code": code, "message": message, "trace_id": id("trace") } });
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::UNAUTHORIZED => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => {}
        }
        response
    }
}

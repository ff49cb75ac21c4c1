//! The HTTP side of the command line: where the authority is, who calls, and how an answer is shown.
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value};

use super::tell;

/// Where the authority is, and who calls.
#[derive(Args)]
pub(super) struct Remote {
    /// The authority's issuer identifier
    #[arg(
        id = "remote_issuer",
        long = "issuer",
        env = "CHANCERY_ISSUER",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL",
        global = true
    )]
    pub(super) issuer: String,
    /// A management key
    #[arg(
        id = "remote_management_key",
        long = "management-key",
        env = "CHANCERY_MANAGEMENT_KEY",
        hide_env_values = true,
        value_name = "KEY",
        global = true
    )]
    management_key: Option<String>,
    /// Print the answer as JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
}

impl Remote {
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<(), String> {
        let Some(key) = &self.management_key else {
            return Err("set CHANCERY_MANAGEMENT_KEY to a management key".into());
        };
        let request =
            client()?.request(method, format!("{}{path}", self.issuer)).bearer_auth(key).header("content-type", "application/json");
        let request = match body {
            Some(body) => request.body(body.to_string()),
            None => request,
        };
        let answer = send(request).await?;
        match (&answer, self.json) {
            (Value::Null, _) => {}
            (answer, true) => tell(&answer.to_string()),
            (answer, false) => tell(&lines(answer)),
        }
        Ok(())
    }
}

pub(super) fn client() -> Result<reqwest::Client, String> {
    // An error means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().build().map_err(|error| error.to_string())
}

pub(super) async fn send(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let response = request.send().await.map_err(|error| format!("the authority cannot be reached: {}", error.without_url()))?;
    let status = response.status();
    let body = response.bytes().await.map_err(|error| error.without_url().to_string())?;
    let answer: Value = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).map_err(|error| format!("the answer is not JSON: {error}"))?
    };
    if status.is_success() {
        return Ok(answer);
    }
    let told = ["message", "error_description", "error"].iter().find_map(|member| answer[*member].as_str());
    Err(format!("{}: {}", status.as_u16(), told.unwrap_or("refused")))
}

pub(super) fn present<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect::<Map<_, _>>().into()
}

/// For people: a line for each object of a list, `name: value` for one object.
fn lines(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match answer.get("data").unwrap_or(answer) {
        Value::Array(objects) => objects
            .iter()
            .map(|object| {
                let shown = ["id", "kid", "client_id", "name", "alg", "state", "status", "secret_hint", "last_used_at", "expires_at"];
                shown.iter().filter_map(|member| object.get(*member)).map(text).collect::<Vec<_>>().join("  ")
            })
            .collect::<Vec<_>>()
            .join("\n"),
        Value::Object(members) => members.iter().map(|(name, value)| format!("{name}: {}", text(value))).collect::<Vec<_>>().join("\n"),
        other => text(other),
    }
}

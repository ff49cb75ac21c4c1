//! Asking the provider: bounded in time by the client, and in size here.
use std::pin::Pin;

use oauth2::basic::BasicErrorResponse;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse, RequestTokenError};
use url::Url;

use super::Unproven;

/// Of any of its answers.
const MAX_BYTES: usize = 256 * 1024;

/// The client of the token request.
pub struct Exchange<'a>(pub &'a reqwest::Client);

#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    #[error("{0}")]
    NoAnswer(String),
    #[error("its answer is longer than 256 KiB")]
    TooLong,
}

impl From<reqwest::Error> for Unanswered {
    /// The innermost cause tells most, and has no URL in it.
    fn from(error: reqwest::Error) -> Self {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Self::NoAnswer(if error.is_timeout() { "no answer within 10 seconds".into() } else { cause.to_string() })
    }
}

async fn send(http: &reqwest::Client, request: reqwest::Request) -> Result<HttpResponse, Unanswered> {
    let mut answer = http.execute(request).await?;
    let mut response = HttpResponse::new(Vec::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    while let Some(chunk) = answer.chunk().await? {
        if response.body().len() + chunk.len() > MAX_BYTES {
            return Err(Unanswered::TooLong);
        }
        response.body_mut().extend_from_slice(&chunk);
    }
    Ok(response)
}

impl<'c> AsyncHttpClient<'c> for Exchange<'_> {
    type Error = Unanswered;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Unanswered>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move { send(self.0, reqwest::Request::try_from(request)?).await })
    }
}

/// A document of the provider.
pub async fn fetch(http: &reqwest::Client, url: &Url) -> Result<Vec<u8>, Unproven> {
    read(http, http.get(url.clone()), url).await
}

/// One that an access token opens.
pub async fn fetch_with(http: &reqwest::Client, url: &Url, access_token: &str) -> Result<Vec<u8>, Unproven> {
    read(http, http.get(url.clone()).bearer_auth(access_token), url).await
}

async fn read(http: &reqwest::Client, request: reqwest::RequestBuilder, url: &Url) -> Result<Vec<u8>, Unproven> {
    let request = request.build().map_err(|error| Unproven::Away(error.to_string()))?;
    let response = send(http, request).await.map_err(|error| Unproven::Away(error.to_string()))?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(Unproven::Away(format!("{} answers {}", url.path(), response.status())));
    }
    Ok(response.into_body())
}

/// The exchange's errors without what was sent: a code is a secret for as long as it is good.
pub fn unproven(error: RequestTokenError<Unanswered, BasicErrorResponse>) -> Unproven {
    match error {
        RequestTokenError::ServerResponse(answer) => Unproven::Refused(answer.error().to_string()),
        RequestTokenError::Request(error) => Unproven::Away(error.to_string()),
        RequestTokenError::Parse(error, _) => Unproven::Unfit(format!("its token answer cannot be read: {}", error.inner())),
        RequestTokenError::Other(why) => Unproven::Unfit(why),
    }
}

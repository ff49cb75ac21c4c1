//! Fetching a document: from https or this machine, within a bound, without redirects.
use std::time::Duration;

use reqwest::Url;

use crate::discovery::DiscoverError;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn client(issuer: &str) -> Result<reqwest::Client, DiscoverError> {
    // An error means that the host has installed a TLS provider of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(REQUEST_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| DiscoverError::Fetch { url: issuer.into(), reason: error.to_string() })
}

pub(crate) fn secure_url(text: &str) -> Result<Url, DiscoverError> {
    let url = Url::parse(text).map_err(|_parse| DiscoverError::Url(text.into()))?;
    let loopback = match url.host_str() {
        Some(host) => {
            host == "localhost" || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && loopback) { Ok(url) } else { Err(DiscoverError::Url(text.into())) }
}

pub(crate) async fn fetch(client: &reqwest::Client, url: &Url, most: usize) -> Result<Vec<u8>, DiscoverError> {
    let failed = |reason: String| DiscoverError::Fetch { url: url.to_string(), reason };
    let response = client.get(url.clone()).send().await.map_err(|error| failed(causes(&error.without_url())))?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(failed(format!("status {}", response.status())));
    }
    read(response, most).await.map_err(failed)
}

pub(crate) async fn fetch_text(client: &reqwest::Client, url: &Url, most: usize) -> Result<String, DiscoverError> {
    let failed = |reason: &str| DiscoverError::Fetch { url: url.to_string(), reason: reason.into() };
    String::from_utf8(fetch(client, url, most).await?).map_err(|_utf8| failed("not text"))
}

/// A body of at most so many bytes.
pub(crate) async fn read(mut response: reqwest::Response, most: usize) -> Result<Vec<u8>, String> {
    let mut document = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| causes(&error.without_url()))? {
        document.extend_from_slice(&chunk);
        if document.len() > most {
            return Err(format!("longer than {} KiB", most / 1024));
        }
    }
    Ok(document)
}

/// An error with all that caused it: the last is the one that tells.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

//! Where a request comes from: the peer, or what a trusted proxy says of it (RFC 7239 §8 tells why only those are believed).
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

use super::App;
use super::hygiene::RequestId;

/// The peer of the connection, put into every request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The networks whose `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

impl TrustedProxies {
    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The last address in the chain that no trusted proxy vouches for: the nearest one that can be lied about no more.
    pub fn source(&self, peer: Option<Peer>, headers: &HeaderMap) -> Option<IpAddr> {
        let mut source = peer?.0.ip().to_canonical();
        let forwarded: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
        for hop in forwarded.iter().rev() {
            if !self.trusts(source) {
                break;
            }
            let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
            source = address.to_canonical();
        }
        Some(source)
    }
}

/// What is known of whoever sent a request before he says who he is.
pub struct Sender {
    pub request_id: String,
    pub source: Option<IpAddr>,
}

impl Sender {
    pub fn of(parts: &Parts, app: &App) -> Self {
        Self {
            request_id: parts.extensions.get::<RequestId>().map_or_else(String::new, RequestId::to_string),
            source: app.trusted_proxies.source(parts.extensions.get::<Peer>().copied(), &parts.headers),
        }
    }
}

impl FromRequestParts<Arc<App>> for Sender {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self::of(parts, app))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_153_only_a_trusted_proxy_is_believed() {
        let proxies = TrustedProxies(vec!["10.0.0.0/8".parse().unwrap()]);
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "6.6.6.6, 192.0.2.7, 10.0.0.9".parse().unwrap());
        let source = |peer: &str| proxies.source(Some(Peer(peer.parse().unwrap())), &headers).unwrap().to_string();
        assert_eq!(source("10.0.0.1:99"), "192.0.2.7");
        assert_eq!(source("203.0.113.5:99"), "203.0.113.5");
    }
}

//! Which addresses a webhook may go to (case 249): the check is made on the address that is connected to, so a name that changes its mind
//! between check and connection gains nothing.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, LazyLock};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

const INTERNAL: &str = "endpoint_url leads to an internal address: name its network in CHANCERY_WEBHOOK_NETWORKS to allow it";
const PLAIN: &str = "endpoint_url must be https; http is only for networks named in CHANCERY_WEBHOOK_NETWORKS";

/// Networks that are nobody's public address (IANA special-purpose registries, RFC 6890).
static SPECIAL: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "::1/128",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    ]
    .iter()
    .filter_map(|network| network.parse().ok())
    .collect()
});

/// Decides, and resolves names to what it lets through.
#[derive(Clone)]
pub(super) struct Guard {
    named: Arc<[IpNet]>,
    only_named: bool,
}

impl Guard {
    pub(super) fn new(named: Vec<IpNet>) -> Self {
        Self { named: named.into(), only_named: false }
    }

    /// The same, for named networks only.
    pub(super) fn only_named(&self) -> Self {
        Self { named: Arc::clone(&self.named), only_named: true }
    }

    fn admits(&self, address: IpAddr) -> bool {
        let address = carried(address);
        let named = self.named.iter().any(|network| network.contains(&address));
        named || !(self.only_named || SPECIAL.iter().any(|network| network.contains(&address)))
    }

    /// Looks at a URL that names an address instead of a host.
    pub(super) fn check_literal(&self, url: &Url) -> Result<(), &'static str> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        self.check_all([address])
    }

    /// One address that may be connected to is enough: the others never are.
    pub(super) fn check_all(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), &'static str> {
        if addresses.into_iter().any(|address| self.admits(address)) {
            return Ok(());
        }
        Err(if self.only_named { PLAIN } else { INTERNAL })
    }
}

/// The IPv4 address that an IPv6 one carries (mapped, translated, NAT64, 6to4), or the address itself.
fn carried(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let segments = v6.segments();
    let pair = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => pair(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if v6 != Ipv6Addr::LOCALHOST && v6 != Ipv6Addr::UNSPECIFIED => pair(high, low),
        _ => address,
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            guard.check_all(found.iter().map(SocketAddr::ip))?;
            let admitted: Vec<_> = found.into_iter().filter(|address| guard.admits(address.ip())).collect();
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

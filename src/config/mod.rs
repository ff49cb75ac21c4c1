//! Settings: each is a flag and a variable, parsed at the border. The one place the environment is read (by clap).
mod openid;
mod portal;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use ipnet::IpNet;
use url::Url;

use crate::authority::caller::MIN_PRESET_LENGTH;
use crate::domain::credential::{ApiKeyPrefix, Secret};
use crate::domain::revocation::StatusProfile;
use crate::domain::schedule::Schedule;
use crate::keys::master::MasterKeyPlace;
use crate::storage::{Connections, DatabasePath, DatabaseUrl, ServerError};

pub use openid::OpenIdArgs;
pub use portal::PortalArgs;

const LONGEST_LEASE: Duration = Duration::from_secs(3600);

/// Settings of `chancery serve`.
#[derive(Args)]
pub struct ServeArgs {
    /// Address and port of the public listener (HTTP/1.1; TLS is the reverse proxy's)
    #[arg(long, env = "CHANCERY_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,

    /// Issuer identifier, byte for byte as it stands in every token; https unless the host is loopback [default: from the listener]
    #[arg(long, env = "CHANCERY_ISSUER", value_name = "URL")]
    pub issuer: Option<String>,

    #[command(flatten)]
    pub database: DatabaseArgs,

    /// How many connections to a database server this instance opens at the most, beside the one that follows it
    #[arg(long, env = "CHANCERY_DATABASE_CONNECTIONS", default_value = "10", value_parser = clap::value_parser!(u32).range(3..=1000), value_name = "NUMBER")]
    pub database_connections: u32,

    /// Prepare statements under names: faster, where no pooler in transaction mode stands before the database server
    #[arg(long, env = "CHANCERY_DATABASE_NAMED_STATEMENTS", default_value = "false", action = clap::ArgAction::Set, value_name = "true|false")]
    pub database_named_statements: bool,

    /// How long tokens are issued for known credentials while a database server is away, an hour at the most
    #[arg(long, env = "CHANCERY_LEASE", default_value = "60s", value_parser = parse_lease, value_name = "DURATION")]
    pub lease: Duration,

    /// By up to how many percent of a token's lifetime less a client is told in expires_in, each time another part, so that clients that
    /// began together do not come back together; the token itself lives as long as ever
    #[arg(long, env = "CHANCERY_EXPIRES_IN_JITTER", default_value = "0", value_parser = clap::value_parser!(u32).range(0..=50), value_name = "PERCENT")]
    pub expires_in_jitter: u32,

    /// Folder of the master key, made on the first start
    #[arg(long, env = "CHANCERY_KEYS_DIR", default_value = "keys", value_name = "FOLDER")]
    pub keys_dir: PathBuf,

    /// The master key from elsewhere, such as a mounted secret; wins over the folder
    #[arg(long, env = "CHANCERY_MASTER_KEY_FILE", value_name = "FILE")]
    pub master_key_file: Option<PathBuf>,

    /// A preset management key of at least 32 characters, with all permissions
    #[arg(long, env = "CHANCERY_MANAGEMENT_KEY", hide_env_values = true, value_name = "KEY", value_parser = parse_secret)]
    pub management_key: Option<Arc<Secret>>,

    /// Address and port of the operator's own listener: /metrics and health
    #[arg(long, env = "CHANCERY_METRICS_LISTEN", default_value = "127.0.0.1:8081", value_name = "ADDRESS:PORT")]
    pub metrics_listen: SocketAddr,

    /// Networks whose X-Forwarded-For is believed, with commas between them
    #[arg(long, env = "CHANCERY_TRUSTED_PROXIES", value_delimiter = ',', value_name = "CIDR,…")]
    pub trusted_proxies: Vec<IpNet>,

    /// What API keys begin with, as in eak, eg_live or sk_live; settings may say otherwise
    #[arg(long, env = "CHANCERY_API_KEY_PREFIX", default_value = ApiKeyPrefix::DEFAULT, value_parser = parse_prefix, value_name = "PREFIX")]
    pub api_key_prefix: ApiKeyPrefix,

    /// Internal networks that webhooks may be sent to, and over plain http, with commas between them
    #[arg(long, env = "CHANCERY_WEBHOOK_NETWORKS", value_delimiter = ',', value_name = "CIDR,…")]
    pub webhook_networks: Vec<IpNet>,

    /// How long a signing key is published before it signs, as in 4h, 30m or 90s [default: 4h]
    #[arg(long, env = "CHANCERY_KEY_LEAD", value_parser = parse_duration, value_name = "DURATION")]
    pub key_lead: Option<Duration>,

    /// How often verifiers hear of revocations, and for how long they bear silence
    #[arg(long, env = "CHANCERY_STATUS_PROFILE", default_value = "default", value_name = "PROFILE")]
    pub status_profile: Profile,

    #[command(flatten)]
    pub portal: PortalArgs,

    #[command(flatten)]
    pub openid: OpenIdArgs,

    #[command(flatten)]
    pub log: LogArgs,
}

/// The names of [`StatusProfile`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// A frame every 2 s, silence borne for 10 s
    Default,
    /// A frame every 0.5 s, silence borne for 3 s
    Strict,
    /// A frame every 2 s, silence borne for 300 s
    Available,
}

impl From<Profile> for StatusProfile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Default => Self::DEFAULT,
            Profile::Strict => Self::STRICT,
            Profile::Available => Self::AVAILABLE,
        }
    }
}

/// Where the store is.
#[derive(Args)]
pub struct DatabaseArgs {
    /// The store: sqlite://path of the file, or postgres://user:password@host/database for several instances
    #[arg(long, env = "CHANCERY_DATABASE_URL", default_value = "sqlite://data/chancery.db", hide_env_values = true, value_parser = DatabaseSetting::read, value_name = "URL")]
    database_url: DatabaseSetting,
}

impl DatabaseArgs {
    /// # Errors
    /// One line that says what is wrong with it.
    pub fn url(&self) -> Result<&DatabaseUrl, String> {
        self.database_url.url()
    }
}

/// A database URL as it was given. It is looked at later, and not by clap, which would print it with its password.
#[derive(Clone)]
pub struct DatabaseSetting(Result<DatabaseUrl, String>);

impl DatabaseSetting {
    #[expect(clippy::unnecessary_wraps, reason = "clap asks for it")]
    fn read(text: &str) -> Result<Self, String> {
        Ok(Self(parse_database(text).map_err(|error| format!("CHANCERY_DATABASE_URL {error}"))))
    }

    /// # Errors
    /// One line that says what is wrong with it.
    pub fn url(&self) -> Result<&DatabaseUrl, String> {
        self.0.as_ref().map_err(Clone::clone)
    }
}

/// What `chancery migrate` is told.
#[derive(Args)]
pub struct MigrateArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// Move the installation to this database, which must have none, with every secret, key and token as it is
    #[arg(long, value_parser = DatabaseSetting::read, value_name = "URL")]
    pub to: Option<DatabaseSetting>,
}

/// What is logged, and how.
#[derive(Args)]
pub struct LogArgs {
    /// What is logged: a level, and levels of parts, as in info or chancery=debug,sqlx=warn
    #[arg(long, env = "CHANCERY_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,

    /// text or json
    #[arg(long, env = "CHANCERY_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl ServeArgs {
    pub fn master_key(&self) -> MasterKeyPlace {
        match &self.master_key_file {
            Some(file) => MasterKeyPlace::File(file.clone()),
            None => MasterKeyPlace::Folder(self.keys_dir.clone()),
        }
    }

    /// The preset management key. Its length is looked at here, and not by clap, which would print the value.
    ///
    /// # Errors
    /// One line when it is too short.
    pub fn preset(&self) -> Result<Option<&Secret>, String> {
        match self.management_key.as_deref() {
            Some(key) if key.expose().len() < MIN_PRESET_LENGTH => {
                Err(format!("CHANCERY_MANAGEMENT_KEY takes at least {MIN_PRESET_LENGTH} characters"))
            }
            key => Ok(key),
        }
    }

    pub fn connections(&self) -> Connections {
        Connections { most: self.database_connections, named_statements: self.database_named_statements }
    }

    pub fn schedule(&self) -> Schedule {
        Schedule::with_lead(self.key_lead.unwrap_or(Schedule::DEFAULT_LEAD)).with_lease(self.lease)
    }

    /// The issuer identifier: the one set, or the address the listener got.
    ///
    /// # Errors
    /// One line that says what is wrong with it.
    pub fn issuer(&self, bound: SocketAddr) -> Result<String, String> {
        match &self.issuer {
            Some(issuer) => parse_issuer(issuer),
            None if bound.ip().is_unspecified() => {
                Err(format!("CHANCERY_ISSUER must be set when listening on {bound}: tokens name the issuer their verifiers reach"))
            }
            None => parse_issuer(&format!("http://{bound}")),
        }
    }
}

/// RFC 8414 §2: https, no query, no fragment; kept byte for byte.
fn parse_issuer(text: &str) -> Result<String, String> {
    let wrong = |why: &str| Err(format!("CHANCERY_ISSUER {text:?} {why}"));
    let Ok(url) = Url::parse(text) else { return wrong("is not a URL") };
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return wrong("has no host"),
    };
    if text.ends_with('/') {
        return wrong("must not end with a slash");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("must have no query and no fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must name no user");
    }
    if text.len() > 200 || text.contains(['"', '\\', ' ']) {
        return wrong("must have at most 200 characters, without quotes and spaces");
    }
    if url.scheme() == "https" || (url.scheme() == "http" && loopback) {
        Ok(text.to_owned())
    } else {
        wrong("must be https, or http for a loopback host")
    }
}

fn parse_database(text: &str) -> Result<DatabaseUrl, String> {
    if ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
        return text.parse().map(DatabaseUrl::Server).map_err(|error: ServerError| format!("cannot be used: {error}"));
    }
    let path = text.strip_prefix("sqlite://").ok_or("takes sqlite://path/to/file or postgres://user:password@host/database")?;
    if path.is_empty() || path.contains(['?', '#']) || path == ":memory:" {
        return Err("takes sqlite://path/to/file, without parameters".into());
    }
    Ok(DatabaseUrl::Embedded(DatabasePath(path.into())))
}

fn parse_prefix(text: &str) -> Result<ApiKeyPrefix, String> {
    ApiKeyPrefix::parse("CHANCERY_API_KEY_PREFIX", text).map_err(|error| error.message)
}

fn parse_secret(text: &str) -> Result<Arc<Secret>, String> {
    Ok(Arc::new(Secret::presented(text)))
}

fn parse_lease(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        lease if lease <= LONGEST_LEASE => Ok(lease),
        _ => Err("takes an hour at the most: that long a revoked credential may obtain tokens of an instance that is cut off".into()),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds: u64 = number.parse().map_err(|_number| "takes a number and h, m or s, as in 4h")?;
    match unit {
        "h" => Ok(Duration::from_secs(seconds.saturating_mul(3600))),
        "m" => Ok(Duration::from_secs(seconds.saturating_mul(60))),
        "s" => Ok(Duration::from_secs(seconds)),
        _ => Err("takes a number and h, m or s, as in 4h".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc8414_2_an_issuer_is_https_unless_it_is_this_machine() {
        for good in
            ["https://auth.example.com", "https://example.com/auth", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1"]
        {
            assert_eq!(parse_issuer(good), Ok(good.to_owned()));
        }
        for bad in [
            "http://auth.example.com",
            "https://a.example/",
            "https://a.example?x",
            "https://a.example#x",
            "auth",
            "http://127.0.0.1.evil.example",
        ] {
            assert!(parse_issuer(bad).is_err(), "{bad}");
        }
    }
}

//! The commands that call a running authority: each is one request of the HTTP API, and decides nothing itself.
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Remote, client, present, send};
use super::tell;

#[derive(Args)]
pub struct OrganizationsArgs {
    #[command(subcommand)]
    command: OrganizationsCommand,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Subcommand)]
enum OrganizationsCommand {
    /// List organizations, the newest first
    List,
    /// Register an organization
    Create {
        #[arg(long)]
        name: String,
        #[arg(long)]
        external_id: Option<String>,
    },
    /// Show one
    Show { id: String },
    /// Suspend it: nothing under it works until it is reactivated
    Suspend { id: String },
    /// Reactivate it
    Reactivate { id: String },
    /// Delete it and everything under it
    Delete { id: String },
}

#[derive(Args)]
pub struct ApplicationsArgs {
    #[command(subcommand)]
    command: ApplicationsCommand,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Subcommand)]
enum ApplicationsCommand {
    /// List applications, the newest first
    List {
        #[arg(long)]
        organization: Option<String>,
    },
    /// Register an application; its first client secret is in the answer, this once
    Create {
        /// The organization it belongs to, org_…
        #[arg(long)]
        organization: String,
        /// What people call it
        #[arg(long)]
        name: String,
        /// A permission of the catalogue; may be repeated
        #[arg(long = "scope")]
        scopes: Vec<String>,
    },
    /// Show one, by id or client_id
    Show { id: String },
    /// Stop it from obtaining tokens, and kill those it has
    Disable { id: String },
    /// Let it obtain tokens again
    Enable { id: String },
    /// Kill the tokens it has; its secrets go on obtaining new ones
    RevokeTokens { id: String },
    /// Delete it; its tokens are dead
    Delete { id: String },
}

#[derive(Args)]
pub struct SecretsArgs {
    #[command(subcommand)]
    command: SecretsCommand,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Subcommand)]
enum SecretsCommand {
    /// List an application's secrets, with the last use of each
    List { application: String },
    /// Make another secret
    Create {
        application: String,
        #[arg(long)]
        name: Option<String>,
        #[arg(long)]
        expires_at: Option<String>,
    },
    /// Make a new secret and retire the old ones after an overlap
    Rotate {
        application: String,
        /// How long the old ones still obtain tokens, 0 to 604800 [default: 86400]
        #[arg(long)]
        overlap_seconds: Option<u64>,
        /// From when the overlap runs: now or first_use
        #[arg(long)]
        overlap_from: Option<String>,
        #[arg(long)]
        name: Option<String>,
    },
    /// Take the latest rotation back
    CancelRotation { application: String },
    /// Delete a secret and kill its tokens
    Delete {
        id: String,
        /// Also when it is the last live one
        #[arg(long)]
        force: bool,
    },
}

#[derive(Args)]
pub struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// List signing keys with their states
    List,
    /// Let the published successor sign
    Rotate {
        /// ES256, EdDSA, RS256 or PS256 [default: ES256]
        #[arg(long)]
        alg: Option<String>,
        /// Also before its lead is over
        #[arg(long)]
        force: bool,
    },
    /// Withdraw a compromised key at once
    Revoke {
        /// A thumbprint in base64url (RFC 7638), so one in 64 begins with a hyphen
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

#[derive(Args)]
pub struct TokenArgs {
    #[arg(long, env = "CHANCERY_CLIENT_ID")]
    client_id: String,
    #[arg(long, env = "CHANCERY_CLIENT_SECRET", hide_env_values = true)]
    client_secret: String,
    #[arg(long)]
    scope: Option<String>,
    #[arg(long)]
    resource: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

impl OrganizationsArgs {
    pub(super) async fn run(self) -> Result<(), String> {
        let of = |id: &str| format!("/organizations/{id}");
        let (method, path, body) = match self.command {
            OrganizationsCommand::List => (Method::GET, "/organizations?limit=100".into(), None),
            OrganizationsCommand::Create { name, external_id } => {
                (Method::POST, "/organizations".into(), Some(json!({ "name": name, "external_id": external_id })))
            }
            OrganizationsCommand::Show { id } => (Method::GET, of(&id), None),
            OrganizationsCommand::Suspend { id } => (Method::POST, of(&id) + "/suspend", None),
            OrganizationsCommand::Reactivate { id } => (Method::POST, of(&id) + "/reactivate", None),
            OrganizationsCommand::Delete { id } => (Method::DELETE, of(&id), None),
        };
        self.remote.call(method, &path, body).await
    }
}

impl ApplicationsArgs {
    pub(super) async fn run(self) -> Result<(), String> {
        let of = |id: &str| format!("/connect/applications/{id}");
        let (method, path, body) = match self.command {
            ApplicationsCommand::List { organization: None } => (Method::GET, "/connect/applications?limit=100".into(), None),
            ApplicationsCommand::List { organization: Some(id) } => {
                (Method::GET, format!("/connect/applications?limit=100&organization_id={id}"), None)
            }
            ApplicationsCommand::Create { organization, name, scopes } => {
                let body = json!({ "application_type": "m2m", "organization_id": organization, "name": name, "scopes": scopes });
                (Method::POST, "/connect/applications".into(), Some(body))
            }
            ApplicationsCommand::Show { id } => (Method::GET, of(&id), None),
            ApplicationsCommand::Disable { id } => (Method::POST, of(&id) + "/disable", None),
            ApplicationsCommand::Enable { id } => (Method::POST, of(&id) + "/enable", None),
            ApplicationsCommand::RevokeTokens { id } => (Method::POST, of(&id) + "/revoke_tokens", None),
            ApplicationsCommand::Delete { id } => (Method::DELETE, of(&id), None),
        };
        self.remote.call(method, &path, body).await
    }
}

impl SecretsArgs {
    pub(super) async fn run(self) -> Result<(), String> {
        let of = |id: &str| format!("/connect/applications/{id}/client_secrets");
        let (method, path, body) = match self.command {
            SecretsCommand::List { application } => (Method::GET, of(&application), None),
            SecretsCommand::Create { application, name, expires_at } => (
                Method::POST,
                of(&application),
                Some(present([("name", name.map(Value::from)), ("expires_at", expires_at.map(Value::from))])),
            ),
            SecretsCommand::Rotate { application, overlap_seconds, overlap_from, name } => {
                let members = [
                    ("overlap_seconds", overlap_seconds.map(Value::from)),
                    ("overlap_from", overlap_from.map(Value::from)),
                    ("name", name.map(Value::from)),
                ];
                (Method::POST, of(&application) + "/rotate", Some(present(members)))
            }
            SecretsCommand::CancelRotation { application } => (Method::POST, of(&application) + "/rotate/cancel", None),
            SecretsCommand::Delete { id, force } => (Method::DELETE, format!("/connect/client_secrets/{id}?force={force}"), None),
        };
        self.remote.call(method, &path, body).await
    }
}

impl KeysArgs {
    pub(super) async fn run(self) -> Result<(), String> {
        let (method, path, body) = match self.command {
            KeysCommand::List => (Method::GET, "/signing_keys".into(), None),
            KeysCommand::Rotate { alg, force } => {
                (Method::POST, "/signing_keys/rotate".into(), Some(present([("alg", alg.map(Value::from)), ("force", Some(force.into()))])))
            }
            KeysCommand::Revoke { kid } => (Method::POST, format!("/signing_keys/{kid}/revoke"), None),
        };
        self.remote.call(method, &path, body).await
    }
}

impl TokenArgs {
    pub(super) async fn run(self) -> Result<(), String> {
        let mut form = vec![("grant_type", "client_credentials"), ("client_id", &self.client_id), ("client_secret", &self.client_secret)];
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        form.extend(self.resource.as_deref().map(|resource| ("resource", resource)));
        let body: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = client()?
            .post(format!("{}/oauth/token", self.remote.issuer))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let answer = send(request).await?;
        if self.remote.json {
            tell(&answer.to_string());
        } else {
            tell(answer["access_token"].as_str().unwrap_or_default());
        }
        Ok(())
    }
}

//! Where operators sign in to the console, beside their management keys.
use std::sync::Arc;

use clap::Args;
use url::Url;

use super::parse_secret;
use crate::domain::credential::Secret;
use crate::openid::{Registration, is_private};

/// An OpenID provider for operators.
#[derive(Args)]
pub struct OpenIdArgs {
    /// Issuer identifier of an OpenID provider that operators may sign in at; its redirect URI is this authority's issuer and /console/openid/callback
    #[arg(long, env = "CHANCERY_OPENID_ISSUER", value_name = "URL", requires = "openid_client_id")]
    openid_issuer: Option<String>,

    /// Client ID that the provider gave
    #[arg(long, env = "CHANCERY_OPENID_CLIENT_ID", value_name = "ID", requires = "openid_issuer")]
    openid_client_id: Option<String>,

    /// Client secret that the provider gave; left out where it takes PKCE alone
    #[arg(long, env = "CHANCERY_OPENID_CLIENT_SECRET", hide_env_values = true, value_name = "SECRET", value_parser = parse_secret, requires = "openid_issuer")]
    openid_client_secret: Option<Arc<Secret>>,
}

impl OpenIdArgs {
    /// # Errors
    /// One line when the issuer is none.
    pub fn registration(&self) -> Result<Option<Registration>, String> {
        let (Some(issuer), Some(client_id)) = (&self.openid_issuer, &self.openid_client_id) else { return Ok(None) };
        let url = Url::parse(issuer).map_err(|error| format!("CHANCERY_OPENID_ISSUER={issuer} is no URL: {error}"))?;
        if !is_private(&url) || url.query().is_some() || url.fragment().is_some() {
            return Err(format!("CHANCERY_OPENID_ISSUER={issuer} is not https (http on this machine alone), or has a query or a fragment"));
        }
        Ok(Some(Registration { issuer: issuer.clone(), client_id: client_id.clone(), client_secret: self.openid_client_secret.clone() }))
    }
}

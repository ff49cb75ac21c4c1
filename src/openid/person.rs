//! Who somebody is: the claims of the ID token, or of the UserInfo endpoint where the ID token keeps them short (OpenID Connect Core 1.0 §5.3).
use serde::Deserialize;
use serde_json::Value;

use crate::domain::management_key::Identity;

#[derive(Deserialize)]
pub struct Person {
    pub sub: String,
    pub email: Option<String>,
    /// Some providers write it as text.
    email_verified: Option<Value>,
}

impl Person {
    /// What he may be known by at this provider. An address that nobody has verified says nothing, and a `sub` that looks like one is none.
    pub fn identities(self, issuer: &str) -> Vec<Identity> {
        let verified = self.email_verified.is_some_and(|claim| claim.as_bool().unwrap_or(claim.as_str() == Some("true")));
        let subject = Some(self.sub).filter(|sub| !sub.contains('@')).map(|sub| Identity::of_subject(issuer, &sub));
        let email = self.email.filter(|_| verified).and_then(|email| Identity::of_email(&email).ok());
        subject.into_iter().chain(email).collect()
    }
}

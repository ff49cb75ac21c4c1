//! Whether one of our own tokens is good, in one place (K24): all parents enabled ∧ credential live ∧ generation current ∧ jti not revoked ∧
//! key not compromised. Clocks are compared for `exp` alone.
use std::sync::Arc;

use chancery_verifier::{AccessToken, Expectation, TokenType};

use super::Authority;
use crate::domain::application::ApplicationStatus;
use crate::domain::id::{ApiKeyId, ClientId};
use crate::domain::organization::OrganizationStatus;

/// What decides beside the signature and `exp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    organization_active: bool,
    application_active: bool,
    credential_live: bool,
    generation_current: bool,
    audience_known: bool,
    revoked: bool,
}

impl State {
    fn is_valid(self) -> bool {
        self.organization_active
            && self.application_active
            && self.credential_live
            && self.generation_current
            && self.audience_known
            && !self.revoked
    }
}

impl Authority {
    /// The claims of a token of ours that is good now; `None` for everything else, whatever it is.
    pub(super) fn valid(&self, token: &str) -> Option<Arc<AccessToken>> {
        let expected = Expectation {
            issuer: &self.deployment.issuer,
            audience: None,
            types: &[TokenType::AccessToken, TokenType::Jwt],
            leeway: 0,
            now: self.clock.now().seconds(),
        };
        // Keys that are compromised or removed are not in the set.
        let claims = self.verified.verify(token, &self.ring.snapshot().tokens.key_set, &expected).ok()?;
        self.state(&claims).is_some_and(State::is_valid).then_some(claims)
    }

    fn state(&self, claims: &AccessToken) -> Option<State> {
        if let Ok(id) = claims.client_id.parse::<ApiKeyId>() {
            return self.state_of_api_key(id, claims);
        }
        let application = self.directory.application(claims.client_id.parse::<ClientId>().ok()?)?;
        let organization = self.directory.organization(application.organization_id)?;
        let secret = application.secrets.iter().find(|secret| secret.id.to_string() == claims.cred);
        Some(State {
            organization_active: organization.status == OrganizationStatus::Active
                && application.organization_id.to_string() == claims.org_id,
            application_active: application.status == ApplicationStatus::Active,
            credential_live: secret.is_some(),
            generation_current: secret.is_some_and(|secret| secret.generation == claims.generation),
            audience_known: self.knows_audience(claims),
            revoked: self.directory.is_revoked(&claims.jti),
        })
    }

    /// An API key is client and credential in one.
    fn state_of_api_key(&self, id: ApiKeyId, claims: &AccessToken) -> Option<State> {
        let entry = self.directory.api_key(id)?;
        let owner = entry.key.owner.organization_id();
        let organization = self.directory.organization(owner)?;
        Some(State {
            organization_active: organization.status == OrganizationStatus::Active && owner.to_string() == claims.org_id,
            application_active: true,
            credential_live: entry.key.revoked_at.is_none() && claims.cred == claims.client_id,
            generation_current: entry.generation == claims.generation,
            audience_known: self.knows_audience(claims),
            revoked: self.directory.is_revoked(&claims.jti),
        })
    }

    fn knows_audience(&self, claims: &AccessToken) -> bool {
        claims.aud.0 == self.deployment.issuer || self.directory.catalogue().resource_servers.contains_key(&claims.aud.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k24_exactly_one_of_all_combinations_is_valid() {
        let mut valid = 0;
        for bits in 0_u8..64 {
            let bit = |place: u8| bits & (1 << place) != 0;
            let state = State {
                organization_active: bit(0),
                application_active: bit(1),
                credential_live: bit(2),
                generation_current: bit(3),
                audience_known: bit(4),
                revoked: bit(5),
            };
            valid += usize::from(state.is_valid());
            assert_eq!(state.is_valid(), bits == 0b01_1111, "{state:?}");
        }
        assert_eq!(valid, 1);
    }
}

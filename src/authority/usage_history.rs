//! How much was used in the last day, hour by hour: what the console draws.
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use super::Authority;
use super::acting::demand_admin;
use super::caller::Caller;
use super::error::Error;
use crate::domain::api_key::{ApiKey, ApiKeyStatus};
use crate::domain::application::{Application, access_token_lifetime};
use crate::domain::id::{ApiKeyId, ApplicationId, ClientSecretId, OrganizationId};
use crate::domain::management_key::{Power, Reach};
use crate::domain::resource_server::may_ask_for;
use crate::domain::timestamp::Timestamp;
use crate::storage::usage_history::{self, HourOf};
use crate::storage::{Tx, api_keys, organizations, resource_servers};

const HOURS: usize = 24;
/// Of how many it is told which of them use the most.
const TOP: i64 = 20;

/// What organizations obtained in the last 24 hours, the running one last.
pub struct TokensOfAll {
    pub by_hour: Vec<i64>,
    /// With their names.
    pub most: Vec<(OrganizationId, String, Vec<i64>)>,
}

/// How a rotation is taken up.
pub struct RotationUse<Id> {
    /// The uses of each credential since the hour that it began in.
    pub since: HashMap<Id, i64>,
    /// How long a token of it may live.
    pub tokens_live_for: Duration,
}

/// Of each its last 24 hours, the running one last.
pub struct HoursOf<T>(HashMap<T, Vec<i64>>);

impl<T: Eq + Hash> HoursOf<T> {
    fn of(uses: Vec<HourOf<T>>, now: Timestamp) -> Self {
        let first = now.hour() + 1 - HOURS as i64;
        let mut series: HashMap<T, Vec<i64>> = HashMap::new();
        for HourOf { of, hour, uses } in uses {
            let series = series.entry(of).or_insert_with(|| vec![0; HOURS]);
            if let Some(place) = usize::try_from(hour - first).ok().and_then(|at| series.get_mut(at)) {
                *place += uses;
            }
        }
        Self(series)
    }

    /// Those of one, who may have none.
    pub fn of_one(&self, id: &T) -> Vec<i64> {
        self.0.get(id).cloned().unwrap_or_else(|| vec![0; HOURS])
    }

    fn in_order_of(&self, ids: Vec<T>) -> Vec<(T, Vec<i64>)> {
        ids.into_iter().map(|id| (self.of_one(&id), id)).map(|(hours, id)| (id, hours)).collect()
    }
}

impl Authority {
    /// An organization in reach, where an acting user is an admin.
    pub(super) async fn organization_of(&self, tx: &mut Tx, caller: &Caller, reach: Reach, id: &str) -> Result<OrganizationId, Error> {
        let organization = organizations::find(tx, reach, id).await?.ok_or(Error::NotFound("organization"))?;
        demand_admin(tx, caller, Some(organization.id)).await?;
        Ok(organization.id)
    }

    /// The hour before those that are told.
    pub(super) fn after(&self) -> i64 {
        self.clock.now().hour() - HOURS as i64
    }

    /// Tokens of these applications of an organization.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn tokens_of_applications(
        &self,
        caller: &Caller,
        organization: &str,
        of: &[ApplicationId],
    ) -> Result<HoursOf<ApplicationId>, Error> {
        let reach = caller.demand(Power::ApplicationsRead)?;
        let mut tx = self.database.read().await?;
        let id = self.organization_of(&mut tx, caller, reach, organization).await?;
        Ok(HoursOf::of(usage_history::of_applications(&mut tx, id, of, self.after()).await?, self.clock.now()))
    }

    /// The applications of an organization that obtained the most.
    ///
    /// # Errors
    /// As before.
    pub async fn busiest_applications(&self, caller: &Caller, organization: &str) -> Result<Vec<(ApplicationId, Vec<i64>)>, Error> {
        let reach = caller.demand(Power::ApplicationsRead)?;
        let mut tx = self.database.read().await?;
        let id = self.organization_of(&mut tx, caller, reach, organization).await?;
        let busiest = usage_history::busiest_applications(&mut tx, id, self.after(), TOP).await?;
        let hours = usage_history::of_applications(&mut tx, id, &busiest, self.after()).await?;
        Ok(HoursOf::of(hours, self.clock.now()).in_order_of(busiest))
    }

    /// Uses of these API keys of an organization and its members.
    ///
    /// # Errors
    /// As before.
    pub async fn uses_of_api_keys(&self, caller: &Caller, organization: &str, of: &[ApiKeyId]) -> Result<HoursOf<ApiKeyId>, Error> {
        let reach = caller.demand(Power::ApiKeysRead)?;
        let mut tx = self.database.read().await?;
        let id = self.organization_of(&mut tx, caller, reach, organization).await?;
        Ok(HoursOf::of(usage_history::of_api_keys(&mut tx, id, of, self.after()).await?, self.clock.now()))
    }

    /// The API keys of an organization and its members that were used the most.
    ///
    /// # Errors
    /// As before.
    pub async fn busiest_api_keys(&self, caller: &Caller, organization: &str) -> Result<Vec<(ApiKeyId, Vec<i64>)>, Error> {
        let reach = caller.demand(Power::ApiKeysRead)?;
        let mut tx = self.database.read().await?;
        let id = self.organization_of(&mut tx, caller, reach, organization).await?;
        let busiest = usage_history::busiest_api_keys(&mut tx, id, self.after(), TOP).await?;
        let hours = usage_history::of_api_keys(&mut tx, id, &busiest, self.after()).await?;
        Ok(HoursOf::of(hours, self.clock.now()).in_order_of(busiest))
    }

    /// Tokens of one organization.
    ///
    /// # Errors
    /// As before.
    pub async fn tokens_of_organization(&self, caller: &Caller, organization: &str) -> Result<Vec<i64>, Error> {
        let reach = caller.demand(Power::ApplicationsRead)?;
        let mut tx = self.database.read().await?;
        let id = self.organization_of(&mut tx, caller, reach, organization).await?;
        Ok(self.series(usage_history::tokens_by_hour(&mut tx, Some(id), self.after()).await?))
    }

    /// Tokens of all organizations in reach together, and, for who may read organizations, which of them obtained the most.
    ///
    /// # Errors
    /// As before.
    pub async fn tokens_of_all(&self, caller: &Caller) -> Result<TokensOfAll, Error> {
        let reach = caller.demand(Power::ApplicationsRead)?;
        let mut tx = self.database.read().await?;
        demand_admin(&mut tx, caller, None).await?;
        let (own, after) = (reach.organization(), self.after());
        let by_hour = self.series(usage_history::tokens_by_hour(&mut tx, own, after).await?);
        let mut most = Vec::new();
        if caller.may(Power::OrganizationsRead) {
            let busiest = usage_history::busiest_organizations(&mut tx, own, after, TOP).await?;
            let hours = usage_history::of_organizations(&mut tx, own, &busiest, after).await?;
            for (id, hours) in HoursOf::of(hours, self.clock.now()).in_order_of(busiest) {
                if let Some(organization) = organizations::find(&mut tx, reach, &id.to_string()).await? {
                    most.push((id, organization.name.as_str().to_owned(), hours));
                }
            }
        }
        Ok(TokensOfAll { by_hour, most })
    }

    /// How a rotation is taken up that began at a moment.
    ///
    /// # Errors
    /// As before.
    pub async fn rotation_use(
        &self,
        caller: &Caller,
        application: &Application,
        since: Timestamp,
    ) -> Result<RotationUse<ClientSecretId>, Error> {
        caller.demand(Power::ApplicationsRead)?;
        let mut tx = self.database.read().await?;
        demand_admin(&mut tx, caller, Some(application.organization_id)).await?;
        let uses = usage_history::of_secrets_since(&mut tx, application.id, since.hour()).await?;
        let tokens_live_for = longest_lifetime(&mut tx, application.access_token_ttl, application.resources.as_deref()).await?;
        Ok(RotationUse { since: uses.into_iter().collect(), tokens_live_for })
    }

    /// The same of an API key that works and retires, beside what is to replace it.
    ///
    /// # Errors
    /// As before.
    pub async fn key_rotation_use(&self, caller: &Caller, old: &ApiKey) -> Result<Option<(ApiKey, RotationUse<ApiKeyId>)>, Error> {
        let reach = caller.demand(Power::ApiKeysRead)?;
        let active = old.status_at(self.clock.now()) == ApiKeyStatus::Active;
        let Some(retirement) = old.life.retirement.filter(|_| active) else { return Ok(None) };
        let mut tx = self.database.read().await?;
        demand_admin(&mut tx, caller, Some(old.owner.organization_id())).await?;
        let new = api_keys::find(&mut tx, reach, &retirement.successor.to_string(), self.clock.now()).await?;
        let Some(new) = new.map(|stored| stored.key) else { return Ok(None) };
        let mut since = HashMap::new();
        for id in [old.id, new.id] {
            let hours = api_keys::hours_of_use(&mut tx, id, new.created_at.hour() - 1).await?;
            since.insert(id, hours.iter().map(|hour| hour.uses).sum());
        }
        let tokens_live_for = longest_lifetime(&mut tx, None, None).await?;
        Ok(Some((new, RotationUse { since, tokens_live_for })))
    }

    /// The last 24 hours, the running one last.
    pub(super) fn series(&self, hours: impl IntoIterator<Item = (i64, i64)>) -> Vec<i64> {
        let hours = hours.into_iter().map(|(hour, uses)| HourOf { of: (), hour, uses });
        HoursOf::of(hours.collect(), self.clock.now()).of_one(&())
    }

    /// Of each API key in reach that works: when it was made, and last used.
    pub fn api_key_ages(&self, caller: &Caller) -> Vec<(Timestamp, Option<Timestamp>)> {
        self.directory.api_key_ages(caller.reach().organization(), self.clock.now())
    }
}

/// How long a token may live that somebody obtains, at the most: `own` and `resources` are what is said for him alone.
async fn longest_lifetime(tx: &mut Tx, own: Option<u32>, resources: Option<&[String]>) -> Result<Duration, Error> {
    let servers = resource_servers::all(tx).await?;
    let asked = servers.iter().filter(|server| may_ask_for(resources, &server.identifier));
    let longest = asked.map(|server| access_token_lifetime(own, server.access_token_ttl, server.status_enforcing)).max();
    Ok(Duration::from_secs(longest.unwrap_or_else(|| access_token_lifetime(own, None, false)).into()))
}

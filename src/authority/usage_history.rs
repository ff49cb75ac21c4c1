//! How much was used in the last day, hour by hour: what the console draws.
use std::collections::HashMap;
use std::hash::Hash;

use super::Authority;
use super::acting::demand_admin;
use super::caller::Caller;
use super::error::Error;
use crate::domain::id::{ApiKeyId, ApplicationId, OrganizationId};
use crate::domain::management_key::{Power, Reach};
use crate::domain::timestamp::Timestamp;
use crate::storage::usage_history::{self, HourOf};
use crate::storage::{Tx, organizations};

const HOURS: usize = 24;
/// Of how many organizations it is told who uses the most.
const TOP: usize = 10;

/// What organizations obtained in the last 24 hours, the running one last.
pub struct TokensOfAll {
    pub by_hour: Vec<i64>,
    /// With their names.
    pub most: Vec<(OrganizationId, String, Vec<i64>)>,
}

/// For each its last 24 hours, the running one last.
fn by_hour<T: Eq + Hash>(uses: Vec<HourOf<T>>, now: Timestamp) -> HashMap<T, Vec<i64>> {
    let first = now.hour() + 1 - HOURS as i64;
    let mut series: HashMap<T, Vec<i64>> = HashMap::new();
    for HourOf { of, hour, uses } in uses {
        let series = series.entry(of).or_insert_with(|| vec![0; HOURS]);
        if let Some(place) = usize::try_from(hour - first).ok().and_then(|at| series.get_mut(at)) {
            *place += uses;
        }
    }
    series
}

impl Authority {
    async fn organization_of(&self, tx: &mut Tx, caller: &Caller, reach: Reach, id: &str) -> Result<OrganizationId, Error> {
        let organization = organizations::find(tx, reach, id).await?.ok_or(Error::NotFound("organization"))?;
        demand_admin(tx, caller, Some(organization.id)).await?;
        Ok(organization.id)
    }

    fn after(&self) -> i64 {
        self.clock.now().hour() - HOURS as i64
    }

    /// Tokens of each application of an organization.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn tokens_by_application(&self, caller: &Caller, organization: &str) -> Result<HashMap<ApplicationId, Vec<i64>>, Error> {
        let reach = caller.demand(Power::ApplicationsRead)?;
        let mut tx = self.database.read().await?;
        let id = self.organization_of(&mut tx, caller, reach, organization).await?;
        Ok(by_hour(usage_history::of_applications(&mut tx, id, self.after()).await?, self.clock.now()))
    }

    /// Uses of each API key of an organization.
    ///
    /// # Errors
    /// As before.
    pub async fn uses_by_api_key(&self, caller: &Caller, organization: &str) -> Result<HashMap<ApiKeyId, Vec<i64>>, Error> {
        let reach = caller.demand(Power::ApiKeysRead)?;
        let mut tx = self.database.read().await?;
        let id = self.organization_of(&mut tx, caller, reach, organization).await?;
        Ok(by_hour(usage_history::of_api_keys(&mut tx, id, self.after()).await?, self.clock.now()))
    }

    /// Tokens of one organization.
    ///
    /// # Errors
    /// As before.
    pub async fn tokens_of_organization(&self, caller: &Caller, organization: &str) -> Result<Vec<i64>, Error> {
        let reach = caller.demand(Power::ApplicationsRead)?;
        let mut tx = self.database.read().await?;
        let id = self.organization_of(&mut tx, caller, reach, organization).await?;
        let uses = usage_history::of_organizations(&mut tx, Some(id), self.after()).await?;
        Ok(by_hour(uses, self.clock.now()).remove(&id).unwrap_or_else(|| vec![0; HOURS]))
    }

    /// Tokens of all organizations in reach together, and, for who may read organizations, which of them obtained the most.
    ///
    /// # Errors
    /// As before.
    pub async fn tokens_of_all(&self, caller: &Caller) -> Result<TokensOfAll, Error> {
        let reach = caller.demand(Power::ApplicationsRead)?;
        let mut tx = self.database.read().await?;
        demand_admin(&mut tx, caller, None).await?;
        let uses = usage_history::of_organizations(&mut tx, reach.organization(), self.after()).await?;
        let mut series: Vec<_> = by_hour(uses, self.clock.now()).into_iter().collect();
        let mut all = TokensOfAll { by_hour: vec![0; HOURS], most: Vec::new() };
        for (_, hours) in &series {
            for (total, own) in all.by_hour.iter_mut().zip(hours) {
                *total += own;
            }
        }
        if caller.may(Power::OrganizationsRead) {
            series.sort_by_key(|(_, hours)| std::cmp::Reverse(hours.iter().sum::<i64>()));
            for (id, hours) in series.into_iter().take(TOP) {
                if let Some(organization) = organizations::find(&mut tx, reach, &id.to_string()).await? {
                    all.most.push((id, organization.name.as_str().to_owned(), hours));
                }
            }
        }
        Ok(all)
    }

    /// Of each API key in reach that works: when it was made, and last used.
    pub fn api_key_ages(&self, caller: &Caller) -> Vec<(Timestamp, Option<Timestamp>)> {
        self.directory.api_key_ages(caller.reach().organization(), self.clock.now())
    }
}

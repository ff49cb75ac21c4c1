//! Token quotas: set by the operator, held against every token, counted by all instances together a moment later.
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::Authority;
use super::acting::demand_admin;
use super::authenticate::Authenticated;
use super::caller::Caller;
use super::change::Change;
use super::error::Error;
use crate::directory::Meter;
use crate::domain::event::{Actor, NewEvent, Subject};
use crate::domain::id::OrganizationId;
use crate::domain::management_key::{Power, Reach};
use crate::domain::timestamp::Timestamp;
use crate::domain::token_quota::{Left, Limits, LimitsChange, QuotaHolder, TokenQuota, Window};
use crate::storage::token_quotas::StoredQuota;
use crate::storage::{Tx, applications, organizations, token_quotas};

/// How many events are written together.
const AT_ONCE: usize = 100;

/// Whose quota is meant, as the caller named him.
#[derive(Clone, Copy)]
pub enum QuotaOf<'a> {
    Application(&'a str),
    Organization(&'a str),
}

/// What the quotas say to one more token.
pub(super) struct Admission {
    meters: [Option<Arc<Meter>>; 2],
    /// The limits that are enforced, as they are when it is issued.
    pub left: Vec<Left>,
    /// Limits that are only observed and leave nothing: they are told of once the token is there.
    observed: Vec<(Arc<Meter>, Window)>,
}

impl Admission {
    pub fn exceeds_observed(&self) -> bool {
        !self.observed.is_empty()
    }
}

/// A limit that is enforced leaves nothing for a token.
#[derive(Debug, thiserror::Error)]
#[error("the {} obtained all the tokens of its quota for this {}", .exceeded.holder.name(), .exceeded.window.name())]
pub struct QuotaExceeded {
    pub exceeded: Left,
    /// All limits that are enforced.
    pub left: Vec<Left>,
}

/// Limits that were exceeded and of which no event tells yet.
#[derive(Default)]
pub(crate) struct Exceeded {
    untold: Mutex<Vec<(Arc<Meter>, Window, Timestamp)>>,
}

impl Exceeded {
    fn note(&self, meter: &Arc<Meter>, window: Window, now: Timestamp) {
        if meter.take_untold(window, now) {
            self.untold.lock().unwrap_or_else(PoisonError::into_inner).push((Arc::clone(meter), window, now));
        }
    }

    fn take(&self) -> Vec<(Arc<Meter>, Window, Timestamp)> {
        std::mem::take(&mut self.untold.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Authority {
    /// Asks the application's quota and its organization's; a key counts for its organization.
    pub(super) fn admit(&self, client: &Authenticated, now: Timestamp) -> Result<Admission, QuotaExceeded> {
        let (application, organization) = match client {
            Authenticated::Application { application, .. } => (Some(application.id), application.organization_id),
            Authenticated::ApiKey(entry) => (None, entry.key.owner.organization_id()),
        };
        let of_application = application.and_then(|id| self.directory.meter(QuotaHolder::Application(id)));
        let meters = [of_application, self.directory.meter(QuotaHolder::Organization(organization))];
        let meters = meters.map(|meter| meter.filter(|meter| meter.limits.is_any()));
        let (mut left, mut observed, mut exceeded) = (Vec::new(), Vec::new(), None);
        for meter in meters.iter().flatten() {
            for one in meter.left(now) {
                if !meter.limits.enforce {
                    observed.extend((one.left == 0).then(|| (Arc::clone(meter), one.window)));
                    continue;
                }
                left.push(one);
                // The longest wait is the one to be told.
                let longest = exceeded.is_none_or(|(_, before): (_, Left)| before.resets_in < one.resets_in);
                exceeded = if one.left == 0 && longest { Some((meter, one)) } else { exceeded };
            }
        }
        if let Some((meter, exceeded)) = exceeded {
            self.exceeded.note(meter, exceeded.window, now);
            return Err(QuotaExceeded { exceeded, left });
        }
        Ok(Admission { meters, left, observed })
    }

    /// Counts the token that was issued.
    pub(super) fn count_token(&self, admission: &mut Admission, now: Timestamp) {
        for meter in admission.meters.iter().flatten() {
            meter.add(now);
            self.uses.note_token(meter.holder, now);
        }
        for (meter, window) in &admission.observed {
            self.exceeded.note(meter, *window, now);
        }
        for left in &mut admission.left {
            left.left -= 1;
        }
    }

    /// Takes over what all instances counted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn read_token_counts(&self) -> Result<(), Error> {
        if !self.database.is_shared() || !self.directory.has_meters() {
            return Ok(());
        }
        let mut tx = self.database.read().await?;
        Ok(self.directory.count_tokens(&mut tx, self.clock.now()).await?)
    }

    /// Tells of limits that were exceeded: once in a window, from each instance.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; they are kept for the next try.
    pub(super) async fn flush_exceeded(self: &Arc<Self>) -> Result<(), Error> {
        let mut untold = self.exceeded.take();
        while !untold.is_empty() {
            let rest = untold.split_off(untold.len().min(AT_ONCE));
            let written = async {
                let mut change = self.begin_as(Actor::system()).await?;
                untold.iter().for_each(|(meter, window, at)| change.note(told_of(meter, *window, *at)));
                change.chain_events().await?;
                Ok::<_, Error>(change)
            };
            match written.await {
                // Of a commit whose answer was cut off nobody knows: rather told of too few than twice.
                Ok(change) => change.commit(&[]).await?,
                Err(error) => {
                    self.exceeded.untold.lock().unwrap_or_else(PoisonError::into_inner).extend(untold.into_iter().chain(rest));
                    return Err(error);
                }
            }
            untold = rest;
        }
        Ok(())
    }

    pub async fn find_token_quota(&self, caller: &Caller, of: QuotaOf<'_>) -> Result<TokenQuota, Error> {
        let reach = caller.demand(Power::SettingsRead)?;
        let mut tx = self.database.read().await?;
        let (holder, organization_id) = holder(&mut tx, reach, of, self.clock.now()).await?;
        demand_admin(&mut tx, caller, Some(organization_id)).await?;
        let stored = token_quotas::find(&mut tx, &holder.to_string()).await?;
        Ok(self.told(&stored.unwrap_or_else(|| unset(holder, organization_id))))
    }

    fn told(&self, stored: &StoredQuota) -> TokenQuota {
        let meter = self.directory.meter(stored.holder);
        let now = self.clock.now();
        let tokens = |window| meter.as_ref().map_or(0, |meter| meter.tokens(window, now));
        TokenQuota {
            organization_id: stored.organization_id,
            application_id: application_of(stored.holder),
            limits: stored.limits,
            tokens_this_hour: tokens(Window::Hour),
            tokens_today: tokens(Window::Day),
            updated_at: (stored.version > 0).then_some(stored.updated_at),
            version: stored.version,
        }
    }
}

impl Change {
    pub async fn change_token_quota(&mut self, of: QuotaOf<'_>, change: LimitsChange) -> Result<TokenQuota, Error> {
        let reach = self.reach();
        let (holder, organization_id) = holder(&mut self.tx, reach, of, self.now).await?;
        self.act_in(organization_id).await?;
        self.demand_installation()?;
        let found = token_quotas::find(&mut self.tx, &holder.to_string()).await?;
        let mut stored = found.unwrap_or_else(|| unset(holder, organization_id));
        self.check_version(stored.version)?;
        let before = self.authority.told(&stored);
        change.apply(&mut stored.limits);
        (stored.updated_at, stored.version) = (self.now, stored.version + 1);
        token_quotas::store(&mut self.tx, &stored).await?;
        let after = self.authority.told(&stored);
        self.note(NewEvent {
            event: "token_quota.updated".into(),
            organization_id: Some(organization_id),
            subject: Subject::TokenQuota(holder.to_string()),
            data: json!(after),
            before: Some(json!(before)),
        });
        Ok(after)
    }
}

async fn holder(tx: &mut Tx, reach: Reach, of: QuotaOf<'_>, now: Timestamp) -> Result<(QuotaHolder, OrganizationId), Error> {
    match of {
        QuotaOf::Application(id) => {
            let application = applications::find(tx, reach, id, now).await?.ok_or(Error::NotFound("application"))?;
            Ok((QuotaHolder::Application(application.id), application.organization_id))
        }
        QuotaOf::Organization(id) => {
            let organization = organizations::find(tx, reach, id).await?.ok_or(Error::NotFound("organization"))?;
            Ok((QuotaHolder::Organization(organization.id), organization.id))
        }
    }
}

fn told_of(meter: &Meter, window: Window, at: Timestamp) -> NewEvent {
    NewEvent {
        event: "token_quota.exceeded".into(),
        organization_id: Some(meter.organization_id),
        subject: Subject::Nothing,
        data: json!({
            "organization_id": meter.organization_id,
            "application_id": application_of(meter.holder),
            "window": window,
            "limit": meter.limits.of(window),
            "enforce": meter.limits.enforce,
            "exceeded_at": at,
        }),
        before: None,
    }
}

fn unset(holder: QuotaHolder, organization_id: OrganizationId) -> StoredQuota {
    StoredQuota { holder, organization_id, limits: Limits::default(), updated_at: Timestamp::from_millis(0), version: 0 }
}

fn application_of(holder: QuotaHolder) -> Option<crate::domain::id::ApplicationId> {
    match holder {
        QuotaHolder::Application(id) => Some(id),
        QuotaHolder::Organization(_) => None,
    }
}

//! Refused mutations: an event for each, at most ten a second and caller; what is beyond is counted and told by the next.
use std::sync::Arc;

use dashmap::DashMap;
use serde_json::json;

use super::Authority;
use super::acting::Whereabouts;
use super::caller::{Call, Operation};
use super::error::Error;
use crate::domain::credential::Secret;
use crate::domain::event::{Actor, NewEvent, Subject};
use crate::domain::id::ManagementKeyId;

const PER_SECOND: u32 = 10;

#[derive(Default)]
struct Window {
    second: i64,
    written: u32,
    suppressed: u64,
}

/// How many refusals of each caller were written in the running second.
#[derive(Default)]
pub(crate) struct Refusals {
    windows: DashMap<ManagementKeyId, Window>,
}

impl Refusals {
    /// How many were left out since the last one written; `None` when this one is to be left out too.
    fn admit(&self, caller: ManagementKeyId, second: i64) -> Option<u64> {
        let mut window = self.windows.entry(caller).or_default();
        if window.second != second {
            (window.second, window.written) = (second, 0);
        }
        if window.written == PER_SECOND {
            window.suppressed += 1;
            return None;
        }
        window.written += 1;
        Some(std::mem::take(&mut window.suppressed))
    }

    /// What was left out in seconds that are over, by caller; it is told once.
    fn take_suppressed(&self, running: i64) -> Vec<(ManagementKeyId, u64)> {
        let over = |window: &Window| window.second < running;
        let untold = self.windows.iter_mut().filter(|window| window.suppressed > 0 && over(window.value()));
        let told = untold.map(|mut window| (*window.key(), std::mem::take(&mut window.suppressed))).collect();
        self.windows.retain(|_, window| !over(window) || window.suppressed > 0);
        told
    }

    fn put_back(&self, suppressed: Vec<(ManagementKeyId, u64)>) {
        for (caller, count) in suppressed {
            self.windows.entry(caller).or_default().suppressed += count;
        }
    }
}

impl Authority {
    /// What the caller named, unless it is a secret that he took for an id: the chain is for ever.
    fn tellable(&self, target: &str) -> Option<String> {
        let presented = Secret::presented(target);
        let secret = presented.is_any() || self.directory.management_key(&self.pepper.digest(&presented)).is_some();
        (!secret).then(|| target.chars().take(64).collect())
    }

    /// Tells of refusals that were left out and that no later one told of.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; they are kept for the next try.
    pub(super) async fn flush_refusals(self: &Arc<Self>) -> Result<(), Error> {
        let suppressed = self.refusals.take_suppressed(self.clock.now().millis().div_euclid(1000));
        if suppressed.is_empty() {
            return Ok(());
        }
        let written = async {
            let mut change = self.begin_as(Actor::system()).await?;
            for (caller, count) in &suppressed {
                change.note(NewEvent {
                    event: "refusals.counted".into(),
                    organization_id: None,
                    subject: Subject::Nothing,
                    data: json!({ "management_key_id": caller, "refusals": count }),
                    before: None,
                });
            }
            change.chain_events().await?;
            Ok::<_, Error>(change)
        };
        match written.await {
            // Of a commit whose answer was cut off nobody knows: rather told of too few than twice.
            Ok(change) => change.commit(&[]).await,
            Err(error) => {
                self.refusals.put_back(suppressed);
                Err(error)
            }
        }
    }

    /// Writes down that a mutation was refused, if it was for a reason that is written down. `target` is what the caller named.
    pub async fn note_refusal(
        self: &Arc<Self>,
        call: &Call,
        operation: Operation,
        target: Option<&str>,
        whereabouts: Option<Whereabouts>,
        error: &Error,
    ) {
        let Some(code) = error.refusal_code() else { return };
        let second = self.clock.now().millis().div_euclid(1000);
        let Some(suppressed) = self.refusals.admit(call.caller.id(), second) else { return };
        let target = target.and_then(|target| self.tellable(target));
        let (actor, organization_id) = match whereabouts {
            Some(known) => (known.actor, known.organization_id),
            None => (call.caller.actor(), None),
        };
        let organization_id = organization_id.or(call.caller.reach().organization());
        let written = async {
            let mut change = self.begin_as(actor).await?;
            change.note(NewEvent {
                event: format!("{}_refused", operation.name),
                organization_id,
                subject: Subject::Nothing,
                data: json!({ "code": code, "target": target, "request_id": call.request_id, "suppressed": suppressed, "acting_user": call.caller.acting_user() }),
                before: None,
            });
            change.commit(&[]).await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, operation = operation.name, "a refusal could not be written down");
        }
    }
}

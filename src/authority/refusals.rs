//! Refused mutations: an event for each, at most ten a second and caller; what is beyond is counted and told by the next.
use std::sync::Arc;

use dashmap::DashMap;
use serde_json::json;

use super::Authority;
use super::caller::{Call, Operation};
use super::error::Error;
use crate::domain::event::{NewEvent, Subject};
use crate::domain::id::ManagementKeyId;
use crate::domain::management_key::Reach;

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
}

impl Authority {
    /// Writes down that a mutation was refused, if it was for a reason that is written down. `target` is what the caller named.
    pub async fn note_refusal(self: &Arc<Self>, call: &Call, operation: Operation, target: Option<&str>, error: &Error) {
        let Some(code) = error.refusal_code() else { return };
        let second = self.clock.now().millis().div_euclid(1000);
        let Some(suppressed) = self.refusals.admit(call.caller.id(), second) else { return };
        let target = target.map(|target| target.chars().take(64).collect::<String>());
        let organization_id = match call.caller.reach() {
            Reach::Organization(id) => Some(id),
            Reach::Installation => None,
        };
        let written = async {
            let mut change = self.begin_as(call.caller.actor()).await?;
            change.note(NewEvent {
                event: format!("{}_refused", operation.name),
                organization_id,
                subject: Subject::Nothing,
                data: json!({ "code": code, "target": target, "request_id": call.request_id, "suppressed": suppressed }),
                before: None,
            });
            change.commit(&[]).await
        };
        if let Err(error) = written.await {
            tracing::warn!(%error, operation = operation.name, "a refusal could not be written down");
        }
    }
}

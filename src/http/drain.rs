//! The end of the process, as requests see it: readiness goes first, connections close after their answer, streams end.
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// Begins once, when the process is told to stop.
#[derive(Default)]
pub struct Drain {
    /// Asked with every request, so it is no lock.
    has_begun: AtomicBool,
    told: watch::Sender<bool>,
}

impl Drain {
    pub fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
        self.told.send_replace(true);
    }

    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Resolves when it begins.
    pub async fn begun(&self) {
        let _ = self.told.subscribe().wait_for(|begun| *begun).await;
    }
}

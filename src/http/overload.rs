//! Too much at once (F21): when whoever is ready to be answered waits too long for his turn, a part of the token requests is refused without a
//! signature, so that the others are answered in time.
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::watch;

use crate::clock;

/// How often it is looked how long a turn takes.
const PULSE: Duration = Duration::from_millis(20);
/// How long it may take: an answer takes two, and is to be there in a quarter of a second.
const TURN: Duration = Duration::from_millis(100);
/// Of how many requests a part is refused.
const WHOLE: u32 = 256;
/// At the most: some are always admitted, or nobody would know when it is over.
const MOST: u32 = 250;
/// How much more, and how much less, is refused after a pulse.
const MORE: u32 = 8;
const LESS: u32 = 4;

/// How much is refused just now.
#[derive(Default)]
pub struct Overload {
    refused_of_whole: AtomicU32,
}

thread_local! {
    /// Spreads what is refused evenly over what comes; one for each worker, so that no two wait for each other.
    static SPREAD: Cell<u32> = const { Cell::new(0) };
}

impl Overload {
    /// Whether there is time for one more.
    pub fn admits(&self) -> bool {
        let refused = self.refused_of_whole.load(Ordering::Relaxed);
        if refused == 0 {
            return true;
        }
        let spread = SPREAD.get() + refused;
        SPREAD.set(spread % WHOLE);
        spread < WHOLE
    }

    fn note_turn(&self, took: Duration) {
        let refused = self.refused_of_whole.load(Ordering::Relaxed);
        let refused = if took > TURN { (refused + MORE).min(MOST) } else { refused.saturating_sub(LESS) };
        self.refused_of_whole.store(refused, Ordering::Relaxed);
    }

    /// Looks how long a turn takes, again and again, until `stop` says true. Where that cannot be seen, everything is admitted.
    pub async fn watch(self: Arc<Self>, stop: watch::Receiver<bool>) {
        if let Err(error) = self.take_turns(stop).await {
            tracing::warn!(%error, "how long requests wait cannot be seen: none is refused for it");
        }
        self.refused_of_whole.store(0, Ordering::Relaxed);
    }

    /// A byte that it sends itself waits in the queue in which all connections with something to read wait: as long as it takes, so long
    /// everyone waits.
    async fn take_turns(&self, mut stop: watch::Receiver<bool>) -> std::io::Result<()> {
        let (mut near, mut far) = UnixStream::pair()?;
        loop {
            tokio::select! {
                () = tokio::time::sleep(PULSE) => {}
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
            }
            let sent = clock::instant();
            near.write_all(&[0]).await?;
            far.read_exact(&mut [0]).await?;
            self.note_turn(sent.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(overload: &Overload) -> usize {
        (0..10_000).filter(|_| overload.admits()).count()
    }

    #[test]
    fn f21_the_longer_a_turn_takes_the_more_is_refused_and_never_all() {
        let overload = Overload::default();
        assert_eq!(admitted(&overload), 10_000);
        let mut before = 10_000;
        for _ in 0..4 {
            (0..7).for_each(|_| overload.note_turn(TURN * 2));
            let now = admitted(&overload);
            assert!(now < before && now > 0, "{now} after {before}");
            before = now;
        }
        (0..100).for_each(|_| overload.note_turn(TURN * 2));
        assert!((200..300).contains(&admitted(&overload)));
    }

    #[test]
    fn f21_once_turns_are_short_again_everything_is_admitted_within_two_seconds() {
        let overload = Overload::default();
        (0..100).for_each(|_| overload.note_turn(TURN * 2));
        (0..100).for_each(|_| overload.note_turn(PULSE));
        assert_eq!(admitted(&overload), 10_000);
    }
}

//! Moving house: an installation leaves one store for another with everything it has, so that no secret, key or token changes.
use super::events::{AuditError, verify_chain_in};
use crate::domain::event::CHAIN_START;
use crate::storage::{Database, StoreError, installation, moving};

/// Why the installation stays where it is.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error("there is an installation in {0} already: name a database that has none")]
    Inhabited(String),
    #[error("it was moved to {0} before: start it from there")]
    MovedBefore(String),
    #[error("there is nothing to move: start the authority once, or set CHANCERY_DATABASE_URL to where it is")]
    Empty,
    #[error("everything has arrived, but the place it came from could not be marked as left: never start that again ({0})")]
    Unmarked(#[source] StoreError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was moved.
pub struct Moved {
    pub rows: i64,
    pub events: i64,
}

/// Moves everything, checks the event chain where it arrived, and marks the place it came from, so that it does not live twice.
///
/// # Errors
/// [`MoveError`]; then nothing was changed in either, but for [`MoveError::Unmarked`].
pub async fn move_house(from: &Database, to: &Database, place: &str) -> Result<Moved, MoveError> {
    let mut leaving = from.write_at_leisure().await?;
    if let Some(place) = moving::moved_to(&mut leaving).await? {
        return Err(MoveError::MovedBefore(place));
    }
    if installation::head(&mut leaving).await?.event_hash == CHAIN_START {
        return Err(MoveError::Empty);
    }
    let mut arriving = to.write_at_leisure().await?;
    if installation::head(&mut arriving).await?.event_hash != CHAIN_START {
        return Err(MoveError::Inhabited(place.to_owned()));
    }
    let rows = moving::copy(&mut leaving, &mut arriving).await?;
    let events = verify_chain_in(&mut arriving).await?;
    // The mark is set before anything is final, and made final last: it still holds everybody else off.
    moving::set_moved_to(&mut leaving, place).await?;
    arriving.commit().await?;
    leaving.commit().await.map_err(MoveError::Unmarked)?;
    Ok(Moved { rows, events })
}

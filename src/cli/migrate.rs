//! `chancery migrate` and `chancery restored`: what is done to a store that nobody serves.
use super::tell;
use crate::authority::moving::move_house;
use crate::config::{DatabaseArgs, DatabaseSetting, MigrateArgs};
use crate::storage::{Connections, StoreError, installation};

pub(super) async fn migrate(args: &MigrateArgs) -> Result<(), String> {
    let url = args.database.url()?;
    let to = args.to.as_ref().map(DatabaseSetting::url).transpose()?;
    let (database, _lock) = url.open(Connections::ONE).await.map_err(|error| error.to_string())?;
    let done = match to {
        None => Ok(format!("{url} is up to date")),
        Some(to) => match to.open(Connections::ONE).await {
            Err(error) => Err(error.to_string()),
            Ok((other, _lock)) => {
                let moved = move_house(&database, &other, &to.to_string()).await;
                other.close().await;
                let told = |moved: crate::authority::moving::Moved| {
                    format!(
                        "moved to {to}: {} rows, and the chain of {} events is whole. Set CHANCERY_DATABASE_URL to it; the master key stays what it is",
                        moved.rows, moved.events
                    )
                };
                moved.map(told).map_err(|error| error.to_string())
            }
        },
    };
    database.close().await;
    done.map(|message| tell(&message))
}

/// Verifiers take the revisions of two epochs for different ones: what they know to be revoked stays so, and they ask for everything anew.
pub(super) async fn restored(args: &DatabaseArgs) -> Result<(), String> {
    let url = args.url()?;
    // One that is not there is not to be made.
    url.open_read_only().await.map_err(|error| error.to_string())?.close().await;
    let (database, _lock) = url.open(Connections::ONE).await.map_err(|error| error.to_string())?;
    let end_epoch = async {
        let mut tx = database.write().await?;
        installation::end_status_epoch(&mut tx).await?;
        tx.commit().await
    };
    let ended: Result<(), StoreError> = end_epoch.await;
    database.close().await;
    ended.map_err(|error| error.to_string())?;
    tell("the next start begins a new epoch of revocations; revoke now the tokens of whatever was changed since the backup");
    Ok(())
}

//! `chancery audit verify`.
use super::tell;
use crate::authority::events::verify_chain;
use crate::config::DatabaseArgs;

/// Reads the store beside the process that serves it, and changes nothing.
pub(super) async fn verify(args: &DatabaseArgs) -> Result<(), String> {
    let database = args.url()?.open_read_only().await.map_err(|error| error.to_string())?;
    let result = verify_chain(&database).await;
    database.close().await;
    match result {
        Ok(count) => {
            tell(&format!("the chain of {count} events is whole"));
            Ok(())
        }
        Err(error) => Err(format!("the chain does not hold: {error}")),
    }
}

//! Starting: the master key opens what it sealed or nothing starts; a first start makes all keys in one transaction.
use std::sync::Arc;

use chancery_verifier::Algorithm;
use zeroize::Zeroizing;

use super::error::Error;
use super::follow::Lease;
use super::{Authority, Deployment};
use crate::clock::Clock;
use crate::courier::Courier;
use crate::directory::Directory;
use crate::domain::credential::Secret;
use crate::domain::event::Actor;
use crate::domain::signing_key::KeyLine;
use crate::keys::master::{MasterKey, MasterKeyError, MasterKeyPlace};
use crate::keys::pepper::Pepper;
use crate::keys::ring::{KeyRing, RingError};
use crate::keys::seal::Sealer;
use crate::openid::RelyingParty;
use crate::random::{NoRandomness, Random};
use crate::storage::{Database, StoreError, Tx, installation, moving, signing_keys};

const CANARY: &str = "canary";
const CANARY_TEXT: &[u8] = b"chancery";
const PEPPER: &str = "pepper";

/// Why the authority does not start: one line each.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    #[error(
        "this master key is not the one the database was sealed with; nothing was changed. Restore that one, or name it with CHANCERY_MASTER_KEY_FILE"
    )]
    WrongMasterKey,
    #[error("the database was only half set up: its canary or its pepper is missing. Restore it from a backup")]
    HalfSetUp,
    #[error("the installation was moved from here to {0}: set CHANCERY_DATABASE_URL to that")]
    Moved(String),
    #[error(transparent)]
    Ring(#[from] RingError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error("{}", field_messages(.0))]
    Refused(#[from] Error),
}

fn field_messages(error: &Error) -> String {
    match error {
        Error::Invalid(fields) => fields.iter().map(|field| field.message.as_str()).collect::<Vec<_>>().join("; "),
        Error::Unavailable(cause) => cause.to_string(),
        Error::Internal(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

/// Opens or founds the installation and loads everything into memory.
///
/// `announce` is given the management key a first start makes, just before that becomes true: were the process killed in between, the
/// next start would make and announce another.
///
/// # Errors
/// [`StartError`]; then nothing was changed.
pub async fn start(
    deployment: Deployment,
    database: Database,
    master_key: &MasterKeyPlace,
    preset: Option<&Secret>,
    clock: Clock,
    announce: impl FnOnce(&Secret),
) -> Result<Arc<Authority>, StartError> {
    let random = Random::default();
    // Of several first starts one founds the installation, and the others wait for that and find it.
    let mut tx = database.write().await?;
    if let Some(place) = moving::moved_to(&mut tx).await? {
        return Err(StartError::Moved(place));
    }
    let canary = installation::find_sealed_value(&mut tx, CANARY).await?;
    let pepper = installation::find_sealed_value(&mut tx, PEPPER).await?;
    let holds_sealed = canary.is_some() || pepper.is_some() || !signing_keys::all(&mut tx).await?.is_empty();
    let master = MasterKey::read_or_make(master_key, holds_sealed, &random.bytes()?)?;
    let sealer = Sealer::new(&master);
    let (pepper, founding) = match (canary, pepper) {
        (Some(canary), Some(pepper)) => {
            let opened = sealer.open(CANARY, &canary).map_err(|_cannot| StartError::WrongMasterKey)?;
            let pepper = sealer.open(PEPPER, &pepper).map_err(|_cannot| StartError::WrongMasterKey)?;
            if opened.as_slice() != CANARY_TEXT {
                return Err(StartError::WrongMasterKey);
            }
            let mut bytes = Zeroizing::new([0; 32]);
            if pepper.len() != bytes.len() {
                return Err(StartError::WrongMasterKey);
            }
            bytes.copy_from_slice(&pepper);
            (bytes, false)
        }
        (None, None) if !holds_sealed => (random.bytes()?, true),
        _ => return Err(StartError::HalfSetUp),
    };
    let instance = if database.is_shared() { new_name(&random)? } else { String::new() };
    let authority = Arc::new(Authority {
        instance,
        courier: Courier::new(deployment.webhook_networks.clone()),
        openid: deployment
            .openid
            .clone()
            .map(|registration| RelyingParty::new(registration, &format!("{}/console/openid/callback", deployment.issuer))),
        deployment,
        committed: Default::default(),
        status: Default::default(),
        publisher: Default::default(),
        verified: Default::default(),
        rounds: Default::default(),
        lease: Lease::new(clock.now()),
        clock,
        ring: KeyRing::default(),
        directory: Directory::default(),
        database,
        sealer,
        pepper: Pepper::new(&pepper),
        random,
        uses: Default::default(),
        token_requests: Default::default(),
        failures: Default::default(),
        refusals: Default::default(),
        exceeded: Default::default(),
        in_flight: Default::default(),
    });
    let tx = if founding {
        tx
    } else {
        // Loading a large store takes a while, and keeps nobody from changing it.
        drop(tx);
        let mut reading = authority.database.read_at_leisure().await?;
        authority.ring.load(&mut reading, &authority.sealer).await?;
        authority.directory.load(&mut reading, authority.clock.now()).await?;
        drop(reading);
        authority.database.write().await?
    };
    found(&authority, tx, founding.then_some(&pepper), preset, announce).await?;
    authority.tend_signing_keys().await?;
    Ok(authority)
}

/// A name that nothing had before: for the database as it is now, or for this process.
fn new_name(random: &Random) -> Result<String, NoRandomness> {
    Ok(random.bytes::<4>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Everything a first start makes, and what every start ensures, in one transaction.
async fn found(
    authority: &Arc<Authority>,
    tx: Tx,
    pepper: Option<&Zeroizing<[u8; 32]>>,
    preset: Option<&Secret>,
    announce: impl FnOnce(&Secret),
) -> Result<(), StartError> {
    let mut change = authority.begin_in(tx, Actor::system());
    if let Some(pepper) = pepper {
        let now = change.now;
        let canary = authority.sealer.seal(CANARY, CANARY_TEXT, &authority.random)?;
        let pepper = authority.sealer.seal(PEPPER, pepper.as_ref(), &authority.random)?;
        installation::insert_sealed_value(&mut change.tx, CANARY, &canary, now).await?;
        installation::insert_sealed_value(&mut change.tx, PEPPER, &pepper, now).await?;
        // Nothing was ever signed, so the first key may sign at once (K10).
        change.ensure_active_key(KeyLine::of_tokens(Algorithm::ES256)).await?;
    }
    // A database of a version that published no status has neither.
    if installation::status_head(&mut change.tx).await?.status_epoch.is_none() {
        installation::set_status_epoch(&mut change.tx, &new_name(&authority.random)?).await?;
    }
    change.ensure_active_key(KeyLine::STATUS).await?;
    change.note_max_staleness().await?;
    change.note_lease().await?;
    installation::beat(&mut change.tx, change.now).await?;
    match preset {
        Some(preset) => change.ensure_preset_key(preset).await?,
        None => {
            if let Some(first) = change.make_first_key().await? {
                announce(&first);
            }
        }
    }
    Ok(change.commit(&[]).await?)
}

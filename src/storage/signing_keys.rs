//! Signing keys: public halves in plain text, private halves sealed.
use chancery_verifier::Algorithm;
use sqlx::FromRow;

use super::{Result, StoreError, Tx, on, run};
use crate::domain::signing_key::{KeyPurpose, KeyState, SigningKey};
use crate::domain::timestamp::Timestamp;

/// A key as it is stored.
pub struct StoredKey {
    pub key: SigningKey,
    /// The public JWK, as JSON.
    pub public_jwk: String,
    /// The sealed PKCS#8 document; `None` once it is wiped.
    pub sealed_private: Option<String>,
}

#[derive(FromRow)]
struct Row {
    kid: String,
    purpose: String,
    alg: String,
    state: String,
    public_jwk: String,
    sealed_private: Option<String>,
    published_at: i64,
    activates_at: i64,
    activated_at: Option<i64>,
    retired_at: Option<i64>,
    removes_at: Option<i64>,
}

impl TryFrom<Row> for StoredKey {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        let states = [KeyState::Published, KeyState::Active, KeyState::Retiring, KeyState::Removed, KeyState::Compromised];
        let state = states.into_iter().find(|state| state.name() == row.state);
        let purpose = [KeyPurpose::AccessToken, KeyPurpose::Status].into_iter().find(|purpose| purpose.name() == row.purpose);
        let (Some(purpose), Some(alg), Some(state)) = (purpose, Algorithm::from_name(&row.alg), state) else {
            return Err(StoreError::Unreadable(format!("signing_key {}", row.kid)));
        };
        let key = SigningKey {
            kid: row.kid,
            purpose,
            alg,
            state,
            published_at: Timestamp::from_millis(row.published_at),
            activates_at: Timestamp::from_millis(row.activates_at),
            activated_at: row.activated_at.map(Timestamp::from_millis),
            retired_at: row.retired_at.map(Timestamp::from_millis),
            removes_at: row.removes_at.map(Timestamp::from_millis),
        };
        Ok(Self { key, public_jwk: row.public_jwk, sealed_private: row.sealed_private })
    }
}

pub async fn all(tx: &mut Tx) -> Result<Vec<StoredKey>> {
    let rows: Vec<Row> =
        on!(tx, |connection| sqlx::query_as("SELECT * FROM signing_key ORDER BY published_at, kid").fetch_all(connection))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

pub async fn insert(tx: &mut Tx, stored: &StoredKey) -> Result<()> {
    let sql = "INSERT INTO signing_key (kid, purpose, alg, state, public_jwk, sealed_private, published_at, activates_at, activated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let key = &stored.key;
    run!(tx, |connection| sqlx::query(sql)
        .bind(&key.kid)
        .bind(key.purpose.name())
        .bind(key.alg.name())
        .bind(key.state.name())
        .bind(&stored.public_jwk)
        .bind(&stored.sealed_private)
        .bind(key.published_at.millis())
        .bind(key.activates_at.millis())
        .bind(key.activated_at.map(Timestamp::millis))
        .execute(connection))
}

/// Moves a key to another state, if it is still in the one it was seen in; whether it was (K8: two rotators make one rotation).
pub async fn update(tx: &mut Tx, seen: KeyState, key: &SigningKey) -> Result<bool> {
    let sql = "UPDATE signing_key SET state = $3, activated_at = $4, retired_at = $5, removes_at = $6 WHERE kid = $1 AND state = $2 \
               RETURNING kid";
    let moved: Option<String> = on!(tx, |connection| sqlx::query_scalar(sql)
        .bind(&key.kid)
        .bind(seen.name())
        .bind(key.state.name())
        .bind(key.activated_at.map(Timestamp::millis))
        .bind(key.retired_at.map(Timestamp::millis))
        .bind(key.removes_at.map(Timestamp::millis))
        .fetch_optional(connection))?;
    Ok(moved.is_some())
}

/// Wipes the private half.
pub async fn erase_private(tx: &mut Tx, kid: &str) -> Result<()> {
    let sql = "UPDATE signing_key SET sealed_private = NULL WHERE kid = $1";
    run!(tx, |connection| sqlx::query(sql).bind(kid).execute(connection))
}

//! Why something was not done. These know no HTTP; each skin has one table for them.
use crate::domain::text::FieldError;
use crate::random::NoRandomness;
use crate::storage::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields with values that cannot be taken, each with the mend.
    #[error("{} of the request's fields cannot be taken", .0.len())]
    Invalid(Vec<FieldError>),
    #[error("the cursor names no object of this list")]
    InvalidCursor,
    /// Absent, or another organization's: the two are not told apart.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The caller's key died while he was asking.
    #[error("the management key is not live any more")]
    Unauthenticated,
    #[error("{message}")]
    Forbidden { code: &'static str, message: String },
    /// The state of things forbids it. `until` is when it no longer will, where that is known.
    #[error("{message}")]
    Conflict { code: &'static str, message: String, until: Option<crate::domain::timestamp::Timestamp> },
    #[error("the object was changed since: read it again")]
    VersionMismatch,
    #[error("this Idempotency-Key was used for another request: take a new one")]
    IdempotencyKeyReused,
    #[error("the first request with this Idempotency-Key is still running: try again")]
    IdempotencyInProgress,
    /// Worth another try.
    #[error("the store is not available")]
    Unavailable(#[source] StoreError),
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(error))
    }

    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { code, message: message.into(), until: None }
    }

    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::Forbidden { code, message: message.into() }
    }

    /// A store error, where a unique value that is taken is the caller's conflict.
    pub fn taken(error: StoreError, code: &'static str, message: &str) -> Self {
        match error {
            StoreError::Taken => Self::conflict(code, message),
            other => other.into(),
        }
    }

    /// The code of a refusal that is written down as an event; `None` for what is not.
    pub fn refusal_code(&self) -> Option<&'static str> {
        match self {
            Self::NotFound(_) => Some("not_found"),
            Self::IdempotencyInProgress => Some("idempotency_in_progress"),
            Self::Forbidden { code, .. } | Self::Conflict { code, .. } => Some(code),
            _ => None,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::OutOfReach | StoreError::Moved | StoreError::Another => Self::Unavailable(error),
            other => Self::internal(other),
        }
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Self::Invalid(vec![error])
    }
}

impl From<NoRandomness> for Error {
    fn from(error: NoRandomness) -> Self {
        Self::internal(error)
    }
}

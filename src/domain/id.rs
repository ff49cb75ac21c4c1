//! Ids: a prefix that tells the kind, and a UUID v7 (RFC 9562 §5.7) as 26 characters of Crockford's base32, so that text order is order of creation.
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const ENCODED: usize = 26;
/// Of the longest prefix and its underscore.
const PREFIX_AT_MOST: usize = 9;

/// What an id names.
pub trait Kind {
    /// The text before the underscore.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($kind:ident $alias:ident $prefix:literal)*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $kind;
        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
        }
        pub type $alias = Id<$kind>;
    )*};
}

kinds! {
    OrganizationKind OrganizationId "org"
    ApplicationKind ApplicationId "app"
    ClientKind ClientId "client"
    ClientSecretKind ClientSecretId "secret"
    PrincipalKind PrincipalId "prn"
    PermissionKind PermissionId "perm"
    ResourceServerKind ResourceServerId "rs"
    ManagementKeyKind ManagementKeyId "mk"
    UserKind UserId "user"
    MembershipKind MembershipId "om"
    ApiKeyKind ApiKeyId "api_key"
    PresetKind PresetId "preset"
    PortalSessionKind PortalSessionId "portal"
    ConsoleSessionKind ConsoleSessionId "console"
    WebhookEndpointKind WebhookEndpointId "we"
    DeliveryKind DeliveryId "delivery"
    EventKind EventId "event"
    RequestKind RequestId "req"
}

/// An id of one kind.
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<K>,
}

/// The text is not an id of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct NotAnId;

impl<K> Id<K> {
    pub const fn new(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> std::hash::Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In one piece: five of them are written for every token.
        let mut text = [b'_'; PREFIX_AT_MOST + ENCODED];
        let encoded = K::PREFIX.len() + 1;
        text[..K::PREFIX.len()].copy_from_slice(K::PREFIX.as_bytes());
        let mut rest = self.uuid.as_u128();
        for place in text[encoded..encoded + ENCODED].iter_mut().rev() {
            *place = ALPHABET[(rest & 31) as usize];
            rest >>= 5;
        }
        f.write_str(str::from_utf8(&text[..encoded + ENCODED]).map_err(|_utf8| fmt::Error)?)
    }
}

/// Byte for byte: another case, a confusable letter or a surplus bit is another text, and no id (RFC 6749 §2.3.1, case 99).
impl<K: Kind> FromStr for Id<K> {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let encoded = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(NotAnId)?.as_bytes();
        if encoded.len() != ENCODED || encoded[0] > b'7' {
            return Err(NotAnId);
        }
        let mut value: u128 = 0;
        for byte in encoded {
            let digit = ALPHABET.iter().position(|letter| letter == byte).ok_or(NotAnId)?;
            value = value << 5 | digit as u128;
        }
        Ok(Self::new(Uuid::from_u128(value)))
    }
}

impl<K: Kind> JsonSchema for Id<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}_id", K::PREFIX).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": format!("^{}_[0-7][0-9A-HJKMNP-TV-Z]{{25}}$", K::PREFIX),
            "examples": [format!("{}_01KAJ2M3N4P5Q6R7S8T9V0W1X2", K::PREFIX)],
        })
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_is_read_as_it_is_written(value: u128) {
            let id = ClientId::new(Uuid::from_u128(value));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn text_order_is_order_of_creation(one: u128, other: u128) {
            let text = |value| ClientId::new(Uuid::from_u128(value)).to_string();
            prop_assert_eq!(text(one).cmp(&text(other)), one.cmp(&other));
        }
    }

    #[test]
    fn case_99_another_case_or_kind_is_no_id() {
        let text = ClientId::new(Uuid::from_u128(u128::MAX)).to_string();
        assert!(text.parse::<ClientId>().is_ok());
        for wrong in [text.to_lowercase(), text.replace("client", "app"), format!("{text}0"), text.replace("_7", "_8")] {
            assert_eq!(wrong.parse::<ClientId>(), Err(NotAnId), "{wrong}");
        }
    }
}

//! Secrets: 256 random bits with a recognisable prefix and a checksum, and the keyed digest that is all we keep of them.
use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::text::FieldError;

/// 256 bits need 43 digits of base 62.
const RANDOM_DIGITS: usize = 43;
const CHECKSUM_DIGITS: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a generated secret is for; its prefix lets scanners and people recognise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    ClientSecret,
    ManagementKey,
    WebhookSecret,
    PortalLink,
    ConsoleSession,
    /// Its prefix is the operator's choice.
    ApiKey,
}

impl Purpose {
    const FIXED: [&str; 5] = ["chs", "chm", "chw", "chp", "chc"];

    /// Whether a secret for this may begin so.
    fn takes(self, prefix: &str) -> bool {
        match self {
            Self::ClientSecret => prefix == "chs",
            Self::ManagementKey => prefix == "chm",
            Self::WebhookSecret => prefix == "chw",
            Self::PortalLink => prefix == "chp",
            Self::ConsoleSession => prefix == "chc",
            Self::ApiKey => ApiKeyPrefix::parse("", prefix).is_ok(),
        }
    }
}

/// What an API key begins with, before an underscore: `eak`, `eg_live`, `sk_live`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyPrefix(String);

impl ApiKeyPrefix {
    pub const DEFAULT: &str = "chk";

    /// A letter, then letters, digits and underscores, lower case, 2 to 20 characters; the prefixes of other secrets are not to be had.
    ///
    /// # Errors
    /// A [`FieldError`] for `field`.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.ends_with('_');
        let letters = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        if starts_well && letters && (2..=20).contains(&text.len()) && !Purpose::FIXED.contains(&text) {
            return Ok(Self(text.to_owned()));
        }
        let message =
            format!("{field} takes 2 to 20 of a-z, 0-9 and _, from a letter to a letter or digit, and none of chs, chm, chw, chp, chc");
        Err(FieldError::new("invalid_prefix", field, message))
    }

    pub fn stored(text: String) -> Self {
        Self(text)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl JsonSchema for ApiKeyPrefix {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "api_key_prefix".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 2, "maxLength": 20, "examples": ["eg_live"] })
    }
}

impl Serialize for ApiKeyPrefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A secret in plain text. It neither prints nor serializes nor clones, and its memory is wiped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// `<prefix>_`, 43 base 62 digits of the 32 random bytes, and 6 of the CRC-32 of all before them.
    pub fn client_secret(random: &Zeroizing<[u8; 32]>) -> Self {
        Self::generate("chs", random)
    }

    pub fn management_key(random: &Zeroizing<[u8; 32]>) -> Self {
        Self::generate("chm", random)
    }

    pub fn webhook_secret(random: &Zeroizing<[u8; 32]>) -> Self {
        Self::generate("chw", random)
    }

    pub fn portal_link(random: &Zeroizing<[u8; 32]>) -> Self {
        Self::generate("chp", random)
    }

    pub fn console_session(random: &Zeroizing<[u8; 32]>) -> Self {
        Self::generate("chc", random)
    }

    pub fn api_key(prefix: &ApiKeyPrefix, random: &Zeroizing<[u8; 32]>) -> Self {
        Self::generate(prefix.as_str(), random)
    }

    fn generate(prefix: &str, random: &Zeroizing<[u8; 32]>) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(prefix.len() + 1 + RANDOM_DIGITS + CHECKSUM_DIGITS));
        text.push_str(prefix);
        text.push('_');
        push_base62(&mut text, random);
        let checksum = crc32fast::hash(text.as_bytes());
        push_checksum(&mut text, checksum);
        Self(text)
    }

    /// A secret as somebody presented it, whatever it looks like.
    pub fn presented(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The text itself: for the one answer that reveals it, and for its digest.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last six characters, by which an admin tells two secrets apart; they are the checksum's and give nothing away.
    pub fn hint(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(CHECKSUM_DIGITS)..).unwrap_or("")
    }

    /// How an API key is shown once its value is gone: its prefix, four characters, and its last four, which are the checksum's.
    pub fn obfuscated(&self) -> String {
        let (prefix, digits) = self.0.rsplit_once('_').unwrap_or(("", ""));
        let (start, end) = (digits.get(..4).unwrap_or(""), digits.get(digits.len().saturating_sub(4)..).unwrap_or(""));
        format!("{prefix}_{start}...{end}")
    }

    /// Whether it has the form of any secret of ours.
    pub fn is_any(&self) -> bool {
        let ours = [Purpose::ClientSecret, Purpose::ManagementKey, Purpose::WebhookSecret, Purpose::PortalLink, Purpose::ConsoleSession];
        ours.into_iter().chain([Purpose::ApiKey]).any(|it| self.is_well_formed(it))
    }

    /// Whether the prefix, the length, the alphabet and the checksum are right. A typo fails here, before any lookup, whoever the client is.
    pub fn is_well_formed(&self, purpose: Purpose) -> bool {
        let Some((prefix, digits)) = self.0.rsplit_once('_') else { return false };
        if !purpose.takes(prefix)
            || digits.len() != RANDOM_DIGITS + CHECKSUM_DIGITS
            || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return false;
        }
        let (signed, checksum) = self.0.split_at(self.0.len() - CHECKSUM_DIGITS);
        let mut expected = String::with_capacity(CHECKSUM_DIGITS);
        push_checksum(&mut expected, crc32fast::hash(signed.as_bytes()));
        expected == checksum
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// HMAC-SHA-256 of a secret under the pepper: nobody who reads or writes the database alone can make one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretDigest(pub [u8; 32]);

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(…)")
    }
}

/// The bytes as one big number in base 62, most significant digit first.
fn push_base62(text: &mut String, bytes: &[u8; 32]) {
    let mut number = Zeroizing::new(*bytes);
    let mut digits = Zeroizing::new([0_u8; RANDOM_DIGITS]);
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in number.iter_mut() {
            let value = remainder << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            remainder = value % 62;
        }
        *digit = DIGITS[remainder as usize];
    }
    text.extend(digits.iter().map(|digit| char::from(*digit)));
}

fn push_checksum(text: &mut String, mut checksum: u32) {
    let mut digits = [0_u8; CHECKSUM_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(checksum % 62) as usize];
        checksum /= 62;
    }
    text.extend(digits.iter().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn k15_every_secret_has_its_form_and_one_wrong_character_breaks_it(random: [u8; 32], at in 0_usize..53) {
            let secret = Secret::client_secret(&Zeroizing::new(random));
            prop_assert!(secret.is_well_formed(Purpose::ClientSecret));
            prop_assert!(!secret.is_well_formed(Purpose::ManagementKey));
            prop_assert_eq!(secret.expose().len(), 53);
            let mut bytes = secret.expose().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            prop_assert!(!Secret::presented(&String::from_utf8(bytes).unwrap()).is_well_formed(Purpose::ClientSecret));
        }

        #[test]
        fn k15_different_bytes_give_different_secrets(one: [u8; 32], other: [u8; 32]) {
            let text = |random| Secret::client_secret(&Zeroizing::new(random)).expose().to_owned();
            prop_assert_eq!(one == other, text(one) == text(other));
        }
    }

    #[test]
    fn e3_an_api_key_has_the_prefix_that_was_chosen_and_no_other_kind_has_it() {
        let random = Zeroizing::new([7; 32]);
        for prefix in ["chk", "eak", "eg_live", "sk_live"] {
            let key = Secret::api_key(&ApiKeyPrefix::parse("", prefix).unwrap(), &random);
            assert!(key.is_well_formed(Purpose::ApiKey) && key.expose().starts_with(&format!("{prefix}_")));
            assert!(!key.is_well_formed(Purpose::ClientSecret) && !key.is_well_formed(Purpose::ManagementKey));
            let shown = key.obfuscated();
            assert!(shown.starts_with(&format!("{prefix}_")) && shown.contains("...") && shown.len() < prefix.len() + 14, "{shown}");
        }
        for other in [Secret::client_secret(&random), Secret::management_key(&random), Secret::webhook_secret(&random)] {
            assert!(!other.is_well_formed(Purpose::ApiKey));
        }
        for bad in ["", "a", "chs", "Abc", "a-b", "1ab", "ab_", "averyveryverylongprefix"] {
            assert!(ApiKeyPrefix::parse("", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn k19_a_secret_does_not_print() {
        let secret = Secret::presented("chs_visible");
        assert!(!format!("{secret:?}").contains("visible"));
    }
}

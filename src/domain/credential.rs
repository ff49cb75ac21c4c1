//! Secrets: 256 random bits with a recognisable prefix and a checksum, and the keyed digest that is all we keep of them.
use std::fmt;

use zeroize::Zeroizing;

/// 256 bits need 43 digits of base 62.
const RANDOM_DIGITS: usize = 43;
const CHECKSUM_DIGITS: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a generated secret is for; its prefix lets scanners and people recognise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    ClientSecret,
    ManagementKey,
}

impl Purpose {
    pub fn prefix(self) -> &'static str {
        match self {
            Self::ClientSecret => "chs",
            Self::ManagementKey => "chm",
        }
    }
}

/// A secret in plain text. It neither prints nor serializes nor clones, and its memory is wiped.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// `<prefix>_`, 43 base 62 digits of the 32 random bytes, and 6 of the CRC-32 of all before them.
    pub fn from_random(purpose: Purpose, random: &Zeroizing<[u8; 32]>) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(4 + RANDOM_DIGITS + CHECKSUM_DIGITS));
        text.push_str(purpose.prefix());
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

    /// Whether the prefix, the length, the alphabet and the checksum are right. A typo fails here, before any lookup, whoever the client is.
    pub fn is_well_formed(&self, purpose: Purpose) -> bool {
        let Some(digits) = self.0.strip_prefix(purpose.prefix()).and_then(|rest| rest.strip_prefix('_')) else { return false };
        if digits.len() != RANDOM_DIGITS + CHECKSUM_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
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
            let secret = Secret::from_random(Purpose::ClientSecret, &Zeroizing::new(random));
            prop_assert!(secret.is_well_formed(Purpose::ClientSecret));
            prop_assert!(!secret.is_well_formed(Purpose::ManagementKey));
            prop_assert_eq!(secret.expose().len(), 53);
            let mut bytes = secret.expose().as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            prop_assert!(!Secret::presented(&String::from_utf8(bytes).unwrap()).is_well_formed(Purpose::ClientSecret));
        }

        #[test]
        fn k15_different_bytes_give_different_secrets(one: [u8; 32], other: [u8; 32]) {
            let text = |random| Secret::from_random(Purpose::ClientSecret, &Zeroizing::new(random)).expose().to_owned();
            prop_assert_eq!(one == other, text(one) == text(other));
        }
    }

    #[test]
    fn k19_a_secret_does_not_print() {
        let secret = Secret::presented("chs_visible");
        assert!(!format!("{secret:?}").contains("visible"));
    }
}

//! Frames and snapshots: what the authority publishes of its revocations, as Security Event Tokens (RFC 8417) under its status keys.
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use ring::digest;
use serde::{Deserialize, Serialize};

use crate::jwks::KeySet;
use crate::signed::verify_signed;
use crate::status::StatusIndex;
use crate::verify::VerifyError;

/// The `typ` of a Security Event Token (RFC 8417 §2.3).
pub const SECURITY_EVENT: &str = "secevent+jwt";
/// A longer frame or snapshot is refused before anything of it is decoded, bytes.
pub const MAX_PUBLICATION_BYTES: usize = 32 * 1024 * 1024;
/// The most that one list of a snapshot may unpack to, bytes: five for each of its entries.
const MAX_UNPACKED_BYTES: u64 = StatusIndex::PER_LIST * 5;

/// What holds of everything that is published: as of when, and how it is to be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The database's incarnation. Revisions of different epochs cannot be compared.
    pub epoch: String,
    /// Every revocation up to this revision is known to whoever applied this.
    pub rev: i64,
    /// When the store was read, milliseconds since the epoch.
    pub as_of: i64,
    /// How often a frame comes when nothing happens, milliseconds.
    pub h: u64,
    /// How old a verifier's knowledge may be at the most, milliseconds.
    pub s: u64,
    /// How long a verifier holds an entry, seconds: by then every token it covers has expired.
    pub keep: u64,
    /// Which keys there are: [`fingerprint`] of both key sets.
    pub jwks: String,
    /// Single tokens that are revoked, with their `exp`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub jti: BTreeMap<String, u64>,
}

/// A frame: every revocation after `prev`, up to `rev`. Without any it is a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The revision this frame continues from.
    pub prev: i64,
    /// As of when, and up to which revision.
    #[serde(flatten)]
    pub publication: Publication,
    /// The revoked positions, by list.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<u64, BTreeSet<u64>>,
}

/// A snapshot: everything that is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// As of when, and up to which revision.
    #[serde(flatten)]
    pub publication: Publication,
    /// For each list its revoked positions: the differences between them as LEB128, in zlib, in base64url.
    pub lists: BTreeMap<u64, String>,
}

/// A Security Event Token (RFC 8417 §2.2): no `exp`, no `sub` and no `aud`, as it is for everyone.
#[derive(Serialize, Deserialize)]
pub struct SecurityEvent<E> {
    iss: String,
    jti: String,
    iat: i64,
    events: E,
}

/// The one event of a frame's token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrameEvent {
    #[serde(rename = "urn:chancery:status:frame")]
    frame: Frame,
}

/// The one event of a snapshot's token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnapshotEvent {
    #[serde(rename = "urn:chancery:status:snapshot")]
    snapshot: Snapshot,
}

impl Publication {
    /// What names the revision: the epoch and the number, with a point between them.
    pub fn id(&self) -> String {
        format!("{}.{}", self.epoch, self.rev)
    }

    fn event<E>(&self, issuer: &str, events: E) -> SecurityEvent<E> {
        SecurityEvent { iss: issuer.to_owned(), jti: format!("{}.{}", self.id(), self.as_of), iat: self.as_of.div_euclid(1000), events }
    }
}

impl Frame {
    /// The claims to be signed.
    pub fn into_claims(self, issuer: &str) -> SecurityEvent<FrameEvent> {
        let publication = self.publication.clone();
        publication.event(issuer, FrameEvent { frame: self })
    }

    /// Verifies a frame of this issuer.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(text: &str, keys: &KeySet, issuer: &str) -> Result<Self, VerifyError> {
        read::<FrameEvent>(text, keys, issuer).map(|event| event.frame)
    }

    /// The revoked indexes.
    pub fn indexes(&self) -> impl Iterator<Item = StatusIndex> {
        self.set.iter().flat_map(|(list, positions)| positions.iter().filter_map(|position| StatusIndex::at(*list, *position)))
    }
}

impl Snapshot {
    /// A snapshot of these indexes.
    pub fn new(publication: Publication, indexes: impl IntoIterator<Item = StatusIndex>) -> Self {
        let mut lists: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        for index in indexes {
            lists.entry(index.list()).or_default().insert(index.position());
        }
        Self { publication, lists: lists.into_iter().map(|(list, positions)| (list, pack(&positions))).collect() }
    }

    /// The claims to be signed.
    pub fn into_claims(self, issuer: &str) -> SecurityEvent<SnapshotEvent> {
        let publication = self.publication.clone();
        publication.event(issuer, SnapshotEvent { snapshot: self })
    }

    /// Verifies a snapshot of this issuer.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(text: &str, keys: &KeySet, issuer: &str) -> Result<Self, VerifyError> {
        read::<SnapshotEvent>(text, keys, issuer).map(|event| event.snapshot)
    }

    /// The revoked indexes.
    ///
    /// # Errors
    /// [`VerifyError::Malformed`] when a list is not what it should be.
    pub fn indexes(&self) -> Result<Vec<StatusIndex>, VerifyError> {
        let mut indexes = Vec::new();
        for (list, packed) in &self.lists {
            let positions = unpack(packed).ok_or(VerifyError::Malformed("a list of the snapshot cannot be unpacked"))?;
            indexes.extend(positions.into_iter().filter_map(|position| StatusIndex::at(*list, position)));
        }
        Ok(indexes)
    }
}

fn read<E: for<'de> Deserialize<'de>>(text: &str, keys: &KeySet, issuer: &str) -> Result<E, VerifyError> {
    if text.len() > MAX_PUBLICATION_BYTES {
        return Err(VerifyError::Malformed("longer than 32 MiB"));
    }
    let signed = verify_signed(text, keys, |typ| typ.eq_ignore_ascii_case(SECURITY_EVENT))?;
    let event: SecurityEvent<E> = serde_json::from_slice(&signed.payload).map_err(|error| VerifyError::Claims(error.to_string()))?;
    if event.iss != issuer {
        return Err(VerifyError::Issuer);
    }
    Ok(event.events)
}

/// Which keys there are: a short hash over the `kid`s of both sets, which changes whenever one comes or goes.
pub fn fingerprint<'a>(token_kids: impl IntoIterator<Item = &'a str>, status_kids: impl IntoIterator<Item = &'a str>) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for (purpose, kids) in
        [("access_token", token_kids.into_iter().collect::<BTreeSet<_>>()), ("status", status_kids.into_iter().collect())]
    {
        for kid in kids {
            context.update(format!("{purpose} {kid}\n").as_bytes());
        }
    }
    let digest = context.finish();
    URL_SAFE_NO_PAD.encode(digest.as_ref().split_at(8).0)
}

fn pack(positions: &BTreeSet<u64>) -> String {
    let mut bytes = Vec::with_capacity(positions.len());
    let mut before = 0;
    for position in positions {
        let mut difference = position - before;
        before = *position;
        while difference >= 0x80 {
            bytes.push((difference & 0x7F) as u8 | 0x80);
            difference >>= 7;
        }
        bytes.push(difference as u8);
    }
    URL_SAFE_NO_PAD.encode(deflate(&bytes))
}

fn unpack(packed: &str) -> Option<Vec<u64>> {
    let compressed = URL_SAFE_NO_PAD.decode(packed).ok()?;
    let mut bytes = Vec::new();
    ZlibDecoder::new(compressed.as_slice()).take(MAX_UNPACKED_BYTES + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > MAX_UNPACKED_BYTES {
        return None;
    }
    let (mut positions, mut before, mut difference, mut shift) = (Vec::new(), 0_u64, 0_u64, 0);
    for byte in bytes {
        if shift > 28 {
            return None;
        }
        difference |= u64::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            before += difference;
            positions.push(before);
            (difference, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(positions)
}

/// DEFLATE in ZLIB (RFC 1950), at the best level.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_names_what_was_put_in_and_nothing_else() {
        let numbers = [0, 1, 127, 128, 129, 16_383, 16_384, 1_048_575, 1_048_576, 5_000_000];
        let publication =
            Publication { epoch: "e".into(), rev: 1, as_of: 0, h: 2000, s: 10_000, keep: 60, jwks: String::new(), jti: BTreeMap::new() };
        let snapshot = Snapshot::new(publication, numbers.map(StatusIndex::new));
        assert_eq!(snapshot.indexes().unwrap(), numbers.map(StatusIndex::new));
    }

    #[test]
    fn a_list_that_unpacks_to_too_much_or_to_half_a_number_is_refused() {
        assert!(unpack(&URL_SAFE_NO_PAD.encode(deflate(&vec![0; 6 * 1024 * 1024]))).is_none());
        assert!(unpack(&URL_SAFE_NO_PAD.encode(deflate(&[0x80]))).is_none());
        assert!(unpack(&URL_SAFE_NO_PAD.encode(deflate(&[0xFF; 12]))).is_none());
        assert!(unpack("!").is_none());
    }

    #[test]
    fn the_fingerprint_changes_with_either_set_and_not_with_the_order() {
        let one = fingerprint(["a", "b"], ["s"]);
        assert_eq!(one.len(), 11);
        assert_eq!(one, fingerprint(["b", "a"], ["s"]));
        for other in [fingerprint(["a"], ["s"]), fingerprint(["a", "b"], ["t"]), fingerprint(["a"], ["b", "s"])] {
            assert_ne!(one, other);
        }
    }
}

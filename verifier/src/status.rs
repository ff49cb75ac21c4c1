//! Where a token's status is published: the `status` claim of the Token Status List text (draft-ietf-oauth-status-list §6.1).
use serde::{Deserialize, Serialize};

/// How many entries one status list has, as a power of two.
const LIST_BITS: u32 = 20;

/// The number of one generation of a credential, never given out twice. All tokens of that generation carry it, so one bit revokes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusIndex(u64);

impl StatusIndex {
    /// How many entries one status list has.
    pub const PER_LIST: u64 = 1 << LIST_BITS;

    /// The index with this number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The index at a position of a list; `None` for a position that no list has.
    pub fn at(list: u64, position: u64) -> Option<Self> {
        let first = list.checked_mul(Self::PER_LIST)?;
        (position < Self::PER_LIST).then_some(Self(first | position))
    }

    /// Its number.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The number of the list it is in.
    pub fn list(self) -> u64 {
        self.0 >> LIST_BITS
    }

    /// Its position in that list.
    pub fn position(self) -> u64 {
        self.0 & (Self::PER_LIST - 1)
    }
}

/// The `status` claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The entry of the status list.
    pub status_list: StatusListEntry,
}

/// One entry of one status list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusListEntry {
    /// The position in the list.
    pub idx: u64,
    /// The list.
    pub uri: String,
}

impl Status {
    /// The claim for an index of this issuer.
    pub fn of(issuer: &str, index: StatusIndex) -> Self {
        Self { status_list: StatusListEntry { idx: index.position(), uri: list_uri(issuer, index.list()) } }
    }

    /// The index, if the list is one of this issuer's.
    pub fn index(&self, issuer: &str) -> Option<StatusIndex> {
        let list = self.status_list.uri.strip_prefix(issuer)?.strip_prefix(LISTS)?;
        let canonical = list.bytes().all(|byte| byte.is_ascii_digit()) && (list == "0" || !list.starts_with('0'));
        StatusIndex::at(list.parse().ok().filter(|_| canonical)?, self.status_list.idx)
    }
}

const LISTS: &str = "/status/v1/lists/";

/// The URI of a status list of the issuer.
pub fn list_uri(issuer: &str, list: u64) -> String {
    format!("{issuer}{LISTS}{list}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://auth.example.com";

    #[test]
    fn an_index_is_found_again_in_its_claim() {
        for number in [0, 1, 1_048_575, 1_048_576, 12 * 1_048_576 + 104_857] {
            let status = Status::of(ISSUER, StatusIndex::new(number));
            assert_eq!(status.index(ISSUER), Some(StatusIndex::new(number)));
        }
    }

    #[test]
    fn a_list_of_another_issuer_or_a_position_out_of_bounds_is_no_index() {
        let status = |uri: &str, idx| Status { status_list: StatusListEntry { idx, uri: uri.into() } };
        let own = "https://auth.example.com/status/v1/lists/12";
        assert!(status(own, 1_048_575).index(ISSUER).is_some());
        assert!(status(own, 1_048_576).index(ISSUER).is_none());
        for uri in ["https://evil.example.com/status/v1/lists/12", "https://auth.example.com/status/v1/lists/012", "12", ""] {
            assert!(status(uri, 1).index(ISSUER).is_none(), "{uri}");
        }
        assert!(status("https://auth.example.com/status/v1/lists/18446744073709551615", 1).index(ISSUER).is_none());
    }
}

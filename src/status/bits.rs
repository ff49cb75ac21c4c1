//! The compressed byte array of a status list (draft-ietf-oauth-status-list §4.1): one bit an entry, the least significant first.
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_verifier::{StatusIndex, deflate};

/// `lst` (§4.2): DEFLATE in ZLIB, base64url, of a whole list with these positions set.
pub fn pack(positions: &[u64]) -> String {
    encode(&set(positions, StatusIndex::PER_LIST))
}

fn set(positions: &[u64], entries: u64) -> Vec<u8> {
    let mut bits = vec![0_u8; usize::try_from(entries.div_ceil(8)).unwrap_or(0)];
    for position in positions {
        if let Some(byte) = usize::try_from(position / 8).ok().and_then(|byte| bits.get_mut(byte)) {
            *byte |= 1 << (position % 8);
        }
    }
    bits
}

fn encode(bits: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(deflate(bits))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn decode(lst: &str) -> Vec<u8> {
        let compressed = URL_SAFE_NO_PAD.decode(lst).unwrap();
        let mut bits = Vec::new();
        flate2::read::ZlibDecoder::new(compressed.as_slice()).read_to_end(&mut bits).unwrap();
        bits
    }

    #[test]
    fn tsl_4_1_the_example_of_one_bit() {
        let bits = set(&[0, 3, 4, 5, 7, 8, 9, 13, 15], 16);
        assert_eq!(bits, [0xB9, 0xA3]);
        assert_eq!(encode(&bits), "eNrbuRgAAhcBXQ");
    }

    #[test]
    fn tsl_appendix_c_the_vector_of_one_bit() {
        let vector = "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
                      AAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAA\
                      AAAAAAAAKjDMAQAAAACAZC8L2AEb";
        let positions = [0, 1993, 25460, 159_495, 495_669, 554_353, 645_645, 723_232, 854_545, 934_534, 1_000_345];
        let ours = pack(&positions);
        assert_eq!(decode(vector), decode(&ours));
        assert!(ours.len() <= vector.len() + 8, "as well compressed: {} and {}", ours.len(), vector.len());
    }
}

//! Whether a JPEG file reaches its end marker.
//!
//! Decoders paint what is missing of a truncated JPEG in grey and report success. This walk over
//! the markers (ITU-T T.81, annex B) finds the end without decoding, and is not fooled by the
//! end marker of a thumbnail inside an application segment.

const START_OF_IMAGE: u8 = 0xD8;
/// Reserved for arithmetic coders; like the start it has no length.
const TEMPORARY: u8 = 0x01;
const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;

/// Whether the segments of `bytes` lead to the end-of-image marker, with at least one scan before.
/// Bytes after the marker are of no concern.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let mut at = 2;
    let mut scans = 0;
    while let Some((marker, after)) = next_marker(bytes, at) {
        match marker {
            END_OF_IMAGE => return scans > 0,
            START_OF_IMAGE | TEMPORARY => at = after,
            _ => {
                let Some(length) = bytes.get(after..after + 2) else { return false };
                at = after + usize::from(length[0]) * 256 + usize::from(length[1]);
                scans += usize::from(marker == START_OF_SCAN);
            }
        }
    }
    false
}

/// The next marker at or after `at` and the position behind it. Stuffed zeros and restarts belong
/// to the entropy-coded data, fill bytes precede a marker: all three are passed over.
fn next_marker(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut pairs = bytes.get(at..)?.windows(2).enumerate();
    pairs.find_map(|(offset, pair)| match *pair {
        [0xFF, code] if !matches!(code, 0x00 | 0xFF | 0xD0..=0xD7) => Some((code, at + offset + 2)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    const SCAN: [u8; 8] = [0xFF, 0xDA, 0x00, 0x04, 0x01, 0x02, 0x12, 0x34];

    fn file(parts: &[&[u8]]) -> Vec<u8> {
        [&[0xFF, 0xD8][..], &parts.concat()].concat()
    }

    #[test]
    fn a_scan_followed_by_the_end_marker_is_complete() {
        assert!(is_complete(&file(&[&SCAN, &[0xFF, 0xD9]])));
        assert!(is_complete(&file(&[&SCAN, &[0xFF, 0xD9], b"trailing bytes"])));
    }

    #[test]
    fn stuffed_bytes_restarts_and_fill_bytes_do_not_end_a_scan() {
        let data = [0xFF, 0x00, 0x55, 0xFF, 0xD3, 0x55, 0xFF, 0xFF];
        assert!(!is_complete(&file(&[&SCAN, &data])));
        assert!(is_complete(&file(&[&SCAN, &data, &[0xFF, 0xD9]])));
    }

    #[test]
    fn the_end_marker_of_a_thumbnail_does_not_count() {
        let thumbnail = [0xFF, 0xE1, 0x00, 0x06, 0xFF, 0xD8, 0xFF, 0xD9];
        assert!(!is_complete(&file(&[&thumbnail, &SCAN])));
        assert!(is_complete(&file(&[&thumbnail, &SCAN, &[0xFF, 0xD9]])));
    }

    #[test]
    fn an_end_without_any_scan_is_not_an_image() {
        assert!(!is_complete(&file(&[&[0xFF, 0xD9]])));
        assert!(!is_complete(&file(&[])));
        assert!(!is_complete(&[]));
        assert!(!is_complete(&file(&[&[0xFF, 0xC0, 0x00]])));
    }
}

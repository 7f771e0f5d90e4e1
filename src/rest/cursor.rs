//! Where a listing goes on: opaque text for clients, the last item of the page for us.
//!
//! A cursor names an item, not a position, so items that come and go do not shift pages; the item
//! itself may even be gone. It needs no state here and never expires.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::error::ApiError;
use crate::biometric::FaceId;

/// Layout of the bytes: version, kind, item.
const VERSION: u8 = 1;
const COLLECTION: u8 = b'c';
const FACE: u8 = b'f';
/// Longest cursor in characters; above what the longest collection name can take.
const CHARS_MAX: usize = 1024;

/// The cursor of the page behind the collection `name`.
pub(super) fn behind_collection(name: &str) -> String {
    encode(COLLECTION, name.as_bytes())
}

/// The cursor of the page behind the face `face_id`.
pub(super) fn behind_face(face_id: FaceId) -> String {
    encode(FACE, &face_id.as_u128().to_be_bytes())
}

/// The collection name in a cursor of [`behind_collection`].
pub(super) fn collection_of(cursor: &str) -> Result<String, ApiError> {
    let name = String::from_utf8(decode(COLLECTION, cursor)?).map_err(|_| malformed())?;
    if name.is_empty() { Err(malformed()) } else { Ok(name) }
}

/// The face id in a cursor of [`behind_face`].
pub(super) fn face_of(cursor: &str) -> Result<FaceId, ApiError> {
    let number = decode(FACE, cursor)?.try_into().map_err(|_| malformed())?;
    Ok(FaceId::from_u128(u128::from_be_bytes(number)))
}

fn encode(kind: u8, item: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode([&[VERSION, kind], item].concat())
}

fn decode(kind: u8, cursor: &str) -> Result<Vec<u8>, ApiError> {
    if cursor.len() > CHARS_MAX {
        return Err(malformed());
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| malformed())?;
    match bytes.strip_prefix(&[VERSION, kind]) {
        Some(item) => Ok(item.to_vec()),
        None => Err(malformed()),
    }
}

fn malformed() -> ApiError {
    ApiError::invalid("cursor", "is not one that this listing returned as next_cursor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_as_the_item_they_name() {
        for name in ["a", "people", "größe/日本", &"界".repeat(120)] {
            assert_eq!(collection_of(&behind_collection(name)).unwrap(), name);
        }
        for number in [0, 1, u128::MAX] {
            let face_id = FaceId::from_u128(number);
            assert_eq!(face_of(&behind_face(face_id)).unwrap(), face_id);
        }
    }

    #[test]
    fn a_cursor_of_one_listing_is_refused_by_the_other() {
        assert!(collection_of(&behind_face(FaceId::from_u128(7))).is_err());
        assert!(collection_of(&behind_collection("")).is_err());
        assert!(face_of(&behind_collection("sixteen-byte-nam")).is_err());
    }

    #[test]
    fn whatever_was_changed_or_cut_in_a_face_cursor_is_refused_or_another_face() {
        let face_id = FaceId::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let cursor = behind_face(face_id);
        for length in 0..cursor.len() {
            assert!(face_of(&cursor[..length]).is_err(), "accepted {:?}", &cursor[..length]);
        }
        for position in 0..cursor.len() {
            for replacement in "A z+/=_-%\u{e9}\0".chars() {
                let mut changed: Vec<char> = cursor.chars().collect();
                changed[position] = replacement;
                let changed: String = changed.into_iter().collect();
                let other = face_of(&changed).ok();
                assert!(changed == cursor || other != Some(face_id), "{changed:?} is ambiguous");
            }
        }
        assert!(face_of(&format!("{cursor}AA")).is_err());
        assert!(face_of(&"A".repeat(100_000)).is_err());
    }
}

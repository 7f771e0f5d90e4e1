//! CenterFace: frees the batch, height and width that the distributed model fixes to 10 x 32 x 32.
//!
//! The model itself is fully convolutional; only its declared shapes are wrong for any other image, and the runtime
//! insists on them. Each declared extent is a two-byte protobuf field, so it can be replaced in place by an empty
//! symbolic extent of the same length, without decoding and re-encoding 7 MB.

use super::{ConvertError, without_constant_inputs};
use crate::pack::digest::sha256;

/// Offsets of the fields to replace: N, H and W of the input and of the four outputs, in file order.
const DIMENSION_OFFSETS: [usize; 15] = [
    7_296_992, 7_297_000, 7_297_004, 7_304_405, 7_304_413, 7_304_417, 7_304_436, 7_304_444,
    7_304_448, 7_304_467, 7_304_475, 7_304_479, 7_304_498, 7_304_506, 7_304_510,
];

/// `dim_value`, a varint: field 1.
const KNOWN_EXTENT: u8 = 0x08;
/// `dim_param` with an empty name: field 2, length 0.
const UNKNOWN_EXTENT: [u8; 2] = [0x12, 0x00];

/// The distributed model for images of any size, and faster.
///
/// `sha256_patched` is the digest of the model with its extents replaced.
///
/// # Errors
///
/// [`ConvertError`] if `model` is another file than the patch was written for.
pub fn for_any_size(model: &[u8], sha256_patched: &'static str) -> Result<Vec<u8>, ConvertError> {
    let mut patched = model.to_vec();
    free_dimensions(&mut patched, &DIMENSION_OFFSETS)?;
    let actual = sha256(&patched);
    if actual != sha256_patched {
        return Err(ConvertError::Patched { expected: sha256_patched, actual });
    }
    without_constant_inputs(&patched)
}

/// Replaces the known extents at `offsets` by unknown ones, in place.
///
/// # Errors
///
/// [`ConvertError::Patch`] at the first offset that holds no one-byte known extent; the bytes must then be discarded.
fn free_dimensions(model: &mut [u8], offsets: &[usize]) -> Result<(), ConvertError> {
    for &offset in offsets {
        let end = model.len().min(offset.saturating_add(2));
        match model.get_mut(offset..end) {
            Some(field @ &mut [KNOWN_EXTENT, 0..0x80]) => field.copy_from_slice(&UNKNOWN_EXTENT),
            other => {
                let found = other.map_or_else(Vec::new, |field| field.to_vec());
                return Err(ConvertError::Patch { offset, found });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::proto::{DimensionValue, ValueInfoProto};

    fn info_with_extent_32() -> (Vec<u8>, usize) {
        let bytes = ValueInfoProto::floats("x", &[Some(32), Some(3)]).encode_to_vec();
        let offset = bytes.windows(2).position(|field| field == [0x08, 32]).expect("extent 32");
        (bytes, offset)
    }

    #[test]
    fn a_known_extent_becomes_a_symbolic_one_and_its_neighbour_stays() {
        let (mut bytes, offset) = info_with_extent_32();
        free_dimensions(&mut bytes, &[offset]).expect("a dimension is there");
        let info = ValueInfoProto::decode(bytes.as_slice()).expect("still a valid message");
        let shape = info.r#type.and_then(|kind| kind.tensor_type).and_then(|tensor| tensor.shape);
        let values: Vec<_> =
            shape.into_iter().flat_map(|shape| shape.dim).map(|dim| dim.value).collect();
        let freed = Some(DimensionValue::Param(String::new()));
        assert_eq!(values, [freed, Some(DimensionValue::Extent(3))]);
    }

    #[test]
    fn other_bytes_at_the_offset_are_refused() {
        let (mut bytes, offset) = info_with_extent_32();
        let refused = free_dimensions(&mut bytes, &[offset - 1]);
        let expected_offset = offset - 1;
        assert!(
            matches!(refused, Err(ConvertError::Patch { offset, .. }) if offset == expected_offset),
            "{refused:?}"
        );
    }

    #[test]
    fn an_offset_behind_the_end_is_refused() {
        let mut bytes = vec![0x08];
        for offset in [0, 1, 7, usize::MAX] {
            let refused = free_dimensions(&mut bytes, &[offset]);
            assert!(matches!(refused, Err(ConvertError::Patch { .. })), "{offset}: {refused:?}");
        }
    }

    #[test]
    fn an_extent_of_more_than_one_byte_is_refused() {
        let mut bytes = vec![0x08, 0x80, 0x01];
        let refused = free_dimensions(&mut bytes, &[0]);
        assert!(matches!(refused, Err(ConvertError::Patch { .. })), "{refused:?}");
    }
}

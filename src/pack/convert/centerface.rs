//! CenterFace: frees the batch, height and width that the distributed model fixes to 10 x 32 x 32.
//!
//! The model itself is fully convolutional; only its declared shapes are wrong for any other image,
//! and the runtime insists on them. Each declared extent is a two-byte protobuf field, so it can be
//! replaced in place by an empty symbolic extent of the same length, without decoding and
//! re-encoding 7 MB.

use super::{ConvertError, without_constant_inputs};
use crate::pack::digest::sha256;

/// Offsets of the fields to replace: N, H and W of the input and of the four outputs, in file
/// order.
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
/// [`ConvertError::Patch`] at the first offset that holds no one-byte known extent; the bytes must
/// then be discarded.
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
    use crate::onnx::proto::{DimensionProto, DimensionValue, GraphProto, ModelProto};
    use crate::onnx::proto::{TypeProto, ValueInfoProto};

    /// A model with one input of this extent and three channels.
    fn model(extent: &DimensionValue) -> Vec<u8> {
        let mut input = ValueInfoProto::floats("x", &[Some(0), Some(3)]);
        if let Some(TypeProto { tensor_type: Some(tensor) }) = &mut input.r#type {
            let dims = tensor.shape.iter_mut().filter_map(|shape| shape.dim.first_mut());
            dims.for_each(|dim| *dim = DimensionProto { value: Some(extent.clone()) });
        }
        let graph = GraphProto { input: vec![input], ..GraphProto::default() };
        ModelProto { graph: Some(graph), ..ModelProto::default() }.to_bytes()
    }

    fn info_with_extent_32() -> (Vec<u8>, usize) {
        let bytes = model(&DimensionValue::Extent(32));
        let offset = bytes.windows(2).position(|field| field == [0x08, 32]).expect("extent 32");
        (bytes, offset)
    }

    #[test]
    fn a_known_extent_becomes_a_symbolic_one_and_its_neighbour_stays() {
        let (mut bytes, offset) = info_with_extent_32();
        free_dimensions(&mut bytes, &[offset]).expect("a dimension is there");
        assert_eq!(bytes, model(&DimensionValue::Param(String::new())));
    }

    #[test]
    fn a_model_that_is_not_the_distributed_one_is_refused() {
        let zeros = vec![0; 7_304_518];
        let refused = for_any_size(&zeros, "");
        assert!(matches!(refused, Err(ConvertError::Patch { .. })), "{:?}", refused.err());
        let mut extents = vec![0; 7_304_518];
        for offset in DIMENSION_OFFSETS {
            extents[offset..offset + 2].copy_from_slice(&[KNOWN_EXTENT, 32]);
        }
        let refused = for_any_size(&extents, "00");
        assert!(matches!(refused, Err(ConvertError::Patched { .. })), "{:?}", refused.err());
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

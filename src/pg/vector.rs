//! pgvector's type `vector` on the wire: its client libraries find it by name and read these forms.
//!
//! Binary: the dimensions and a reserved zero in 16 bits each, then every component as a 32-bit
//! float, all in network byte order (`vector_send` of pgvector).

use std::sync::LazyLock;

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::Float32Type;
use pgwire::api::Type;
use postgres_types::Kind;

use crate::sql::{VECTOR_NAME, VECTOR_OID};

static VECTOR: LazyLock<Type> =
    LazyLock::new(|| Type::new(VECTOR_NAME.into(), VECTOR_OID, Kind::Simple, "public".into()));

/// The type as it is announced.
pub(super) fn pg_type() -> Type {
    VECTOR.clone()
}

/// Whether a column was announced as a vector.
pub(super) fn is_vector(pg_type: &Type) -> bool {
    pg_type.oid() == VECTOR_OID
}

/// Components of a value; none where it is not made of numbers only.
pub(super) fn components(items: &dyn Array) -> Option<&[f32]> {
    let numbers = items.as_primitive_opt::<Float32Type>()?;
    (numbers.null_count() == 0).then(|| &**numbers.values())
}

/// Writes the binary form; false where there are more components than it can count.
pub(super) fn write(components: &[f32], out: &mut BytesMut) -> bool {
    let Ok(dimensions) = u16::try_from(components.len()) else { return false };
    out.put_u16(dimensions);
    out.put_u16(0);
    let start = out.len();
    out.resize(start + size_of_val(components), 0);
    let (items, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut();
    for (item, component) in items.iter_mut().zip(components) {
        *item = component.to_be_bytes();
    }
    true
}

/// Reads the binary form; none where the bytes are not of it.
pub(super) fn read(bytes: &[u8]) -> Option<Vec<f32>> {
    let (head, body) = bytes.split_first_chunk::<4>()?;
    let [high, low, 0, 0] = *head else { return None };
    let (items, rest) = body.as_chunks::<4>();
    let whole = rest.is_empty() && items.len() == usize::from(u16::from_be_bytes([high, low]));
    whole.then(|| items.iter().map(|item| f32::from_be_bytes(*item)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_form_is_that_of_pgvector() {
        let mut out = BytesMut::new();
        assert!(write(&[1.0, -0.5], &mut out));
        assert_eq!(&out[..], [0, 2, 0, 0, 0x3f, 0x80, 0, 0, 0xbf, 0, 0, 0]);
        assert_eq!(read(&out), Some(vec![1.0, -0.5]));
        assert!(!write(&vec![0.0; 65_536], &mut out));
    }

    #[test]
    fn bytes_that_do_not_add_up_are_no_vector() {
        for bad in [&[][..], &[0, 1, 0], &[0, 1, 0, 0], &[0, 1, 0, 1, 0, 0, 0, 0], &[0, 0, 0, 0, 9]]
        {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}

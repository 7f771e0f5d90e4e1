//! Edits an encoded ONNX model without decoding it, so that nothing it holds is lost.

use std::collections::HashSet;

use super::ConvertError;

/// `ModelProto.graph`.
const MODEL_GRAPH: u64 = 7;
/// `GraphProto.initializer`.
const GRAPH_INITIALIZER: u64 = 5;
/// `GraphProto.input`.
const GRAPH_INPUT: u64 = 11;
/// `TensorProto.name`.
const TENSOR_NAME: u64 = 8;
/// `ValueInfoProto.name`.
const VALUE_NAME: u64 = 1;
/// A field whose value is preceded by its length.
const LENGTH_DELIMITED: u64 = 2;

/// A field of an encoded message.
#[derive(Clone, Copy)]
struct Field<'a> {
    number: u64,
    /// The value of a length-delimited field; empty for the others.
    payload: &'a [u8],
    /// Key and value as they are written.
    encoded: &'a [u8],
}

/// The same model without the inputs that are constants.
///
/// Old models declare each of their weights as an input that the caller may replace. The runtime
/// must then treat weights as unknown until it runs, and cannot fold them into other operations:
/// without these declarations it computes `CenterFace` more than twice as fast.
///
/// # Errors
/// [`ConvertError::Wire`] if the bytes are no encoded message.
pub fn without_constant_inputs(model: &[u8]) -> Result<Vec<u8>, ConvertError> {
    let mut edited = Vec::with_capacity(model.len());
    for field in fields(model)? {
        if field.number == MODEL_GRAPH {
            let graph = without_constants(field.payload)?;
            write_varint(MODEL_GRAPH << 3 | LENGTH_DELIMITED, &mut edited);
            write_varint(graph.len() as u64, &mut edited);
            edited.extend_from_slice(&graph);
        } else {
            edited.extend_from_slice(field.encoded);
        }
    }
    Ok(edited)
}

fn without_constants(graph: &[u8]) -> Result<Vec<u8>, ConvertError> {
    let fields = fields(graph)?;
    let mut constants = HashSet::new();
    for tensor in fields.iter().filter(|field| field.number == GRAPH_INITIALIZER) {
        constants.extend(name(tensor, TENSOR_NAME)?);
    }
    let mut edited = Vec::with_capacity(graph.len());
    for field in &fields {
        let constant = field.number == GRAPH_INPUT
            && name(field, VALUE_NAME)?.is_some_and(|name| constants.contains(name));
        if !constant {
            edited.extend_from_slice(field.encoded);
        }
    }
    Ok(edited)
}

/// The value of the nested message's field `number`.
fn name<'a>(message: &Field<'a>, number: u64) -> Result<Option<&'a [u8]>, ConvertError> {
    let inner = fields(message.payload)?;
    Ok(inner.iter().find(|field| field.number == number).map(|field| field.payload))
}

/// The fields of a message in their order.
fn fields(message: &[u8]) -> Result<Vec<Field<'_>>, ConvertError> {
    let mut found = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let offset = message.len() - rest.len();
        let (field, behind) = first_field(rest).ok_or(ConvertError::Wire { offset })?;
        found.push(field);
        rest = behind;
    }
    Ok(found)
}

/// The first field of a message and what follows it; `None` where it is cut off or of no kind.
fn first_field(bytes: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let (key, value) = read_varint(bytes)?;
    let (payload, rest): (&[u8], &[u8]) = match key & 7 {
        0 => (&[], read_varint(value)?.1),
        1 => (&[], value.split_at_checked(8)?.1),
        LENGTH_DELIMITED => {
            let (length, value) = read_varint(value)?;
            value.split_at_checked(usize::try_from(length).ok()?)?
        }
        5 => (&[], value.split_at_checked(4)?.1),
        _ => return None,
    };
    let encoded = &bytes[..bytes.len() - rest.len()];
    Some((Field { number: key >> 3, payload, encoded }, rest))
}

/// A number in groups of seven bits, the lowest first, and what follows it.
fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

fn write_varint(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::proto::{GraphProto, ModelProto, TensorProto, ValueInfoProto};

    fn model(inputs: &[&str]) -> ModelProto {
        let input = inputs.iter().map(|name| ValueInfoProto::floats(name, &[Some(2)])).collect();
        let graph = GraphProto {
            name: "small".to_owned(),
            initializer: vec![TensorProto::floats("weight", &[2], &[1.0, 2.0])],
            input,
            output: vec![ValueInfoProto::floats("y", &[Some(2)])],
            ..GraphProto::default()
        };
        ModelProto { ir_version: 4, graph: Some(graph), ..ModelProto::default() }
    }

    #[test]
    fn inputs_that_are_constants_go_and_the_others_stay() {
        let edited = without_constant_inputs(&model(&["x", "weight", "z"]).to_bytes()).unwrap();
        assert_eq!(edited, model(&["x", "z"]).to_bytes());
    }

    #[test]
    fn fields_of_every_kind_that_nobody_knows_are_kept() {
        let unknown: [&[u8]; 4] = [
            &[0xa0, 0x06, 0x96, 0x01],
            &[0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0xa2, 0x06, 3, b'a', b'b', b'c'],
            &[0xa5, 0x06, 1, 2, 3, 4],
        ];
        let mut bytes = unknown.concat();
        bytes.extend(model(&["x", "weight"]).to_bytes());
        let mut expected = unknown.concat();
        expected.extend(model(&["x"]).to_bytes());
        assert_eq!(without_constant_inputs(&bytes).unwrap(), expected);
    }

    #[test]
    fn a_cut_off_message_is_refused_wherever_it_is_cut_inside_a_field() {
        let bytes = model(&["x", "weight"]).to_bytes();
        for length in 3..bytes.len() {
            let refused = without_constant_inputs(&bytes[..length]);
            assert!(matches!(refused, Err(ConvertError::Wire { .. })), "{length}: {refused:?}");
        }
    }

    #[test]
    fn lengths_and_numbers_without_end_are_refused() {
        for bytes in [&[0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0][..], &[0x80; 11], &[0x3b], &[0x08]] {
            let refused = without_constant_inputs(bytes);
            assert!(matches!(refused, Err(ConvertError::Wire { offset: 0 })), "{refused:?}");
        }
    }
}

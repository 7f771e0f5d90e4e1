//! The subset of the ONNX protobuf messages that the converters write.
//!
//! Field numbers are those of `onnx.proto` (IR version 4 and later). Fields not listed here are
//! neither written nor kept when decoding.

/// `TensorProto.DataType.FLOAT`: 32-bit IEEE floats.
pub const FLOAT: i32 = 1;
/// `TensorProto.DataType.INT64`.
pub const INT64: i32 = 7;

/// A whole model file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ModelProto {
    /// Version of the file format itself.
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    /// The program that wrote the file.
    #[prost(string, tag = "2")]
    pub producer_name: String,
    /// Free text for readers of the file.
    #[prost(string, tag = "6")]
    pub doc_string: String,
    /// The computation.
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    /// Operator sets the graph relies on.
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSetIdProto>,
}

impl ModelProto {
    /// The contents of a model file.
    pub fn to_bytes(&self) -> Vec<u8> {
        prost::Message::encode_to_vec(self)
    }
}

/// An operator set and its version; the empty domain is the standard set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OperatorSetIdProto {
    /// Domain of the operators.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// Version of the set.
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// A computation: nodes in topological order, constants, inputs and outputs.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GraphProto {
    /// The operations, each after those it reads from.
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<NodeProto>,
    /// The graph's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Constants, weights among them.
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
    /// What the caller provides.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueInfoProto>,
    /// What the caller receives.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueInfoProto>,
}

/// One operation.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NodeProto {
    /// Names of the values read; an empty name leaves an optional input out.
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    /// Names of the values written.
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    /// The node's own name, for messages.
    #[prost(string, tag = "3")]
    pub name: String,
    /// The operator, such as `Conv`.
    #[prost(string, tag = "4")]
    pub op_type: String,
    /// The operator's parameters.
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<AttributeProto>,
}

/// Which field of an [`AttributeProto`] holds its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum AttributeType {
    /// No value.
    Undefined = 0,
    /// `f`.
    Float = 1,
    /// `i`.
    Int = 2,
    /// `s`.
    String = 3,
    /// `floats`.
    Floats = 6,
    /// `ints`.
    Ints = 7,
}

/// A named parameter of an operator.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AttributeProto {
    /// The parameter's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// A single float.
    #[prost(float, optional, tag = "2")]
    pub f: Option<f32>,
    /// A single integer.
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    /// A byte string.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub s: Option<Vec<u8>>,
    /// A list of floats.
    #[prost(float, repeated, packed = "false", tag = "7")]
    pub floats: Vec<f32>,
    /// A list of integers.
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    /// Which of the fields counts.
    #[prost(enumeration = "AttributeType", tag = "20")]
    pub r#type: i32,
}

impl AttributeProto {
    /// An integer parameter.
    pub fn int(name: &str, value: i64) -> Self {
        Self {
            name: name.to_owned(),
            i: Some(value),
            r#type: AttributeType::Int.into(),
            ..Self::default()
        }
    }

    /// A parameter that is a list of integers.
    pub fn ints(name: &str, values: &[i64]) -> Self {
        Self {
            name: name.to_owned(),
            ints: values.to_vec(),
            r#type: AttributeType::Ints.into(),
            ..Self::default()
        }
    }
}

/// A constant tensor.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorProto {
    /// Extent of each dimension; empty for a scalar.
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    /// Element type, [`FLOAT`] or [`INT64`].
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    /// The name nodes refer to.
    #[prost(string, tag = "8")]
    pub name: String,
    /// The elements, little-endian, row-major.
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
}

impl TensorProto {
    /// A tensor of floats; `data` has the product of `dims` elements.
    pub fn floats(name: &str, dims: &[usize], data: &[f32]) -> Self {
        let raw_data = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::new(name, dims, FLOAT, raw_data)
    }

    /// A one-dimensional tensor of 64-bit integers.
    pub fn integers(name: &str, data: &[i64]) -> Self {
        let raw_data = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self::new(name, &[data.len()], INT64, raw_data)
    }

    fn new(name: &str, dims: &[usize], data_type: i32, raw_data: Vec<u8>) -> Self {
        let dims = dims.iter().map(|&dim| extent(dim)).collect();
        Self { dims, data_type, name: name.to_owned(), raw_data }
    }
}

/// A named value with its type.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValueInfoProto {
    /// The value's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The value's type.
    #[prost(message, optional, tag = "2")]
    pub r#type: Option<TypeProto>,
}

impl ValueInfoProto {
    /// A float tensor; `None` stands for an extent that is known only at run time.
    pub fn floats(name: &str, dims: &[Option<usize>]) -> Self {
        let dim = dims
            .iter()
            .map(|dim| DimensionProto {
                value: Some(dim.map_or_else(
                    || DimensionValue::Param("N".to_owned()),
                    |known| DimensionValue::Extent(extent(known)),
                )),
            })
            .collect();
        let tensor_type =
            TensorTypeProto { elem_type: FLOAT, shape: Some(TensorShapeProto { dim }) };
        Self { name: name.to_owned(), r#type: Some(TypeProto { tensor_type: Some(tensor_type) }) }
    }
}

/// A value's type; only tensors occur here.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TypeProto {
    /// The tensor type.
    #[prost(message, optional, tag = "1")]
    pub tensor_type: Option<TensorTypeProto>,
}

/// Element type and shape of a tensor value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorTypeProto {
    /// Element type, [`FLOAT`] or [`INT64`].
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    /// The shape.
    #[prost(message, optional, tag = "2")]
    pub shape: Option<TensorShapeProto>,
}

/// The shape of a tensor value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TensorShapeProto {
    /// The dimensions, outermost first.
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<DimensionProto>,
}

/// One dimension.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DimensionProto {
    /// Known extent or a symbol.
    #[prost(oneof = "DimensionValue", tags = "1, 2")]
    pub value: Option<DimensionValue>,
}

/// The extent of a dimension.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum DimensionValue {
    /// Known when the model was written.
    #[prost(int64, tag = "1")]
    Extent(i64),
    /// Known only at run time; equal names mean equal extents.
    #[prost(string, tag = "2")]
    Param(String),
}

/// An extent in the format's own integer type; no tensor in memory exceeds it.
fn extent(dim: usize) -> i64 {
    i64::try_from(dim).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn attributes_are_encoded_as_the_onnx_format_lays_them_out() {
        let bytes = AttributeProto::ints("kernel_shape", &[3, 3]).encode_to_vec();
        let mut expected = vec![0x0a, 12];
        expected.extend_from_slice(b"kernel_shape");
        expected.extend_from_slice(&[0x40, 3, 0x40, 3, 0xa0, 0x01, 7]);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn an_integer_attribute_of_zero_is_still_written() {
        let bytes = AttributeProto::int("axis", 0).encode_to_vec();
        assert!(bytes.windows(2).any(|pair| pair == [0x18, 0]), "{bytes:?}");
    }

    #[test]
    fn a_tensor_keeps_its_extents_and_little_endian_values() {
        let tensor = TensorProto::floats("w", &[1, 2], &[1.0, -2.0]);
        assert_eq!(tensor.dims, [1, 2]);
        assert_eq!(tensor.raw_data, [0, 0, 128, 63, 0, 0, 0, 192]);
        let again = TensorProto::decode(tensor.encode_to_vec().as_slice());
        assert_eq!(again.ok(), Some(tensor));
    }
}

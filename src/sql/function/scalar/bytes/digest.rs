//! Digests: `md5`, a checksum here and no protection, and those of SHA-2.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BinaryArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;
use md5::Md5;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use super::{Function, arity};

pub(super) fn functions() -> [Function; 5] {
    let bytes = |name, body| {
        Function::exact(name, [DataType::Binary], Field::new("", DataType::Binary, true), body)
    };
    let text = Field::new("", DataType::Utf8, true);
    let either = vec![vec![DataType::Utf8], vec![DataType::Binary]];
    [
        Function::one_of("md5", either, text, checksums),
        bytes("sha224", digests::<Sha224>),
        bytes("sha256", digests::<Sha256>),
        bytes("sha384", digests::<Sha384>),
        bytes("sha512", digests::<Sha512>),
    ]
}

fn checksums(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [values] = columns else { return Err(arity("md5")) };
    let sum = |bytes: &[u8]| hex::encode(Md5::digest(bytes));
    let sums: StringArray = if *values.data_type() == DataType::Binary {
        values.as_binary::<i32>().iter().map(|bytes| bytes.map(sum)).collect()
    } else {
        let texts = values.as_string::<i32>().iter();
        texts.map(|text| text.map(|text| sum(text.as_bytes()))).collect()
    };
    Ok(Arc::new(sums))
}

fn digests<D: Digest>(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [bytes] = columns else { return Err(arity("a digest")) };
    let digests = bytes.as_binary::<i32>().iter().map(|bytes| bytes.map(D::digest));
    Ok(Arc::new(digests.collect::<BinaryArray>()))
}

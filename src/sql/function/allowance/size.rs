//! How many bytes the rows of a column take.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::logical_expr::ColumnarValue;
use datafusion::scalar::ScalarValue;

/// The bytes of the values in `column`, whatever else is in the buffers that it shares with others.
pub(in crate::sql) fn bytes_of(column: &dyn Array) -> usize {
    let rows = column.len();
    match column.data_type() {
        DataType::Utf8 => with_offsets(column.as_string::<i32>().offsets()),
        DataType::Binary => with_offsets(column.as_binary::<i32>().offsets()),
        DataType::LargeUtf8 => with_offsets(column.as_string::<i64>().offsets()),
        DataType::LargeBinary => with_offsets(column.as_binary::<i64>().offsets()),
        DataType::Utf8View => column.as_string_view().lengths().map(|it| it as usize + 16).sum(),
        DataType::BinaryView => column.as_binary_view().lengths().map(|it| it as usize + 16).sum(),
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            let offsets = lists.offsets();
            let first = offsets.first().map_or(0, |first| *first as usize);
            bytes_of(&lists.values().slice(first, spanned(offsets))) + size_of_val(&offsets[..])
        }
        DataType::FixedSizeList(..) => bytes_of(column.as_fixed_size_list().values()),
        DataType::Struct(_) => column.as_struct().columns().iter().map(|part| bytes_of(part)).sum(),
        data_type => match data_type.primitive_width() {
            Some(width) => rows * width,
            None => column.get_array_memory_size(),
        },
    }
}

/// The bytes of the values in all columns of `rows`.
pub(in crate::sql) fn bytes_of_rows(rows: &RecordBatch) -> usize {
    rows.columns().iter().map(|column| bytes_of(column)).sum()
}

/// How far the last of some offsets is from the first.
fn spanned<O: OffsetSizeTrait>(offsets: &[O]) -> usize {
    match (offsets.first(), offsets.last()) {
        (Some(first), Some(last)) => (*last - *first).as_usize(),
        _ => 0,
    }
}

/// The same with the offsets themselves.
fn with_offsets<O: OffsetSizeTrait>(offsets: &[O]) -> usize {
    spanned(offsets) + size_of_val(offsets)
}

/// The bytes of an argument: those of a column, or those of the one value that stands for all rows.
pub(in crate::sql) fn bytes_of_argument(argument: &ColumnarValue) -> usize {
    match argument {
        ColumnarValue::Array(column) => bytes_of(column),
        ColumnarValue::Scalar(value) => bytes_of_value(value),
    }
}

/// The bytes of a value.
pub(in crate::sql) fn bytes_of_value(value: &ScalarValue) -> usize {
    match value {
        ScalarValue::List(list) => bytes_of(list.as_ref()),
        ScalarValue::FixedSizeList(list) => bytes_of(list.as_ref()),
        ScalarValue::Struct(parts) => bytes_of(parts.as_ref()),
        other => other.size(),
    }
}

/// The longest text in `texts`, in bytes.
pub(in crate::sql) fn longest(texts: &ArrayRef) -> usize {
    let lengths: Box<dyn Iterator<Item = usize>> = match texts.data_type() {
        DataType::Utf8 => Box::new(texts.as_string::<i32>().offsets().lengths()),
        DataType::LargeUtf8 => Box::new(texts.as_string::<i64>().offsets().lengths()),
        DataType::Utf8View => Box::new(texts.as_string_view().lengths().map(|it| it as usize)),
        _ => return bytes_of(texts),
    };
    lengths.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        Int32Array, LargeStringArray, ListArray, StringArray, StringViewArray,
    };
    use datafusion::arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn a_slice_is_as_large_as_its_own_rows() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "bcd", ""]));
        let long: ArrayRef = Arc::new(LargeStringArray::from(vec!["a", "bcd", ""]));
        let views: ArrayRef = Arc::new(StringViewArray::from(vec!["a", "bcd", ""]));
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
        let items = |count| Some(vec![Some(1); count]);
        let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([
            items(1),
            items(100),
            items(0),
        ]));
        let cases =
            [(texts, 3 + 8), (long, 3 + 16), (views, 3 + 16), (numbers, 4), (lists, 400 + 8)];
        for (column, wanted) in cases {
            assert_eq!(bytes_of(&column.slice(1, 1)), wanted, "{column:?}");
        }
    }
}

//! Arrow values on the wire, in both formats, compared with what PostgreSQL writes.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Decimal256Array,
    DictionaryArray, DurationSecondArray, FixedSizeListArray, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, LargeStringArray,
    ListArray, NullArray, StringArray, StringViewArray, StructArray, Time64MicrosecondArray,
    TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt32Array,
    UInt64Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{
    Field, Float32Type, Int32Type, IntervalMonthDayNano, Schema, i256,
};

use super::*;
use crate::sql::{PG_TYPE_KEY, VECTOR_OID};

/// The fields of the rows of one column; none for NULL.
fn encoded(array: ArrayRef, format: Format) -> Result<Vec<Option<Vec<u8>>>, PgError> {
    let field = Field::new("c", array.data_type().clone(), true);
    let columns = vec![Column::of(&field)?];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap();
    let mut scratch = BytesMut::new();
    (0..batch.num_rows())
        .map(|row| {
            let row = data_row(&batch, row, &columns, &[format], &mut scratch)?;
            assert_eq!(row.field_count, 1);
            let length = i32::from_be_bytes(row.data[..4].try_into().unwrap());
            assert_eq!(usize::try_from(length).unwrap_or(0), row.data.len() - 4);
            Ok((length >= 0).then(|| row.data[4..].to_vec()))
        })
        .collect()
}

fn texts(array: impl Array + 'static) -> Vec<String> {
    let fields = encoded(Arc::new(array), Format::Text).unwrap();
    let text = |field: Option<Vec<u8>>| {
        field.map_or_else(|| "<null>".to_owned(), |bytes| String::from_utf8(bytes).unwrap())
    };
    fields.into_iter().map(text).collect()
}

fn binary(array: impl Array + 'static) -> Vec<Vec<u8>> {
    let fields = encoded(Arc::new(array), Format::Binary).unwrap();
    fields.into_iter().map(Option::unwrap_or_default).collect()
}

fn ints(parts: &[i32]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.to_be_bytes()).collect()
}

#[test]
fn whole_numbers_keep_the_width_of_their_type() {
    assert_eq!(texts(Int64Array::from(vec![Some(-7), None])), ["-7", "<null>"]);
    assert_eq!(binary(Int8Array::from(vec![-2])), [vec![0xff, 0xfe]]);
    assert_eq!(binary(Int16Array::from(vec![258])), [vec![1, 2]]);
    assert_eq!(binary(Int32Array::from(vec![-1])), [vec![255; 4]]);
    assert_eq!(binary(UInt32Array::from(vec![u32::MAX])), [vec![255, 255, 255, 255]]);
    assert_eq!(texts(UInt64Array::from(vec![7])), ["7"]);
    let error = encoded(Arc::new(UInt64Array::from(vec![u64::MAX])), Format::Text).unwrap_err();
    assert_eq!(error.code, SqlState::NumericValueOutOfRange.into());
}

#[test]
fn floats_print_as_postgresql_prints_them() {
    let values = vec![0.0, -0.0, 1.0, 0.1, 123_456.0, 1_234_567.0, 1e-5, f32::NAN, f32::INFINITY];
    assert_eq!(
        texts(Float32Array::from(values)),
        ["0", "-0", "1", "0.1", "123456", "1.234567e+06", "1e-05", "NaN", "Infinity"]
    );
    let values = vec![1e14, 1e15, 0.0001, 0.000_012, 5e-324, 0.1 + 0.2, f64::NEG_INFINITY];
    assert_eq!(
        texts(Float64Array::from(values)),
        [
            "100000000000000",
            "1e+15",
            "0.0001",
            "1.2e-05",
            "5e-324",
            "0.30000000000000004",
            "-Infinity"
        ]
    );
    assert_eq!(binary(Float32Array::from(vec![1.0])), [vec![0x3f, 0x80, 0, 0]]);
}

#[test]
fn floats_get_an_exponent_where_their_digits_say_so() {
    let plainly = |text: &str| !text.contains('e');
    let by_digits = |scientific: String, from: i32| {
        let (_, exponent) = scientific.split_once('e').unwrap();
        (-4..from).contains(&exponent.parse::<i32>().unwrap())
    };
    for power in -8..18 {
        let single = format!("1e{power}").parse::<f32>().unwrap();
        for value in [single.next_down(), single, single.next_up(), -single] {
            let text = texts(Float32Array::from(vec![value])).remove(0);
            assert_eq!(plainly(&text), by_digits(format!("{value:e}"), 6), "{text}");
            assert_eq!(text.parse::<f32>().unwrap().to_bits(), value.to_bits());
        }
        let double = format!("1e{power}").parse::<f64>().unwrap();
        for value in [double.next_down(), double, double.next_up(), -double] {
            let text = texts(Float64Array::from(vec![value])).remove(0);
            assert_eq!(plainly(&text), by_digits(format!("{value:e}"), 15), "{text}");
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }
}

#[test]
fn every_kind_of_text_and_bytes_is_sent() {
    assert_eq!(texts(StringArray::from(vec![Some("a\"b"), None])), ["a\"b", "<null>"]);
    assert_eq!(texts(LargeStringArray::from(vec!["ä"])), ["ä"]);
    assert_eq!(
        texts(StringViewArray::from(vec!["longer than twelve bytes"])),
        ["longer than twelve bytes"]
    );
    let dictionary: DictionaryArray<Int32Type> =
        vec![Some("x"), None, Some("y"), Some("x")].into_iter().collect();
    assert_eq!(texts(dictionary), ["x", "<null>", "y", "x"]);
    assert_eq!(texts(BinaryArray::from(vec![&[0_u8, 0xab, 0xff][..]])), ["\\x00abff"]);
    assert_eq!(binary(BinaryArray::from(vec![&[0_u8, 0xab][..]])), [vec![0, 0xab]]);
    assert_eq!(texts(BooleanArray::from(vec![true, false])), ["t", "f"]);
    assert_eq!(texts(NullArray::new(1)), ["<null>"]);
}

#[test]
fn identifiers_are_sixteen_bytes() {
    let mut out = BytesMut::new();
    let value = Value::Text("00010203-0405-0607-0809-0a0b0c0d0e0f");
    let style = IntervalStyle::default();
    field(&Type::UUID, style, Format::Binary, &value, &mut out).unwrap();
    assert_eq!(out[..4], 16_i32.to_be_bytes());
    assert_eq!(out[4..], (0..16).collect::<Vec<u8>>());
}

#[test]
fn decimals_keep_every_digit() {
    let decimals =
        Decimal128Array::from(vec![-1_234_500, 7]).with_precision_and_scale(20, 3).unwrap();
    assert_eq!(texts(decimals.clone()), ["-1234.500", "0.007"]);
    assert_eq!(numeric::read(&binary(decimals)[0]).as_deref(), Some("-1234.500"));
    // Nothing said how many digits these have.
    let free = Decimal128Array::from(vec![150, 100_000_000_000_000_000_000, 0]);
    let free = free.with_precision_and_scale(38, 20).unwrap();
    assert_eq!(texts(free), ["0.0000000000000000015", "1", "0"]);
    let wide = Decimal256Array::from(vec![i256::from_i128(i128::MAX)]);
    let wide = wide.with_precision_and_scale(76, 0).unwrap();
    assert_eq!(texts(wide), [i128::MAX.to_string()]);
}

#[test]
fn dates_and_times_read_like_postgresqls() {
    assert_eq!(
        texts(Date32Array::from(vec![0, 10_957, -719_529])),
        ["1970-01-01", "2000-01-01", "0002-12-31 BC"]
    );
    assert_eq!(binary(Date32Array::from(vec![10_956])), [vec![255; 4]]);
    assert_eq!(texts(Time64MicrosecondArray::from(vec![3_723_000_100])), ["01:02:03.0001"]);
    let stamps = TimestampMicrosecondArray::from(vec![EPOCH_US + 1, 0]).with_timezone("UTC");
    assert_eq!(texts(stamps.clone()), ["2000-01-01 00:00:00.000001+00", "1970-01-01 00:00:00+00"]);
    assert_eq!(binary(stamps)[0], 1_i64.to_be_bytes());
    assert_eq!(texts(TimestampNanosecondArray::from(vec![-1])), ["1969-12-31 23:59:59.999999"]);
    let error = encoded(Arc::new(TimestampSecondArray::from(vec![i64::MAX])), Format::Text);
    assert_eq!(error.unwrap_err().code, WireState::DatetimeFieldOverflow.into());
}

#[test]
fn spans_of_time_keep_months_days_and_seconds_apart() {
    let span = IntervalMonthDayNano::new(14, -3, 3_661_500_000_000);
    let spans = IntervalMonthDayNanoArray::from(vec![span]);
    assert_eq!(texts(spans.clone()), ["1 year 2 mons -3 days +01:01:01.5"]);
    let expected = [&3_661_500_000_i64.to_be_bytes()[..], &ints(&[-3, 14])].concat();
    assert_eq!(binary(spans), [expected]);
    assert_eq!(texts(DurationSecondArray::from(vec![0, -90])), ["00:00:00", "-00:01:30"]);
}

#[test]
fn lists_become_arrays() {
    let vector = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
        vec![Some(vec![Some(0.5), Some(-1.0)])],
        2,
    );
    assert_eq!(texts(vector.clone()), ["{0.5,-1}"]);
    let mut expected = ints(&[1, 0, 700, 2, 1, 4]);
    expected.extend(0.5_f32.to_be_bytes());
    expected.extend(ints(&[4]));
    expected.extend((-1.0_f32).to_be_bytes());
    assert_eq!(binary(vector), [expected]);

    let holes = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
        Some(vec![Some(1), None]),
        Some(vec![]),
        None,
    ]);
    assert_eq!(texts(holes.clone()), ["{1,NULL}", "{}", "<null>"]);
    assert_eq!(binary(holes), [ints(&[1, 1, 23, 2, 1, 4, 1, -1]), ints(&[0, 0, 23]), vec![]]);

    let reals = ListArray::from_iter_primitive::<Float32Type, _, _>(vec![
        Some(vec![Some(0.0), Some(2.0)]),
        Some(vec![None, Some(2.0)]),
    ]);
    let two = 0x4000_0000;
    assert_eq!(
        binary(reals),
        [ints(&[1, 0, 700, 2, 1, 4, 0, 4, two]), ints(&[1, 1, 700, 2, 1, -1, 4, two])]
    );
}

fn nested(rows: Vec<Vec<Option<f32>>>) -> ListArray {
    let count = rows.len();
    let inner = ListArray::from_iter_primitive::<Float32Type, _, _>(rows.into_iter().map(Some));
    let field = Arc::new(Field::new_list_field(inner.data_type().clone(), true));
    let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths([count]);
    ListArray::new(field, offsets, Arc::new(inner), None)
}

#[test]
fn lists_of_lists_are_arrays_of_two_dimensions_when_they_are_boxes() {
    let square = nested(vec![vec![Some(1.0), Some(2.0)], vec![Some(3.0), None]]);
    assert_eq!(texts(square.clone()), ["{{1,2},{3,NULL}}"]);
    assert_eq!(binary(square)[0][..28], ints(&[2, 1, 700, 2, 1, 2, 1])[..]);
    let ragged = nested(vec![vec![Some(1.0)], vec![]]);
    for format in [Format::Text, Format::Binary] {
        let error = encoded(Arc::new(ragged.clone()), format).unwrap_err();
        assert_eq!(error.code, SqlState::DataException.into());
    }
}

#[test]
fn items_that_could_be_misread_are_quoted() {
    let mut builder =
        datafusion::arrow::array::ListBuilder::new(datafusion::arrow::array::StringBuilder::new());
    for item in ["plain", "", "null", "a,b", "q\"\\", "{}", "two words"] {
        builder.values().append_value(item);
    }
    builder.append(true);
    assert_eq!(texts(builder.finish()), [r#"{plain,"","null","a,b","q\"\\","{}","two words"}"#]);
}

#[test]
fn a_type_without_a_counterpart_is_refused_by_name() {
    let view = DataType::ListView(Arc::new(Field::new("x", DataType::Int32, true)));
    let error = Column::of(&Field::new("c", view, true)).unwrap_err();
    assert_eq!(error.code, SqlState::FeatureNotSupported.into());
    assert!(error.message.contains("ListView"), "{}", error.message);
    assert!(error.message.contains("\"c\""), "{}", error.message);
}

#[test]
fn rows_are_written_as_records() {
    let column = |name, data_type| Arc::new(Field::new(name, data_type, true));
    let numbers: ArrayRef = Arc::new(Int16Array::from(vec![7, 8, 9]));
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a b"), None, Some("(q\"\\")]));
    let (number, name) = (column("n", DataType::Int16), column("t", DataType::Utf8));
    let rows = StructArray::from(vec![(number, numbers), (name, names)]);
    assert_eq!(texts(rows.clone()), [r#"(7,"a b")"#, "(8,)", r#"(9,"(q""\\")"#]);
    let expected = [&ints(&[2, 21, 2])[..], &[0, 8], &ints(&[25, -1])].concat();
    assert_eq!(binary(rows.clone())[1], expected);
    let item = Arc::new(Field::new_list_field(rows.data_type().clone(), true));
    let lengths = OffsetBuffer::from_lengths([2]);
    let list = ListArray::new(item, lengths, Arc::new(rows.slice(1, 2)), None);
    assert_eq!(texts(list), [r#"{"(8,)","(9,\"(q\"\"\\\\\")"}"#]);
}

#[test]
fn quotes_of_records_in_one_another_come_to_an_end() {
    let mut nested: ArrayRef = Arc::new(StringArray::from(vec!["a b"]));
    for _ in 0..40 {
        let field = Arc::new(Field::new("f1", nested.data_type().clone(), true));
        nested = Arc::new(StructArray::from(vec![(field, nested)]));
    }
    let error = encoded(nested, Format::Text).unwrap_err();
    assert_eq!(error.code, SqlState::ProgramLimitExceeded.into());
}

#[test]
fn vectors_are_written_as_pgvector_writes_them() {
    let list = ListArray::from_iter_primitive::<Float32Type, _, _>([
        Some(vec![Some(1.0), Some(-0.25), Some(1e-7)]),
        None,
    ]);
    let metadata = HashMap::from([(PG_TYPE_KEY.to_owned(), VECTOR_NAME.to_owned())]);
    let field = Field::new("c", list.data_type().clone(), true).with_metadata(metadata);
    let column = Column::of(&field).unwrap();
    assert_eq!((column.pg_type.name(), column.pg_type.oid()), (VECTOR_NAME, VECTOR_OID));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(list)]);
    let (batch, mut scratch) = (batch.unwrap(), BytesMut::new());
    let mut written = |row, format| {
        data_row(&batch, row, std::slice::from_ref(&column), &[format], &mut scratch).unwrap().data
    };
    assert_eq!(&written(0, Format::Text)[4..], b"[1,-0.25,1e-07]");
    let mut expected = vec![0, 3, 0, 0];
    for component in [1.0_f32, -0.25, 1e-7] {
        expected.extend(component.to_be_bytes());
    }
    assert_eq!(written(0, Format::Binary)[4..], expected);
    assert_eq!(written(1, Format::Binary)[..], [255; 4]);
}

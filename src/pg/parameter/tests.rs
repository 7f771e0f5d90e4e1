//! Parameters as drivers send them, and as nobody should.

use bytes::BytesMut;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{Float32Type, Float64Type};

use super::super::encode::numeric as binary_numeric;
use super::*;

fn text(sql_type: SqlType, text: &str) -> Result<ScalarValue, PgError> {
    decode(2, sql_type, Format::Text, Some(text.as_bytes()))
}

fn binary(sql_type: SqlType, bytes: &[u8]) -> Result<ScalarValue, PgError> {
    decode(2, sql_type, Format::Binary, Some(bytes))
}

fn code(outcome: Result<ScalarValue, PgError>) -> Code {
    outcome.unwrap_err().code
}

fn float4s(value: &ScalarValue) -> Vec<Option<f32>> {
    let ScalarValue::List(list) = value else { panic!("{value:?} is no list") };
    list.value(0).as_primitive::<Float32Type>().iter().collect()
}

fn ints(parts: &[i32]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.to_be_bytes()).collect()
}

fn float4_array(values: &[f32]) -> Vec<u8> {
    let mut bytes = ints(&[1, 0, 700, i32::try_from(values.len()).unwrap(), 1]);
    for value in values {
        bytes.extend(ints(&[4]));
        bytes.extend(value.to_be_bytes());
    }
    bytes
}

#[test]
fn null_is_a_null_of_every_type() {
    for sql_type in SqlType::all() {
        for format in [Format::Text, Format::Binary] {
            let null = decode(1, sql_type, format, None).unwrap();
            assert!(null.is_null());
            assert_eq!(null.data_type(), sql_type.arrow_type());
        }
    }
}

#[test]
fn values_arrive_in_the_type_the_session_was_promised() {
    let samples = [
        (SqlType::Bool, "t"),
        (SqlType::Int2, "1"),
        (SqlType::Int4, " -1 "),
        (SqlType::Int8, "1"),
        (SqlType::Float4, "1.5"),
        (SqlType::Float8, "1e3"),
        (SqlType::Numeric, "1.50"),
        (SqlType::Text, "x"),
        (SqlType::Bytea, "\\x00"),
        (SqlType::Jsonb, "{\"a\": 1}"),
        (SqlType::Uuid, "A0EEBC999C0B4EF8BB6D6BB9BD380A11"),
        (SqlType::Timestamptz, "2024-02-29 10:00:00+02"),
        (SqlType::Float4Array, "{1,2}"),
        (SqlType::Float8Array, "[1,2]"),
        (SqlType::TextArray, "{a,b}"),
        (SqlType::Vector, "[1,2]"),
        (SqlType::Unknown, "x"),
    ];
    for (sql_type, sample) in samples {
        assert_eq!(text(sql_type, sample).unwrap().data_type(), sql_type.arrow_type());
    }
}

#[test]
fn a_wrong_value_is_refused_with_the_number_of_its_parameter() {
    let error = text(SqlType::Int4, "seven").unwrap_err();
    assert_eq!(error.message, "parameter $2: invalid input syntax for type integer: \"seven\"");
    assert_eq!(error.code, SqlState::InvalidTextRepresentation.into());
    let long = text(SqlType::Float4, &"x".repeat(1000)).unwrap_err();
    assert!(long.message.len() < 120, "{}", long.message);
}

#[test]
fn numbers_out_of_range_are_told_apart_from_nonsense() {
    let range = SqlState::NumericValueOutOfRange.into();
    assert_eq!(code(text(SqlType::Int2, "40000")), range);
    assert_eq!(code(text(SqlType::Int8, "9223372036854775808")), range);
    assert_eq!(code(text(SqlType::Float4, "1e39")), range);
    assert_eq!(code(text(SqlType::Float8, "-1e400")), range);
    assert_eq!(code(binary(SqlType::Int4, &i64::MAX.to_be_bytes())), range);
    assert_eq!(code(binary(SqlType::Float4, &1e300_f64.to_be_bytes())), range);
    assert_eq!(code(text(SqlType::Numeric, &"9".repeat(60))), range);
    assert_eq!(text(SqlType::Float8, "Infinity").unwrap(), ScalarValue::from(f64::INFINITY));
}

#[test]
fn drivers_may_send_numbers_in_the_width_of_their_variables() {
    assert_eq!(binary(SqlType::Int8, &[0, 7]).unwrap(), ScalarValue::from(7_i64));
    assert_eq!(binary(SqlType::Int4, &7_i64.to_be_bytes()).unwrap(), ScalarValue::from(7_i32));
    assert_eq!(
        binary(SqlType::Float4, &0.5_f64.to_be_bytes()).unwrap(),
        ScalarValue::from(0.5_f32)
    );
    assert_eq!(
        binary(SqlType::Float8, &0.5_f32.to_be_bytes()).unwrap(),
        ScalarValue::from(0.5_f64)
    );
}

#[test]
fn numerics_are_rounded_to_the_scale_parameters_have() {
    let decimal = |text: &str| crate::sql::numeric(text).unwrap();
    assert_eq!(text(SqlType::Numeric, "-12.5").unwrap(), decimal("-12.50"));
    assert_eq!(text(SqlType::Numeric, "1.5e-20").unwrap(), decimal("2e-20"));
    let mut bytes = BytesMut::new();
    binary_numeric::write("12345.678", &mut bytes).unwrap();
    assert_eq!(binary(SqlType::Numeric, &bytes).unwrap(), decimal("12345.678"));
    for wrong in ["", ".", "-", "1.2.3", "0x10"] {
        assert_eq!(
            code(text(SqlType::Numeric, wrong)),
            SqlState::InvalidTextRepresentation.into(),
            "{wrong}"
        );
    }
}

#[test]
fn identifiers_come_as_their_bytes() {
    let shown = "00010203-0405-0607-0809-0a0b0c0d0e0f";
    let bytes: Vec<u8> = (0..16).collect();
    assert_eq!(binary(SqlType::Uuid, &bytes).unwrap(), ScalarValue::from(shown));
    assert_eq!(
        code(binary(SqlType::Uuid, &bytes[1..])),
        WireState::InvalidBinaryRepresentation.into()
    );
    assert_eq!(code(text(SqlType::Uuid, "x")), SqlState::InvalidTextRepresentation.into());
}

#[test]
fn bytea_is_read_in_both_text_forms() {
    let bytes = |bytes: &[u8]| ScalarValue::Binary(Some(bytes.to_vec()));
    assert_eq!(text(SqlType::Bytea, "\\x00fFa0").unwrap(), bytes(&[0, 255, 0xa0]));
    assert_eq!(text(SqlType::Bytea, "a\\\\b\\001\\377").unwrap(), bytes(b"a\\b\x01\xff"));
    assert_eq!(text(SqlType::Bytea, "").unwrap(), bytes(b""));
    for wrong in ["\\x0", "\\xzz", "\\9", "\\", "\\400"] {
        assert!(text(SqlType::Bytea, wrong).is_err(), "{wrong} was accepted");
    }
}

#[test]
fn booleans_are_read_by_their_beginnings() {
    for (word, value) in [("TRUE", true), ("y", true), ("on", true), ("1", true), ("of", false)] {
        assert_eq!(text(SqlType::Bool, word).unwrap(), ScalarValue::from(value));
    }
    for wrong in ["o", "", "2", "truely"] {
        assert!(text(SqlType::Bool, wrong).is_err(), "{wrong} was accepted");
    }
    assert!(binary(SqlType::Bool, &[2]).is_err());
}

#[test]
fn embeddings_are_read_in_postgresqls_and_pgvectors_form() {
    let expected = [Some(0.1), Some(-2.0), Some(3e-5)];
    for form in ["{0.1,-2,3e-5}", "[0.1, -2, 3e-5]", " { 0.1 , \"-2\" , 3e-5 } "] {
        assert_eq!(float4s(&text(SqlType::Float4Array, form).unwrap()), expected);
    }
    for form in ["{1,NULL}", "[ 1 , null ]", "{\"1\",NULL}"] {
        let read = float4s(&text(SqlType::Float4Array, form).unwrap());
        assert_eq!(read, [Some(1.0), None], "{form}");
    }
    assert_eq!(float4s(&text(SqlType::Float4Array, "[]").unwrap()), []);
    for wrong in ["", "1,2", "{1,2", "{1,,2}", "{1,2}}", "{a}", "{1,}", "{\"1}", "[1,2}"] {
        assert_eq!(
            code(text(SqlType::Float4Array, wrong)),
            SqlState::InvalidTextRepresentation.into(),
            "{wrong}"
        );
    }
    let nested = code(text(SqlType::Float4Array, "{{1},{2}}"));
    assert_eq!(nested, SqlState::FeatureNotSupported.into());
}

#[test]
fn text_arrays_keep_quoted_words_as_they_are() {
    let value = text(SqlType::TextArray, r#"{a b, "c,d" ,"NULL",null,"\"\\",\n}"#).unwrap();
    let ScalarValue::List(list) = value else { panic!("no list") };
    let items: Vec<_> =
        list.value(0).as_string::<i32>().iter().map(|s| s.map(str::to_owned)).collect();
    let expected = [Some("a b"), Some("c,d"), Some("NULL"), None, Some("\"\\"), Some("n")];
    assert_eq!(items, expected.map(|item| item.map(str::to_owned)));
}

#[test]
fn binary_arrays_are_read_and_doubles_narrowed() {
    let reals = binary(SqlType::Float4Array, &float4_array(&[1.0, -0.5])).unwrap();
    assert_eq!(float4s(&reals), [Some(1.0), Some(-0.5)]);
    let mut doubles = ints(&[1, 1, 701, 2, 1, 8]);
    doubles.extend(0.25_f64.to_be_bytes());
    doubles.extend(ints(&[-1]));
    assert_eq!(float4s(&binary(SqlType::Float4Array, &doubles).unwrap()), [Some(0.25), None]);
    let ScalarValue::List(list) = binary(SqlType::Float8Array, &doubles).unwrap() else {
        panic!("no list")
    };
    assert_eq!(list.value(0).as_primitive::<Float64Type>().value(0).to_bits(), 0.25_f64.to_bits());
    assert_eq!(float4s(&binary(SqlType::Float4Array, &ints(&[0, 0, 700])).unwrap()), []);
    assert_eq!(
        code(binary(SqlType::Float4Array, &ints(&[2, 0, 700, 1, 1, 1, 1, 4, 0]))),
        SqlState::FeatureNotSupported.into()
    );
}

#[test]
fn every_truncation_and_lie_in_a_binary_array_is_an_error() {
    let whole = float4_array(&[1.0, 2.0, 3.0]);
    for end in 0..whole.len() {
        assert!(binary(SqlType::Float4Array, &whole[..end]).is_err(), "cut at {end}");
    }
    assert!(binary(SqlType::Float4Array, &[whole.as_slice(), &[0]].concat()).is_err());
    for count in [-1, i32::MAX, 4, 2] {
        let mut lie = whole.clone();
        lie[12..16].copy_from_slice(&count.to_be_bytes());
        assert!(binary(SqlType::Float4Array, &lie).is_err(), "count {count}");
    }
    for length in [-2, i32::MAX, 5, 0] {
        let mut lie = whole.clone();
        lie[20..24].copy_from_slice(&length.to_be_bytes());
        assert!(binary(SqlType::Float4Array, &lie).is_err(), "length {length}");
    }
}

#[test]
fn no_bytes_make_any_type_panic() {
    // A small linear congruential generator: the same bytes on every run.
    let mut state = 0x2545_f491_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for round in 0..4000 {
        let bytes: Vec<u8> = (0..round % 48).map(|_| random() % 64).collect();
        for sql_type in SqlType::all() {
            for format in [Format::Text, Format::Binary] {
                if let Ok(value) = decode(1, sql_type, format, Some(&bytes)) {
                    assert_eq!(value.data_type(), sql_type.arrow_type());
                }
            }
        }
    }
}

#[test]
fn moments_are_counted_from_1970_in_utc() {
    let moment = |us| ScalarValue::TimestampMicrosecond(Some(us), Some("UTC".into()));
    assert_eq!(
        binary(SqlType::Timestamptz, &0_i64.to_be_bytes()).unwrap(),
        moment(946_684_800_000_000)
    );
    for form in ["1970-01-01T02:00:00+02:00", "1970-01-01 00:00:00", "1970-01-01"] {
        assert_eq!(text(SqlType::Timestamptz, form).unwrap(), moment(0), "{form}");
    }
    assert!(text(SqlType::Timestamptz, "soon").is_err());
    assert_eq!(binary(SqlType::Timestamptz, &i64::MAX.to_be_bytes()).unwrap(), moment(i64::MAX));
    assert!(binary(SqlType::Timestamptz, &(i64::MAX - 1).to_be_bytes()).is_err());
}

#[test]
fn json_is_checked_and_its_binary_version_byte_removed() {
    assert_eq!(binary(SqlType::Jsonb, b"\x01[1]").unwrap(), ScalarValue::from("[1]"));
    assert_eq!(binary(SqlType::Jsonb, b"[1]").unwrap(), ScalarValue::from("[1]"));
    assert!(text(SqlType::Jsonb, "{").is_err());
}

#[test]
fn texts_are_utf_8_without_a_zero() {
    for bytes in [&[0xff][..], b"a\0b"] {
        for format in [Format::Text, Format::Binary] {
            let read = decode(1, SqlType::Text, format, Some(bytes));
            assert_eq!(code(read), WireState::CharacterNotInRepertoire.into());
        }
    }
}

#[test]
fn vectors_are_read_in_both_forms_of_pgvector() {
    let expected = [Some(1.0), Some(-0.5)];
    assert_eq!(float4s(&text(SqlType::Vector, " [1,-0.5]").unwrap()), expected);
    let bytes = [0, 2, 0, 0, 0x3f, 0x80, 0, 0, 0xbf, 0, 0, 0];
    assert_eq!(float4s(&binary(SqlType::Vector, &bytes).unwrap()), expected);
    let as_array = binary(SqlType::Float4Array, &bytes).unwrap();
    assert_eq!(float4s(&as_array), expected, "an embedding as pgvector's libraries send it");
    let from_array = binary(SqlType::Vector, &float4_array(&[1.0, -0.5])).unwrap();
    assert_eq!(float4s(&from_array), expected, "as it is sent without that library");
    assert_eq!(float4s(&text(SqlType::Vector, "{1,-0.5}").unwrap()), expected);
    let cut = binary(SqlType::Vector, &bytes[..11]);
    assert_eq!(code(cut), WireState::InvalidBinaryRepresentation.into());
}

#[test]
fn arrays_of_whole_numbers_have_the_width_of_their_type() {
    for (sql_type, text_form, first) in [
        (SqlType::Int2Array, "{1, NULL, -3}", "1"),
        (SqlType::Int4Array, "{70000, NULL, -3}", "70000"),
        (SqlType::Int8Array, "{1099511627776, NULL, -3}", "1099511627776"),
        (SqlType::OidArray, "{4294967295, NULL, 3}", "4294967295"),
    ] {
        let value = text(sql_type, text_form).unwrap();
        assert_eq!(value.data_type(), sql_type.arrow_type());
        assert!(value.to_string().starts_with(&format!("[{first}, ")), "{value}");
    }
    for (sql_type, wrong) in
        [(SqlType::Int2Array, "{70000}"), (SqlType::OidArray, "{-1}"), (SqlType::Int4Array, "{x}")]
    {
        assert!(text(sql_type, wrong).is_err(), "{wrong}");
    }
    let mut oids = [1, 0, 26, 1, 1].map(i32::to_be_bytes).concat();
    oids.extend([0, 0, 0, 4, 255, 255, 255, 255]);
    let value = binary(SqlType::OidArray, &oids).unwrap();
    assert_eq!(value.to_string(), "[4294967295]");
    assert!(binary(SqlType::Int2Array, &oids).is_ok());
    oids.truncate(oids.len() - 1);
    assert!(binary(SqlType::OidArray, &oids).is_err());
}

#[test]
fn arrays_of_any_type_are_read_in_both_forms() {
    let items = |element: i32, items: &[&[u8]]| {
        let head = [1, 1, element, i32::try_from(items.len()).unwrap() + 1, 1];
        let mut bytes = head.map(i32::to_be_bytes).concat();
        for item in items {
            bytes.extend(i32::try_from(item.len()).unwrap().to_be_bytes());
            bytes.extend(*item);
        }
        bytes.extend((-1_i32).to_be_bytes());
        bytes
    };
    let hour = 3_600_000_000_i64.to_be_bytes();
    let length = [&hour[..], &2_i32.to_be_bytes(), &1_i32.to_be_bytes()].concat();
    let mut number = BytesMut::new();
    binary_numeric::write("1.5", &mut number).unwrap();
    let id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let id_bytes = hex::decode(id.replace('-', "")).unwrap();
    let cases = [
        (SqlType::BoolArray, "{t, off, NULL}", items(16, &[&[1], &[0]])),
        (SqlType::ByteaArray, r#"{"\\x00ff", "", NULL}"#, items(17, &[&[0, 255], &[]])),
        (SqlType::TimestamptzArray, "{2000-01-01 01:00:00Z, NULL}", items(1184, &[&hour])),
        (SqlType::TimestampArray, "{2000-01-01 01:00:00, NULL}", items(1114, &[&hour])),
        (SqlType::DateArray, "{2000-01-03, NULL}", items(1082, &[&2_i32.to_be_bytes()])),
        (SqlType::TimeArray, "{01:00, NULL}", items(1083, &[&hour])),
        (SqlType::IntervalArray, "{1 mon 2 days 1 hour, NULL}", items(1186, &[&length])),
        (SqlType::NumericArray, "{1.5, NULL}", items(1700, &[&number])),
        (SqlType::UuidArray, &format!("{{{id}, NULL}}"), items(2950, &[&id_bytes])),
        (SqlType::JsonbArray, r#"{"[1, 2]", NULL}"#, items(3802, &[b"\x01[1, 2]"])),
    ];
    for (sql_type, text_form, bytes) in cases {
        let value = text(sql_type, text_form).unwrap();
        assert_eq!(value.data_type(), sql_type.arrow_type());
        assert_eq!(value, binary(sql_type, &bytes).unwrap(), "{text_form}");
        assert!(binary(sql_type, &bytes[..bytes.len() - 1]).is_err());
        let none = text(sql_type, "{}").unwrap();
        assert_eq!(none.data_type(), sql_type.arrow_type());
    }
    for (sql_type, wrong, state) in [
        (SqlType::BoolArray, "{perhaps}", SqlState::InvalidTextRepresentation),
        (SqlType::ByteaArray, r#"{"\\x0"}"#, SqlState::InvalidTextRepresentation),
        (SqlType::TimestamptzArray, "{soon}", SqlState::InvalidDatetimeFormat),
        (SqlType::DateArray, "{soon}", SqlState::InvalidDatetimeFormat),
        (SqlType::UuidArray, "{1}", SqlState::InvalidTextRepresentation),
        (SqlType::JsonbArray, "{x}", SqlState::InvalidTextRepresentation),
    ] {
        assert_eq!(code(text(sql_type, wrong)), state.into(), "{wrong}");
    }
}

#[test]
fn arrays_may_be_longer_than_what_is_read_at_a_time() {
    let numbers: Vec<String> = (0..5000).map(|number| number.to_string()).collect();
    let value = text(SqlType::Int4Array, &format!("{{{}}}", numbers.join(","))).unwrap();
    let ScalarValue::List(list) = value else { panic!("no list") };
    assert_eq!(list.value(0).len(), 5000);
}

#[test]
fn numbers_that_are_none_are_refused_by_name() {
    let binary_nan = [0, 0, 0, 0, 0xC0, 0, 0, 0];
    for refused in [text(SqlType::Numeric, "NaN"), binary(SqlType::Numeric, &binary_nan)] {
        let error = refused.unwrap_err();
        assert_eq!(error.code, SqlState::FeatureNotSupported.into());
        assert!(error.message.ends_with("a numeric that is NaN or infinite is not supported"));
    }
}

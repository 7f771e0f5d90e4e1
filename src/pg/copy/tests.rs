//! The three formats against each other, in pieces of every size, and broken in every way.

use bytes::Bytes;

use super::lines::Lines;
use super::reader::Reader;
use super::tuples::Tuples;
use super::{SIGNATURE, fields};
use crate::sql::{CopyColumns, CopyCsv, CopyFormat, CopyHeader, CopyText, FaceCell, SqlType};

const COLUMNS: [(&str, SqlType); 2] =
    [("external_face_id", SqlType::Text), ("embedding", SqlType::Vector)];

fn text() -> CopyText {
    CopyText { delimiter: b'\t', null: "\\N".to_owned(), header: CopyHeader::None }
}

fn csv() -> CopyCsv {
    CopyCsv {
        text: CopyText { delimiter: b',', null: String::new(), header: CopyHeader::None },
        quote: b'"',
        escape: b'"',
        force_quote: CopyColumns::None,
        force_not_null: CopyColumns::None,
        force_null: CopyColumns::None,
    }
}

/// Reads data that comes in pieces of `size` bytes; the error as message and context.
fn read(
    format: &CopyFormat,
    data: &[u8],
    size: usize,
) -> Result<Vec<Vec<FaceCell>>, (String, String)> {
    let mut reader = Reader::new("users", COLUMNS.to_vec(), format);
    let mut rows = Vec::new();
    let mut take = |reader: &mut Reader, last: bool| {
        while let Some(row) = reader.next(last).map_err(|error| {
            let info = pgwire::error::ErrorInfo::from(error);
            (info.message, info.where_context.unwrap_or_default())
        })? {
            rows.push(row);
        }
        Ok::<(), (String, String)>(())
    };
    for piece in data.chunks(size) {
        reader.feed(piece);
        take(&mut reader, false)?;
    }
    take(&mut reader, true)?;
    Ok(rows)
}

fn row(name: Option<&str>, numbers: &[f32]) -> Vec<FaceCell> {
    let name = name.map_or(FaceCell::Null, |name| FaceCell::Text(name.to_owned()));
    vec![name, FaceCell::Reals(numbers.to_vec())]
}

fn tuple(name: Option<&[u8]>, embedding: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 2];
    for field in [name, Some(embedding)] {
        let length = field.map_or(-1, |field| i32::try_from(field.len()).unwrap());
        bytes.extend(length.to_be_bytes());
        bytes.extend(field.unwrap_or_default());
    }
    bytes
}

fn binary(tuples: &[Vec<u8>]) -> Vec<u8> {
    let trailer = vec![0xff, 0xff];
    [&SIGNATURE[..], &[0; 8], &tuples.concat(), &trailer].concat()
}

/// `{1,-0.5}` in the binary forms of `real[]` and `vector`.
const ARRAY: &[u8] = &[
    0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0xbc, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0x3f, 0x80, 0, 0, 0,
    0, 0, 4, 0xbf, 0, 0, 0,
];
const VECTOR: &[u8] = &[0, 2, 0, 0, 0x3f, 0x80, 0, 0, 0xbf, 0, 0, 0];

#[test]
fn rows_come_out_however_the_data_is_cut() {
    let expected = vec![row(Some("a\tb\\\n"), &[1.0, -0.5]), row(None, &[1.0, -0.5])];
    let lines = b"a\\tb\\\\\\\n\t{1,-0.5}\n\\N\t[1,-0.5]\n\\.\nwhatever";
    let quoted = b"\"a\tb\\\n\",\"{1,-0.5}\"\r\n,\"[1,-0.5]\"";
    let tuples = binary(&[tuple(Some(b"a\tb\\\n"), ARRAY), tuple(None, VECTOR)]);
    for size in [1, 2, 3, 7, 1000] {
        assert_eq!(read(&CopyFormat::Text(text()), lines, size), Ok(expected.clone()), "{size}");
        assert_eq!(read(&CopyFormat::Csv(csv()), quoted, size), Ok(expected.clone()), "{size}");
        assert_eq!(read(&CopyFormat::Binary, &tuples, size), Ok(expected.clone()), "{size}");
    }
}

#[test]
fn escapes_of_the_text_format_are_those_of_postgresql() {
    let value = |field: &str| fields::of_text(field.as_bytes(), &text()).remove(0);
    for (field, expected) in [
        ("\\b\\f\\n\\r\\t\\v", "\x08\x0c\n\r\t\x0b"),
        ("\\101\\x41\\x4a\\7z", "AAJ\x07z"),
        ("\\q\\\\\\x", "q\\x"),
        ("end\\", "end\\"),
        ("\\\\N", "\\N"),
    ] {
        assert_eq!(value(field), Some(Bytes::from(expected)), "{field}");
    }
    assert_eq!(value("\\N"), None);
    assert_eq!(fields::of_text(b"\t", &text()), [Some(Bytes::new()), Some(Bytes::new())]);
}

#[test]
fn quotes_of_csv_decide_what_is_null() {
    let read = |csv: &CopyCsv, line: &str| {
        let fields = fields::of_csv(line.as_bytes(), csv, &["a", "b"]).unwrap();
        fields
            .into_iter()
            .map(|field| field.map(|field| String::from_utf8_lossy(&field).into()))
            .collect::<Vec<Option<String>>>()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(read(&csv(), ",\"\""), [None, some("")]);
    assert_eq!(read(&csv(), "\"x\"\"y,\"z,b"), [some("x\"y,z"), some("b")]);
    let forced = CopyCsv {
        force_not_null: CopyColumns::Named(vec!["a".to_owned()]),
        force_null: CopyColumns::Named(vec!["b".to_owned()]),
        ..csv()
    };
    assert_eq!(read(&forced, ",\"\""), [some(""), None]);
    let escaped = CopyCsv { escape: b'\\', ..csv() };
    assert_eq!(read(&escaped, "\"a\\\"b\",c"), [some("a\"b"), some("c")]);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let text = CopyFormat::Text(text());
    let csv = CopyFormat::Csv(csv());
    let place = |rest: &str| format!("COPY users, line {rest}");
    for (format, data, message, context) in [
        (&text, "a\t[1]\nb\n", "missing data for column \"embedding\"", "2: \"b\""),
        (&text, "a\t[1]\tc\n", "extra data after last expected column", "1: \"a\t[1]\tc\""),
        (&text, "a\t[1]\r\n\\N\t[1]\n", "literal newline found in data", "2"),
        (
            &text,
            "a\tx",
            "invalid input syntax for type vector: \"x\"",
            "1, column embedding: \"x\"",
        ),
        (&text, "a\t{1,NULL}", "array must not contain nulls", "1, column embedding: \"{1,NULL}\""),
        (&csv, "\"a,[1]", "unterminated CSV quoted field", "1: \"\"a,[1]\""),
        (&csv, "a,\"[1]\"\nb\rc", "unquoted carriage return found in data", "2"),
        (&text, "a\t[1]\nb\\.\n", "end-of-copy marker is not alone on its line", "2"),
        (&text, "\\.x\n", "end-of-copy marker is not alone on its line", "1"),
        (
            &csv,
            "\"a\nb\nc\",[1]\nd,[x]\n",
            "invalid input syntax for type real: \"x\"",
            "4, column embedding: \"[x]\"",
        ),
    ] {
        let told = read(format, data.as_bytes(), 1000).unwrap_err();
        assert_eq!(told, (message.to_owned(), place(context)), "{data:?}");
    }
}

#[test]
fn nothing_counts_behind_the_mark_that_ends_the_data() {
    for size in 1..9 {
        for format in [CopyFormat::Text(text()), CopyFormat::Csv(csv())] {
            let separator = if matches!(format, CopyFormat::Csv(_)) { ',' } else { '\t' };
            let quote = if matches!(format, CopyFormat::Csv(_)) { "\"" } else { "" };
            for end in ["\n", "\r\n", "\n\0\tnonsense"] {
                let line_end = if end == "\r\n" { end } else { "\n" };
                let data = format!("a{separator}{quote}[1]{quote}{line_end}\\.{end}");
                let rows = read(&format, data.as_bytes(), size).unwrap();
                assert_eq!(rows, [row(Some("a"), &[1.0])], "{data:?} by {size}");
            }
        }
    }
    let quoted = read(&CopyFormat::Csv(csv()), b"\"x\n\\.\ny\",[1]\n", 4).unwrap();
    assert_eq!(quoted, [row(Some("x\n\\.\ny"), &[1.0])]);
}

#[test]
fn binary_data_that_lies_is_refused() {
    let whole = binary(&[tuple(Some(b"a"), ARRAY)]);
    let refused = |data: &[u8]| read(&CopyFormat::Binary, data, 1000).unwrap_err().0;
    assert_eq!(refused(b"not a copy"), "COPY file signature not recognized");
    assert_eq!(refused(b""), "COPY file signature not recognized");
    // Whole rows without the trailer are data too.
    for end in (0..whole.len() - 2).filter(|end| *end != SIGNATURE.len() + 8) {
        assert!(read(&CopyFormat::Binary, &whole[..end], 1000).is_err(), "cut at {end}");
    }
    let flags = [&SIGNATURE[..], &[0, 1, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!(refused(&flags), "unrecognized critical flags in COPY file header");
    let after = [&whole[..], b"x"].concat();
    assert_eq!(refused(&after), "received copy data after EOF marker");
    let mut count = whole.clone();
    count[20] = 3;
    assert_eq!(refused(&count), "row field count is 3, expected 2");
    let mut length = whole.clone();
    length[21..25].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    assert_eq!(refused(&length), "invalid field size");
}

#[test]
fn a_header_line_is_passed_over_or_compared() {
    let header = |header| CopyFormat::Text(CopyText { header, ..text() });
    let data = b"external_face_id\tembedding\na\t[1]\n";
    let expected = vec![row(Some("a"), &[1.0])];
    for kind in [CopyHeader::Line, CopyHeader::Match] {
        assert_eq!(read(&header(kind), data, 1000), Ok(expected.clone()));
    }
    let (message, context) = read(&header(CopyHeader::Match), b"a\tb\n", 9).unwrap_err();
    let mismatch = "column name mismatch in header line field 1: got \"a\", expected \
                    \"external_face_id\"";
    assert_eq!((message.as_str(), context.as_str()), (mismatch, "COPY users, line 1: \"a\tb\""));
}

#[test]
fn no_bytes_make_a_reader_panic() {
    // A small linear congruential generator: the same bytes on every run.
    let mut state = 0x9e37_79b9_u32;
    let mut random = move |below: u8| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) as u8) % below
    };
    let formats = [CopyFormat::Text(text()), CopyFormat::Csv(csv()), CopyFormat::Binary];
    let alphabet = b"\\\n\r\t,\"N.x01{}[]\x80";
    for _ in 0..3000 {
        let mut data: Vec<u8> =
            (0..random(60)).map(|_| alphabet[usize::from(random(17)) % alphabet.len()]).collect();
        for format in &formats {
            if format.is_binary() {
                data = binary(&[tuple(Some(b"a"), ARRAY)]);
                for _ in 0..random(6) {
                    let at = usize::from(random(72)) % data.len();
                    data[at] = random(255);
                }
            }
            let _ = read(format, &data, usize::from(random(9)) + 1);
        }
    }
}

#[test]
fn a_line_or_row_without_end_is_refused() {
    let mut lines = Lines::of_text();
    let mut tuples = Tuples::new(1);
    tuples.feed(&[&SIGNATURE[..], &[0; 8], &[0, 1, 0x04, 0, 0, 1]].concat());
    assert!(tuples.next(false).is_err());
    let piece = vec![b'x'; 1 << 20];
    let refused = (0..80).any(|_| {
        lines.feed(&piece);
        lines.next(false).is_err()
    });
    assert!(refused);
}

//! Values in PostgreSQL's text form, as psql shows them.

use std::fmt::{self, Write};

use bytes::{BufMut, BytesMut};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike};
use datafusion::arrow::array::Array;
use pgwire::api::Type;

use super::super::vector;
use super::EncodeError;
use super::value::{Interval, Value};
use crate::sql::function_name;

/// Writes the text form of a value that is not NULL.
///
/// # Errors
/// When the type cannot say it.
pub(super) fn write(
    pg_type: &Type,
    value: &Value<'_>,
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    match value {
        // The caller writes NULL as a length; inside arrays it is a word.
        Value::Null => put(out, format_args!("NULL")),
        Value::Bool(value) => out.put_u8(if *value { b't' } else { b'f' }),
        Value::Int(value) if *pg_type == Type::REGPROC => match function_name(*value) {
            Some(name) => out.put_slice(name.as_bytes()),
            None => put(out, format_args!("{value}")),
        },
        Value::Int(value) => put(out, format_args!("{value}")),
        Value::Float4(value) => float(*value, out),
        Value::Float8(value) => float(*value, out),
        Value::Numeric(digits) => out.put_slice(digits.as_bytes()),
        Value::Text(text) => out.put_slice(text.as_bytes()),
        Value::Bytes(bytes) => bytea(bytes, out),
        Value::Date(days) => date(days_since_1970(*days)?, false, out),
        Value::Time(microseconds) => time(time_of_day(*microseconds)?, out),
        Value::Timestamp(microseconds) => timestamp(pg_type, *microseconds, out)?,
        Value::Interval(span) => interval(*span, out),
        Value::List(items) if vector::is_vector(pg_type) => components(items.as_ref(), out)?,
        Value::List(items) => array(pg_type, items.as_ref(), out)?,
    }
    Ok(())
}

fn put(out: &mut BytesMut, text: fmt::Arguments<'_>) {
    // Writing to a growing buffer cannot fail.
    let _ = out.write_fmt(text);
}

/// A floating-point type as PostgreSQL prints it: the shortest digits that read back the same,
/// with an exponent outside the range in which it would print them plainly.
trait Float: Copy + fmt::Display + fmt::LowerExp {
    /// Whether the value is printed without an exponent. The shortest digits of a value reach a
    /// power of ten where the value does, so this needs no digits.
    fn is_plain(self) -> bool;
    fn special(self) -> Option<&'static str>;
}

impl Float for f32 {
    fn is_plain(self) -> bool {
        self == 0.0 || (1e-4..1e6).contains(&self.abs())
    }

    fn special(self) -> Option<&'static str> {
        f64::from(self).special()
    }
}

impl Float for f64 {
    fn is_plain(self) -> bool {
        self == 0.0 || (1e-4..1e15).contains(&self.abs())
    }

    fn special(self) -> Option<&'static str> {
        if self.is_nan() {
            Some("NaN")
        } else if self.is_infinite() {
            Some(if self > 0.0 { "Infinity" } else { "-Infinity" })
        } else {
            None
        }
    }
}

fn float<F: Float>(value: F, out: &mut BytesMut) {
    if value.is_plain() {
        return put(out, format_args!("{value}"));
    }
    if let Some(special) = value.special() {
        return out.put_slice(special.as_bytes());
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let sign = if exponent < 0 { '-' } else { '+' };
    put(out, format_args!("{digits}e{sign}{:02}", exponent.unsigned_abs()));
}

fn bytea(bytes: &[u8], out: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 + bytes.len() * 2);
    out.put_slice(b"\\x");
    for byte in bytes {
        out.put_u8(DIGITS[usize::from(byte >> 4)]);
        out.put_u8(DIGITS[usize::from(byte & 15)]);
    }
}

fn days_since_1970(days: i64) -> Result<NaiveDate, EncodeError> {
    let span = TimeDelta::try_days(days).ok_or(EncodeError::Datetime)?;
    DateTime::UNIX_EPOCH.date_naive().checked_add_signed(span).ok_or(EncodeError::Datetime)
}

fn time_of_day(microseconds: i64) -> Result<NaiveTime, EncodeError> {
    let seconds = u32::try_from(microseconds.div_euclid(1_000_000));
    let nanoseconds = u32::try_from(microseconds.rem_euclid(1_000_000) * 1000);
    seconds
        .ok()
        .zip(nanoseconds.ok())
        .and_then(|(seconds, nanoseconds)| {
            NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanoseconds)
        })
        .ok_or(EncodeError::Datetime)
}

fn timestamp(pg_type: &Type, microseconds: i64, out: &mut BytesMut) -> Result<(), EncodeError> {
    let moment = DateTime::from_timestamp_micros(microseconds).ok_or(EncodeError::Datetime)?;
    let zone = if *pg_type == Type::TIMESTAMPTZ { "+00" } else { "" };
    date(moment.date_naive(), true, out);
    out.put_u8(b' ');
    time(moment.time(), out);
    out.put_slice(zone.as_bytes());
    if moment.year() <= 0 {
        out.put_slice(b" BC");
    }
    Ok(())
}

/// Year 0 of the calendar computers use is 1 BC of the one people use.
fn date(date: NaiveDate, era_follows: bool, out: &mut BytesMut) {
    let year = if date.year() > 0 { date.year() } else { 1 - date.year() };
    put(out, format_args!("{year:04}-{:02}-{:02}", date.month(), date.day()));
    if date.year() <= 0 && !era_follows {
        out.put_slice(b" BC");
    }
}

fn time(time: NaiveTime, out: &mut BytesMut) {
    put(out, format_args!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second()));
    fraction(time.nanosecond() / 1000, out);
}

fn fraction(microseconds: u32, out: &mut BytesMut) {
    if microseconds > 0 {
        let digits = format!("{microseconds:06}");
        put(out, format_args!(".{}", digits.trim_end_matches('0')));
    }
}

fn interval(span: Interval, out: &mut BytesMut) {
    let start = out.len();
    let mut part = |count: i32, unit: &str| {
        if count != 0 {
            let gap = if out.len() > start { " " } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            put(out, format_args!("{gap}{count} {unit}{plural}"));
        }
    };
    part(span.months / 12, "year");
    part(span.months % 12, "mon");
    part(span.days, "day");
    if span.microseconds != 0 || out.len() == start {
        let gap = if out.len() > start { " " } else { "" };
        let sign = if span.microseconds < 0 { "-" } else { "" };
        let seconds = span.microseconds.unsigned_abs() / 1_000_000;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        put(out, format_args!("{gap}{sign}{hours:02}:{minutes:02}:{:02}", seconds % 60));
        fraction((span.microseconds.unsigned_abs() % 1_000_000) as u32, out);
    }
}

/// Brackets around the components of a vector.
fn components(items: &dyn Array, out: &mut BytesMut) -> Result<(), EncodeError> {
    let components = vector::components(items).ok_or_else(EncodeError::no_vector)?;
    let mut separator = b'[';
    for component in components {
        out.put_u8(separator);
        float(*component, out);
        separator = b',';
    }
    out.put_u8(b']');
    Ok(())
}

/// Braces around the items, with quotes where an item could be misread.
fn array(pg_type: &Type, items: &dyn Array, out: &mut BytesMut) -> Result<(), EncodeError> {
    let element = super::element_type(pg_type)?;
    if super::binary::shape(items)?.is_empty() {
        out.put_slice(b"{}");
    } else {
        items_text(&element, items, out)?;
    }
    Ok(())
}

fn items_text(element: &Type, items: &dyn Array, out: &mut BytesMut) -> Result<(), EncodeError> {
    let mut text = BytesMut::new();
    out.put_u8(b'{');
    for row in 0..items.len() {
        if row > 0 {
            out.put_u8(b',');
        }
        match Value::at(items, row)? {
            Value::List(inner) => items_text(element, inner.as_ref(), out)?,
            value @ (Value::Text(_)
            | Value::Bytes(_)
            | Value::Timestamp(_)
            | Value::Interval(_)) => {
                text.clear();
                write(element, &value, &mut text)?;
                item(&text, out);
            }
            value => write(element, &value, out)?,
        }
    }
    out.put_u8(b'}');
    Ok(())
}

fn item(text: &[u8], out: &mut BytesMut) {
    let special = |byte: &u8| b"{},\"\\ \t\n\r\x0b\x0c".contains(byte);
    let quoted = text.is_empty() || text.eq_ignore_ascii_case(b"null") || text.iter().any(special);
    if !quoted {
        out.put_slice(text);
        return;
    }
    out.put_u8(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

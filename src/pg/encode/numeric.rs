//! PostgreSQL's binary `numeric`: groups of four decimal digits with a weight, a sign and a scale.

use std::fmt::Write;
use std::iter::repeat_n;

use bytes::{Buf, BufMut, BytesMut};

use super::EncodeError;

const NEGATIVE: u16 = 0x4000;
/// NaN and the infinities have their own sign codes and no digits.
const NOT_A_NUMBER: u16 = 0xC000;
const INFINITE: u16 = 0xD000;
const NEGATIVELY_INFINITE: u16 = 0xF000;

/// Writes plain decimal digits (`-12.50`) in binary form.
///
/// # Errors
/// When the text is no such number or has more digits than the form can count.
pub(in crate::pg) fn write(text: &str, out: &mut BytesMut) -> Result<(), EncodeError> {
    let mismatch = || EncodeError::Mismatch("numeric".to_owned());
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return Err(mismatch());
    }
    // Groups are aligned at the decimal point.
    let padding = |digits: usize| (4 - digits % 4) % 4;
    let aligned: Vec<u8> = repeat_n(b'0', padding(whole.len()))
        .chain(whole.bytes())
        .chain(fraction.bytes())
        .chain(repeat_n(b'0', padding(fraction.len())))
        .collect();
    let groups: Vec<i16> = aligned
        .chunks_exact(4)
        .map(|group| group.iter().fold(0, |sum, digit| sum * 10 + i16::from(digit - b'0')))
        .collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let significant = groups.len() - groups.iter().rev().take_while(|group| **group == 0).count();
    let kept = groups.get(leading..significant).unwrap_or_default();
    let places = |groups: usize| i16::try_from(groups).map_err(|_| mismatch());
    // The weight counts the groups before the point after the first kept one; it is negative when
    // the first kept group stands behind the point.
    let weight = match kept {
        [] => 0,
        _ => places(whole.len().div_ceil(4))? - 1 - places(leading)?,
    };
    out.put_u16(u16::try_from(kept.len()).map_err(|_| mismatch())?);
    out.put_i16(weight);
    out.put_u16(if negative && !kept.is_empty() { NEGATIVE } else { 0 });
    out.put_u16(u16::try_from(fraction.len()).map_err(|_| mismatch())?);
    for group in kept {
        out.put_i16(*group);
    }
    Ok(())
}

/// Reads the binary form into plain decimal digits; none when the bytes are not that form or the
/// value is no finite number.
pub(in crate::pg) fn read(mut bytes: &[u8]) -> Option<String> {
    if bytes.len() < 8 {
        return None;
    }
    let (count, weight) = (usize::from(bytes.get_u16()), i32::from(bytes.get_i16()));
    let (sign, scale) = (bytes.get_u16(), usize::from(bytes.get_u16()));
    if bytes.len() != count * 2 {
        return None;
    }
    match sign {
        NOT_A_NUMBER => return Some("NaN".to_owned()),
        INFINITE => return Some("Infinity".to_owned()),
        NEGATIVELY_INFINITE => return Some("-Infinity".to_owned()),
        other if other & NOT_A_NUMBER == NOT_A_NUMBER => return None,
        _ => {}
    }
    let groups: Vec<i16> =
        std::iter::from_fn(|| bytes.has_remaining().then(|| bytes.get_i16())).take(count).collect();
    if groups.iter().any(|group| !(0..10_000).contains(group)) {
        return None;
    }
    let group = |place: i32| {
        let index = usize::try_from(weight - place).ok();
        index.and_then(|index| groups.get(index)).copied().unwrap_or(0)
    };
    let mut text = String::new();
    for place in (0..=weight.max(0)).rev() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{:04}", group(place));
    }
    let whole = text.trim_start_matches('0');
    let mut fraction = String::new();
    for place in (1..).take(scale.div_ceil(4)) {
        let _ = write!(fraction, "{:04}", group(-place));
    }
    fraction.truncate(scale);
    let sign = if sign == NEGATIVE { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_as_written() {
        for text in [
            "0",
            "1",
            "-1",
            "0.5",
            "-0.0001",
            "12345678.90",
            "10000",
            "99999999999999999999",
            "0.00",
            "123.4560",
            "100000000",
        ] {
            let mut bytes = BytesMut::new();
            write(text, &mut bytes).unwrap();
            assert_eq!(read(&bytes).as_deref(), Some(text));
        }
    }

    #[test]
    fn the_form_is_the_one_postgresql_documents() {
        let mut bytes = BytesMut::new();
        write("-12345.67", &mut bytes).unwrap();
        let expected: Vec<u8> = [3_i16, 1, 0x4000, 2, 1, 2345, 6700]
            .iter()
            .flat_map(|part| part.to_be_bytes())
            .collect();
        assert_eq!(bytes.as_ref(), expected);
    }

    #[test]
    fn bytes_that_are_no_number_are_refused() {
        for bytes in [
            &[][..],
            &[0, 1, 0, 0, 0, 0, 0, 0],
            &[0, 0, 0, 0, 0xE0, 0, 0, 0],
            &[0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10],
        ] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
        assert!(write("NaN", &mut BytesMut::new()).is_err());
        assert_eq!(read(&[0, 0, 0, 0, 0xC0, 0, 0, 0]).as_deref(), Some("NaN"));
    }
}

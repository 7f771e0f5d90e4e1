//! Dates and times as PostgreSQL reads them, for a reader that is stricter.

use std::borrow::Cow;

/// `text` with the seconds that it leaves out, dashes in its date and the letter of UTC's name.
pub fn completed(text: &str) -> Cow<'_, str> {
    let date_end = text.find([' ', 'T', 't']).unwrap_or(text.len());
    let (date, rest) = text.split_at(date_end);
    let date = if date.contains('/') { Cow::Owned(date.replace('/', "-")) } else { date.into() };
    let clock_end = rest
        .char_indices()
        .skip(1)
        .find(|(_, c)| !(c.is_ascii_digit() || [':', '.'].contains(c)))
        .map_or(rest.len(), |(at, _)| at);
    let (clock, zone) = rest.split_at(clock_end);
    let is_utc = ["utc", "gmt"].iter().any(|name| zone.trim().eq_ignore_ascii_case(name));
    let zone = if is_utc { "Z" } else { zone };
    let seconds = if clock.matches(':').count() == 1 { ":00" } else { "" };
    if seconds.is_empty() && !is_utc && matches!(date, Cow::Borrowed(_)) {
        return text.into();
    }
    format!("{date}{clock}{seconds}{zone}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_added_and_nothing_else_is_changed() {
        let cases = [
            ("2024-02-01 12:00", "2024-02-01 12:00:00"),
            ("2024-02-01T12:00Z", "2024-02-01T12:00:00Z"),
            ("2024-02-01 12:00+02", "2024-02-01 12:00:00+02"),
            ("2024-02-01 12:00:00.5 utc", "2024-02-01 12:00:00.5Z"),
            ("2024/02/01", "2024-02-01"),
            ("2024-02-01", "2024-02-01"),
            ("2024-02-01 12:00:00+02:30", "2024-02-01 12:00:00+02:30"),
            ("no date", "no date"),
            ("é 1:2", "é 1:2:00"),
        ];
        for (text, expected) in cases {
            assert_eq!(completed(text), expected);
        }
    }
}

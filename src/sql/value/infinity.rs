//! Dates and moments that always were, or never come: the least and the greatest numbers of their
//! types, as in PostgreSQL.

const DAY_US: i64 = 86_400_000_000;

/// Whether a timestamp is PostgreSQL's `infinity` or `-infinity`.
pub fn is_infinite(moment: i64) -> bool {
    matches!(moment, i64::MIN | i64::MAX)
}

/// The days of a timestamp, an infinite one included.
pub(in crate::sql) fn days_of(moment: i64) -> i32 {
    match moment {
        i64::MIN => i32::MIN,
        i64::MAX => i32::MAX,
        finite => i32::try_from(finite.div_euclid(DAY_US)).unwrap_or_default(),
    }
}

/// The timestamp at the beginning of a day, an infinite one included; none where there is none.
pub(in crate::sql) fn midnight_of(days: i32) -> Option<i64> {
    match days {
        i32::MIN => Some(i64::MIN),
        i32::MAX => Some(i64::MAX),
        finite => i64::from(finite).checked_mul(DAY_US),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinities_stay_what_they_are() {
        for (moment, day) in [(i64::MAX, i32::MAX), (i64::MIN, i32::MIN)] {
            assert!(is_infinite(moment));
            assert_eq!((days_of(moment), midnight_of(day)), (day, Some(moment)));
        }
        assert!(!is_infinite(0));
        assert_eq!((days_of(-1), midnight_of(-1)), (-1, Some(-DAY_US)));
        assert_eq!(midnight_of(i32::MAX - 1), None);
    }
}

//! Which bar of a histogram a number is in.

use datafusion::arrow::datatypes::i256;

use super::too_large;
use crate::sql::{SqlError, SqlState};

/// The ends of a histogram; what is counted down begins above.
#[derive(Clone, Copy)]
pub(super) struct Bounds<T> {
    pub(super) low: T,
    pub(super) high: T,
}

impl Bounds<i256> {
    /// The number of the bar, from one; zero before the first, one more behind the last.
    pub(super) fn bucket(&self, operand: i256, count: i64) -> Result<i32, SqlError> {
        let Self { low, high } = *self;
        let behind = check(count, low == high)?;
        let down = low > high;
        let distance = |from: i256, to: i256| if down { to - from } else { from - to };
        if distance(operand, low) < i256::ZERO {
            return Ok(0);
        }
        if distance(operand, high) >= i256::ZERO {
            return Ok(behind);
        }
        let part = distance(operand, low).checked_mul(i256::from_i128(count.into()));
        let bar = part.and_then(|part| part.checked_div(distance(high, low)));
        let bar = bar.and_then(i256::to_i128).and_then(|bar| i32::try_from(bar + 1).ok());
        bar.ok_or_else(too_large)
    }
}

/// The same for fractions of two.
pub(super) fn fraction_bucket(
    operand: f64,
    bounds: Bounds<f64>,
    count: i64,
) -> Result<i32, SqlError> {
    let Bounds { low, high } = bounds;
    if operand.is_nan() || low.is_nan() || high.is_nan() {
        return Err(wrong("operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(wrong("lower and upper bounds must be finite"));
    }
    let behind = check(count, same(low, high))?;
    let distance = |from: f64, to: f64| if low > high { to - from } else { from - to };
    if distance(operand, low) < 0.0 {
        return Ok(0);
    }
    if distance(operand, high) >= 0.0 {
        return Ok(behind);
    }
    let bars = f64::from(behind - 1);
    let bar = (distance(operand, low) / distance(high, low) * bars).floor();
    // It may round up to the next bar behind the last.
    Ok(whole(bar.min(bars - 1.0)) + 1)
}

fn same(left: f64, right: f64) -> bool {
    left.total_cmp(&right).is_eq() || (left == 0.0 && right == 0.0)
}

/// A fraction without digits behind the point, which is that of a bar.
fn whole(bar: f64) -> i32 {
    format!("{bar:.0}").parse().unwrap_or_default()
}

/// The number behind the last bar.
fn check(count: i64, empty: bool) -> Result<i32, SqlError> {
    if count <= 0 {
        return Err(wrong("count must be greater than zero"));
    }
    if empty {
        return Err(wrong("lower bound cannot equal upper bound"));
    }
    let behind = i32::try_from(count).ok().and_then(|count| count.checked_add(1));
    behind.ok_or_else(|| SqlError::new(SqlState::NumericValueOutOfRange, "integer out of range"))
}

fn wrong(message: &str) -> SqlError {
    SqlError::new(SqlState::InvalidArgumentForWidthBucket, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_from_the_first_bound() {
        let exact = |operand, low, high, count| {
            let [operand, low, high] = [operand, low, high].map(i256::from_i128);
            Bounds { low, high }.bucket(operand, count).map_err(|error| error.state.code())
        };
        let fraction = |operand, low, high, count| {
            fraction_bucket(operand, Bounds { low, high }, count)
                .map_err(|error| error.state.code())
        };
        for (operand, bar) in [(-1, 0), (0, 1), (2, 2), (9, 5), (10, 6)] {
            assert_eq!(exact(operand, 0, 10, 5), Ok(bar));
            let operand = f64::from(i32::try_from(operand).unwrap());
            assert_eq!(fraction(operand, 0.0, 10.0, 5), Ok(bar));
            assert_eq!(fraction(-operand, 0.0, -10.0, 5), Ok(bar));
        }
        assert_eq!(exact(3, 10, 0, 5), Ok(4));
        assert_eq!(exact(1, 1, 1, 5), Err("2201G"));
        assert_eq!(exact(1, 0, 2, 0), Err("2201G"));
        assert_eq!(exact(5, 0, 2, i64::from(i32::MAX)), Err("22003"));
        assert_eq!(fraction(f64::NAN, 0.0, 1.0, 5), Err("2201G"));
        assert_eq!(fraction(0.0, 0.0, f64::INFINITY, 5), Err("2201G"));
    }
}

//! What an aggregate makes of the numbers it adds up, and in which types.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Decimal256Array, Float32Array, Float64Array,
};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, i256};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;

use crate::sql::function::arithmetic::plain;
use crate::sql::value::numeric::{
    digits_of, quotient_scale, rounded_quotient, shifted, too_large, type_of,
};
use crate::sql::{SqlError, SqlState};

/// Digits that a sum may have more than what is added up: more rows nobody reads.
const MORE_DIGITS: i32 = 19;

/// What is made of a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Measure {
    Sum,
    Average,
}

impl Measure {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::Average => "avg",
        }
    }
}

/// The types of an aggregate over numbers of one type.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    measure: Measure,
    /// In which numbers are added up.
    pub(super) total: DataType,
    pub(super) result: DataType,
}

impl Shape {
    /// The aggregate over values of this type; none where they are no numbers.
    pub(super) fn of(measure: Measure, given: &DataType) -> Option<Self> {
        let (total, result) = match (measure, given) {
            (Measure::Sum, DataType::Float16 | DataType::Float32) => {
                (DataType::Float64, DataType::Float32)
            }
            (_, float) if float.is_floating() => (DataType::Float64, DataType::Float64),
            (Measure::Sum, DataType::Int64 | DataType::UInt32 | DataType::UInt64) => {
                (type_of(38, 0), type_of(38, 0))
            }
            (Measure::Sum, whole) if whole.is_integer() => (DataType::Int64, DataType::Int64),
            (measure, exact) => {
                let (digits, scale) = digits_of(exact)?;
                let added = digits + MORE_DIGITS;
                match measure {
                    Measure::Sum => (widened(added, scale), type_of(added, scale)),
                    Measure::Average => {
                        let more = quotient_scale(scale);
                        let averaged = digits + i32::from(more - scale);
                        let widest = added.max(averaged);
                        (widened(widest, scale), widened(widest, more))
                    }
                }
            }
        };
        Some(Self { measure, total, result })
    }

    /// Values as what is added up.
    pub(super) fn added(&self, values: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
        Ok(cast(values, &self.total)?)
    }

    /// The results for totals, each of so many values; none of no values.
    pub(super) fn results(
        &self,
        totals: &ArrayRef,
        counts: &[i64],
    ) -> Result<ArrayRef, DataFusionError> {
        match self.measure {
            Measure::Sum => self.sums(totals),
            Measure::Average => self.averages(totals, counts),
        }
    }

    fn sums(&self, totals: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
        if self.total == self.result {
            return Ok(match totals.as_primitive_opt::<Float64Type>() {
                Some(totals) => Arc::new(totals.unary::<_, Float64Type>(plain)),
                None => Arc::clone(totals),
            });
        }
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let sums = cast_with_options(totals, &self.result, &strict)?;
        if let (Some(sums), Some(totals)) =
            (sums.as_any().downcast_ref::<Float32Array>(), totals.as_primitive_opt::<Float64Type>())
        {
            let too_large = |(sum, total): (Option<f32>, Option<f64>)| {
                sum.is_some_and(f32::is_infinite) && total.is_some_and(f64::is_finite)
            };
            if sums.iter().zip(totals.iter()).any(too_large) {
                return Err(overflow(&self.total).into());
            }
        }
        Ok(sums)
    }

    fn averages(&self, totals: &ArrayRef, counts: &[i64]) -> Result<ArrayRef, DataFusionError> {
        let (total_scale, precision, scale) = match (&self.total, &self.result) {
            (DataType::Float64, _) => {
                let totals = totals.as_primitive::<Float64Type>().iter().zip(counts);
                let averages =
                    totals.map(|(total, count)| total.map(|sum| plain(sum / *count as f64)));
                return Ok(Arc::new(averages.collect::<Float64Array>()));
            }
            (
                DataType::Decimal128(_, total_scale) | DataType::Decimal256(_, total_scale),
                DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale),
            ) => (*total_scale, *precision, *scale),
            (total, _) => return internal_err!("an average of totals of type {total}"),
        };
        let average = |total: i256, count: i64| {
            shifted(total, scale - total_scale)
                .and_then(|total| rounded_quotient(total, i256::from_i128(count.into())))
                .map_err(|_| too_large())
        };
        if let Some(totals) = totals.as_primitive_opt::<Decimal256Type>() {
            let averages = totals
                .iter()
                .zip(counts)
                .map(|(total, count)| total.map(|total| average(total, *count)).transpose());
            let averages: Decimal256Array = averages.collect::<Result<_, _>>()?;
            return Ok(Arc::new(averages.with_precision_and_scale(precision, scale)?));
        }
        let averages = totals.as_primitive::<Decimal128Type>().iter().zip(counts);
        let averages = averages.map(|(total, count)| {
            let Some(total) = total else { return Ok(None) };
            let average = average(i256::from_i128(total), *count)?;
            average.to_i128().map(Some).ok_or_else(too_large)
        });
        let averages: Decimal128Array = averages.collect::<Result<_, SqlError>>()?;
        Ok(Arc::new(averages.with_precision_and_scale(precision, scale)?))
    }
}

/// As many digits as 128 bits hold, or 256.
fn widened(digits: i32, scale: i8) -> DataType {
    match type_of(digits, scale) {
        DataType::Decimal128(..) => type_of(38, scale),
        _ => type_of(76, scale),
    }
}

/// What PostgreSQL says of a sum that does not fit in a type.
pub(super) fn overflow(total: &DataType) -> SqlError {
    let message = match total {
        DataType::Int64 => "bigint out of range",
        DataType::Float64 => "value out of range: overflow",
        _ => return too_large(),
    };
    SqlError::new(SqlState::NumericValueOutOfRange, message)
}

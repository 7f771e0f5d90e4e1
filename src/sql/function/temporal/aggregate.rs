//! `min`, `max`, `sum` and `avg` of intervals, which are compared by how long they are.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ReversedUDAF, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::function::INTERVAL;
use super::scale::divided;
use super::span::nanoseconds;
use crate::sql::{SqlError, SqlState};

/// What is made of intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Least,
    Greatest,
    Sum,
    Average,
}

/// `min` or `max`, whose name this is.
pub(super) fn interval_extreme(name: &str) -> Arc<AggregateUDF> {
    Arc::new(aggregate(if name == "max" { What::Greatest } else { What::Least }))
}

/// `sum`.
pub(in crate::sql) fn interval_sum() -> AggregateUDF {
    aggregate(What::Sum)
}

/// `avg`.
pub(in crate::sql) fn interval_average() -> AggregateUDF {
    aggregate(What::Average)
}

fn aggregate(what: What) -> AggregateUDF {
    let signature = Signature::exact(vec![INTERVAL], Volatility::Immutable);
    AggregateUDF::from(IntervalAggregate { what, signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct IntervalAggregate {
    what: What,
    signature: Signature,
}

impl AggregateUDFImpl for IntervalAggregate {
    fn name(&self) -> &'static str {
        match self.what {
            What::Least => "min",
            What::Greatest => "max",
            What::Sum => "sum",
            What::Average => "avg",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(INTERVAL)
    }

    fn accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        if arguments.is_distinct && matches!(self.what, What::Sum | What::Average) {
            let what = format!("{}(DISTINCT) of intervals", self.name());
            return Err(SqlError::unsupported(what).into());
        }
        Ok(Box::new(Lengths { what: self.what, total: None, count: 0 }))
    }

    fn state_fields(
        &self,
        arguments: StateFieldsArgs<'_>,
    ) -> Result<Vec<FieldRef>, DataFusionError> {
        let named = |part: &str| format_state_name(arguments.name, part);
        Ok(vec![
            Arc::new(Field::new(named("total"), INTERVAL, true)),
            Arc::new(Field::new(named("count"), DataType::Int64, true)),
        ])
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// The intervals seen so far.
#[derive(Debug)]
struct Lengths {
    what: What,
    /// Their sum, or the one of them that is wanted.
    total: Option<IntervalMonthDayNano>,
    count: i64,
}

impl Lengths {
    fn add(&mut self, length: IntervalMonthDayNano, count: i64) -> Result<(), SqlError> {
        self.count += count;
        let kept = match (self.total, self.what) {
            (Some(total), What::Sum | What::Average) => {
                sum(total, length).ok_or_else(out_of_range)?
            }
            (Some(best), What::Least) if nanoseconds(best) <= nanoseconds(length) => best,
            (Some(best), What::Greatest) if nanoseconds(best) >= nanoseconds(length) => best,
            _ => length,
        };
        self.total = Some(kept);
        Ok(())
    }

    fn result(&self) -> Result<Option<IntervalMonthDayNano>, SqlError> {
        match (self.what, self.total) {
            (What::Sum | What::Average, _) if self.count == 0 => Ok(None),
            (What::Average, Some(total)) => divided(total, self.count).map(Some),
            (_, total) => Ok(total),
        }
    }
}

impl Accumulator for Lengths {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [values] = values else { return internal_err!("one column of intervals") };
        for length in values.as_primitive::<IntervalMonthDayNanoType>().iter().flatten() {
            self.add(length, 1)?;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [values] = values else { return internal_err!("one column of intervals") };
        for length in values.as_primitive::<IntervalMonthDayNanoType>().iter().flatten() {
            let negative = negated(length).ok_or_else(out_of_range)?;
            self.add(negative, -1)?;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        matches!(self.what, What::Sum | What::Average)
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        Ok(ScalarValue::IntervalMonthDayNano(self.result()?))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(vec![ScalarValue::IntervalMonthDayNano(self.total), ScalarValue::from(self.count)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [totals, counts] = states else { return internal_err!("totals and counts") };
        let counts = counts.as_primitive::<Int64Type>().iter();
        let totals = totals.as_primitive::<IntervalMonthDayNanoType>().iter();
        for (total, count) in totals.zip(counts) {
            if let Some(total) = total {
                self.add(total, count.unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

fn sum(left: IntervalMonthDayNano, right: IntervalMonthDayNano) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano {
        months: left.months.checked_add(right.months)?,
        days: left.days.checked_add(right.days)?,
        nanoseconds: left.nanoseconds.checked_add(right.nanoseconds)?,
    })
}

fn negated(length: IntervalMonthDayNano) -> Option<IntervalMonthDayNano> {
    Some(IntervalMonthDayNano {
        months: length.months.checked_neg()?,
        days: length.days.checked_neg()?,
        nanoseconds: length.nanoseconds.checked_neg()?,
    })
}

fn out_of_range() -> SqlError {
    SqlError::new(SqlState::DatetimeFieldOverflow, "interval out of range")
}

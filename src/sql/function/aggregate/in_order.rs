//! Values that are kept until all are there, and asked then in their order.

use std::cmp::Ordering;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use datafusion::arrow::array::{make_comparator, new_empty_array};
use datafusion::arrow::compute::{SortOptions, concat, filter, is_not_null, sort_to_indices, take};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Accumulator;
use datafusion::scalar::ScalarValue;

use crate::sql::{SqlError, SqlState};

/// What is asked of values in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Question {
    /// The one that has a fraction of them before it.
    Value,
    /// The same, between two of them where it falls there.
    Interpolated,
    MostFrequent,
    Rank,
    DenseRank,
    PercentRank,
    CumulativeDistribution,
}

impl Question {
    /// Whether it is asked by a fraction, or by several.
    pub(super) fn takes_fractions(self) -> bool {
        matches!(self, Self::Value | Self::Interpolated)
    }
}

/// The values, and what is asked of them.
#[derive(Debug)]
pub(super) struct InOrder {
    question: Question,
    options: SortOptions,
    ordered: DataType,
    /// The same in every row; NULL before the first.
    asked: ScalarValue,
    parts: Vec<ArrayRef>,
}

impl InOrder {
    pub(super) fn new(
        question: Question,
        options: SortOptions,
        ordered: DataType,
        asked: &DataType,
    ) -> Result<Self, DataFusionError> {
        let asked = ScalarValue::try_from(asked)?;
        Ok(Self { question, options, ordered, asked, parts: Vec::new() })
    }

    fn ask(&mut self, asked: Option<&ArrayRef>) -> Result<(), DataFusionError> {
        if let Some(asked) = asked
            && self.asked.is_null()
            && let Some(row) = (0..asked.len()).find(|row| asked.is_valid(*row))
        {
            self.asked = ScalarValue::try_from_array(asked, row)?;
        }
        Ok(())
    }

    /// All values; none of them NULL where these do not count.
    fn values(&self) -> Result<ArrayRef, DataFusionError> {
        let parts: Vec<&dyn Array> = self.parts.iter().map(|part| &**part).collect();
        let values = match parts.as_slice() {
            [] => new_empty_array(&self.ordered),
            parts => concat(parts)?,
        };
        let counts_nulls =
            !self.question.takes_fractions() && self.question != Question::MostFrequent;
        Ok(if counts_nulls { values } else { filter(&values, &is_not_null(&values)?)? })
    }

    fn sorted(&self) -> Result<ArrayRef, DataFusionError> {
        let values = self.values()?;
        Ok(take(&values, &sort_to_indices(&values, Some(self.options), None)?, None)?)
    }

    fn null(&self) -> Result<ScalarValue, DataFusionError> {
        ScalarValue::try_from(&self.ordered)
    }

    /// The answers to one fraction or to several.
    fn at_fractions(&self) -> Result<ScalarValue, DataFusionError> {
        let several = matches!(self.asked, ScalarValue::List(_));
        let fractions = match &self.asked {
            ScalarValue::List(list) => list.value(0),
            one => one.to_array()?,
        };
        let fractions = fractions.as_primitive::<Float64Type>();
        let wrong = fractions.iter().flatten().find(|it| !(0.0..=1.0).contains(it));
        if let Some(wrong) = wrong {
            let message = format!("percentile value {wrong} is not between 0 and 1");
            return Err(SqlError::new(SqlState::NumericValueOutOfRange, message).into());
        }
        let sorted = self.sorted()?;
        let answers = fractions.iter().map(|fraction| match fraction {
            Some(fraction) if !sorted.is_empty() => self.at(&sorted, fraction),
            _ => self.null(),
        });
        let answers = answers.collect::<Result<Vec<_>, _>>()?;
        if several && !self.asked.is_null() && !sorted.is_empty() {
            return Ok(ScalarValue::List(ScalarValue::new_list_nullable(&answers, &self.ordered)));
        }
        match answers.into_iter().next() {
            Some(answer) if !several => Ok(answer),
            _ => ScalarValue::try_from(&DataType::new_list(self.ordered.clone(), true)),
        }
    }

    /// The value at a fraction of those that are `sorted`, which are some.
    fn at(&self, sorted: &ArrayRef, fraction: f64) -> Result<ScalarValue, DataFusionError> {
        let last = sorted.len() - 1;
        if self.question == Question::Value {
            let rows = fraction * float(sorted.len());
            let before = (1..=last).take_while(|row| float(*row) < rows).count();
            return ScalarValue::try_from_array(sorted, before);
        }
        let place = fraction * float(last);
        let before = (1..=last).take_while(|row| float(*row) <= place).count();
        let numbers = sorted.as_primitive::<Float64Type>();
        let (low, part) = (numbers.value(before), place - float(before));
        let high = numbers.value(last.min(before + 1));
        let between = if part > 0.0 { low + part * (high - low) } else { low };
        Ok(ScalarValue::from(between))
    }

    fn most_frequent(&self) -> Result<ScalarValue, DataFusionError> {
        let sorted = self.sorted()?;
        if sorted.is_empty() {
            return self.null();
        }
        let compare = make_comparator(&sorted, &sorted, self.options)?;
        let (mut first, mut best, mut most) = (0, 0, 0);
        for row in 0..sorted.len() {
            if compare(first, row).is_ne() {
                first = row;
            }
            if row - first >= most {
                (best, most) = (first, row - first + 1);
            }
        }
        ScalarValue::try_from_array(&sorted, best)
    }

    /// Where the asked value would stand.
    fn place(&self) -> Result<ScalarValue, DataFusionError> {
        let sorted = self.sorted()?;
        let asked = self.asked.to_array()?;
        let compare = make_comparator(&sorted, &asked, self.options)?;
        let rows = sorted.len();
        let before = (0..rows).take_while(|row| compare(*row, 0) == Ordering::Less).count();
        let with_equals = (0..rows).take_while(|row| compare(*row, 0).is_le()).count();
        let whole = |count: usize| ScalarValue::from(i64::try_from(count).unwrap_or(i64::MAX));
        Ok(match self.question {
            Question::Rank => whole(before + 1),
            Question::DenseRank => {
                let among = make_comparator(&sorted, &sorted, self.options)?;
                let new = |row: &usize| *row == 0 || among(row - 1, *row).is_ne();
                whole((0..before).filter(new).count() + 1)
            }
            Question::PercentRank if rows == 0 => ScalarValue::from(0.0),
            Question::PercentRank => ScalarValue::from(float(before) / float(rows)),
            _ => ScalarValue::from(float(with_equals + 1) / float(rows + 1)),
        })
    }
}

impl Accumulator for InOrder {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [ordered, asked @ ..] = values else { return internal_err!("nothing is ordered") };
        self.ask(asked.first())?;
        // Of a larger array only this part is kept.
        let rows = UInt64Array::from_iter_values((0..).take(ordered.len()));
        self.parts.push(take(ordered, &rows, None)?);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        match self.question {
            question if question.takes_fractions() => self.at_fractions(),
            Question::MostFrequent => self.most_frequent(),
            _ => self.place(),
        }
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let parts: Vec<&dyn Array> = self.parts.iter().map(|part| &**part).collect();
        let values =
            if parts.is_empty() { new_empty_array(&self.ordered) } else { concat(&parts)? };
        let list = datafusion::common::utils::SingleRowListArrayBuilder::new(values);
        Ok(vec![list.build_list_scalar(), self.asked.clone()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [lists, asked] = states else { return internal_err!("values and what is asked") };
        self.ask(Some(asked))?;
        self.parts.extend(lists.as_list::<i32>().iter().flatten());
        Ok(())
    }

    fn size(&self) -> usize {
        let parts: usize = self.parts.iter().map(Array::get_array_memory_size).sum();
        size_of_val(self) + parts + self.parts.capacity() * size_of::<ArrayRef>()
    }
}

/// A number of rows, of which there are fewer than 2^32.
fn float(rows: usize) -> f64 {
    u32::try_from(rows).map_or(f64::from(u32::MAX), f64::from)
}

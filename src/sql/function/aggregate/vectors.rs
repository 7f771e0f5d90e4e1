//! `sum` and `avg` of vectors, as pgvector has them.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Float32Type, Float64Type, Int64Type,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::measure::Measure;
use crate::sql::value::types::{SqlType, real_array};
use crate::sql::{SqlError, SqlState};

/// The aggregate of vectors that `measure` is.
pub(super) fn of_vectors(measure: Measure) -> AggregateUDF {
    let signature = Signature::exact(vec![real_array()], Volatility::Immutable);
    AggregateUDF::from(VectorAggregate { measure, signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct VectorAggregate {
    measure: Measure,
    signature: Signature,
}

impl AggregateUDFImpl for VectorAggregate {
    fn name(&self) -> &'static str {
        self.measure.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(real_array())
    }

    fn return_field(&self, _arguments: &[FieldRef]) -> Result<FieldRef, DataFusionError> {
        Ok(Arc::new(SqlType::Vector.field().with_name(self.name())))
    }

    fn accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        Ok(Box::new(VectorTotal {
            measure: self.measure,
            total: Vec::new(),
            count: 0,
            seen: arguments.is_distinct.then(HashSet::new),
        }))
    }

    fn state_fields(
        &self,
        arguments: StateFieldsArgs<'_>,
    ) -> Result<Vec<FieldRef>, DataFusionError> {
        let named = |part: &str| format_state_name(arguments.name, part);
        let item = Field::new_list_field(DataType::Float64, true);
        Ok(vec![
            Arc::new(Field::new_list(named("total"), item, true)),
            Arc::new(Field::new(named("count"), DataType::Int64, true)),
        ])
    }
}

/// Adds up vectors component by component, and counts them.
#[derive(Debug)]
struct VectorTotal {
    measure: Measure,
    total: Vec<f64>,
    count: i64,
    /// What there was already, by its bits, where equal vectors count once.
    seen: Option<HashSet<Vec<u32>>>,
}

impl VectorTotal {
    /// Adds the total of so many vectors.
    fn add(&mut self, added: impl Iterator<Item = f64>, count: i64) -> Result<(), SqlError> {
        let added: Vec<f64> = added.collect();
        if self.count == 0 {
            self.total.clone_from(&added);
        } else if self.total.len() == added.len() {
            for (total, more) in self.total.iter_mut().zip(&added) {
                *total += more;
            }
        } else {
            return Err(self.other_dimensions(added.len()));
        }
        if self.measure == Measure::Sum {
            // A sum of vectors is one after each of them.
            for total in &mut self.total {
                *total = f64::from(*total as f32);
            }
        }
        self.count += count;
        if self.total.iter().all(|total| total.is_finite()) {
            return Ok(());
        }
        let message = "value out of range: overflow";
        Err(SqlError::new(SqlState::NumericValueOutOfRange, message))
    }

    fn other_dimensions(&self, given: usize) -> SqlError {
        let known = self.total.len();
        let message = match self.measure {
            Measure::Sum => format!("different vector dimensions {known} and {given}"),
            Measure::Average => format!("expected {known} dimensions, not {given}"),
        };
        SqlError::new(SqlState::DataException, message)
    }
}

impl Accumulator for VectorTotal {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [column] = columns else { return internal_err!("one column is added up") };
        let column = cast(column, &real_array())?;
        for numbers in column.as_list::<i32>().iter().flatten() {
            let numbers = numbers.as_primitive::<Float32Type>();
            if numbers.null_count() > 0 {
                let message = "vector must not contain NULL";
                return Err(SqlError::new(SqlState::NullValueNotAllowed, message).into());
            }
            if let Some(seen) = &mut self.seen {
                let bits = numbers.values().iter().map(|number| number.to_bits()).collect();
                if !seen.insert(bits) {
                    continue;
                }
            }
            self.add(numbers.values().iter().map(|number| f64::from(*number)), 1)?;
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        if self.count == 0 {
            return ScalarValue::try_from(&real_array());
        }
        let by = match self.measure {
            Measure::Sum => 1.0,
            Measure::Average => self.count as f64,
        };
        let components = self.total.iter().map(|total| Some((total / by) as f32));
        let components: Vec<_> = components.map(ScalarValue::Float32).collect();
        let list = ScalarValue::new_list_nullable(&components, &DataType::Float32);
        Ok(ScalarValue::List(list))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let totals: Vec<_> = self.total.iter().copied().map(ScalarValue::from).collect();
        let list = ScalarValue::new_list_nullable(&totals, &DataType::Float64);
        Ok(vec![ScalarValue::List(list), ScalarValue::from(self.count)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [totals, counts] = states else { return internal_err!("a total and a count") };
        let counts = counts.as_primitive::<Int64Type>();
        for (total, count) in totals.as_list::<i32>().iter().zip(counts) {
            let (Some(total), Some(count @ 1..)) = (total, count) else { continue };
            self.add(total.as_primitive::<Float64Type>().iter().flatten(), count)?;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let kept = self.seen.as_ref().map_or(0, HashSet::len) * self.total.len() * 4;
        size_of_val(self) + self.total.capacity() * size_of::<f64>() + kept
    }
}

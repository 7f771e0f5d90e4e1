//! `sum(DISTINCT ..)` and `avg(DISTINCT ..)`.

use std::collections::HashSet;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Accumulator;
use datafusion::scalar::ScalarValue;

use super::measure::Shape;
use super::total::total;

/// Keeps the values that differ, and adds them up in the end.
#[derive(Debug)]
pub(super) struct Distinct {
    shape: Shape,
    values: HashSet<ScalarValue>,
}

impl Distinct {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, values: HashSet::new() }
    }

    fn insert(&mut self, values: &ArrayRef) -> Result<(), DataFusionError> {
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            self.values.insert(ScalarValue::try_from_array(values, row)?);
        }
        Ok(())
    }
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [values] = values else { return internal_err!("one column is added up") };
        let values = self.shape.added(values)?;
        self.insert(&values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        let mut total = total(&self.shape);
        if !self.values.is_empty() {
            total.update_batch(&[ScalarValue::iter_to_array(self.values.iter().cloned())?])?;
        }
        total.evaluate()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let values: Vec<_> = self.values.iter().cloned().collect();
        let list = ScalarValue::new_list_nullable(&values, &self.shape.total);
        Ok(vec![ScalarValue::List(list)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [lists] = states else { return internal_err!("a list of values") };
        lists.as_list::<i32>().iter().flatten().try_for_each(|values| self.insert(&values))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<ScalarValue>()
    }
}

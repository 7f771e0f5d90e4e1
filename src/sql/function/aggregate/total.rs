//! The total of one group of numbers, or of a window.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowNumericType, AsArray, Int64Array, PrimitiveArray,
};
use datafusion::arrow::compute::{sum, sum_checked};
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Accumulator;
use datafusion::scalar::ScalarValue;

use super::measure::{Shape, overflow};

/// Adds up numbers, and counts them.
#[derive(Debug)]
struct Total<T: ArrowNumericType> {
    shape: Shape,
    sum: T::Native,
    count: i64,
}

/// Something that adds up numbers as `shape` says.
pub(super) fn total(shape: &Shape) -> Box<dyn Accumulator> {
    match &shape.total {
        DataType::Int64 => of_type::<Int64Type>(shape),
        DataType::Float64 => of_type::<Float64Type>(shape),
        DataType::Decimal128(..) => of_type::<Decimal128Type>(shape),
        _ => of_type::<Decimal256Type>(shape),
    }
}

fn of_type<T: ArrowNumericType + std::fmt::Debug>(shape: &Shape) -> Box<dyn Accumulator> {
    Box::new(Total::<T> { shape: shape.clone(), sum: T::default_value(), count: 0 })
}

impl<T: ArrowNumericType> Total<T> {
    fn add(&mut self, totals: &ArrayRef, count: i64) -> Result<(), DataFusionError> {
        let too_large = |_| overflow(&self.shape.total);
        if let Some(more) = sum_checked(totals.as_primitive::<T>()).map_err(too_large)? {
            self.sum = self.sum.add_checked(more).map_err(too_large)?;
        }
        self.count += count;
        Ok(())
    }

    /// The total as a column of one row; NULL where there is nothing to add.
    fn column(&self) -> ArrayRef {
        let total = (self.count > 0).then_some(self.sum);
        let column: PrimitiveArray<T> = [total].into_iter().collect();
        Arc::new(column.with_data_type(self.shape.total.clone()))
    }
}

impl<T: ArrowNumericType + std::fmt::Debug> Accumulator for Total<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [values] = values else { return internal_err!("one column is added up") };
        let values = self.shape.added(values)?;
        self.add(&values, counted(values.as_ref()))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [values] = values else { return internal_err!("one column is added up") };
        let values = self.shape.added(values)?;
        let too_large = |_| overflow(&self.shape.total);
        if let Some(less) = sum_checked(values.as_primitive::<T>()).map_err(too_large)? {
            self.sum = self.sum.sub_checked(less).map_err(too_large)?;
        }
        self.count -= counted(values.as_ref());
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        let result = self.shape.results(&self.column(), &[self.count])?;
        ScalarValue::try_from_array(&result, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let total = ScalarValue::try_from_array(&self.column(), 0)?;
        Ok(vec![total, ScalarValue::from(self.count)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [totals, counts] = states else { return internal_err!("a total and a count") };
        let counts: &Int64Array = counts.as_primitive::<Int64Type>();
        self.add(totals, sum(counts).unwrap_or(0))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

fn counted(values: &dyn Array) -> i64 {
    i64::try_from(values.len() - values.null_count()).unwrap_or(i64::MAX)
}

//! Totals of many groups at a time.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowNumericType, AsArray, BooleanArray, Int64Array,
    PrimitiveArray,
};
use datafusion::arrow::compute::kernels::nullif::nullif;
use datafusion::arrow::compute::not;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::measure::{Shape, overflow};

/// Adds up the numbers of each group, and counts them.
#[derive(Debug)]
struct Totals<T: ArrowNumericType> {
    shape: Shape,
    sums: Vec<T::Native>,
    counts: Vec<i64>,
}

/// Something that adds up numbers by group as `shape` says.
pub(super) fn totals(shape: &Shape) -> Box<dyn GroupsAccumulator> {
    match &shape.total {
        DataType::Int64 => of_type::<Int64Type>(shape),
        DataType::Float64 => of_type::<Float64Type>(shape),
        DataType::Decimal128(..) => of_type::<Decimal128Type>(shape),
        _ => of_type::<Decimal256Type>(shape),
    }
}

fn of_type<T: ArrowNumericType>(shape: &Shape) -> Box<dyn GroupsAccumulator> {
    Box::new(Totals::<T> { shape: shape.clone(), sums: Vec::new(), counts: Vec::new() })
}

impl<T: ArrowNumericType> Totals<T> {
    /// Adds totals, each of so many values, to their groups.
    fn add(
        &mut self,
        totals: &ArrayRef,
        counts: impl Iterator<Item = i64>,
        groups: &[usize],
        all_groups: usize,
    ) -> Result<(), DataFusionError> {
        self.sums.resize(all_groups, T::default_value());
        self.counts.resize(all_groups, 0);
        let rows = totals.as_primitive::<T>().iter().zip(counts).zip(groups);
        for ((more, count), group) in rows {
            let (Some(more), Some(total), Some(counted)) =
                (more, self.sums.get_mut(*group), self.counts.get_mut(*group))
            else {
                continue;
            };
            *total = total.add_checked(more).map_err(|_| overflow(&self.shape.total))?;
            *counted += count;
        }
        Ok(())
    }

    /// The totals of groups that are done with, and their counts.
    fn take(&mut self, groups: EmitTo) -> (ArrayRef, Vec<i64>) {
        let totals = groups.take_needed(&mut self.sums);
        let counts = groups.take_needed(&mut self.counts);
        let column = totals.into_iter().zip(&counts);
        let column: PrimitiveArray<T> =
            column.map(|(total, count)| (*count > 0).then_some(total)).collect();
        (Arc::new(column.with_data_type(self.shape.total.clone())), counts)
    }
}

impl<T: ArrowNumericType> GroupsAccumulator for Totals<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        all_groups: usize,
    ) -> Result<(), DataFusionError> {
        let [values] = values else { return internal_err!("one column is added up") };
        let values = filtered(&self.shape.added(values)?, filter)?;
        self.add(&values, std::iter::repeat(1), group_indices, all_groups)
    }

    fn evaluate(&mut self, groups: EmitTo) -> Result<ArrayRef, DataFusionError> {
        let (totals, counts) = self.take(groups);
        self.shape.results(&totals, &counts)
    }

    fn state(&mut self, groups: EmitTo) -> Result<Vec<ArrayRef>, DataFusionError> {
        let (totals, counts) = self.take(groups);
        Ok(vec![totals, Arc::new(Int64Array::from(counts))])
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        all_groups: usize,
    ) -> Result<(), DataFusionError> {
        let [totals, counts] = states else { return internal_err!("a total and a count") };
        let counts = counts.as_primitive::<Int64Type>().values().to_vec();
        self.add(totals, counts.into_iter(), group_indices, all_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>, DataFusionError> {
        let [values] = values else { return internal_err!("one column is added up") };
        let values = filtered(&self.shape.added(values)?, filter)?;
        let counts = (0..values.len()).map(|row| i64::from(values.is_valid(row)));
        let counts = Arc::new(counts.collect::<Int64Array>());
        Ok(vec![values, counts])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<T::Native>() + self.counts.capacity() * size_of::<i64>()
    }
}

/// `values` with NULL for rows that a FILTER leaves out.
fn filtered(values: &ArrayRef, filter: Option<&BooleanArray>) -> Result<ArrayRef, DataFusionError> {
    let Some(filter) = filter else { return Ok(Arc::clone(values)) };
    let wanted: BooleanArray = filter.iter().map(|wanted| Some(wanted == Some(true))).collect();
    Ok(nullif(values, &not(&wanted)?)?)
}

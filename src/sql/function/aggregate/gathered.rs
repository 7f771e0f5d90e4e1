//! Aggregates that keep what they are given: what they make of it in the end is as large again, and
//! has its room from the beginning.

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};
use datafusion::scalar::ScalarValue;

/// What is kept, the value made of it, and the row of results that the value is put into.
const TIMES: usize = 3;

/// An accumulator that counts what it makes with what it keeps.
#[derive(Debug)]
pub(super) struct Gathered(pub(super) Box<dyn Accumulator>);

impl Accumulator for Gathered {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.0.update_batch(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        self.0.evaluate()
    }

    fn size(&self) -> usize {
        self.0.size().saturating_mul(TIMES)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        self.0.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.0.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        self.0.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.0.supports_retract_batch()
    }
}

/// The same for all groups at once.
pub(super) struct GatheredGroups(pub(super) Box<dyn GroupsAccumulator>);

impl GroupsAccumulator for GatheredGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        groups_total: usize,
    ) -> Result<(), DataFusionError> {
        self.0.update_batch(values, groups, filter, groups_total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef, DataFusionError> {
        self.0.evaluate(emit_to)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>, DataFusionError> {
        self.0.state(emit_to)
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        groups: &[usize],
        groups_total: usize,
    ) -> Result<(), DataFusionError> {
        self.0.merge_batch(states, groups, groups_total)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>, DataFusionError> {
        self.0.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        self.0.size().saturating_mul(TIMES)
    }
}

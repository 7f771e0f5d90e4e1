//! Aggregates over frames of a window that begin anywhere: of those that cannot take a row back,
//! the rows of a frame are added up anew.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature,
};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};
use datafusion::scalar::ScalarValue;

use super::gathered::{Gathered, GatheredGroups};
use crate::sql::function::allowance::bytes_of;
use crate::sql::function::marked::marked_array;
use crate::sql::value::types::SqlType;

/// `inner`, also over such frames.
pub(super) fn sliding(inner: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(Sliding { inner }))
}

/// An aggregate that is the same as another but for the frames that it may have.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Sliding {
    inner: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Sliding {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        self.inner.return_type(arguments)
    }

    fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef, DataFusionError> {
        let field = self.inner.return_field(arguments)?;
        let item_type = arguments.first().map(|item| SqlType::of(item));
        Ok(match item_type.and_then(marked_array) {
            // An array of what is aggregated.
            Some(array) if SqlType::of(&field) == SqlType::TextArray => {
                let nullable = field.is_nullable();
                Arc::new(array.field().with_name(field.name()).with_nullable(nullable))
            }
            _ => field,
        })
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        if is_backwards(&arguments) {
            return self.create_sliding_accumulator(arguments);
        }
        Ok(Box::new(Gathered(self.inner.accumulator(arguments)?)))
    }

    fn state_fields(
        &self,
        arguments: StateFieldsArgs<'_>,
    ) -> Result<Vec<FieldRef>, DataFusionError> {
        self.inner.state_fields(arguments)
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(arguments)
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>, DataFusionError> {
        Ok(Box::new(GatheredGroups(self.inner.create_groups_accumulator(arguments)?)))
    }

    fn create_sliding_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        let made = Made::new(Arc::clone(&self.inner), &arguments);
        let backwards = is_backwards(&arguments);
        Ok(Box::new(Frame { made, backwards, parts: VecDeque::new() }))
    }

    fn with_beneficial_ordering(
        self: Arc<Self>,
        is_ordered: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>, DataFusionError> {
        let inner = self.inner.as_ref().clone().with_beneficial_ordering(is_ordered)?;
        Ok(inner.map(|inner| Arc::new(Self { inner: Arc::new(inner) }) as _))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        self.inner.simplify()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        match self.inner.reverse_udf() {
            ReversedUDAF::Reversed(inner) => ReversedUDAF::Reversed(sliding(inner)),
            other => other,
        }
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        self.inner.coerce_types(arguments)
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue, DataFusionError> {
        self.inner.default_value(data_type)
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.inner.supports_null_handling_clause()
    }
}

/// Whether the rows of a window are read from its end. Aggregates with an order of their own put
/// them in it.
fn is_backwards(arguments: &AccumulatorArgs<'_>) -> bool {
    arguments.is_reversed && arguments.order_bys.is_empty()
}

/// An aggregate of a statement, which can be begun any number of times.
#[derive(Debug)]
struct Made {
    function: Arc<AggregateUDF>,
    name: String,
    schema: Schema,
    return_field: FieldRef,
    order_bys: Vec<PhysicalSortExpr>,
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    expr_fields: Vec<FieldRef>,
    ignore_nulls: bool,
    is_reversed: bool,
    is_distinct: bool,
}

impl Made {
    fn new(function: Arc<AggregateUDF>, arguments: &AccumulatorArgs<'_>) -> Self {
        Self {
            function,
            name: arguments.name.to_owned(),
            schema: arguments.schema.clone(),
            return_field: Arc::clone(&arguments.return_field),
            order_bys: arguments.order_bys.to_vec(),
            exprs: arguments.exprs.to_vec(),
            expr_fields: arguments.expr_fields.to_vec(),
            ignore_nulls: arguments.ignore_nulls,
            is_reversed: arguments.is_reversed,
            is_distinct: arguments.is_distinct,
        }
    }

    fn begin(&self) -> Result<Box<dyn Accumulator>, DataFusionError> {
        self.function.accumulator(AccumulatorArgs {
            return_field: Arc::clone(&self.return_field),
            schema: &self.schema,
            ignore_nulls: self.ignore_nulls,
            order_bys: &self.order_bys,
            is_reversed: self.is_reversed,
            name: &self.name,
            is_distinct: self.is_distinct,
            exprs: &self.exprs,
            expr_fields: &self.expr_fields,
        })
    }
}

/// The rows of a frame, as they came.
#[derive(Debug)]
struct Frame {
    made: Made,
    /// Whether the last comes first.
    backwards: bool,
    parts: VecDeque<Vec<ArrayRef>>,
}

/// The same rows from the last to the first.
fn turned(columns: &[ArrayRef]) -> Result<Vec<ArrayRef>, DataFusionError> {
    let mut order: Vec<u64> = (0..).take(rows(columns)).collect();
    order.reverse();
    let order = UInt64Array::from(order);
    columns.iter().map(|column| Ok(take(column, &order, None)?)).collect()
}

fn rows(columns: &[ArrayRef]) -> usize {
    columns.first().map_or(0, Array::len)
}

impl Accumulator for Frame {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        if rows(values) > 0 {
            self.parts.push_back(values.to_vec());
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let mut gone = rows(values);
        while gone > 0
            && let Some(part) = self.parts.pop_front()
        {
            let length = rows(&part);
            if length > gone {
                let rest = part.iter().map(|column| column.slice(gone, length - gone));
                self.parts.push_front(rest.collect());
            }
            gone = gone.saturating_sub(length);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        let mut accumulator = self.made.begin()?;
        if self.backwards {
            let mut parts = self.parts.iter().rev();
            parts.try_for_each(|part| accumulator.update_batch(&turned(part)?))?;
        } else {
            self.parts.iter().try_for_each(|part| accumulator.update_batch(part))?;
        }
        accumulator.evaluate()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        internal_err!("the frame of a window is not divided")
    }

    fn merge_batch(&mut self, _states: &[ArrayRef]) -> Result<(), DataFusionError> {
        internal_err!("the frame of a window is not divided")
    }

    fn size(&self) -> usize {
        let kept: usize = self.parts.iter().flatten().map(|column| bytes_of(column)).sum();
        size_of_val(self) + self.parts.capacity() * size_of::<Vec<ArrayRef>>() + kept
    }
}

//! `sum` and `avg` as functions that the planner knows.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, not_impl_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, Signature,
    Volatility,
};

use super::distinct::Distinct;
use super::groups::totals;
use super::measure::{Measure, Shape};
use super::sliding::sliding;
use super::total::total;
use super::vectors::of_vectors;
use crate::sql::answer::undefined::refusal;
use crate::sql::answer::wording::type_name;
use crate::sql::function::temporal::{INTERVAL, interval_average, interval_sum};
use crate::sql::value::types::{SqlType, real_array};

/// Both of them, in place of the planner's.
pub(super) fn functions() -> [Arc<AggregateUDF>; 2] {
    let both = [(Measure::Sum, interval_sum()), (Measure::Average, interval_average())];
    both.map(|(measure, of_intervals)| {
        let of_intervals = Arc::new(of_intervals);
        let of_vectors = sliding(Arc::new(of_vectors(measure)));
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(AggregateUDF::from(NumberAggregate {
            measure,
            of_intervals,
            of_vectors,
            signature,
        }))
    })
}

/// An aggregate of numbers, of lengths of time, or of vectors.
#[derive(Debug, PartialEq, Eq, Hash)]
struct NumberAggregate {
    measure: Measure,
    of_intervals: Arc<AggregateUDF>,
    of_vectors: Arc<AggregateUDF>,
    signature: Signature,
}

impl NumberAggregate {
    /// The aggregate over the argument; none where it is no number.
    fn shape(&self, arguments: &[FieldRef]) -> Option<Shape> {
        Shape::of(self.measure, arguments.first()?.data_type())
    }

    /// The aggregate over what is no number.
    fn other(&self, data_type: Option<&DataType>) -> &AggregateUDF {
        match data_type {
            Some(DataType::List(_)) => &self.of_vectors,
            _ => &self.of_intervals,
        }
    }

    fn other_of(&self, arguments: &[FieldRef]) -> &AggregateUDF {
        self.other(arguments.first().map(|field| field.data_type()))
    }
}

impl AggregateUDFImpl for NumberAggregate {
    fn name(&self) -> &'static str {
        self.measure.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        match arguments {
            [DataType::Null] => Ok(vec![DataType::Float64]),
            [DataType::Interval(_) | DataType::Duration(_)] => Ok(vec![INTERVAL]),
            [given] if Shape::of(self.measure, given).is_some() => Ok(arguments.to_vec()),
            // Which arrays are vectors their fields tell.
            [given] if *given == real_array() => Ok(arguments.to_vec()),
            _ => {
                let given = arguments.iter().map(ToString::to_string).collect::<Vec<_>>();
                let given: Vec<_> = given.iter().map(|name| type_name(name)).collect();
                let (name, given) = (self.name(), given.join(", "));
                plan_err!("No function matches: {name}({given}) does not exist")
            }
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let Some(given) = arguments.first() else {
            return exec_err!("{} without an argument", self.name());
        };
        match Shape::of(self.measure, given) {
            Some(shape) => Ok(shape.result),
            None => self.other(Some(given)).return_type(arguments),
        }
    }

    fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef, DataFusionError> {
        let types: Vec<DataType> = arguments.iter().map(|it| it.data_type().clone()).collect();
        match arguments {
            [given] if matches!(given.data_type(), DataType::List(_)) => match SqlType::of(given) {
                SqlType::Vector => self.of_vectors.return_field(arguments),
                other => Err(refusal(self.name(), &[other.name()]).into()),
            },
            _ => Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, true))),
        }
    }

    fn accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        match self.shape(arguments.expr_fields) {
            Some(shape) if arguments.is_distinct => Ok(Box::new(Distinct::new(shape))),
            Some(shape) => Ok(total(&shape)),
            None => self.other_of(arguments.expr_fields).accumulator(arguments),
        }
    }

    fn state_fields(
        &self,
        arguments: StateFieldsArgs<'_>,
    ) -> Result<Vec<FieldRef>, DataFusionError> {
        let Some(shape) = self.shape(arguments.input_fields) else {
            return self.other_of(arguments.input_fields).state_fields(arguments);
        };
        let named = |part: &str| format_state_name(arguments.name, part);
        if arguments.is_distinct {
            let item = Field::new_list_field(shape.total, true);
            return Ok(vec![Arc::new(Field::new_list(named("values"), item, false))]);
        }
        Ok(vec![
            Arc::new(Field::new(named("total"), shape.total, true)),
            Arc::new(Field::new(named("count"), DataType::Int64, true)),
        ])
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs<'_>) -> bool {
        if self.shape(arguments.expr_fields).is_some() {
            return !arguments.is_distinct;
        }
        self.other_of(arguments.expr_fields).groups_accumulator_supported(arguments)
    }

    fn create_groups_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>, DataFusionError> {
        match self.shape(arguments.expr_fields) {
            Some(shape) => Ok(totals(&shape)),
            None => self.other_of(arguments.expr_fields).create_groups_accumulator(arguments),
        }
    }

    fn create_sliding_accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        if arguments.is_distinct {
            return not_impl_err!("DISTINCT is not implemented for window functions");
        }
        match self.shape(arguments.expr_fields) {
            Some(shape) => Ok(total(&shape)),
            None => self.other_of(arguments.expr_fields).create_sliding_accumulator(arguments),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

//! Variances, deviations and regressions, added up as PostgreSQL does.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{internal_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::deviations::Deviations;
use crate::sql::function::arithmetic::plain;

/// What is made of the sums in the end; none where there are too few values.
type Made = fn(&Deviations) -> Option<f64>;

/// Aggregates by their names, with the number of their arguments; of two the dependent one is
/// first.
const ALL: [(&str, usize, Made); 17] = [
    ("corr", 2, |sums| {
        let spread = sums.xx * sums.yy;
        sums.where_spread(spread, sums.xy / spread.sqrt())
    }),
    ("covar_pop", 2, |sums| sums.population(sums.xy)),
    ("covar_samp", 2, |sums| sums.sample(sums.xy)),
    ("regr_avgx", 2, |sums| sums.population(sums.x)),
    ("regr_avgy", 2, |sums| sums.population(sums.y)),
    ("regr_intercept", 2, |sums| {
        sums.where_spread(sums.xx, (sums.y - sums.x * sums.xy / sums.xx) / sums.count)
    }),
    ("regr_r2", 2, |sums| {
        let certain = sums.yy == 0.0;
        let share = if certain { 1.0 } else { sums.xy * sums.xy / (sums.xx * sums.yy) };
        sums.where_spread(sums.xx, share)
    }),
    ("regr_slope", 2, |sums| sums.where_spread(sums.xx, sums.xy / sums.xx)),
    ("regr_sxx", 2, |sums| sums.population(1.0).map(|_| sums.xx)),
    ("regr_sxy", 2, |sums| sums.population(1.0).map(|_| sums.xy)),
    ("regr_syy", 2, |sums| sums.population(1.0).map(|_| sums.yy)),
    ("stddev", 1, |sums| sums.sample(sums.xx).map(f64::sqrt)),
    ("stddev_pop", 1, |sums| sums.population(sums.xx).map(f64::sqrt)),
    ("stddev_samp", 1, |sums| sums.sample(sums.xx).map(f64::sqrt)),
    ("var_pop", 1, |sums| sums.population(sums.xx)),
    ("var_samp", 1, |sums| sums.sample(sums.xx)),
    ("variance", 1, |sums| sums.sample(sums.xx)),
];

pub(super) fn functions() -> impl Iterator<Item = Arc<AggregateUDF>> {
    ALL.into_iter().map(|(name, numbers, _)| {
        let numbers = vec![DataType::Float64; numbers];
        let signature = Signature::exact(numbers, Volatility::Immutable);
        Arc::new(AggregateUDF::from(Statistic { name, signature }))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Statistic {
    name: &'static str,
    signature: Signature,
}

impl AggregateUDFImpl for Statistic {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Float64)
    }

    fn accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        if arguments.is_distinct {
            return plan_err!("No function matches {}(DISTINCT ..)", self.name);
        }
        let Some((.., made)) = ALL.iter().find(|(name, ..)| *name == self.name) else {
            return internal_err!("{} is no statistic", self.name);
        };
        Ok(Box::new(Sums { made: *made, sums: Deviations::default() }))
    }

    fn state_fields(
        &self,
        arguments: StateFieldsArgs<'_>,
    ) -> Result<Vec<FieldRef>, DataFusionError> {
        let names = ["count", "x", "y", "xx", "yy", "xy"];
        let named = names.map(|part| format_state_name(arguments.name, part));
        let field = |name| Arc::new(Field::new(name, DataType::Float64, true));
        Ok(named.into_iter().map(field).collect())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

#[derive(Debug)]
struct Sums {
    made: Made,
    sums: Deviations,
}

impl Accumulator for Sums {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let numbers: Vec<&Float64Array> =
            values.iter().map(AsArray::as_primitive::<Float64Type>).collect();
        match numbers.as_slice() {
            [x] => x.iter().flatten().for_each(|x| self.sums.add(x)),
            [y, x] => {
                let pairs = y.iter().zip(x.iter()).filter_map(|(y, x)| Some((x?, y?)));
                pairs.for_each(|(x, y)| self.sums.add_pair(x, y));
            }
            _ => return internal_err!("a statistic of one number or two"),
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        Ok(ScalarValue::Float64((self.made)(&self.sums).map(plain)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        Ok(self.sums.numbers().map(ScalarValue::from).into())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let states: Vec<&Float64Array> =
            states.iter().map(AsArray::as_primitive::<Float64Type>).collect();
        let Ok(states) = <[&Float64Array; 6]>::try_from(states) else {
            return internal_err!("six sums");
        };
        for row in 0..states[0].len() {
            self.sums += Deviations::of(states.map(|sums| sums.value(row)));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

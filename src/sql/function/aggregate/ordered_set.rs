//! Aggregates of values in order: `percentile_disc`, `percentile_cont` and `mode`, and where a row
//! would stand among others.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{internal_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};

use super::in_order::{InOrder, Question};
use crate::sql::SqlError;
use crate::sql::function::scalar::JSONB;
use crate::sql::grammar::marker::{
    CUME_DIST_OF, DENSE_RANK_OF, MODE, PERCENT_RANK_OF, PERCENTILE_CONT, PERCENTILE_DISC, RANK_OF,
};
use crate::sql::value::types::PG_TYPE_KEY;

/// All of them.
pub(super) fn ordered_sets() -> impl Iterator<Item = Arc<AggregateUDF>> {
    let all = [
        (PERCENTILE_DISC, Question::Value),
        (PERCENTILE_CONT, Question::Interpolated),
        (MODE, Question::MostFrequent),
        (RANK_OF, Question::Rank),
        (DENSE_RANK_OF, Question::DenseRank),
        (PERCENT_RANK_OF, Question::PercentRank),
        (CUME_DIST_OF, Question::CumulativeDistribution),
    ];
    all.into_iter().map(|(name, question)| {
        let signature = Signature::user_defined(Volatility::Immutable);
        Arc::new(AggregateUDF::from(OrderedSet { name, question, signature }))
    })
}

/// An aggregate of `WITHIN GROUP (ORDER BY ..)`: its first argument is what is ordered, the second
/// what is asked for.
#[derive(Debug, PartialEq, Eq, Hash)]
struct OrderedSet {
    name: &'static str,
    question: Question,
    signature: Signature,
}

impl AggregateUDFImpl for OrderedSet {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        let fraction = |asked: &DataType| match asked {
            DataType::List(_) => DataType::new_list(DataType::Float64, true),
            _ => DataType::Float64,
        };
        let number = |of: &DataType| of.is_numeric() || of.is_null();
        match (self.question, arguments) {
            (Question::MostFrequent, [_]) => Ok(arguments.to_vec()),
            (Question::Value, [ordered, asked]) => Ok(vec![ordered.clone(), fraction(asked)]),
            (Question::Interpolated, [ordered, asked]) if number(ordered) => {
                Ok(vec![DataType::Float64, fraction(asked)])
            }
            (
                Question::Rank
                | Question::DenseRank
                | Question::PercentRank
                | Question::CumulativeDistribution,
                [ordered, asked],
            ) if let Some(common) = comparison_coercion(ordered, asked) => {
                Ok(vec![common.clone(), common])
            }
            _ => plan_err!("No function matches {} with these arguments", self.name),
        }
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("{} tells its field", self.name)
    }

    fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef, DataFusionError> {
        let Some(ordered) = arguments.first() else {
            return internal_err!("{} of nothing", self.name);
        };
        if ordered.metadata().get(PG_TYPE_KEY).is_some_and(|name| name == JSONB) {
            return Err(SqlError::unsupported(format!("{} of documents", self.name)).into());
        }
        let several = arguments.get(1).is_some_and(|asked| asked.data_type().is_list());
        let item = match self.question {
            Question::Rank | Question::DenseRank => DataType::Int64,
            Question::PercentRank | Question::CumulativeDistribution => DataType::Float64,
            Question::Value | Question::Interpolated | Question::MostFrequent => {
                ordered.data_type().clone()
            }
        };
        let field = if several && self.question.takes_fractions() {
            Field::new(self.name, DataType::new_list(item, true), true)
        } else {
            Field::new(self.name, item, true).with_metadata(match self.question {
                Question::Value | Question::MostFrequent => ordered.metadata().clone(),
                _ => HashMap::new(),
            })
        };
        Ok(Arc::new(field))
    }

    fn accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        if arguments.is_distinct {
            return plan_err!("cannot use DISTINCT with WITHIN GROUP");
        }
        let options =
            arguments.order_bys.first().map_or_else(SortOptions::default, |key| key.options);
        let (ordered, asked) = (arguments.expr_fields.first(), arguments.expr_fields.get(1));
        let Some(ordered) = ordered else { return internal_err!("{} of nothing", self.name) };
        let asked = asked.map_or(DataType::Null, |asked| asked.data_type().clone());
        Ok(Box::new(InOrder::new(self.question, options, ordered.data_type().clone(), &asked)?))
    }

    fn state_fields(
        &self,
        arguments: StateFieldsArgs<'_>,
    ) -> Result<Vec<FieldRef>, DataFusionError> {
        let Some(ordered) = arguments.input_fields.first() else {
            return internal_err!("{} of nothing", self.name);
        };
        let asked = arguments.input_fields.get(1);
        let asked = asked.map_or(DataType::Null, |asked| asked.data_type().clone());
        let item = Field::new_list_field(ordered.data_type().clone(), true);
        let named = |part: &str| format_state_name(arguments.name, part);
        Ok(vec![
            Arc::new(Field::new_list(named("values"), item, true)),
            Arc::new(Field::new(named("asked"), asked, true)),
        ])
    }

    /// They sort by themselves.
    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }
}

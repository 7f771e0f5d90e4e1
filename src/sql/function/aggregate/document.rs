//! `jsonb_agg` and `jsonb_object_agg`: one document made of many rows.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::utils::compare_rows;
use datafusion::common::{internal_err, plan_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::sql::function::scalar::{JSONB, document_of, read_document, written_document};
use crate::sql::value::types::with_pg_type;
use crate::sql::{SqlError, SqlState};

/// The aggregates that make documents, under the names of `jsonb` and of `json`.
pub(super) fn documents() -> impl Iterator<Item = Arc<AggregateUDF>> {
    let named = [
        ("jsonb_agg", Shape::Array),
        ("json_agg", Shape::Array),
        ("jsonb_object_agg", Shape::Object),
        ("json_object_agg", Shape::Object),
    ];
    named.into_iter().map(|(name, shape)| {
        let arguments = TypeSignature::Any(if shape == Shape::Array { 1 } else { 2 });
        let signature = Signature::new(arguments, Volatility::Stable);
        Arc::new(AggregateUDF::from(DocumentAggregate { name, shape, signature }))
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shape {
    Array,
    Object,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct DocumentAggregate {
    name: &'static str,
    shape: Shape,
    signature: Signature,
}

impl AggregateUDFImpl for DocumentAggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::Utf8)
    }

    fn return_field(&self, _arguments: &[FieldRef]) -> Result<FieldRef, DataFusionError> {
        Ok(Arc::new(with_pg_type(Field::new(self.name, DataType::Utf8, true), JSONB)))
    }

    fn accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        if arguments.is_distinct && self.shape == Shape::Object {
            return plan_err!("No function matches {}(DISTINCT ..)", self.name);
        }
        Ok(Box::new(Document {
            shape: self.shape,
            fields: arguments.expr_fields.to_vec(),
            orders: arguments.order_bys.iter().map(|key| key.options).collect(),
            parts: Vec::new(),
            bytes: 0,
            seen: arguments.is_distinct.then(HashSet::new),
        }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Beneficial
    }

    fn with_beneficial_ordering(
        self: Arc<Self>,
        _is_ordered: bool,
    ) -> Result<Option<Arc<dyn AggregateUDFImpl>>, DataFusionError> {
        Ok(Some(self))
    }

    fn state_fields(
        &self,
        arguments: StateFieldsArgs<'_>,
    ) -> Result<Vec<FieldRef>, DataFusionError> {
        let item = Field::new_list_field(DataType::Utf8, true);
        let name = format_state_name(arguments.name, "parts");
        Ok(vec![Arc::new(Field::new_list(name, item, true))])
    }
}

/// An item, or a key with its value, and what it is ordered by.
#[derive(Debug)]
struct Part {
    text: String,
    keys: Vec<ScalarValue>,
}

/// A document that grows: its items, or its keys with their values, as text.
#[derive(Debug)]
struct Document {
    shape: Shape,
    fields: Vec<FieldRef>,
    /// How the parts are ordered by the columns behind these.
    orders: Vec<SortOptions>,
    parts: Vec<Part>,
    bytes: usize,
    /// What there was already, where equal items count once.
    seen: Option<HashSet<String>>,
}

impl Document {
    fn push(&mut self, text: String, keys: Vec<ScalarValue>) {
        if let Some(seen) = &mut self.seen
            && !seen.insert(text.clone())
        {
            return;
        }
        let keys_bytes: usize = keys.iter().map(ScalarValue::size).sum();
        self.bytes += text.len() + keys_bytes;
        self.parts.push(Part { text, keys });
    }

    /// The parts in their order.
    fn ordered(&mut self) -> Result<Vec<&str>, DataFusionError> {
        let mut failure = None;
        let orders = &self.orders;
        self.parts.sort_by(|left, right| {
            compare_rows(&left.keys, &right.keys, orders).unwrap_or_else(|error| {
                failure = Some(error);
                Ordering::Equal
            })
        });
        match failure {
            Some(error) => Err(error),
            None => Ok(self.parts.iter().map(|part| part.text.as_str()).collect()),
        }
    }

    fn part(&self, columns: &[ArrayRef], row: usize) -> Result<String, DataFusionError> {
        let mut values = columns.iter().zip(&self.fields).map(|(column, field)| {
            Ok::<_, DataFusionError>(written_document(&document_of(column, field, row)?))
        });
        let Some(first) = values.next().transpose()? else {
            return internal_err!("a document is made of values");
        };
        let Some(value) = values.next().transpose()? else { return Ok(first) };
        if first == "null" {
            let message = "field name must not be null";
            return Err(SqlError::new(SqlState::NullValueNotAllowed, message).into());
        }
        let key = if first.starts_with('"') { first } else { format!("\"{first}\"") };
        Ok(format!("{key}: {value}"))
    }
}

impl Accumulator for Document {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<(), DataFusionError> {
        let rows = values.first().map_or(0, Array::len);
        for row in 0..rows {
            let part = self.part(values, row)?;
            let keys = values.iter().skip(self.fields.len());
            let keys = keys.map(|key| ScalarValue::try_from_array(key, row));
            let keys = keys.take(self.orders.len()).collect::<Result<_, _>>()?;
            self.push(part, keys);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        if self.parts.is_empty() {
            return Ok(ScalarValue::Utf8(None));
        }
        let shape = self.shape;
        let parts = self.ordered()?.join(", ");
        Ok(ScalarValue::from(match shape {
            Shape::Array => format!("[{parts}]"),
            // Keys are put in order, and of equal ones the last counts.
            Shape::Object => written_document(&read_document(&format!("{{{parts}}}"))?),
        }))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        let parts: Vec<_> = self.ordered()?.into_iter().map(ScalarValue::from).collect();
        let list = ScalarValue::new_list_nullable(&parts, &DataType::Utf8);
        Ok(vec![ScalarValue::List(list)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [lists] = states else { return internal_err!("a list of parts") };
        for parts in lists.as_list::<i32>().iter().flatten() {
            let parts = parts.as_string::<i32>().iter().flatten();
            parts.for_each(|part| self.push(part.to_owned(), Vec::new()));
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let copies = if self.seen.is_some() { 2 } else { 1 };
        size_of_val(self) + copies * (self.bytes + self.parts.capacity() * size_of::<Part>())
    }
}

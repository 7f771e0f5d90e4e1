//! `string_agg`: one text, or one row of bytes, made of those of many rows.

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
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::sql::answer::wording::type_name;

/// The aggregate, in place of the planner's, which knows no bytes and one delimiter for all rows.
pub(super) fn function() -> Arc<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::from(StringAgg { signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct StringAgg {
    signature: Signature,
}

impl AggregateUDFImpl for StringAgg {
    fn name(&self) -> &'static str {
        "string_agg"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        let is_bytes = |given: &DataType| given.is_binary();
        let is_text = |given: &DataType| given.is_string() || given.is_null();
        match arguments {
            // A text that stands beside bytes is read as bytes.
            [left, right]
                if [left, right].into_iter().any(is_bytes)
                    && [left, right].into_iter().all(|it| is_bytes(it) || is_text(it)) =>
            {
                Ok(vec![DataType::Binary; 2])
            }
            [left, right] if is_text(left) && is_text(right) => Ok(vec![DataType::Utf8; 2]),
            _ => {
                let given = arguments.iter().map(ToString::to_string).collect::<Vec<_>>();
                let given: Vec<_> = given.iter().map(|name| type_name(name)).collect();
                plan_err!("No function matches: string_agg({}) does not exist", given.join(", "))
            }
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        let Some(joined) = arguments.first() else { return internal_err!("nothing is joined") };
        Ok(joined.clone())
    }

    fn accumulator(
        &self,
        arguments: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>, DataFusionError> {
        Ok(Box::new(Joined {
            data_type: arguments.return_field.data_type().clone(),
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
        let list = |part| {
            let item = Field::new_list_field(DataType::Binary, true);
            Arc::new(Field::new_list(format_state_name(arguments.name, part), item, true))
        };
        Ok(vec![list("values"), list("delimiters")])
    }
}

/// A value and its delimiter.
type Pair = (Vec<u8>, Option<Vec<u8>>);

/// A value, what stands before it if it is not the first, and what it is ordered by.
#[derive(Debug)]
struct Part {
    value: Vec<u8>,
    delimiter: Option<Vec<u8>>,
    keys: Vec<ScalarValue>,
}

/// What is joined so far.
#[derive(Debug)]
struct Joined {
    data_type: DataType,
    /// How the parts are ordered by the columns behind the arguments.
    orders: Vec<SortOptions>,
    parts: Vec<Part>,
    bytes: usize,
    /// What there was already, where equal ones count once.
    seen: Option<HashSet<Pair>>,
}

impl Joined {
    fn push(&mut self, part: Part) {
        if let Some(seen) = &mut self.seen
            && !seen.insert((part.value.clone(), part.delimiter.clone()))
        {
            return;
        }
        let keys: usize = part.keys.iter().map(ScalarValue::size).sum();
        self.bytes += part.value.len() + part.delimiter.as_ref().map_or(0, Vec::len) + keys;
        self.parts.push(part);
    }

    fn sort(&mut self) -> Result<(), DataFusionError> {
        let (mut failure, orders) = (None, &self.orders);
        self.parts.sort_by(|left, right| {
            compare_rows(&left.keys, &right.keys, orders).unwrap_or_else(|error| {
                failure = Some(error);
                Ordering::Equal
            })
        });
        failure.map_or(Ok(()), Err)
    }
}

/// The bytes in a row of texts or of bytes; none for NULL.
fn bytes(column: &ArrayRef, row: usize) -> Option<Vec<u8>> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.as_string_opt::<i32>() {
        Some(texts) => texts.value(row).as_bytes().to_vec(),
        None => column.as_binary::<i32>().value(row).to_vec(),
    })
}

impl Accumulator for Joined {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [values, delimiters, keys @ ..] = columns else {
            return internal_err!("values and delimiters are joined");
        };
        for row in 0..values.len() {
            let Some(value) = bytes(values, row) else { continue };
            let keys = keys.iter().take(self.orders.len());
            let keys = keys.map(|key| ScalarValue::try_from_array(key, row));
            let keys = keys.collect::<Result<_, _>>()?;
            self.push(Part { value, delimiter: bytes(delimiters, row), keys });
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue, DataFusionError> {
        self.sort()?;
        let mut joined: Option<Vec<u8>> = None;
        for part in &self.parts {
            match &mut joined {
                Some(joined) => {
                    joined.extend(part.delimiter.iter().flatten());
                    joined.extend(&part.value);
                }
                None => joined = Some(part.value.clone()),
            }
        }
        if self.data_type == DataType::Binary {
            return Ok(ScalarValue::Binary(joined));
        }
        let Ok(text) = joined.map(String::from_utf8).transpose() else {
            return internal_err!("texts are joined to what is no text");
        };
        Ok(ScalarValue::Utf8(text))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>, DataFusionError> {
        self.sort()?;
        let list = |part: fn(&Part) -> Option<Vec<u8>>| {
            let items: Vec<_> = self.parts.iter().map(|of| ScalarValue::Binary(part(of))).collect();
            ScalarValue::List(ScalarValue::new_list_nullable(&items, &DataType::Binary))
        };
        Ok(vec![list(|part| Some(part.value.clone())), list(|part| part.delimiter.clone())])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<(), DataFusionError> {
        let [values, delimiters] = states else {
            return internal_err!("values and delimiters are joined");
        };
        let lists = values.as_list::<i32>().iter().zip(delimiters.as_list::<i32>().iter());
        for (values, delimiters) in lists.filter_map(|(left, right)| left.zip(right)) {
            for row in 0..values.len() {
                let Some(value) = bytes(&values, row) else { continue };
                self.push(Part { value, delimiter: bytes(&delimiters, row), keys: Vec::new() });
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let copies = if self.seen.is_some() { 2 } else { 1 };
        size_of_val(self) + copies * (self.bytes + self.parts.capacity() * size_of::<Part>())
    }
}

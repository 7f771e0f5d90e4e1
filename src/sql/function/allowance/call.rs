//! A function whose calls are measured.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, new_empty_array};
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ExpressionPlacement, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, StructFieldMapping,
};
use datafusion::scalar::ScalarValue;
use parking_lot::Mutex;

use super::check;
use super::pool::{Pool, Room};
use super::size::{bytes_of_argument, bytes_of_value, longest};

/// Results of fewer bytes are not counted together with those of others.
const COUNTED_BYTES_MIN: usize = 64 << 10;

/// The same function but for what it may take.
#[derive(Debug)]
pub(super) struct Measured {
    inner: Arc<ScalarUDF>,
    pool: Pool,
    /// For the last value that stood for all rows of a batch: most are in the plan by now.
    value: Mutex<Option<Room>>,
}

impl Measured {
    pub(super) fn new(inner: Arc<ScalarUDF>, pool: Pool) -> Self {
        Self { inner, pool, value: Mutex::new(None) }
    }

    fn count(&self, result: &ColumnarValue, bytes: usize) -> Result<(), DataFusionError> {
        if bytes < COUNTED_BYTES_MIN {
            return Ok(());
        }
        match result {
            ColumnarValue::Array(column) => self.pool.count(column.as_ref(), bytes)?,
            ColumnarValue::Scalar(_) => {
                let room = self.pool.room(bytes)?;
                *self.value.lock() = Some(room);
            }
        }
        Ok(())
    }
}

/// How much more than it is given a call may make, where that is not a few times as much.
fn multiplied(name: &str, arguments: &[ColumnarValue], rows: usize) -> usize {
    match (name, arguments) {
        // A separator stands between any two.
        ("concat_ws", [separator, values @ ..]) => {
            let places = values.len().saturating_sub(1);
            rows.saturating_mul(places).saturating_mul(widest(separator))
        }
        ("array_to_string", [items, between @ ..]) => {
            let each: usize = between.iter().map(widest).sum();
            items_in(items, rows).saturating_mul(each)
        }
        ("array_replace" | "array_replace_n" | "array_replace_all", [items, _, by, ..]) => {
            items_in(items, rows).saturating_mul(widest(by))
        }
        _ => 0,
    }
}

/// The bytes of the largest of some values.
fn widest(values: &ColumnarValue) -> usize {
    match values {
        ColumnarValue::Array(values) => longest(values),
        ColumnarValue::Scalar(value) => bytes_of_value(value),
    }
}

/// How many items there are in arrays and in arrays within them.
fn items_in(arrays: &ColumnarValue, rows: usize) -> usize {
    match arrays {
        ColumnarValue::Array(arrays) => items(arrays.as_ref()),
        ColumnarValue::Scalar(ScalarValue::List(array)) => {
            items(array.as_ref()).saturating_mul(rows)
        }
        ColumnarValue::Scalar(_) => rows,
    }
}

fn items(column: &dyn Array) -> usize {
    match column.as_list_opt::<i32>() {
        Some(lists) => lists.iter().flatten().map(|list| items(list.as_ref())).sum(),
        None => column.len(),
    }
}

impl PartialEq for Measured {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Measured {}

impl Hash for Measured {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl ScalarUDFImpl for Measured {
    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        // Some functions take the type of what they make from its first row.
        if arguments.number_rows == 0 {
            let none = new_empty_array(arguments.return_field.data_type());
            return Ok(ColumnarValue::Array(none));
        }
        let name = self.inner.name();
        let given: usize = arguments.args.iter().map(bytes_of_argument).sum();
        let more = multiplied(name, &arguments.args, arguments.number_rows);
        check(name, given.saturating_add(more))?;
        let result = self.inner.invoke_with_args(arguments)?;
        let made = bytes_of_argument(&result);
        check(name, given.saturating_add(made))?;
        self.count(&result, made)?;
        Ok(result)
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, arguments: &[Expr]) -> Result<String, DataFusionError> {
        self.inner.schema_name(arguments)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        self.inner.return_type(arguments)
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let inner = Arc::new(self.inner.inner().with_updated_config(config)?);
        Some(ScalarUDF::from(Self::new(inner, self.pool.clone())))
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        self.inner.return_field_from_args(arguments)
    }

    fn is_strict(&self) -> bool {
        self.inner.is_strict()
    }

    fn simplify(
        &self,
        arguments: Vec<Expr>,
        context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult, DataFusionError> {
        self.inner.simplify(arguments, context)
    }

    fn preimage(
        &self,
        arguments: &[Expr],
        literal: &Expr,
        context: &SimplifyContext,
    ) -> Result<PreimageResult, DataFusionError> {
        self.inner.preimage(arguments, literal, context)
    }

    fn short_circuits(&self) -> bool {
        self.inner.short_circuits()
    }

    fn conditional_arguments<'a>(
        &self,
        arguments: &'a [Expr],
    ) -> Option<(Vec<&'a Expr>, Vec<&'a Expr>)> {
        self.inner.conditional_arguments(arguments)
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval, DataFusionError> {
        self.inner.evaluate_bounds(inputs)
    }

    fn propagate_constraints(
        &self,
        interval: &Interval,
        inputs: &[&Interval],
    ) -> Result<Option<Vec<Interval>>, DataFusionError> {
        self.inner.propagate_constraints(interval, inputs)
    }

    fn output_ordering(
        &self,
        inputs: &[ExprProperties],
    ) -> Result<SortProperties, DataFusionError> {
        self.inner.output_ordering(inputs)
    }

    fn preserves_lex_ordering(&self, inputs: &[ExprProperties]) -> Result<bool, DataFusionError> {
        self.inner.preserves_lex_ordering(inputs)
    }

    fn strictly_order_preserving(
        &self,
        inputs: &[ExprProperties],
    ) -> Result<bool, DataFusionError> {
        self.inner.inner().strictly_order_preserving(inputs)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        self.inner.coerce_types(arguments)
    }

    fn struct_field_mapping(&self, literals: &[Option<ScalarValue>]) -> Option<StructFieldMapping> {
        self.inner.inner().struct_field_mapping(literals)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn placement(&self, arguments: &[ExpressionPlacement]) -> ExpressionPlacement {
        self.inner.placement(arguments)
    }
}

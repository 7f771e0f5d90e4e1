//! The functions that make records: `ROW(..)`, and that of a whole row of a table.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StructArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::sql::SqlError;
use crate::sql::grammar::marker::{OUTER_ROW, WHOLE_ROW};

/// Under which a field of a record says what the column is called that it holds.
const COLUMN_KEY: &str = "column";

/// Makes them known to a session; that of `ROW` in place of the planner's, which forgets what types
/// are called.
pub(in crate::sql) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    for what in What::ALL {
        state.register_udf(Arc::new(function(what)))?;
    }
    Ok(())
}

fn function(what: What) -> ScalarUDF {
    let arguments = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
    ScalarUDF::from(Record { what, signature: Signature::one_of(arguments, Volatility::Immutable) })
}

/// The values that the fields of a record have where it is made, and whether it may be NULL.
pub(super) fn values(record: &Expr) -> Option<(Vec<Expr>, bool)> {
    let Expr::ScalarFunction(call) = record else { return None };
    let what = What::ALL.into_iter().find(|what| what.name() == call.func.name())?;
    Some((what.fields(&call.args).cloned().collect(), what == What::Outer))
}

/// The name of the column that a field of a record holds.
pub(in crate::sql) fn column_of(field: &Field) -> &str {
    field.metadata().get(COLUMN_KEY).unwrap_or(field.name())
}

/// What a record is made of. Its fields are called by their places, so that records of the same
/// types are of one type to the planner, which would look for fields of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Values,
    /// The name of a table, then names and values of its columns in turn.
    Table,
    /// The same, but NULL where all values are: an outer join has no row there.
    Outer,
}

impl What {
    const ALL: [Self; 3] = [Self::Values, Self::Table, Self::Outer];

    fn name(self) -> &'static str {
        match self {
            Self::Values => "row",
            Self::Table => WHOLE_ROW,
            Self::Outer => OUTER_ROW,
        }
    }

    /// Those of the arguments that become fields.
    fn fields<T>(self, arguments: &[T]) -> impl Iterator<Item = &T> {
        let (first, step) = match self {
            Self::Values => (0, 1),
            Self::Table | Self::Outer => (2, 2),
        };
        arguments.iter().skip(first).step_by(step)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Record {
    what: What,
    signature: Signature,
}

impl ScalarUDFImpl for Record {
    fn name(&self) -> &'static str {
        self.what.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("a record tells its field")
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        let names = arguments.scalar_arguments.iter().skip(1).step_by(2);
        let names = names.map(|name| name.and_then(|name| name.try_as_str().flatten()));
        let mut names = names.chain(std::iter::repeat(None));
        let fields = self.what.fields(arguments.arg_fields).zip(1..).map(|(field, place)| {
            let field = field.as_ref().clone();
            let mut field = field.with_name(format!("f{place}")).with_nullable(true);
            field.metadata_mut().remove(COLUMN_KEY);
            if self.what != What::Values
                && let Some(name) = names.next().flatten()
            {
                field.metadata_mut().insert(COLUMN_KEY.to_owned(), name.to_owned());
            }
            Arc::new(field)
        });
        let fields: Fields = fields.collect();
        let may_be_null = self.what == What::Outer;
        Ok(Arc::new(Field::new(self.name(), DataType::Struct(fields), may_be_null)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let DataType::Struct(fields) = arguments.return_field.data_type() else {
            return internal_err!("a record has fields");
        };
        let constant =
            arguments.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let values = self.what.fields(&arguments.args).map(|argument| argument.to_array(rows));
        let values = values.collect::<Result<Vec<ArrayRef>, _>>()?;
        let nulls = if self.what == What::Outer { all_null(&values, rows) } else { None };
        let records = StructArray::try_new_with_length(fields.clone(), values, nulls, rows)?;
        Ok(if constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&records, 0)?)
        } else {
            ColumnarValue::Array(Arc::new(records))
        })
    }
}

/// The rows in which all values are NULL; none where there are no such rows.
fn all_null(values: &[ArrayRef], rows: usize) -> Option<NullBuffer> {
    let nulls: Option<Vec<NullBuffer>> = values.iter().map(Array::logical_nulls).collect();
    let nulls = nulls.filter(|columns| !columns.is_empty())?;
    Some((0..rows).map(|row| nulls.iter().any(|column| column.is_valid(row))).collect())
}

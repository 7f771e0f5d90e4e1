//! The functions that clients call on rows of the system catalogs, and how they are called.

mod constant;
mod definition;
mod lookup;
mod naming;
mod privilege;
mod procedure;
mod session;
mod type_of;

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::DataFusionError;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

pub(super) use naming::type_name;
pub(super) use privilege::table_privileges;

use self::definition::Definition;

use super::row;
use super::view::SystemView;
use crate::sql::SqlError;

/// Functions that answer the same in every statement.
pub(in crate::sql) fn register(state: &mut SessionState) -> Result<(), SqlError> {
    let known = [naming::FUNCTIONS, constant::FUNCTIONS, procedure::FUNCTIONS];
    for definition in known.into_iter().flatten() {
        state.register_udf(Arc::new(CatalogFunction::of(definition, (), Volatility::Stable)))?;
    }
    state.register_udf(Arc::new(type_of::function()))?;
    Ok(())
}

/// Functions that look into what a statement sees.
pub(in crate::sql) fn register_with(
    state: &mut SessionState,
    catalog: &SystemView,
) -> Result<(), SqlError> {
    let stable = [lookup::FUNCTIONS, privilege::FUNCTIONS, session::STABLE].into_iter().flatten();
    let stable = stable.map(|definition| (definition, Volatility::Stable));
    let volatile = session::VOLATILE.iter().map(|definition| (definition, Volatility::Volatile));
    for (definition, volatility) in stable.chain(volatile) {
        let function = CatalogFunction::of(definition, catalog.clone(), volatility);
        state.register_udf(Arc::new(function))?;
    }
    Ok(())
}

/// The function that prints a function's number as its name.
pub(super) fn name_of_function() -> ScalarUDF {
    CatalogFunction::of(&naming::REGPROC_OUT, (), Volatility::Stable)
}

/// A definition with what it looks into.
#[derive(Debug)]
struct CatalogFunction<C: 'static> {
    definition: &'static Definition<C>,
    context: C,
    signature: Signature,
}

/// What a function may look into.
trait Context: std::fmt::Debug + Send + Sync + 'static {}

impl Context for () {}
impl Context for SystemView {}

impl<C: Context> CatalogFunction<C> {
    fn of(definition: &'static Definition<C>, context: C, volatility: Volatility) -> ScalarUDF {
        let arities = (definition.least..=definition.most).map(|count| match count {
            0 => TypeSignature::Nullary,
            count => TypeSignature::Any(count),
        });
        let signature = Signature::one_of(arities.collect(), volatility);
        ScalarUDF::from(Self { definition, context, signature })
    }

    fn call(&self, arguments: &[Option<&str>]) -> Result<Option<String>, SqlError> {
        let given: Vec<&str> = arguments.iter().map_while(|argument| *argument).collect();
        if given.len() < self.definition.least {
            return Ok(None);
        }
        (self.definition.body)(&self.context, &given)
    }
}

/// Within one statement a name has one meaning.
impl<C> PartialEq for CatalogFunction<C> {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name
    }
}

impl<C> Eq for CatalogFunction<C> {}

impl<C> std::hash::Hash for CatalogFunction<C> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

impl<C: Context> ScalarUDFImpl for CatalogFunction<C> {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(self.definition.returns.field(self.name()).data_type().clone())
    }

    fn return_field_from_args(
        &self,
        _arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        Ok(Arc::new(self.definition.returns.field(self.name())))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let once = arguments.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let count = if once { 1 } else { arguments.number_rows };
        let texts = arguments
            .args
            .into_iter()
            .map(|value| cast(&value.into_array(count)?, &DataType::Utf8).map_err(Into::into))
            .collect::<Result<Vec<_>, DataFusionError>>()?;
        let columns: Vec<_> = texts.iter().map(AsArray::as_string::<i32>).collect();
        let mut results = Vec::with_capacity(count);
        for at in 0..count {
            let row: Vec<Option<&str>> = columns
                .iter()
                .map(|column| column.is_valid(at).then(|| column.value(at)))
                .collect();
            results.push(self.call(&row)?);
        }
        let cells: Vec<Option<&str>> = results.iter().map(Option::as_deref).collect();
        let array = row::array(self.definition.returns, &cells);
        if once {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

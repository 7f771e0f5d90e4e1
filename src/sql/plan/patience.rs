//! The end of a join that makes nothing for a long time.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder,
};

use super::wanted;

/// `plan`; where it joins by a filter, one that fails once the statement is given up. A filter that
/// lets nothing through is all that runs while a join looks for its next row.
pub(super) fn impatient(
    plan: &Arc<dyn ExecutionPlan>,
    config: &ConfigOptions,
) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
    if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
        let Some(filter) = join.filter() else { return Ok(None) };
        let filter = Some(watched(filter, config)?);
        let join = NestedLoopJoinExecBuilder::from(join).with_filter(filter).build()?;
        return Ok(Some(Arc::new(join)));
    }
    if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        let Some(filter) = join.filter() else { return Ok(None) };
        let filter = Some(watched(filter, config)?);
        return join.builder().with_filter(filter).build_exec().map(Some);
    }
    Ok(None)
}

fn watched(filter: &JoinFilter, config: &ConfigOptions) -> Result<JoinFilter, DataFusionError> {
    let watch = Arc::new(ScalarUDF::from(WatchedFilter::new()));
    let (schema, config) = (filter.schema(), Arc::new(config.clone()));
    let filtering = vec![Arc::clone(filter.expression())];
    let expression = ScalarFunctionExpr::try_new(watch, filtering, schema, config)?;
    let expression: Arc<dyn PhysicalExpr> = Arc::new(expression);
    Ok(JoinFilter::new(expression, filter.column_indices().to_vec(), Arc::clone(schema)))
}

/// Its argument, unless the statement is given up.
#[derive(Debug, PartialEq, Eq, Hash)]
struct WatchedFilter {
    signature: Signature,
}

impl WatchedFilter {
    fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Volatile) }
    }
}

impl ScalarUDFImpl for WatchedFilter {
    fn name(&self) -> &'static str {
        "watched_filter"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Boolean))
    }

    fn invoke_with_args(&self, call: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        wanted::check()?;
        let argument = call.args.into_iter().next();
        argument.ok_or_else(|| DataFusionError::Internal("nothing is watched".to_owned()))
    }
}

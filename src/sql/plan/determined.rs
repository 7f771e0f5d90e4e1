//! Which columns determine which, as far as that is true.
//!
//! The planner takes a key of one side of a join, by which rows are grouped together with columns
//! of the other side, for a key of the groups: it then groups and orders by that key alone. And a
//! key of a side that an outer join may lack is NULL for the rows it lacks, and may be NULL beside.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchemaRef, FunctionalDependence, FunctionalDependencies, JoinType};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Aggregate, Expr, Join, LogicalPlan};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// Rules that ask which columns determine which.
const ASKING: [&str; 3] = ["eliminate_duplicated_expr", "eliminate_join", "optimize_projections"];

/// Takes out of a plan what is not true of its columns; what they are it leaves.
#[derive(Debug)]
pub(super) struct Determined;

impl Determined {
    /// Optimizer rules, those behind this that ask.
    pub(super) fn before_asking(
        rules: impl IntoIterator<Item = Arc<dyn OptimizerRule + Send + Sync>>,
    ) -> impl Iterator<Item = Arc<dyn OptimizerRule + Send + Sync>> {
        rules.into_iter().flat_map(|rule| {
            let before = ASKING.contains(&rule.name()).then(|| Arc::new(Self) as _);
            before.into_iter().chain([rule])
        })
    }
}

impl OptimizerRule for Determined {
    fn name(&self) -> &'static str {
        "determined"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>, DataFusionError> {
        if !plan.exists(|node| Ok(true_of(node).is_some()))? {
            return Ok(Transformed::no(plan));
        }
        // It stays the same plan to the other rules.
        corrected(plan).map(|corrected| Transformed::no(corrected.data))
    }
}

fn corrected(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let below = plan.map_children(corrected)?;
    let node = if below.transformed { below.data.recompute_schema()? } else { below.data };
    let Some(dependencies) = true_of(&node) else {
        return Ok(Transformed::new_transformed(node, below.transformed));
    };
    let schema = node.schema().as_ref().clone().with_functional_dependencies(dependencies)?;
    Ok(Transformed::yes(with_schema(node, Arc::new(schema))))
}

fn with_schema(node: LogicalPlan, schema: DFSchemaRef) -> LogicalPlan {
    match node {
        LogicalPlan::Aggregate(mut aggregate) => {
            aggregate.schema = schema;
            LogicalPlan::Aggregate(aggregate)
        }
        LogicalPlan::Join(join) => LogicalPlan::Join(Join { schema, ..join }),
        other => other,
    }
}

/// What is true of the columns of a node, where something else is said of them.
fn true_of(node: &LogicalPlan) -> Option<FunctionalDependencies> {
    match node {
        LogicalPlan::Aggregate(aggregate) => true_of_groups(aggregate),
        LogicalPlan::Join(Join { join_type: JoinType::Left | JoinType::Right, schema, .. }) => {
            let said = schema.functional_dependencies();
            let kept = said.iter().filter(|dependence| !dependence.nullable).cloned();
            let kept: Vec<FunctionalDependence> = kept.collect();
            (kept.len() < said.len()).then(|| FunctionalDependencies::new(kept))
        }
        _ => None,
    }
}

/// All that groups are of is a key of them, and less is none.
fn true_of_groups(aggregate: &Aggregate) -> Option<FunctionalDependencies> {
    let Aggregate { group_expr, schema, .. } = aggregate;
    let said = schema.functional_dependencies();
    if said.iter().all(|dependence| dependence.source_indices.len() >= group_expr.len()) {
        return None;
    }
    if group_expr.iter().any(|key| matches!(key, Expr::GroupingSet(_))) {
        return Some(FunctionalDependencies::empty());
    }
    let keys: Vec<usize> = (0..group_expr.len()).collect();
    let is_nullable = schema.fields().iter().take(keys.len()).any(|field| field.is_nullable());
    let all = (0..schema.fields().len()).collect();
    Some(FunctionalDependencies::new(vec![FunctionalDependence::new(keys, all, is_nullable)]))
}

//! The rule that finds sorts by distance of which only the first rows are wanted, and filters that
//! keep who is nearer than something.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{
    PhysicalExpr, PhysicalSortExpr, ScalarFunctionExpr, conjunction_opt, split_conjunction,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

use super::exec::{NearestFaces, Reach};
use super::measure::Measure;
use crate::engine::TenantSnapshot;
use crate::sql::read::columns::GalleryColumn;
use crate::sql::read::scan::GalleryScan;

/// Reads only the faces that can come first where a gallery is sorted by distance and cut, or that
/// can be near enough where it is filtered by distance.
#[derive(Debug)]
pub(in crate::sql) struct NearestFirst;

impl PhysicalOptimizerRule for NearestFirst {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        plan.transform_down(|plan| {
            let input = if let Some(sort) = plan.downcast_ref::<SortExec>() {
                sorted_input(sort)?
            } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
                filtered_input(filter)?
            } else {
                None
            };
            Ok(match input {
                Some(input) => Transformed::yes(over(plan, input)?),
                None => Transformed::no(plan),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "nearest_first"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The input of a sort with a search in place of its scan; none where it is not by distance.
fn sorted_input(sort: &SortExec) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
    let Some(wanted) = sort.fetch().filter(|wanted| TenantSnapshot::finds_nearest(*wanted)) else {
        return Ok(None);
    };
    // Further keys order what is equally far, all of which the search brings.
    let PhysicalSortExpr { expr, options } = sort.expr().first().clone();
    let cut = Cut { distance: expr, options, reach: Reach::First(wanted), filters: Vec::new() };
    searched(sort.input(), cut)
}

/// The input of a filter with a search in place of its scan; none where it is not by distance. The
/// filter stays, and measures again.
fn filtered_input(filter: &FilterExec) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
    for condition in split_conjunction(filter.predicate()) {
        let Some(Comparison { distance, descending, bound }) = Comparison::of(condition) else {
            continue;
        };
        let options = SortOptions { descending, nulls_first: false };
        let reach = Reach::Within { bound, negated: descending };
        let cut = Cut { distance, options, reach, filters: Vec::new() };
        if let Some(input) = searched(filter.input(), cut)? {
            return Ok(Some(input));
        }
    }
    Ok(None)
}

/// `distance < bound` and its like.
struct Comparison {
    distance: Arc<dyn PhysicalExpr>,
    /// Whether what is greater than the bound is kept.
    descending: bool,
    /// The same for all rows.
    bound: Arc<dyn PhysicalExpr>,
}

impl Comparison {
    fn of(condition: &Arc<dyn PhysicalExpr>) -> Option<Self> {
        let comparison = condition.downcast_ref::<BinaryExpr>()?;
        let (left, right) = (comparison.left(), comparison.right());
        let is_constant =
            |side: &Arc<dyn PhysicalExpr>| collect_columns(side).is_empty() && !is_volatile(side);
        let (distance, bound, is_turned) = match (is_constant(left), is_constant(right)) {
            (false, true) => (left, right, false),
            (true, false) => (right, left, true),
            _ => return None,
        };
        let is_greater = match comparison.op() {
            Operator::Lt | Operator::LtEq => false,
            Operator::Gt | Operator::GtEq => true,
            _ => return None,
        };
        let (distance, bound) = (Arc::clone(distance), Arc::clone(bound));
        Some(Self { distance, descending: is_greater != is_turned, bound })
    }
}

/// What is asked of the rows of a plan, in terms of its columns.
struct Cut {
    distance: Arc<dyn PhysicalExpr>,
    options: SortOptions,
    reach: Reach,
    /// What rows satisfy that are not filtered out on the way to the sort.
    filters: Vec<Arc<dyn PhysicalExpr>>,
}

/// `plan` with a search in place of the scan that it is made of.
fn searched(
    plan: &Arc<dyn ExecutionPlan>,
    cut: Cut,
) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
    if let Some(scan) = plan.downcast_ref::<GalleryScan>() {
        return cut.search(scan);
    }
    let (input, cut) = if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let column = |at: usize| Some(Arc::clone(&projection.expr().get(at)?.expr));
        (projection.input(), cut.through(column)?)
    } else if let Some(filter) = plan.downcast_ref::<FilterExec>()
        && filter.fetch().is_none()
    {
        let schema = filter.input().schema();
        let column = |at: usize| {
            let at = filter.projection().as_ref().map_or(Some(at), |kept| kept.get(at).copied())?;
            let name = schema.fields().get(at)?.name();
            Some(Arc::new(Column::new(name, at)) as Arc<dyn PhysicalExpr>)
        };
        let cut = cut.through(column)?.map(|mut cut| {
            let conditions = split_conjunction(filter.predicate());
            cut.filters.extend(conditions.into_iter().map(Arc::clone));
            cut
        });
        (filter.input(), cut)
    } else {
        return Ok(None);
    };
    let Some(cut) = cut else { return Ok(None) };
    let Some(input) = searched(input, cut)? else { return Ok(None) };
    over(Arc::clone(plan), input).map(Some)
}

/// `plan` over another input.
fn over(
    plan: Arc<dyn ExecutionPlan>,
    input: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let recompute = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    plan.replace_children(vec![input], recompute)
}

impl Cut {
    /// The same in terms of what the columns are made of.
    fn through(
        self,
        column: impl Fn(usize) -> Option<Arc<dyn PhysicalExpr>>,
    ) -> Result<Option<Self>, DataFusionError> {
        let Some(distance) = replaced(self.distance, &column)? else { return Ok(None) };
        let filters = self.filters.into_iter().map(|filter| replaced(filter, &column));
        let filters = filters.collect::<Result<Option<Vec<_>>, _>>()?;
        Ok(filters.map(|filters| Self { distance, filters, ..self }))
    }

    /// The search that brings the wanted rows of `scan`.
    fn search(self, scan: &GalleryScan) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
        if !scan.reads_all() || self.filters.iter().any(is_volatile) {
            return Ok(None);
        }
        let Some((measure, probe)) = self.measure(scan) else { return Ok(None) };
        // Who is too far is cut off above the search, as it would be above the scan.
        let others = self.filters.iter().filter(|filter| !self.keeps_nearest(filter));
        let candidates = candidates(scan, others.cloned())?;
        let search = NearestFaces::new(scan.clone(), measure, probe, self.reach, candidates);
        Ok(Some(Arc::new(search)))
    }

    /// How the distance is measured, and from what.
    fn measure(&self, scan: &GalleryScan) -> Option<(Measure, Arc<dyn PhysicalExpr>)> {
        let called = self.distance.downcast_ref::<ScalarFunctionExpr>()?;
        let measure = Measure::of(called.fun().name(), self.options)?;
        let is_embedding = |side: &Arc<dyn PhysicalExpr>| {
            let column = side.downcast_ref::<Column>();
            let column = column.and_then(|column| scan.columns().get(column.index()));
            column == Some(&GalleryColumn::Embedding)
        };
        let [left, right] = called.args() else { return None };
        let probe = match (is_embedding(left), is_embedding(right)) {
            (true, false) => right,
            (false, true) => left,
            _ => return None,
        };
        let is_constant = collect_columns(probe).is_empty() && !is_volatile(probe);
        is_constant.then(|| (measure, Arc::clone(probe)))
    }

    /// Whether a filter cuts off those who are farther than something.
    fn keeps_nearest(&self, filter: &Arc<dyn PhysicalExpr>) -> bool {
        Comparison::of(filter).is_some_and(|comparison| {
            comparison.distance.eq(&self.distance)
                && comparison.descending == self.options.descending
        })
    }
}

/// The ids of the faces of `scan` that satisfy `filters`; none where there are no filters.
fn candidates(
    scan: &GalleryScan,
    filters: impl Iterator<Item = Arc<dyn PhysicalExpr>>,
) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
    let Some(predicate) = conjunction_opt(filters) else { return Ok(None) };
    let mut columns = vec![GalleryColumn::FaceId];
    let read = collect_columns(&predicate).into_iter().map(|column| column.index());
    for column in read.filter_map(|at| scan.columns().get(at)) {
        if !columns.contains(column) {
            columns.push(*column);
        }
    }
    let column = |at: usize| {
        let wanted = scan.columns().get(at)?;
        let at = columns.iter().position(|column| column == wanted)?;
        Some(Arc::new(Column::new(wanted.name(), at)) as Arc<dyn PhysicalExpr>)
    };
    let Some(predicate) = replaced(predicate, &column)? else { return Ok(None) };
    let scan = Arc::new(scan.of_columns(columns));
    let ids = FilterExecBuilder::new(predicate, scan).apply_projection(Some(vec![0]))?.build()?;
    Ok(Some(Arc::new(ids)))
}

/// `expr` with other expressions in place of its columns; none where a column has none.
fn replaced(
    expr: Arc<dyn PhysicalExpr>,
    column: &impl Fn(usize) -> Option<Arc<dyn PhysicalExpr>>,
) -> Result<Option<Arc<dyn PhysicalExpr>>, DataFusionError> {
    let mut complete = true;
    let replaced = expr.transform_down(|part| {
        let Some(place) = part.downcast_ref::<Column>() else { return Ok(Transformed::no(part)) };
        let Some(made_of) = column(place.index()) else {
            complete = false;
            return Ok(Transformed::no(part));
        };
        Ok(Transformed::new(made_of, true, TreeNodeRecursion::Jump))
    })?;
    Ok(complete.then_some(replaced.data))
}

/// Whether `expr` may have another value each time.
fn is_volatile(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.exists(|part| Ok(part.is_volatile_node())).unwrap_or(true)
}

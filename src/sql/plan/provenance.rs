//! Where the columns of a plan come from, read off it before any rule has changed it.

use datafusion::common::{DFSchema, JoinType};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, TableScan};

use crate::sql::answer::origin::Origin;
use crate::sql::pg_catalog::{self, PG_CATALOG};
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::read::search;
use crate::sql::read::table::GalleryTable;

/// The column of a relation that each column of `plan` is; `own` is the OID of the collection whose
/// faces are in tables of the statement's own.
///
/// As in PostgreSQL these are columns that are passed on as they are, by subqueries too. What comes
/// out of a set operation is nobody's.
pub(super) fn origins(
    plan: &LogicalPlan,
    catalog: &GalleryCatalog,
    own: Option<u32>,
) -> Vec<Option<Origin>> {
    let of = |plan: &LogicalPlan| origins(plan, catalog, own);
    let picked = |exprs: &[Expr], input: &LogicalPlan| -> Vec<Option<Origin>> {
        let (inner, schema) = (of(input), input.schema());
        exprs.iter().map(|expr| inner.get(place(expr, schema)?).copied().flatten()).collect()
    };
    let width = plan.schema().fields().len();
    let mut found = match plan {
        LogicalPlan::Projection(projection) => picked(&projection.expr, &projection.input),
        LogicalPlan::Aggregate(aggregate) => picked(&aggregate.group_expr, &aggregate.input),
        LogicalPlan::Distinct(Distinct::On(distinct)) => {
            picked(&distinct.select_expr, &distinct.input)
        }
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => of(&join.right),
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => of(&join.left),
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                [of(&join.left), of(&join.right)].concat()
            }
        },
        LogicalPlan::Window(window) => of(&window.input),
        LogicalPlan::Filter(filter) => of(&filter.input),
        LogicalPlan::Sort(sort) => of(&sort.input),
        LogicalPlan::Limit(limit) => of(&limit.input),
        LogicalPlan::Distinct(Distinct::All(input)) => of(input),
        LogicalPlan::SubqueryAlias(alias) => of(&alias.input),
        LogicalPlan::Subquery(subquery) => of(&subquery.subquery),
        LogicalPlan::TableScan(scan) => scanned(scan, catalog, own),
        LogicalPlan::Extension(extension) => {
            let searched = search::relation_of(&*extension.node);
            of_fields(plan.schema(), |name| Origin::named(searched?, name))
        }
        _ => Vec::new(),
    };
    // Computed columns stand behind those that are passed on.
    found.resize(width, None);
    found
}

fn scanned(scan: &TableScan, catalog: &GalleryCatalog, own: Option<u32>) -> Vec<Option<Origin>> {
    let (schema, name) = (&scan.projected_schema, &scan.table_name);
    let provider = source_as_provider(&scan.source).ok();
    let gallery = provider.as_ref().and_then(|table| table.downcast_ref::<GalleryTable>());
    if let Some(gallery) = gallery {
        return of_fields(schema, |column| Origin::named(gallery.relation()?, column));
    }
    if catalog.is_own(name.table()) {
        return of_fields(schema, |column| Origin::named(own?, column));
    }
    let of_system = name.schema().unwrap_or(PG_CATALOG);
    of_fields(schema, |column| pg_catalog::origin(of_system, name.table(), column))
}

fn of_fields(schema: &DFSchema, origin: impl Fn(&str) -> Option<Origin>) -> Vec<Option<Origin>> {
    schema.fields().iter().map(|field| origin(field.name())).collect()
}

/// The place in `schema` of the column that `expr` is, under whatever name.
fn place(expr: &Expr, schema: &DFSchema) -> Option<usize> {
    match expr {
        Expr::Alias(alias) => place(&alias.expr, schema),
        Expr::Column(column) => schema.index_of_column(column).ok(),
        _ => None,
    }
}

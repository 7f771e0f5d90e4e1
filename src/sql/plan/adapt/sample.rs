//! `TABLESAMPLE`: each row by itself is taken or left, whatever the method. Rows lie in no pages
//! that `SYSTEM` could take as a whole.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, ExactNumberInfo, Expr, Ident, ObjectName, ObjectNamePart, SelectItem,
    SetExpr, TableAlias, TableFactor, TableSampleKind, TableSampleMethod, TableWithJoins,
    WildcardAdditionalOptions,
};

use super::syntax::{call, cast, select_from};
use crate::sql::SqlError;
use crate::sql::grammar::marker::{SAMPLE_PLACE, SAMPLE_SHARE};

/// `table TABLESAMPLE BERNOULLI (share)` as a query of the rows that are taken.
///
/// # Errors
/// Methods that PostgreSQL does not have by itself, and samples of anything but tables.
pub(super) fn adapt(factor: &mut TableFactor) -> Result<(), SqlError> {
    let (TableFactor::Table { sample, .. } | TableFactor::Derived { sample, .. }) = factor else {
        return Ok(());
    };
    let Some(TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) =
        sample.take()
    else {
        return Ok(());
    };
    let refused = || SqlError::unsupported("TABLESAMPLE of this kind");
    let is_known =
        |method| matches!(method, TableSampleMethod::Bernoulli | TableSampleMethod::System);
    let share = sample.quantity.filter(|it| it.unit.is_none()).map(|it| it.value);
    let (Some(share), true) = (share, sample.name.is_some_and(is_known)) else {
        return Err(refused());
    };
    let TableFactor::Table { name, alias, args: None, .. } = factor else { return Err(refused()) };
    let double = |expr| cast(expr, DataType::Double(ExactNumberInfo::None));
    let place = match sample.seed {
        Some(seed) => {
            let seed = double(Expr::Value(seed.value));
            call(SAMPLE_PLACE, [Expr::Identifier(Ident::new("face_id")), seed])
        }
        None => call("random", []),
    };
    let taken = Expr::BinaryOp {
        left: Box::new(place),
        op: BinaryOperator::Lt,
        right: Box::new(call(SAMPLE_SHARE, [double(share)])),
    };
    let alias = alias.take().or_else(|| table_alias(name)).ok_or_else(refused)?;
    let whole = TableAlias { columns: Vec::new(), ..alias.clone() };
    let mut relation = factor.clone();
    if let TableFactor::Table { alias, .. } = &mut relation {
        *alias = Some(whole);
    }
    let from = vec![TableWithJoins { relation, joins: Vec::new() }];
    let mut subquery = select_from(Vec::new(), from);
    if let SetExpr::Select(select) = &mut *subquery.body {
        select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
        select.selection = Some(taken);
    }
    let subquery = Box::new(subquery);
    *factor = TableFactor::Derived { lateral: false, subquery, alias: Some(alias), sample: None };
    Ok(())
}

fn table_alias(table: &ObjectName) -> Option<TableAlias> {
    let Some(ObjectNamePart::Identifier(name)) = table.0.last() else { return None };
    Some(TableAlias { explicit: false, name: name.clone(), columns: Vec::new(), at: None })
}

//! The name of a table where a value stands: its row as a whole, `row_to_json(t)`.
//!
//! Columns of that name come first, as in PostgreSQL. What can be known of them here decides
//! whether a name is that of a row; the planner, which knows them all, looks again
//! ([`WholeRows`](crate::sql::function::whole_row::WholeRows)).

use std::collections::{HashMap, HashSet};

use datafusion::sql::sqlparser::ast::{
    self, AccessExpr, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, Query,
    Select, SelectItem, SetExpr, TableAlias, TableFactor,
};

use super::name::column_name;
use super::syntax::{literal_text, text};
use crate::sql::function::whole_row::{OPERATOR, RECORD, WITHOUT_NULLS};
use crate::sql::grammar::from::factors;
use crate::sql::grammar::marker::MARKER;
use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::pg_catalog;
use crate::sql::read::columns::GalleryColumn;

/// Names of columns; none where they are not known.
type Columns = Option<HashSet<String>>;

/// The tables in FROM around an expression, and the queries of WITH.
#[derive(Default)]
pub(super) struct Rows {
    selects: Vec<Vec<Table>>,
    queries: HashMap<String, Columns>,
}

/// Something in FROM.
struct Table {
    name: String,
    /// Whether its name may stand for its row: that of a function is its column.
    has_rows: bool,
    columns: Columns,
}

impl Rows {
    /// Notes the queries of `WITH`.
    pub(super) fn note(&mut self, query: &Query) {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            let columns = renamed(Some(&table.alias), columns_of(&table.query.body));
            self.queries.insert(folded(&table.alias.name), columns);
        }
    }

    /// Enters `select`, whose columns keep the names of rows.
    pub(super) fn enter(&mut self, select: &mut Select) {
        let tables = factors(select).filter_map(|factor| self.table(factor)).collect();
        self.selects.push(tables);
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr @ Expr::Identifier(_)) = item
                && let Some(name) = self.named(expr)
            {
                let alias = Ident::with_quote('"', name);
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
    }

    pub(super) fn leave(&mut self) {
        self.selects.pop();
    }

    /// `(t).a` as `t.a`.
    pub(super) fn field(&self, expr: &Expr) -> Option<Expr> {
        let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
        let Expr::Nested(row) = root.as_ref() else { return None };
        let (Expr::Identifier(table), [AccessExpr::Dot(Expr::Identifier(field))]) =
            (row.as_ref(), access_chain.as_slice())
        else {
            return None;
        };
        self.named(row).map(|_| Expr::CompoundIdentifier(vec![table.clone(), field.clone()]))
    }

    /// The row that `expr` names, if it names one.
    pub(super) fn row(&self, expr: &Expr) -> Option<Expr> {
        let name = self.named(expr)?;
        Some(Expr::BinaryOp {
            left: Box::new(text(name.clone())),
            op: BinaryOperator::Custom(OPERATOR.to_owned()),
            right: Box::new(text(name)),
        })
    }

    /// The name of the table whose row `expr` names.
    fn named(&self, expr: &Expr) -> Option<String> {
        let Expr::Identifier(word) = expr else { return None };
        let name = folded(word);
        let tables = || self.selects.iter().flatten();
        let is_row = tables().any(|table| table.has_rows && table.name == name);
        let is_column = tables()
            .any(|table| table.columns.as_ref().is_some_and(|columns| columns.contains(&name)));
        (is_row && !is_column).then_some(name)
    }

    fn table(&self, factor: &TableFactor) -> Option<Table> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let parts = name_parts(name)?;
                let columns = renamed(alias.as_ref(), self.columns(&parts));
                let last = parts.into_iter().next_back()?;
                let name = alias.as_ref().map_or(last, |alias| folded(&alias.name));
                Some(Table { name, has_rows: true, columns })
            }
            TableFactor::Derived { subquery, alias: Some(alias), .. } => {
                let columns = renamed(Some(alias), columns_of(&subquery.body));
                Some(Table { name: folded(&alias.name), has_rows: true, columns })
            }
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. }
            | TableFactor::UNNEST { alias: Some(alias), .. } => {
                Some(Table { name: folded(&alias.name), has_rows: false, columns: None })
            }
            _ => None,
        }
    }

    /// The columns of the relation of this name.
    fn columns(&self, parts: &[String]) -> Columns {
        if let [name] = parts
            && let Some(columns) = self.queries.get(name)
        {
            return columns.clone();
        }
        let (schema, name) = match parts {
            [.., schema, name] => (schema.as_str(), name.as_str()),
            [name] => (pg_catalog::PG_CATALOG, name.as_str()),
            [] => return None,
        };
        let of_collection = || GalleryColumn::ALL.into_iter().map(GalleryColumn::name);
        let known = pg_catalog::columns(schema, name);
        Some(match known {
            Some(columns) => columns.map(str::to_owned).collect(),
            None => of_collection().map(str::to_owned).collect(),
        })
    }
}

/// `t.a[1]` with the column as one name, of which `t` by itself is none.
pub(super) fn with_column(expr: &Expr) -> Option<Expr> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    let Expr::Identifier(table) = root.as_ref() else { return None };
    let part = |access: &AccessExpr| match access {
        AccessExpr::Dot(Expr::Identifier(part)) => Some(part.clone()),
        _ => None,
    };
    let parts: Vec<Ident> = access_chain.iter().map_while(part).collect();
    let rest = access_chain.get(parts.len()..).filter(|_| !parts.is_empty())?;
    let name = std::iter::once(table.clone()).chain(parts).collect();
    let root = Box::new(Expr::CompoundIdentifier(name));
    Some(Expr::CompoundFieldAccess { root, access_chain: rest.to_vec() })
}

/// Makes names among the arguments of a table function no expressions: the collection of a SEARCH,
/// and what stands before `=>`.
pub(super) fn leave_names(name: &ObjectName, arguments: &mut [FunctionArg]) {
    let is_search = name_parts(name).is_some_and(|parts| parts == [MARKER]);
    for (at, argument) in arguments.iter_mut().enumerate() {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) if is_search && at == 0 => {
                if let Expr::Identifier(word) = expr {
                    *expr = Expr::CompoundIdentifier(vec![word.clone()]);
                }
            }
            FunctionArg::ExprNamed { name: Expr::Identifier(name), arg, operator } => {
                *argument = FunctionArg::Named {
                    name: name.clone(),
                    arg: arg.clone(),
                    operator: operator.clone(),
                };
            }
            _ => {}
        }
    }
}

/// The names that an alias gives to columns, else those that they have.
fn renamed(alias: Option<&TableAlias>, columns: Columns) -> Columns {
    match alias {
        Some(alias) if !alias.columns.is_empty() => {
            Some(alias.columns.iter().map(|column| folded(&column.name)).collect())
        }
        _ => columns,
    }
}

/// The names of the columns of a query without a star.
fn columns_of(body: &SetExpr) -> Columns {
    match body {
        SetExpr::Select(select) => select
            .projection
            .iter()
            .map(|item| match item {
                SelectItem::UnnamedExpr(expr) => Some(column_name(expr)),
                SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
                _ => None,
            })
            .collect(),
        SetExpr::Query(query) => columns_of(&query.body),
        SetExpr::SetOperation { left, .. } => columns_of(left),
        _ => None,
    }
}

/// Makes records of rows that are columns of a statement's answer.
pub(super) fn answer_records(statement: &mut ast::Statement) {
    let ast::Statement::Query(query) = statement else { return };
    let SetExpr::Select(select) = &mut *query.body else { return };
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
            && let Some(record) = with_operator(expr, RECORD)
        {
            *expr = record;
        }
    }
}

/// `t IS NOT NULL`, which is true of a row in which no column is NULL; none for other values.
pub(super) fn tested(expr: &Expr) -> Option<Expr> {
    with_operator(expr, WITHOUT_NULLS)
}

/// A row with another operator between its names.
fn with_operator(expr: &Expr, operator: &str) -> Option<Expr> {
    match expr {
        Expr::Nested(inner) => with_operator(inner, operator),
        Expr::BinaryOp { left, op: BinaryOperator::Custom(op), right } if op == OPERATOR => {
            let op = BinaryOperator::Custom(operator.to_owned());
            Some(Expr::BinaryOp { left: left.clone(), op, right: right.clone() })
        }
        _ => None,
    }
}

/// Takes a name behind a dot for that of a field, whichever tables there are: `(keys).n`.
pub(super) fn keep_fields(expr: &mut Expr) {
    let Expr::CompoundFieldAccess { access_chain, .. } = expr else { return };
    for access in access_chain {
        if let AccessExpr::Dot(field) = access
            && is_row(field)
            && let Expr::BinaryOp { left: name, .. } = field
            && let Some(name) = literal_text(name)
        {
            *field = Expr::Identifier(Ident::with_quote('"', name));
        }
    }
}

fn is_row(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_row(inner),
        Expr::BinaryOp { op: BinaryOperator::Custom(op), .. } => op == OPERATOR,
        _ => false,
    }
}

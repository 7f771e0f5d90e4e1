//! `tableoid`, which every relation has and no `*` shows: the number of the relation that a row is
//! of, known as soon as it is known what the name before it means.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, Select, SelectItem, TableFactor, Value};

use super::syntax::call;
use crate::sql::grammar::from::factors;
use crate::sql::grammar::name::{folded, name_parts};

const TABLEOID: &str = "tableoid";

/// What the names in the selects around an expression mean, and those of `WITH`.
#[derive(Default)]
pub(super) struct Scopes {
    selects: Vec<Vec<Source>>,
    queries: HashSet<String>,
}

/// Something in FROM: what it is called there, and the relation that it is.
struct Source {
    name: String,
    relation: Option<String>,
}

impl Scopes {
    /// Notes the names of `WITH`, which are no relations.
    pub(super) fn note(&mut self, query: &Query) {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.queries.extend(tables.map(|table| folded(&table.alias.name)));
    }

    /// Enters `select`, whose columns keep the name `tableoid`.
    pub(super) fn enter(&mut self, select: &mut Select) {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) = item
                && Asked::by(expr).is_some()
            {
                let alias = Ident::with_quote('"', TABLEOID);
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
        }
        let sources = factors(select).filter_map(|factor| self.source(factor)).collect();
        self.selects.push(sources);
    }

    pub(super) fn leave(&mut self) {
        self.selects.pop();
    }

    /// The number of the relation that `expr` asks for, if it asks for one.
    pub(super) fn table_number(&self, expr: &Expr) -> Option<Expr> {
        let relation = match Asked::by(expr)? {
            Asked::Of(wanted) => {
                let mut sources = self.selects.iter().rev().flatten();
                sources.find(|source| source.name == wanted)?.relation.as_ref()?
            }
            Asked::Alone => match self.selects.last()?.as_slice() {
                [only] => only.relation.as_ref()?,
                _ => return None,
            },
        };
        let name = Expr::value(Value::SingleQuotedString(relation.clone()));
        // A number, not a name: `tableoid::text` shows digits.
        Some(call("oid", [call("regclass", [name])]))
    }

    fn source(&self, factor: &TableFactor) -> Option<Source> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let parts = name_parts(name)?;
                let last = parts.last()?;
                let is_query = parts.len() == 1 && self.queries.contains(last);
                let relation = (!is_query).then(|| parts.join("."));
                let name = alias.as_ref().map_or_else(|| last.clone(), |a| folded(&a.name));
                Some(Source { name, relation })
            }
            TableFactor::Derived { alias, .. } | TableFactor::Function { alias, .. } => {
                let name = alias.as_ref().map_or_else(String::new, |a| folded(&a.name));
                Some(Source { name, relation: None })
            }
            _ => None,
        }
    }
}

/// How `tableoid` is asked for.
enum Asked {
    /// By its name alone.
    Alone,
    /// Of what has this name in FROM.
    Of(String),
}

impl Asked {
    fn by(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Identifier(word) if folded(word) == TABLEOID => Some(Self::Alone),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., table, word] if folded(word) == TABLEOID => Some(Self::Of(folded(table))),
                _ => None,
            },
            _ => None,
        }
    }
}

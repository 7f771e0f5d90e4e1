//! How much work expressions make that are nested in one another.
//!
//! The planner asks an expression for its type and for whether it may be NULL, and some kinds of
//! expressions ask their parts for more than one of these, so that the work doubles at each level:
//! a statement of a few hundred bytes would keep a processor busy for hours. The answers are not
//! kept anywhere, and nothing interrupts the planner at it. Here it is counted how often the parts
//! of an expression would be asked, by the rules of the planner's library.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::execution::SessionStateDefaults;
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, Expr, Query, Visit, Visitor};

use crate::sql::plan::adapt::is_row;
use crate::sql::{SqlError, SqlState};

/// Most questions that one question to an expression may become, and how many more for each part of
/// the statement.
const QUESTIONS_MAX: f64 = 400_000.0;
const QUESTIONS_OF_PART_MAX: f64 = 8.0;

/// Most subqueries in expressions in one another: the planner checks each of them again with the
/// one around it.
const SUBQUERIES_MAX: usize = 10;

/// Names of functions that are not the first of theirs: the planner puts the name that was written
/// around such a call, asks what has a name twice, and makes the name of all there is in it.
static OTHER_NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let all = SessionStateDefaults::default_scalar_functions().into_iter();
    // A row is no function of the planner's.
    all.flat_map(|function| function.aliases().to_vec()).filter(|name| name != "row").collect()
});

/// Refuses a statement whose planning would not come to an end.
///
/// # Errors
/// 54001.
pub(super) fn check(statement: &ast::Statement) -> Result<(), SqlError> {
    match statement.visit(&mut Growth::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(message) => Err(SqlError::new(SqlState::StatementTooComplex, message)),
    }
}

/// How many questions an expression and its parts are asked when it is asked one.
#[derive(Clone, Copy, Default)]
struct Asked {
    /// For its type and whether it may be NULL at once.
    field: f64,
    /// For its type.
    kind: f64,
    /// For whether it may be NULL.
    null: f64,
    /// The same of the expression that is computed in the end; functions keep their answers there.
    computed_kind: f64,
    computed_null: f64,
    computed_field: f64,
}

impl Asked {
    const ONCE: Self = Self {
        field: 1.0,
        kind: 1.0,
        null: 1.0,
        computed_kind: 1.0,
        computed_null: 1.0,
        computed_field: 1.0,
    };

    fn of<'a>(parts: impl IntoIterator<Item = &'a Self>, times: f64) -> Self {
        parts.into_iter().fold(Self::default(), |sum, part| Self {
            field: sum.field + times * part.field,
            kind: sum.kind + times * part.kind,
            null: sum.null + times * part.null,
            computed_kind: sum.computed_kind + times * part.computed_kind,
            computed_null: sum.computed_null + times * part.computed_null,
            computed_field: sum.computed_field + times * part.computed_field,
        })
    }

    fn most(&self) -> f64 {
        self.field.max(self.kind).max(self.computed_null).max(self.computed_field)
    }

    /// A function of `parts`, which tells both at once, and once it is computed without asking.
    fn function(parts: &[Self]) -> Self {
        let field = 1.0 + Self::of(parts, 1.0).field;
        Self { field, kind: field, null: field, ..Self::ONCE }
    }

    /// A cast asks for its part's field and once more for whether that may be NULL.
    fn cast(parts: &[Self]) -> Self {
        let part = Self::of(parts, 1.0);
        Self {
            field: 1.0 + part.field,
            kind: 1.0,
            null: part.null,
            computed_kind: 1.0,
            computed_null: part.computed_null + part.computed_field,
            computed_field: part.computed_field,
        }
    }

    /// An operator whose parts stand in it `times`.
    fn operator(parts: &[Self], times: f64) -> Self {
        let sum = Self::of(parts, times);
        Self {
            field: 1.0 + sum.field.max(sum.null),
            kind: 1.0 + sum.kind,
            null: 1.0 + sum.null,
            computed_kind: 1.0 + sum.computed_kind,
            computed_null: 1.0 + sum.computed_null,
            computed_field: 1.0 + sum.computed_kind + sum.computed_null,
        }
    }

    /// A condition: its type is known.
    fn condition(parts: &[Self], times: f64) -> Self {
        let sum = Self::operator(parts, times);
        Self {
            field: 1.0 + sum.null,
            kind: 1.0,
            computed_kind: 1.0,
            computed_field: 1.0 + sum.computed_null,
            ..sum
        }
    }

    /// A CASE: whether a result may be NULL is asked again beside its condition. Of `parts`, the
    /// first is what is compared, if it is, and the last what there is else.
    fn case(parts: &[Self], with_operand: bool, with_else: bool) -> Self {
        let parts = &parts[usize::from(with_operand).min(parts.len())..];
        let (branches, other) = parts.split_at(parts.len() - usize::from(with_else));
        let (branches, other) = (Self::of(branches, 2.0), Self::of(other, 1.0));
        let kind = 1.0 + branches.kind / 2.0 + other.kind;
        let null = 1.0 + branches.null + other.null;
        let computed_kind = 1.0 + branches.computed_kind / 2.0 + other.computed_kind;
        let computed_null = 1.0 + branches.computed_null + other.computed_null;
        Self {
            field: kind + null,
            kind,
            null,
            computed_kind,
            computed_null,
            computed_field: computed_kind + computed_null,
        }
    }
}

/// What the parts of `expr` make it.
fn asked(expr: &Expr, parts: &[Asked]) -> Asked {
    match expr {
        Expr::Nested(_) | Expr::Collate { .. } => Asked::of(parts, 1.0),
        Expr::Cast { .. } => Asked::cast(parts),
        Expr::Case { operand, else_result, .. } => {
            Asked::case(parts, operand.is_some(), else_result.is_some())
        }
        // Rows are compared field by field, and more than once for their order.
        Expr::BinaryOp { left, op, right } if is_row(left) || is_row(right) => {
            Asked::operator(parts, if is_equality(op) { 2.0 } else { 4.0 })
        }
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right)
            if is_row(left) || is_row(right) =>
        {
            Asked::operator(parts, 2.0)
        }
        Expr::Function(called)
            if OTHER_NAMES.contains(&called.name.to_string().to_ascii_lowercase()) =>
        {
            Asked::function(&[Asked::of(parts, 3.0)])
        }
        Expr::InList { expr, list, .. } if is_row(expr) => {
            let (row, listed) = parts.split_at(parts.len().min(1));
            let row = Asked::of(row, 2.0 * number(list.len()));
            Asked::condition(&[row, Asked::of(listed, 2.0)], 1.0)
        }
        Expr::BinaryOp { .. }
        | Expr::UnaryOp { .. }
        | Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..) => Asked::operator(parts, 1.0),
        // A value between bounds is compared with each of them.
        Expr::Between { .. } => Asked::condition(parts, 2.0),
        Expr::InList { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. }
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_) => Asked::condition(parts, 1.0),
        _ if parts.is_empty() => Asked::ONCE,
        _ => Asked::function(parts),
    }
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn is_equality(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Eq | BinaryOperator::NotEq)
}

/// The parts of the expressions around what is visited, as far as they are known.
#[derive(Default)]
struct Growth {
    parts: Vec<Asked>,
    /// Where those of each expression around begin; none for a query, which has none.
    begins: Vec<Option<usize>>,
    /// How many have been visited.
    visited: usize,
    subqueries: usize,
}

fn has_query(expr: &Expr) -> bool {
    matches!(expr, Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. })
}

impl Visitor for Growth {
    type Break = String;

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<String> {
        self.begins.push(None);
        ControlFlow::Continue(())
    }

    /// What a query asks is known once it is planned.
    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<String> {
        self.begins.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        self.begins.push(Some(self.parts.len()));
        self.visited += 1;
        self.subqueries += usize::from(has_query(expr));
        if self.subqueries > SUBQUERIES_MAX {
            let message =
                format!("more than {SUBQUERIES_MAX} subqueries are nested in one another");
            return ControlFlow::Break(message);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        let begin = self.begins.pop().flatten().unwrap_or_default();
        self.subqueries -= usize::from(has_query(expr));
        let asked = asked(expr, &self.parts[begin..]);
        self.parts.truncate(begin);
        // A long list is no deep one.
        if asked.most() > QUESTIONS_MAX + QUESTIONS_OF_PART_MAX * number(self.visited) {
            return ControlFlow::Break("expressions are nested too deeply".to_owned());
        }
        if let Some(Some(_)) = self.begins.last() {
            self.parts.push(asked);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::SUBQUERIES_MAX;
    use crate::sql::grammar::statement::Command;

    fn is_refused(text: &str) -> bool {
        let statements = crate::sql::grammar::parser::parse(text, &[]).unwrap();
        match statements[0].command() {
            Command::Faulty(faulty) => faulty.told(|_| Ok(())).message.contains("are nested"),
            _ => false,
        }
    }

    fn nested(template: &str, times: usize) -> String {
        let inner = (0..times).fold("x".to_owned(), |inner, _| template.replace("{}", &inner));
        format!("SELECT {inner} FROM t")
    }

    #[test]
    fn what_grows_with_each_level_is_refused() {
        for template in [
            "(({}) <> 1)::int",
            "(({}) IN (1, 2))::int",
            "(CASE WHEN y THEN {} ELSE 3 END)",
            "upper(CASE WHEN y THEN {} ELSE 3 END)",
            "(ROW({}, 1) < ROW(1, 1))::int",
            "array_cat({}, ARRAY[1])",
            "(({}) BETWEEN 1 AND 2)::int",
            "(({}, 1) IN ((1, 1), (2, 2)))::int",
            "(({}, 1) IS DISTINCT FROM (1, 1))::int",
        ] {
            assert!(!is_refused(&nested(template, 5)), "{template}");
            assert!(is_refused(&nested(template, 18)), "{template}");
        }
        for template in ["(SELECT 1 WHERE {} = 1)", "(1 IN (SELECT {}))", "EXISTS (SELECT {})"] {
            assert!(!is_refused(&nested(template, SUBQUERIES_MAX)), "{template}");
            assert!(is_refused(&nested(template, SUBQUERIES_MAX + 1)), "{template}");
        }
    }

    #[test]
    fn what_does_not_grow_may_be_nested_and_long() {
        for template in [
            "upper({})",
            "({} || 'x')",
            "({})::text",
            "(y AND {})",
            "(CASE WHEN y THEN 1 ELSE {} END)",
            "coalesce({}, 1)",
            "(({} + 1)::int4)",
        ] {
            assert!(!is_refused(&nested(template, 12)), "{template}");
        }
        let items = vec!["(1, 2)"; 20_000].join(", ");
        assert!(!is_refused(&format!("SELECT * FROM t WHERE x IN ({items})")));
        assert!(!is_refused(&format!("INSERT INTO t VALUES {items}")));
        assert!(!is_refused(&format!("SELECT * FROM t WHERE (x, y) IN ({items})")));
        let branches = "WHEN x = 1 THEN y ".repeat(10_000);
        assert!(!is_refused(&format!("SELECT CASE {branches} END FROM t")));
    }
}

//! ON CONFLICT: grammar. The only thing that two faces of a collection cannot share is their id.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, ConflictTarget, DoUpdate, Expr, Ident, ObjectName, OnConflictAction, OnInsert,
    Query, SetExpr,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::read::columns::GalleryColumn;
use crate::sql::write::assignment::Assignments;
use crate::sql::{SqlError, SqlState};

/// The names by which the query of DO UPDATE finds its two tables. No collection can have them:
/// names have no control characters.
pub(super) const ENROLLED: &str = "enrolled\u{1}";
pub(super) const PROPOSED: &str = "proposed\u{1}";

/// What happens to a row whose face is there already.
#[derive(Debug)]
pub(super) enum OnConflict {
    /// It is passed over.
    Nothing,
    /// The face that is there is changed.
    Update(Box<ConflictUpdate>),
}

/// `DO UPDATE SET column = value, .. [WHERE predicate]`.
#[derive(Debug)]
pub(super) struct ConflictUpdate {
    pub(super) assignments: Assignments,
    /// `SELECT c.face_id, new values FROM enrolled c, proposed excluded WHERE both are the same
    /// face [AND predicate]`.
    pub(super) query: Query,
}

impl OnConflict {
    /// `qualifier` is what the columns of the collection are qualified by.
    ///
    /// # Errors
    /// Another key than the face id, and what is wrong with the assignments.
    pub(super) fn parse(
        on: OnInsert,
        collection: &str,
        qualifier: &Ident,
    ) -> Result<Self, SqlError> {
        let OnInsert::OnConflict(clause) = on else {
            return Err(SqlError::unsupported("ON DUPLICATE KEY UPDATE"));
        };
        let has_target = clause.conflict_target.is_some();
        match clause.conflict_target {
            None => {}
            Some(ConflictTarget::Columns(columns)) => check_columns(&columns)?,
            Some(ConflictTarget::OnConstraint(name)) => check_constraint(&name, collection)?,
        }
        match clause.action {
            OnConflictAction::DoNothing => Ok(Self::Nothing),
            OnConflictAction::DoUpdate(_) if !has_target => {
                let message =
                    "ON CONFLICT DO UPDATE requires inference specification or constraint name";
                Err(SqlError::new(SqlState::SyntaxError, message)
                    .with_hint("For example, ON CONFLICT (face_id)."))
            }
            OnConflictAction::DoUpdate(update) => {
                Ok(Self::Update(Box::new(ConflictUpdate::parse(update, qualifier)?)))
            }
        }
    }
}

impl ConflictUpdate {
    fn parse(update: DoUpdate, qualifier: &Ident) -> Result<Self, SqlError> {
        let DoUpdate { assignments, selection } = update;
        let (assignments, values) = Assignments::parse(assignments, qualifier)?;
        let text = format!(
            "SELECT {qualifier}.face_id AS \"changed face\" \
             FROM \"{ENROLLED}\" AS {qualifier}, \"{PROPOSED}\" AS excluded \
             WHERE {qualifier}.face_id = excluded.face_id"
        );
        let dialect = PostgreSqlDialect {};
        let template = Parser::new(&dialect)
            .try_with_sql(&text)
            .and_then(|mut parser| parser.parse_query())
            .map_err(|error| SqlError::from(&error))?;
        let mut query = *template;
        let SetExpr::Select(select) = &mut *query.body else {
            return Err(SqlError::new(SqlState::InternalError, "internal error"));
        };
        select.projection.extend(values);
        select.selection = match (select.selection.take(), selection) {
            (Some(same), Some(predicate)) => {
                let (left, right) = (Box::new(same), Box::new(Expr::Nested(Box::new(predicate))));
                Some(Expr::BinaryOp { left, op: BinaryOperator::And, right })
            }
            (same, predicate) => same.or(predicate),
        };
        Ok(Self { assignments, query })
    }
}

/// That the columns are the key.
fn check_columns(columns: &[Ident]) -> Result<(), SqlError> {
    for column in columns {
        match GalleryColumn::named(&folded(column)) {
            Some(GalleryColumn::FaceId) => {}
            Some(_) => {
                let message = "there is no unique or exclusion constraint matching the ON \
                               CONFLICT specification";
                return Err(SqlError::new(SqlState::InvalidColumnReference, message)
                    .with_hint("The key of a collection is face_id."));
            }
            None => return Err(SqlError::undefined_column(&folded(column))),
        }
    }
    Ok(())
}

fn check_constraint(name: &ObjectName, collection: &str) -> Result<(), SqlError> {
    let written = name_parts(name).unwrap_or_default();
    if written.as_slice() == [format!("{collection}_pkey")] {
        return Ok(());
    }
    let message =
        format!("constraint \"{}\" for table \"{collection}\" does not exist", written.join("."));
    Err(SqlError::new(SqlState::UndefinedObject, message))
}

//! Rows made of documents: `FROM jsonb_to_recordset(document) AS x(a integer, b text)`.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, Expr, Ident, ObjectName, TableAlias, TableAliasColumnDef,
    TableFactor, TableWithJoins,
};

use super::factor::{RECORD_SET, RECORDS_SET, system_name};
use super::syntax::{call, cast, plain_argument, select, select_from, text};
use crate::sql::grammar::marker::JSON_ELEMENTS_TEXT;
use crate::sql::grammar::name::folded;
use crate::sql::{SqlError, SqlState};

/// Such functions, and the sets of documents whose members become columns.
const FUNCTIONS: [(&str, &str); 4] = [
    ("json_to_record", RECORD_SET),
    ("json_to_recordset", RECORDS_SET),
    ("jsonb_to_record", RECORD_SET),
    ("jsonb_to_recordset", RECORDS_SET),
];

/// What a document is called while its members are taken out.
const RECORD: &str = "record";

/// Whether this is the name of such a function.
pub(super) fn is_called(name: &ObjectName) -> bool {
    let name = system_name(name).unwrap_or_default();
    FUNCTIONS.iter().any(|(known, _)| *known == name)
}

/// Rewrites such a function in FROM as a query of the members of its documents.
///
/// # Errors
/// 42601 where the columns are not said, 0A000 for a type that no member becomes.
pub(super) fn adapt(factor: &mut TableFactor) -> Result<(), SqlError> {
    let (name, arguments, alias, with_ordinality) = match factor {
        TableFactor::Table { name, args: Some(args), alias, with_ordinality, .. } => {
            (name, &args.args, alias, *with_ordinality)
        }
        TableFactor::Function { name, args, alias, with_ordinality, .. } => {
            (name, &*args, alias, *with_ordinality)
        }
        _ => return Ok(()),
    };
    let name = system_name(name).unwrap_or_default();
    let Some((function, set)) = FUNCTIONS.into_iter().find(|(known, _)| *known == name) else {
        return Ok(());
    };
    if with_ordinality {
        return Err(SqlError::unsupported(format!("{function} WITH ORDINALITY")));
    }
    let Some([document]) = arguments
        .iter()
        .map(plain_argument)
        .collect::<Option<Vec<_>>>()
        .and_then(|all| <[Expr; 1]>::try_from(all).ok())
    else {
        return Ok(());
    };
    let alias = alias.take().filter(|alias| !alias.columns.is_empty());
    let Some(alias) = alias else { return Err(without_columns()) };
    let columns = alias.columns.iter().map(|column| member(function, column));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let from = TableWithJoins { relation: documents(set, document), joins: Vec::new() };
    *factor = TableFactor::Derived {
        lateral: true,
        subquery: Box::new(select_from(columns, vec![from])),
        alias: Some(TableAlias { columns: Vec::new(), ..alias }),
        sample: None,
    };
    Ok(())
}

fn without_columns() -> SqlError {
    let message = "a column definition list is required for functions returning \"record\"";
    SqlError::new(SqlState::SyntaxError, message)
}

/// The documents, as the only column of a table.
fn documents(set: &str, document: Expr) -> TableFactor {
    let documents = call(set, [cast(document, DataType::JSONB)]);
    TableFactor::Derived {
        lateral: true,
        subquery: Box::new(select(vec![(documents, Ident::with_quote('"', RECORD))])),
        alias: Some(TableAlias {
            explicit: false,
            name: Ident::with_quote('"', RECORD),
            columns: Vec::new(),
            at: None,
        }),
        sample: None,
    }
}

/// A member of a document as a column of some type, under its name.
fn member(function: &str, column: &TableAliasColumnDef) -> Result<(Expr, Ident), SqlError> {
    let Some(data_type) = &column.data_type else { return Err(without_columns()) };
    let taken = |op| {
        Expr::Nested(Box::new(Expr::BinaryOp {
            left: Box::new(Expr::CompoundIdentifier(vec![Ident::with_quote('"', RECORD); 2])),
            op,
            right: Box::new(text(folded(&column.name))),
        }))
    };
    let value = match data_type {
        DataType::JSON | DataType::JSONB => present(taken(BinaryOperator::Arrow)),
        DataType::Array(_) => {
            let (document, written) =
                (taken(BinaryOperator::Arrow), taken(BinaryOperator::LongArrow));
            array(document, written, data_type)
        }
        DataType::Varchar(Some(_))
        | DataType::CharacterVarying(Some(_))
        | DataType::Char(_)
        | DataType::Character(_) => {
            return Err(SqlError::unsupported(format!("{data_type} as a column of {function}")));
        }
        // As its text is read.
        other => cast(taken(BinaryOperator::LongArrow), other.clone()),
    };
    Ok((value, column.name.clone()))
}

/// A document, but NULL where it is `null`.
fn present(document: Expr) -> Expr {
    let is_present = of_kind(&document, BinaryOperator::NotEq, "null");
    chosen(vec![CaseWhen { condition: is_present, result: document }])
}

/// An array of the items of a document, or what it has written as one.
fn array(document: Expr, written: Expr, data_type: &DataType) -> Expr {
    let is_text = of_kind(&document, BinaryOperator::Eq, "string");
    let is_present = of_kind(&document, BinaryOperator::NotEq, "null");
    let items = call(JSON_ELEMENTS_TEXT, [document]);
    chosen(vec![
        CaseWhen { condition: is_text, result: cast(written, data_type.clone()) },
        CaseWhen { condition: is_present, result: cast(items, data_type.clone()) },
    ])
}

/// Whether a document is of this kind, or of another.
fn of_kind(document: &Expr, op: BinaryOperator, kind: &str) -> Expr {
    let of_document = call("jsonb_typeof", [document.clone()]);
    Expr::BinaryOp { left: Box::new(of_document), op, right: Box::new(text(kind)) }
}

fn chosen(conditions: Vec<CaseWhen>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: None,
    }
}

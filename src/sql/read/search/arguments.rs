//! What a rewritten `SEARCH` says: the arguments of its marker, and the types of its parameters.

use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, ObjectName, TableFunctionArgs, Value,
};

use super::{Cut, CutKind, LIMIT, ProbeKind, WHERE};
use crate::sql::grammar::marker::MARKER;
use crate::sql::grammar::name::name_parts;
use crate::sql::value::constant::without_text_casts;
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// The type of a threshold or an error rate that is a bare parameter.
pub(super) fn cut_type(kind: CutKind) -> SqlType {
    match kind {
        CutKind::Threshold => SqlType::Float4,
        CutKind::Fmr | CutKind::Fpir => SqlType::Float8,
    }
}

/// The type of a limit that is a bare parameter.
pub(super) const LIMIT_TYPE: SqlType = SqlType::Int8;

/// The type of a probe that is a bare parameter.
pub(super) fn probe_type(kind: ProbeKind) -> SqlType {
    match kind {
        ProbeKind::Face | ProbeKind::External => SqlType::Text,
        ProbeKind::Image => SqlType::Bytea,
        ProbeKind::Embedding => SqlType::Vector,
    }
}

/// Whether `name` stands for a rewritten SEARCH.
pub(super) fn is_marker(name: &ObjectName) -> bool {
    name_parts(name).is_some_and(|parts| parts == [MARKER])
}

/// The arguments of the marker, as the rewriting wrote them.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) name: Vec<String>,
    pub(super) kind: ProbeKind,
    pub(super) probe: ast::Expr,
    pub(super) filter: Option<ast::Expr>,
    pub(super) cut: Option<Cut<ast::Expr>>,
    pub(super) limit: Option<ast::Expr>,
}

impl Arguments {
    pub(super) fn read(args: TableFunctionArgs) -> Result<Self, SqlError> {
        let mut positional = Vec::new();
        let (mut filter, mut cut, mut limit) = (None, None, None);
        for argument in args.args {
            let (name, value) = match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (None, value),
                FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
                    (Some(name), value)
                }
                _ => return Err(malformed()),
            };
            let Some(name) = name else {
                positional.push(value);
                continue;
            };
            match &*name.value {
                WHERE => filter = Some(value),
                LIMIT => limit = Some(value),
                word => {
                    let kind = CutKind::ALL.into_iter().find(|kind| kind.keyword() == word);
                    cut = Some(Cut { kind: kind.ok_or_else(malformed)?, value });
                }
            }
        }
        let [name, kind, probe] =
            <[ast::Expr; 3]>::try_from(positional).map_err(|_| malformed())?;
        let name = match name {
            ast::Expr::Identifier(part) => vec![part.value],
            ast::Expr::CompoundIdentifier(parts) => {
                parts.into_iter().map(|part| part.value).collect()
            }
            _ => return Err(malformed()),
        };
        let kind = match kind {
            ast::Expr::Value(value) => match value.value {
                Value::SingleQuotedString(word) => word,
                _ => return Err(malformed()),
            },
            _ => return Err(malformed()),
        };
        let kind = ProbeKind::ALL
            .into_iter()
            .find(|known| known.keyword() == kind)
            .ok_or_else(malformed)?;
        let probe = without_text_casts(&probe).clone();
        Ok(Self { name, kind, probe, filter, cut, limit })
    }
}

/// A marker that the rewriting did not write, or a probe of several expressions.
fn malformed() -> SqlError {
    SqlError::new(SqlState::SyntaxError, "SEARCH is malformed")
}

//! BEGIN, COMMIT, ROLLBACK and savepoints: the grammar.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};

use crate::sql::grammar::name::folded;
use crate::sql::grammar::words::{next_is, skip};
use crate::sql::session_state::access::{Access, access};

/// A statement about transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) enum TransactionCommand {
    /// BEGIN, START TRANSACTION; the command tag, and whether the block may write.
    Begin(&'static str, Access),
    /// COMMIT, END; whether another block follows at once.
    Commit { chain: bool },
    /// ROLLBACK, ABORT; whether another block follows at once.
    Rollback { chain: bool },
    /// SAVEPOINT.
    Savepoint(String),
    /// ROLLBACK TO SAVEPOINT.
    RollbackTo(String),
    /// RELEASE SAVEPOINT.
    Release(String),
}

impl TransactionCommand {
    /// Whether a failed block still accepts it.
    pub(in crate::sql) fn ends_failure(&self) -> bool {
        matches!(self, Self::Commit { .. } | Self::Rollback { .. } | Self::RollbackTo(_))
    }

    /// Whether it leaves the block, if there is one.
    pub(in crate::sql) fn ends_block(&self) -> bool {
        matches!(self, Self::Commit { .. } | Self::Rollback { .. })
    }
}

/// Reads a statement about transactions; none when the statement is of another kind.
pub(in crate::sql) fn parse(
    parser: &mut Parser<'_>,
) -> Result<Option<TransactionCommand>, ParserError> {
    let next = |word| next_is(parser, 0, word);
    let (begin, start) = (next("BEGIN"), next("START") && next_is(parser, 1, "TRANSACTION"));
    let (commit, rollback) = (next("COMMIT") || next("END"), next("ROLLBACK") || next("ABORT"));
    let (savepoint, release) = (next("SAVEPOINT"), next("RELEASE"));
    if !(begin || start || commit || rollback || savepoint || release) {
        return Ok(None);
    }
    skip(parser, if start { 2 } else { 1 });
    Ok(Some(if begin || start {
        if begin {
            block_word(parser);
        }
        let tag = if begin { "BEGIN" } else { "START TRANSACTION" };
        TransactionCommand::Begin(tag, modes(parser)?)
    } else if savepoint {
        TransactionCommand::Savepoint(name(parser)?)
    } else if release {
        let _ = parser.parse_keyword(Keyword::SAVEPOINT);
        TransactionCommand::Release(name(parser)?)
    } else {
        block_word(parser);
        if rollback && parser.parse_keyword(Keyword::TO) {
            let _ = parser.parse_keyword(Keyword::SAVEPOINT);
            return Ok(Some(TransactionCommand::RollbackTo(name(parser)?)));
        }
        let chain = chain(parser)?;
        if commit {
            TransactionCommand::Commit { chain }
        } else {
            TransactionCommand::Rollback { chain }
        }
    }))
}

/// `WORK` or `TRANSACTION`, which mean nothing.
fn block_word(parser: &mut Parser<'_>) {
    let _ = parser.parse_one_of_keywords(&[Keyword::WORK, Keyword::TRANSACTION]);
}

fn name(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    parser.parse_identifier().map(|name| folded(&name))
}

/// `AND [NO] CHAIN`.
fn chain(parser: &mut Parser<'_>) -> Result<bool, ParserError> {
    if !parser.parse_keyword(Keyword::AND) {
        return Ok(false);
    }
    let chain = !parser.parse_keyword(Keyword::NO);
    parser.expect_keyword(Keyword::CHAIN)?;
    Ok(chain)
}

/// Isolation levels, `READ ONLY` and `READ WRITE`, with or without commas.
fn modes(parser: &mut Parser<'_>) -> Result<Access, ParserError> {
    let modes = parser.parse_transaction_modes()?;
    access(&modes).map_err(|error| ParserError::ParserError(error.message))
}

//! ALTER COLLECTION and COMMENT: grammar and execution. A collection may get another name and
//! another description; everything else about it stays for good.

use datafusion::sql::sqlparser::ast::{Ident, Value};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::collection::{apply_if_there, name};
use super::collection_options::{self as options, Options};
use crate::sql::grammar::name::folded;
use crate::sql::grammar::words::{next_is, skip};
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::write::transaction::Writer;
use crate::sql::{Notice, Outcome, SqlError, SqlState};

/// `ALTER COLLECTION | TABLE [IF EXISTS] c RENAME TO d`, `ALTER COLLECTION [IF EXISTS] c SET
/// (description = ..)`, `COMMENT ON COLLECTION | TABLE c IS ..`.
#[derive(Debug)]
pub(in crate::sql) struct AlterCollection {
    tag: &'static str,
    name: Vec<String>,
    if_exists: bool,
    change: Alteration,
}

#[derive(Debug)]
enum Alteration {
    Rename(String),
    /// Options as they were written.
    Set(Options),
    Comment(Option<String>),
}

/// Reads a statement that alters a collection; none when the statement is of another kind.
pub(in crate::sql) fn parse(
    parser: &mut Parser<'_>,
) -> Result<Option<AlterCollection>, ParserError> {
    let what = if next_is(parser, 1, "COLLECTION") { "COLLECTION" } else { "TABLE" };
    if next_is(parser, 0, "ALTER") && next_is(parser, 1, what) {
        return alteration(parser, what);
    }
    let on = if next_is(parser, 2, "COLLECTION") { "COLLECTION" } else { "TABLE" };
    if next_is(parser, 0, "COMMENT") && next_is(parser, 1, "ON") && next_is(parser, 2, on) {
        skip(parser, 3);
        return comment(parser).map(Some);
    }
    Ok(None)
}

fn alteration(parser: &mut Parser<'_>, what: &str) -> Result<Option<AlterCollection>, ParserError> {
    if what == "TABLE" && !renames(parser) {
        // Refused under the name that the standard's grammar has for it.
        return Ok(None);
    }
    skip(parser, 2);
    let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
    let name = name(parser)?;
    if parser.parse_keywords(&[Keyword::RENAME, Keyword::TO]) {
        let change = Alteration::Rename(folded(&parser.parse_identifier()?));
        let tag = if what == "TABLE" { "ALTER TABLE" } else { "ALTER COLLECTION" };
        return Ok(Some(AlterCollection { tag, name, if_exists, change }));
    }
    parser.expect_keyword(Keyword::SET)?;
    let change = Alteration::Set(options::parse(parser)?);
    Ok(Some(AlterCollection { tag: "ALTER COLLECTION", name, if_exists, change }))
}

/// Whether an ALTER TABLE gives the table another name.
fn renames(parser: &Parser<'_>) -> bool {
    let mut at = 2;
    while !matches!(parser.peek_nth_token_ref(at).token, Token::EOF | Token::SemiColon) {
        if next_is(parser, at, "RENAME") {
            return next_is(parser, at + 1, "TO");
        }
        at += 1;
    }
    false
}

fn comment(parser: &mut Parser<'_>) -> Result<AlterCollection, ParserError> {
    let name = name(parser)?;
    parser.expect_keyword(Keyword::IS)?;
    let text = if parser.parse_keyword(Keyword::NULL) {
        None
    } else {
        // An empty comment is none, as in PostgreSQL.
        Some(parser.parse_literal_string()?).filter(|text| !text.is_empty())
    };
    let change = Alteration::Comment(text);
    Ok(AlterCollection { tag: "COMMENT", name, if_exists: false, change })
}

impl AlterCollection {
    /// The command tag.
    pub(in crate::sql) fn tag(&self) -> &'static str {
        self.tag
    }

    /// Alters the collection, or tells that it is not there.
    pub(in crate::sql) async fn run(
        &self,
        catalog: &GalleryCatalog,
        writer: &Writer,
    ) -> Result<(Outcome, Option<Notice>), SqlError> {
        let at = catalog.snapshot();
        let changes = catalog.written(&self.name).and_then(|name| match &self.change {
            Alteration::Rename(new_name) => Ok(at.renaming(name, new_name)?),
            Alteration::Set(options) => Ok(at.redescription(name, description(options)?)?),
            Alteration::Comment(text) => Ok(at.redescription(name, text.as_deref())?),
        });
        let notice = apply_if_there(changes, self.if_exists, writer).await?;
        Ok((Outcome::Done { tag: self.tag, rows: None }, notice))
    }
}

/// The description among options, which hold nothing else.
fn description(options: &[(Ident, Value)]) -> Result<Option<&str>, SqlError> {
    let mut description = None;
    for (option, value) in options {
        let name = folded(option);
        match name.as_str() {
            "description" => {}
            "model" | "dimensions" | "precision" | "thumbnails" => {
                let message = format!("option \"{name}\" of a collection cannot be changed");
                return Err(SqlError::new(SqlState::FeatureNotSupported, message)
                    .with_hint("Create another collection, and enrol its faces anew."));
            }
            unknown => {
                let message = format!("unrecognized collection option \"{unknown}\"");
                return Err(SqlError::new(SqlState::InvalidParameterValue, message)
                    .with_hint("The option that can be changed is description."));
            }
        }
        let text = match value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            Value::Null => None,
            other => {
                let message = format!("option description takes a string, got {other}");
                return Err(SqlError::new(SqlState::InvalidParameterValue, message));
            }
        };
        if description.replace(text.map(String::as_str)).is_some() {
            let message = "conflicting or redundant options";
            return Err(SqlError::new(SqlState::SyntaxError, message));
        }
    }
    Ok(description.flatten())
}

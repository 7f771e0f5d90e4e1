//! From tokens to commands. What is not recognised is refused by name; nothing passes unseen.

use datafusion::sql::sqlparser::ast::{self, DescribeAlias, DiscardObject};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

use super::changing::changes;
use super::dialect::Grammar;
use super::explain;
use super::faulty::{Faulty, is_of_syntax};
use super::growth;
use super::lexer::{self, StatementTokens};
use super::name::folded;
use super::places::Places;
use super::position::{covered, position};
use super::prepare::{self, PrepareHead};
use super::reading::{RECURSION_MAX, only_reading, perhaps_locking};
use super::refusal;
use super::spelling::respelled;
use super::statement::{Command, Declare, Prepare};
use super::with;
use crate::sql::definition::alter;
use crate::sql::definition::collection::{self, CollectionCommand};
use crate::sql::definition::extension::Extension;
use crate::sql::definition::keys;
use crate::sql::definition::storage::{self, StorageCommand};
use crate::sql::plan::adapt::{ParameterTypes, adapt, parameter_type};
use crate::sql::plan::stack::Depth;
use crate::sql::read::audit;
use crate::sql::read::search::DirectSearch;
use crate::sql::session_state::cursor::{self, DeclareHead};
use crate::sql::session_state::settings;
use crate::sql::write::absent::Written;
use crate::sql::write::copy::{self, Copy, CopyOut, CopyStatement};
use crate::sql::write::delete::Delete;
use crate::sql::write::insert::Insert;
use crate::sql::write::transaction;
use crate::sql::write::truncate::Truncate;
use crate::sql::write::update::Update;
use crate::sql::{SqlError, SqlState, Statement};

/// Parses all statements of `text`; the parameters at the places in `outputs` are no arguments of
/// calls.
///
/// # Errors
/// The first error of syntax. A statement with another error is one that fails.
pub(in crate::sql) fn parse(text: &str, outputs: &[usize]) -> Result<Vec<Statement>, SqlError> {
    let statements = lexer::statements(text, outputs)?.into_iter();
    statements.map(|statement| parsed(text, statement)).collect()
}

fn parsed(text: &str, statement: StatementTokens) -> Result<Statement, SqlError> {
    let StatementTokens { tokens, span, parameter_count, depth } = statement;
    let (places, written) = (Places::of(text, &tokens), Written::of(text, &tokens));
    let source = Source { text, span, parameter_count, depth, tokens: tokens.len() };
    let statement = match depth.run(|| command(source, tokens)) {
        // The parameters are those of the statement that is prepared.
        Ok((command @ Command::Prepare(_), types)) => source.taking(0, command, types),
        Ok((command, types)) => source.statement(command, types),
        Err(error) if is_of_syntax(&error) => return Err(places.locate(error)),
        Err(error) => {
            let faulty = Faulty::new(places.locate(error), written);
            source.taking(0, Command::Faulty(Box::new(faulty)), ParameterTypes::new())
        }
    };
    Ok(statement.with_places(places))
}

/// Where a statement comes from, and how large it is.
#[derive(Clone, Copy)]
struct Source<'a> {
    text: &'a str,
    span: Span,
    parameter_count: usize,
    depth: Depth,
    /// How many there are.
    tokens: usize,
}

impl Source<'_> {
    fn statement(self, command: Command, parameter_types: ParameterTypes) -> Statement {
        self.taking(self.parameter_count, command, parameter_types)
    }

    /// The same with so many parameters.
    fn taking(self, count: usize, command: Command, types: ParameterTypes) -> Statement {
        Statement::new(command, count, types, self.depth).of_tokens(self.tokens)
    }

    /// # Errors
    /// 42P02 where a statement that takes no parameters has some.
    fn check_takes_none(self) -> Result<(), SqlError> {
        if self.parameter_count == 0 {
            return Ok(());
        }
        let message = format!("there is no parameter ${}", self.parameter_count);
        Err(SqlError::new(SqlState::UndefinedParameter, message))
    }

    /// The statement that stands in this one and has its parameters.
    fn inner(self, mut statement: ast::Statement, name: &str) -> Result<Statement, SqlError> {
        let parameter_types = adapted(&mut statement, self.text)?;
        Ok(self.statement(standard(statement, name)?, parameter_types))
    }

    /// As it was written.
    fn covered(self) -> Box<str> {
        covered(self.text, self.span).into()
    }
}

fn command(
    source: Source<'_>,
    tokens: Vec<TokenWithSpan>,
) -> Result<(Command, ParameterTypes), SqlError> {
    let text = source.text;
    let name = refusal::name_of(&tokens);
    refusal::check(text, &tokens, &name)?;
    let parsed = read(source, &name, respelled(tokens))?;
    match parsed {
        Parsed::Own(command) => Ok((command, ParameterTypes::new())),
        Parsed::Copy(copy) => {
            let command = copying(copy, text)?;
            source.check_takes_none()?;
            Ok((command, ParameterTypes::new()))
        }
        Parsed::Declared(head, statement) => {
            let query = source.inner(*statement, "DECLARE of this statement")?;
            if let Some(locking) = query.command().lock_name() {
                head.check_locking(locking.trim_start_matches("SELECT "))?;
            }
            let text = source.covered();
            Ok((Command::Declare(Declare { head, query, text }), ParameterTypes::new()))
        }
        Parsed::Prepared(head, statement) => {
            Ok((preparing(source, head, *statement)?, ParameterTypes::new()))
        }
        Parsed::Standard(mut statement) => {
            // Arguments of EXECUTE are adapted to the types that the prepared statement takes.
            let parameter_types = match &*statement {
                ast::Statement::Explain { statement, .. } if is_execute(statement) => {
                    ParameterTypes::new()
                }
                _ => adapted(&mut statement, text)?,
            };
            Ok((standard(*statement, &name)?, parameter_types))
        }
    }
}

/// Makes `statement` what the planner takes, if that comes to an end.
fn adapted(statement: &mut ast::Statement, text: &str) -> Result<ParameterTypes, SqlError> {
    growth::check(statement)?;
    adapt(statement, text)
}

/// The one statement that `tokens` are.
fn read(source: Source<'_>, name: &str, tokens: Vec<TokenWithSpan>) -> Result<Parsed, SqlError> {
    let explained = (name == "EXPLAIN").then(|| tokens.clone());
    let grammar = Grammar::of_tokens(tokens.len());
    let mut parser = parser_of(&grammar, tokens, RECURSION_MAX);
    let error = match whole(&mut parser, explained.as_deref()) {
        Ok(parsed) => return Ok(parsed),
        Err(error) => error,
    };
    // The parser tries another reading where one is nested too deeply, and complains of that.
    let grammar = Grammar::of_tokens(source.tokens);
    let mut deeper = parser_of(&grammar, parser.into_tokens(), 2 * RECURSION_MAX);
    match whole(&mut deeper, explained.as_deref()) {
        Err(same) if same == error => Err(syntax_error(source.text, source.span.end, &error)),
        _ => Err(SqlError::from(&ParserError::RecursionLimitExceeded)),
    }
}

fn parser_of(grammar: &Grammar, tokens: Vec<TokenWithSpan>, limit: usize) -> Parser<'_> {
    Parser::new(grammar).with_recursion_limit(limit).with_tokens_with_locations(tokens)
}

/// One statement, and nothing behind it.
fn whole(
    parser: &mut Parser<'_>,
    explained: Option<&[TokenWithSpan]>,
) -> Result<Parsed, ParserError> {
    let parsed = if let Some(copy) = copy::parse(parser)? {
        Parsed::Copy(copy)
    } else if let Some(command) = own(parser)? {
        Parsed::Own(command)
    } else if let Some(head) = cursor::parse_head(parser)? {
        Parsed::Declared(head, Box::new(parser.parse_statement()?))
    } else if let Some(head) = prepare::parse_head(parser)? {
        Parsed::Prepared(head, Box::new(parser.parse_statement()?))
    } else {
        Parsed::Standard(Box::new(of_standard(parser, explained)?))
    };
    match parser.peek_token_ref() {
        token if token.token == Token::EOF => Ok(parsed),
        token => parser.expected_ref("the end of the statement", token),
    }
}

/// A statement of the standard grammar. What cannot be read behind EXPLAIN, whose tokens are given,
/// is reported where it stands.
fn of_standard(
    parser: &mut Parser<'_>,
    explained: Option<&[TokenWithSpan]>,
) -> Result<ast::Statement, ParserError> {
    let parsed = parser.parse_statement();
    let is_read = parsed.as_ref().is_ok_and(|statement| !is_table(statement));
    match explained.filter(|_| !is_read).and_then(explain::fault) {
        Some(fault) => Err(fault),
        None => parsed,
    }
}

fn is_table(statement: &ast::Statement) -> bool {
    matches!(statement, ast::Statement::ExplainTable { .. })
}

enum Parsed {
    Own(Command),
    Copy(CopyStatement),
    Declared(DeclareHead, Box<ast::Statement>),
    Prepared(PrepareHead, Box<ast::Statement>),
    Standard(Box<ast::Statement>),
}

/// The command for a statement of this server's own grammar; none where it is of the standard's.
fn own(parser: &mut Parser<'_>) -> Result<Option<Command>, ParserError> {
    if let Some(command) = collection::parse(parser)? {
        return Ok(Some(match command {
            CollectionCommand::Create(create) => Command::CreateCollection(create),
            CollectionCommand::Drop(drop) => Command::DropCollection(drop),
            CollectionCommand::Show => Command::ShowCollections,
        }));
    }
    if let Some(alter) = alter::parse(parser)? {
        return Ok(Some(Command::AlterCollection(alter)));
    }
    if let Some(command) = transaction::parse(parser)? {
        return Ok(Some(Command::Transaction(command)));
    }
    if let Some(fetch) = cursor::parse_fetch(parser)? {
        return Ok(Some(Command::Fetch(fetch)));
    }
    if let Some(close) = cursor::parse_close(parser)? {
        return Ok(Some(Command::Close(close)));
    }
    if let Some(execute) = prepare::parse_execute(parser)? {
        return Ok(Some(Command::Execute(execute)));
    }
    if let Some(command) = keys::parse(parser)? {
        return Ok(Some(Command::Key(command)));
    }
    if settings::parse_constraints(parser) {
        return Ok(Some(Command::Nothing("SET CONSTRAINTS")));
    }
    if let Some(tag) = settings::parse_authorization(parser) {
        return Ok(Some(Command::Nothing(tag)));
    }
    if audit::parse(parser) {
        return Ok(Some(Command::VerifyAudit));
    }
    Ok(storage::parse(parser)?.map(|command| match command {
        StorageCommand::Vacuum(vacuum) => Command::Vacuum(vacuum),
        StorageCommand::Show => Command::ShowStorage,
    }))
}

/// The command of a PREPARE.
fn preparing(
    source: Source<'_>,
    head: PrepareHead,
    statement: ast::Statement,
) -> Result<Command, SqlError> {
    let statement = source.inner(statement, "PREPARE of this statement")?;
    let types = head.types.into_iter().map(parameter_type).collect::<Result<_, _>>()?;
    let text = source.covered();
    Ok(Command::Prepare(Prepare { name: head.name, types, statement, text }))
}

/// The command of a COPY.
fn copying(copy: CopyStatement, text: &str) -> Result<Command, SqlError> {
    let (query, format) = match copy.resolve()? {
        Copy::Out(query, format) => (query, format),
        Copy::In(copy) => return Ok(Command::CopyIn(Box::new(copy))),
    };
    let mut statement = ast::Statement::Query(query);
    adapted(&mut statement, text)?;
    let ast::Statement::Query(query) = statement else {
        return Err(SqlError::unsupported("COPY of anything but a query"));
    };
    Ok(Command::CopyOut(Box::new(CopyOut::new(only_reading(query)?, format))))
}

/// The command for a statement of the standard grammar; `name` is what to call it if there is none.
fn standard(statement: ast::Statement, name: &str) -> Result<Command, SqlError> {
    match statement {
        ast::Statement::Query(query) if changes(&query) => with::command(*query),
        ast::Statement::Query(query) => {
            let query = perhaps_locking(query)?;
            let search = query.locks.is_empty().then(|| DirectSearch::of(&query)).flatten();
            Ok(match search {
                Some(search) => Command::Search(Box::new(search), query),
                None => Command::Query(query),
            })
        }
        ast::Statement::Insert(insert) => Ok(Command::Insert(Box::new(Insert::parse(insert)?))),
        ast::Statement::CreateExtension(create) => {
            Ok(Command::CreateExtension(Extension::parse(&create)))
        }
        ast::Statement::Truncate(truncate) => Ok(Command::Truncate(Truncate::parse(&truncate)?)),
        ast::Statement::Update(update) => Ok(Command::Update(Box::new(Update::parse(update)?))),
        ast::Statement::Delete(delete) => Ok(Command::Delete(Box::new(Delete::parse(delete)?))),
        ast::Statement::Explain {
            describe_alias: DescribeAlias::Explain,
            analyze,
            verbose: _,
            query_plan: false,
            estimate: false,
            statement,
            format: None,
            options,
        } => explain::command(*statement, analyze, options.unwrap_or_default()),
        ast::Statement::Set(set) => Ok(Command::Setting(settings::set_command(set)?)),
        ast::Statement::ShowVariable { variable } => {
            Ok(Command::Setting(settings::show_command(&variable)))
        }
        ast::Statement::Reset(reset) => Ok(Command::Setting(settings::reset_command(reset))),
        ast::Statement::Discard { object_type: DiscardObject::ALL } => Ok(Command::Discard),
        // There are no temporary tables and no sequences, and a plan lives as long as a statement.
        ast::Statement::Discard { object_type } => Ok(Command::Nothing(match object_type {
            DiscardObject::PLANS => "DISCARD PLANS",
            DiscardObject::SEQUENCES => "DISCARD SEQUENCES",
            DiscardObject::TEMP | DiscardObject::ALL => "DISCARD TEMP",
        })),
        // What drivers say before they hand a connection on: nobody listens.
        ast::Statement::UNLISTEN { .. } => Ok(Command::Nothing("UNLISTEN")),
        ast::Statement::Deallocate { name, prepare: _ } => {
            // ALL is a keyword; "all" in quotes is a name.
            let all = name.quote_style.is_none() && name.value.eq_ignore_ascii_case("all");
            Ok(Command::Deallocate((!all).then(|| folded(&name))))
        }
        _ => Err(refusal::unsupported(name)),
    }
}

fn is_execute(statement: &ast::Statement) -> bool {
    matches!(statement, ast::Statement::Execute { .. })
}

fn unexpected(found: &str) -> SqlError {
    SqlError::new(SqlState::SyntaxError, format!("syntax error at or near \"{found}\""))
}

/// The parser's complaint in PostgreSQL's words. It says where and what it found only in its text,
/// `Expected: a, found: b at Line: 1, Column: 2`, so that text is read here, and only here. `end`
/// is where the statement ends.
fn syntax_error(text: &str, end: Location, error: &ParserError) -> SqlError {
    let ParserError::ParserError(message) = error else { return SqlError::from(error) };
    let (complaint, at) = match message.rsplit_once(" at Line: ") {
        Some((complaint, place)) => (complaint, location(place)),
        None => (message.as_str(), None),
    };
    let found = complaint
        .strip_prefix("Expected: ")
        .and_then(|expectation| expectation.rsplit_once(", found: "));
    let error = match found {
        Some((expected, "EOF")) => at_end(text, end).with_detail(format!("Expected {expected}.")),
        Some((expected, found)) => unexpected(found).with_detail(format!("Expected {expected}.")),
        None => SqlError::new(SqlState::SyntaxError, format!("syntax error: {complaint}")),
    };
    match error.position {
        Some(_) => error,
        None => error.at(at.and_then(|location| position(text, location))),
    }
}

/// A statement that ends too early: with the text, or with a semicolon.
fn at_end(text: &str, end: Location) -> SqlError {
    let behind = position(text, end).and_then(|place| usize::try_from(place).ok());
    let mut rest = text.chars().enumerate().skip(behind.map_or(0, |place| place.saturating_sub(1)));
    let next = rest.find(|(_, letter)| !letter.is_whitespace());
    let (error, at) = if let Some((at, ';')) = next {
        (unexpected(";"), at)
    } else {
        let message = "syntax error at end of input";
        (SqlError::new(SqlState::SyntaxError, message), text.chars().count())
    };
    error.at(u32::try_from(at + 1).ok())
}

fn location(place: &str) -> Option<Location> {
    let (line, column) = place.split_once(", Column: ")?;
    Some(Location { line: line.parse().ok()?, column: column.parse().ok()? })
}

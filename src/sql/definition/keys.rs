//! CREATE KEY, DROP KEY and SHOW KEYS: grammar and execution.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use datafusion::arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::engine::keyring::{Key, KeyDraft, Keyring, KeyringError, Tier};
use crate::engine::{Role, TenantName};
use crate::sql::grammar::name::folded;
use crate::sql::grammar::words::{next_is, skip};
use crate::sql::read::columns::{schema_of, timestamp_field};
use crate::sql::{Outcome, SqlError, SqlState};

/// A statement about the keys of a tenant.
#[derive(Debug)]
pub(in crate::sql) enum KeyCommand {
    /// `CREATE KEY name [ROLE role] [TIER tier] [EXPIRES 'time']`.
    Create { name: String, role: Role, tier: Tier, expires: Option<String> },
    /// `DROP KEY [IF EXISTS] name`.
    Drop { name: String, if_exists: bool },
    /// `SHOW KEYS`.
    Show,
}

/// Reads a statement about keys; none when the statement is of another kind.
pub(in crate::sql) fn parse(parser: &mut Parser<'_>) -> Result<Option<KeyCommand>, ParserError> {
    let is = |parser: &Parser<'_>, verb, noun| next_is(parser, 0, verb) && next_is(parser, 1, noun);
    if is(parser, "SHOW", "KEYS") {
        skip(parser, 2);
        Ok(Some(KeyCommand::Show))
    } else if is(parser, "DROP", "KEY") {
        skip(parser, 2);
        let if_exists = parser.parse_keywords(&[Keyword::IF, Keyword::EXISTS]);
        Ok(Some(KeyCommand::Drop { name: name(parser)?, if_exists }))
    } else if is(parser, "CREATE", "KEY") {
        skip(parser, 2);
        create(parser).map(Some)
    } else {
        Ok(None)
    }
}

fn create(parser: &mut Parser<'_>) -> Result<KeyCommand, ParserError> {
    let name = name(parser)?;
    let (mut role, mut tier, mut expires) = (None, None, None);
    loop {
        let repeated = if next_is(parser, 0, "ROLE") {
            skip(parser, 1);
            role.replace(word::<Role>(parser)?).is_some()
        } else if next_is(parser, 0, "TIER") {
            skip(parser, 1);
            tier.replace(word::<Tier>(parser)?).is_some()
        } else if next_is(parser, 0, "EXPIRES") {
            skip(parser, 1);
            expires.replace(string(parser)?).is_some()
        } else {
            break;
        };
        if repeated {
            return Err(ParserError::ParserError("conflicting or redundant options".to_owned()));
        }
    }
    Ok(KeyCommand::Create {
        name,
        role: role.unwrap_or(Role::Write),
        tier: tier.unwrap_or_default(),
        expires,
    })
}

fn name(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    Ok(folded(&parser.parse_identifier()?))
}

/// The text that follows, in quotes.
fn string(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    match parser.peek_token_ref().token {
        Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_) => {
            parser.parse_literal_string()
        }
        _ => parser.expected("a day or a time as a string", parser.peek_token()),
    }
}

/// The word that follows, as one of several.
fn word<T: std::str::FromStr<Err: std::fmt::Display>>(
    parser: &mut Parser<'_>,
) -> Result<T, ParserError> {
    let word: Ident = parser.parse_identifier()?;
    folded(&word).parse().map_err(|error: T::Err| ParserError::ParserError(error.to_string()))
}

/// A day, which begins at midnight, or a time; UTC unless it says otherwise.
fn time(text: &str) -> Result<i64, SqlError> {
    let zoned = || {
        let spellings = ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"];
        spellings.iter().find_map(|spelling| DateTime::parse_from_str(text, spelling).ok())
    };
    let plain = || {
        let spellings = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
        spellings.iter().find_map(|spelling| NaiveDateTime::parse_from_str(text, spelling).ok())
    };
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let time = DateTime::parse_from_rfc3339(text).ok().or_else(zoned).map(|time| time.to_utc());
    let time = time.or_else(|| plain().map(|time| time.and_utc()));
    let time = time.or_else(|| day().map(|day| day.and_time(NaiveTime::MIN).and_utc()));
    time.map(|time| time.timestamp_micros()).ok_or_else(|| {
        let message = format!("invalid input syntax for type timestamp with time zone: \"{text}\"");
        SqlError::new(SqlState::InvalidDatetimeFormat, message)
            .with_hint("Write a day or a time: '2027-01-31', '2027-01-31 12:00:00'.")
    })
}

impl KeyCommand {
    /// The name of a command that writes; none for one that only reads.
    pub(in crate::sql) fn write_name(&self) -> Option<&'static str> {
        match self {
            Self::Create { .. } => Some("CREATE KEY"),
            Self::Drop { .. } => Some("DROP KEY"),
            Self::Show => None,
        }
    }

    /// The columns of its answer.
    pub(in crate::sql) fn schema(&self) -> Option<SchemaRef> {
        match self {
            Self::Create { .. } => Some(secret_schema()),
            Self::Drop { .. } => None,
            Self::Show => Some(keys_schema()),
        }
    }

    /// Carries it out on the keys of `tenant`; durable when this returns.
    ///
    /// # Errors
    /// 42710 and 42704 for names that are taken and that are not there; 22007 for a time that is
    /// none, 22023 for one that has passed.
    pub(in crate::sql) async fn run(
        &self,
        keyring: Arc<Keyring>,
        tenant: &TenantName,
    ) -> Result<Outcome, SqlError> {
        match self {
            Self::Create { name, role, tier, expires } => {
                let draft = KeyDraft {
                    tenant: tenant.clone(),
                    name: name.clone(),
                    role: *role,
                    tier: *tier,
                    expires_at_us: expires.as_deref().map(time).transpose()?,
                };
                let (key, secret) = off_thread(move || keyring.create(draft)).await?;
                let arrays = [&*key.id, &*key.name, secret.reveal()];
                let arrays = arrays.map(|text| Arc::new(StringArray::from(vec![text])) as ArrayRef);
                answer("CREATE KEY", secret_schema(), arrays.into())
            }
            Self::Drop { name, if_exists } => {
                let (owner, wanted) = (tenant.clone(), name.clone());
                let dropped = off_thread(move || keyring.revoke_named(&owner, &wanted)).await;
                match dropped {
                    Err(error) if *if_exists && error.state == SqlState::UndefinedObject => {}
                    dropped => drop(dropped?),
                }
                Ok(Outcome::Done { tag: "DROP KEY", rows: None })
            }
            Self::Show => {
                let mut keys = off_thread(move || keyring.list()).await?;
                keys.retain(|key| key.tenant == tenant.as_str());
                shown(&keys)
            }
        }
    }
}

/// Writing the key file takes syncs of the disk.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, SqlError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| DataFusionError::ExecutionJoin(Box::new(error)))?;
    done.map_err(|error| {
        let message = error.to_string();
        match &error {
            KeyringError::NameTaken { .. } => SqlError::new(SqlState::DuplicateObject, message),
            KeyringError::NotFound(name) => {
                let message = format!("key \"{name}\" does not exist");
                SqlError::new(SqlState::UndefinedObject, message)
            }
            KeyringError::BadName(_) => SqlError::new(SqlState::InvalidName, message),
            KeyringError::BadExpiry => SqlError::new(SqlState::InvalidParameterValue, message),
            // Suspensions are the operator's, who has no part in this.
            KeyringError::NoSuchTenant(_) => SqlError::new(SqlState::UndefinedObject, message),
            KeyringError::File(_) | KeyringError::Random => {
                tracing::error!(error = &error as &dyn std::error::Error, "keys cannot be changed");
                SqlError::new(SqlState::InternalError, "internal error")
            }
        }
    })
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, false)
}

fn secret_schema() -> SchemaRef {
    schema_of(["id", "name", "secret"].map(text))
}

fn keys_schema() -> SchemaRef {
    let texts = ["id", "name", "role", "tier", "hint", "state"].map(text);
    let expires = timestamp_field("expires_at").with_nullable(true);
    schema_of(texts.into_iter().chain([timestamp_field("created_at"), expires]))
}

fn shown(keys: &[Key]) -> Result<Outcome, SqlError> {
    let column = |value: &dyn Fn(&Key) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(keys.iter().map(value)))
    };
    let time = |value: &dyn Fn(&Key) -> Option<i64>| -> ArrayRef {
        let times = keys.iter().map(value).collect::<TimestampMicrosecondArray>();
        Arc::new(times.with_timezone("UTC"))
    };
    let arrays = vec![
        column(&|key| key.id.clone()),
        column(&|key| key.name.clone()),
        column(&|key| key.role.to_string()),
        column(&|key| key.tier.to_string()),
        column(&|key| key.hint.clone()),
        column(&|key| key.state().to_owned()),
        time(&|key| Some(key.created_at_us)),
        time(&|key| key.expires_at_us),
    ];
    answer("SHOW", keys_schema(), arrays)
}

fn answer(
    tag: &'static str,
    schema: SchemaRef,
    arrays: Vec<ArrayRef>,
) -> Result<Outcome, SqlError> {
    let batch = RecordBatch::try_new(schema, arrays).map_err(DataFusionError::from)?;
    Ok(Outcome::of_batch(tag, batch))
}

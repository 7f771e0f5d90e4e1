//! The settings of a session that PostgreSQL clients set and ask for, and SET, RESET and SHOW.
//!
//! A setting accepts the values under which this server does what the setting promises, and no
//! others: accepting `TimeZone = 'Asia/Tokyo'` and showing UTC would be worse than refusing it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::config::SessionConfig;
use likeness_storage::{Exactness, FailureProbability};

use super::duration::{self, DurationError};
use super::encoding::Encoding;
use crate::engine::{Purpose, PurposeError};
use crate::sql::read::columns::schema_of;
use crate::sql::value::output::IntervalStyle;
use crate::sql::{Notice, SqlError, SqlState};

mod command;

pub(in crate::sql) use command::{
    SettingCommand, parse_constraints, reset_command, set_command, show_command,
};

/// The PostgreSQL release whose behaviour this server follows.
pub(in crate::sql) const SERVER_VERSION: &str = "15.0";

/// What a setting accepts.
#[derive(Debug, Clone, Copy)]
enum Accepts {
    /// Nothing; it tells about the server.
    Nothing,
    /// Any text.
    Text,
    /// Whole numbers in a range.
    Integer(i64, i64),
    /// A length of time, none for ever.
    Duration,
    /// What searches are for; empty for none.
    Purpose,
    /// A probability that a search may fail with.
    FailureProbability,
    /// on or off.
    Boolean,
    /// The default in other spellings.
    Spellings(&'static [&'static str]),
    /// One of several words.
    Words(&'static [&'static str]),
    /// UTF-8, however its name is written.
    Encoding,
}

#[derive(Debug)]
struct Setting {
    name: &'static str,
    default: &'static str,
    accepts: Accepts,
}

const fn setting(name: &'static str, default: &'static str, accepts: Accepts) -> Setting {
    Setting { name, default, accepts }
}

/// What a search may leave to chance.
const EXACT: &str = "likeness.exact";
const DETERMINISTIC: &str = "deterministic";
/// With what probability a search may miss one of its hits where it leaves that to chance.
const EXACT_FAILURE_PROBABILITY: &str = "likeness.exact_failure_probability";

/// What the session's searches, exports and deletions are for, as the audit log has it.
const PURPOSE: &str = "likeness.purpose";

/// The isolation level of transactions that do not say.
const DEFAULT_ISOLATION: &str = "default_transaction_isolation";
/// Whether transactions that do not say may write.
const DEFAULT_READ_ONLY: &str = "default_transaction_read_only";
/// Whether the transaction may write.
const READ_ONLY: &str = "transaction_read_only";

/// Which messages the client wants to hear.
const CLIENT_MIN_MESSAGES: &str = "client_min_messages";

/// The zone in which times are written.
const TIME_ZONE: &str = "TimeZone";

/// How spans of time are written.
const INTERVAL_STYLE: &str = "IntervalStyle";
const ISO_8601: &str = "iso_8601";

/// How long a statement may take.
const STATEMENT_TIMEOUT: &str = "statement_timeout";
/// How long a client may be silent inside a transaction, and outside.
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "idle_in_transaction_session_timeout";
const IDLE_TIMEOUT: &str = "idle_session_timeout";

const ON: Accepts = Accepts::Spellings(&["true", "yes", "1"]);
const LEVELS: Accepts =
    Accepts::Words(&["read uncommitted", "read committed", "repeatable read", "serializable"]);

/// All settings in the order of their names, ignoring case.
static SETTINGS: [Setting; 36] = [
    setting("application_name", "", Accepts::Text),
    setting("bytea_output", "hex", Accepts::Spellings(&[])),
    setting("client_encoding", "UTF8", Accepts::Encoding),
    setting(
        CLIENT_MIN_MESSAGES,
        "notice",
        Accepts::Words(&["debug", "debug1", "log", "notice", "warning", "error"]),
    ),
    setting("DateStyle", "ISO, MDY", Accepts::Spellings(&["ISO", "ISO,MDY"])),
    setting("default_table_access_method", "heap", Accepts::Spellings(&[])),
    setting(DEFAULT_ISOLATION, "repeatable read", LEVELS),
    setting(DEFAULT_READ_ONLY, "off", Accepts::Boolean),
    setting("extra_float_digits", "1", Accepts::Integer(-15, 3)),
    setting(IDLE_IN_TRANSACTION_TIMEOUT, "0", Accepts::Duration),
    setting(IDLE_TIMEOUT, "0", Accepts::Duration),
    setting("integer_datetimes", "on", Accepts::Nothing),
    setting(INTERVAL_STYLE, "postgres", Accepts::Words(&["postgres", ISO_8601])),
    setting("is_superuser", "off", Accepts::Nothing),
    setting("jit", "off", Accepts::Spellings(&["false", "no", "0"])),
    setting("lc_collate", "C", Accepts::Nothing),
    setting("lc_ctype", "C", Accepts::Nothing),
    setting(EXACT, "probable", Accepts::Words(&["probable", DETERMINISTIC])),
    setting(EXACT_FAILURE_PROBABILITY, "1e-9", Accepts::FailureProbability),
    setting(PURPOSE, "", Accepts::Purpose),
    // There are no locks that a statement could wait for.
    setting("lock_timeout", "0", Accepts::Duration),
    setting("max_identifier_length", "63", Accepts::Nothing),
    setting("max_index_keys", "32", Accepts::Nothing),
    setting("password_encryption", "scram-sha-256", Accepts::Nothing),
    setting("row_security", "on", Accepts::Boolean),
    setting(
        "search_path",
        "\"$user\", public",
        Accepts::Spellings(&["", "public", "$user, public", "$user,public", "public, pg_catalog"]),
    ),
    setting("server_encoding", "UTF8", Accepts::Nothing),
    setting("server_version", SERVER_VERSION, Accepts::Nothing),
    setting("server_version_num", "150000", Accepts::Nothing),
    setting("standard_conforming_strings", "on", ON),
    setting(STATEMENT_TIMEOUT, "0", Accepts::Duration),
    setting("synchronize_seqscans", "on", Accepts::Boolean),
    setting(
        TIME_ZONE,
        "UTC",
        Accepts::Spellings(&["GMT", "Etc/UTC", "Etc/GMT", "Z", "+00:00", "0"]),
    ),
    setting("transaction_isolation", "repeatable read", LEVELS),
    setting(READ_ONLY, "off", Accepts::Spellings(&["false", "no", "0"])),
    setting("xmloption", "content", Accepts::Spellings(&[])),
];

/// The purpose that a setting names; empty for none.
fn purpose(value: &str) -> Result<Option<Purpose>, PurposeError> {
    if value.is_empty() { Ok(None) } else { value.parse().map(Some) }
}

fn probability(value: &str) -> Option<FailureProbability> {
    FailureProbability::new(value.trim().parse().ok()?)
}

fn find(name: &str) -> Result<&'static Setting, SqlError> {
    SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let message = format!("unrecognized configuration parameter \"{name}\"");
        SqlError::new(SqlState::UndefinedObject, message)
    })
}

impl Setting {
    /// The value as it is kept, or why it is refused.
    fn checked(&self, value: &str) -> Result<String, SqlError> {
        let refuse = |state, hint: String| {
            let message = format!("invalid value for parameter \"{}\": \"{value}\"", self.name);
            Err(SqlError::new(state, message).with_hint(hint))
        };
        match self.accepts {
            Accepts::Nothing => {
                let message = format!("parameter \"{}\" cannot be changed", self.name);
                Err(SqlError::new(SqlState::CantChangeRuntimeParam, message))
            }
            Accepts::Text => Ok(value.to_owned()),
            Accepts::Integer(least, most) => match value.parse::<i64>() {
                Ok(number) if (least..=most).contains(&number) => Ok(number.to_string()),
                _ => refuse(
                    SqlState::InvalidParameterValue,
                    format!("Whole numbers from {least} to {most} are accepted."),
                ),
            },
            Accepts::Duration => self.checked_duration(value),
            Accepts::Purpose => match purpose(value) {
                Ok(_) => Ok(value.to_owned()),
                Err(why) => refuse(SqlState::InvalidParameterValue, format!("A purpose {why}.")),
            },
            Accepts::FailureProbability => match probability(value) {
                Some(_) => Ok(value.to_owned()),
                None => refuse(
                    SqlState::InvalidParameterValue,
                    format!("Numbers from {:e} to 0.5 are accepted.", FailureProbability::LEAST),
                ),
            },
            Accepts::Boolean => match value.to_ascii_lowercase().as_str() {
                "on" | "true" | "yes" | "1" => Ok("on".to_owned()),
                "off" | "false" | "no" | "0" => Ok("off".to_owned()),
                _ => {
                    let message = format!("parameter \"{}\" requires a Boolean value", self.name);
                    Err(SqlError::new(SqlState::InvalidParameterValue, message))
                }
            },
            Accepts::Words(words) => {
                match words.iter().find(|word| word.eq_ignore_ascii_case(value)) {
                    Some(word) => Ok((*word).to_owned()),
                    None => refuse(
                        SqlState::InvalidParameterValue,
                        format!("Available values: {}.", words.join(", ")),
                    ),
                }
            }
            Accepts::Spellings(spellings) => {
                let mut known = spellings.iter().chain([&self.default]);
                if known.any(|spelling| spelling.eq_ignore_ascii_case(value)) {
                    Ok(self.default.to_owned())
                } else {
                    let hint = format!("This server supports only \"{}\" here.", self.default);
                    refuse(SqlState::FeatureNotSupported, hint)
                }
            }
            Accepts::Encoding => match Encoding::named(value) {
                Some(Encoding::Utf8) => Ok(self.default.to_owned()),
                Some(Encoding::Other) => {
                    let hint = format!("This server supports only \"{}\" here.", self.default);
                    refuse(SqlState::FeatureNotSupported, hint)
                }
                None => {
                    let message =
                        format!("invalid value for parameter \"{}\": \"{value}\"", self.name);
                    Err(SqlError::new(SqlState::InvalidParameterValue, message))
                }
            },
        }
    }
}

impl Setting {
    fn checked_duration(&self, value: &str) -> Result<String, SqlError> {
        let refuse = |message| SqlError::new(SqlState::InvalidParameterValue, message);
        let invalid =
            || refuse(format!("invalid value for parameter \"{}\": \"{value}\"", self.name));
        match duration::milliseconds(value) {
            Ok(milliseconds @ 0..) => Ok(duration::text_of(milliseconds)),
            Ok(milliseconds) => Err(refuse(format!(
                "{milliseconds} ms is outside the valid range for parameter \"{}\" (0 .. {})",
                self.name,
                i32::MAX
            ))),
            Err(DurationError::NoNumber) => Err(invalid()),
            Err(DurationError::UnknownUnit) => {
                let hint = "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \
                            \"h\", and \"d\".";
                Err(invalid().with_hint(hint))
            }
            Err(DurationError::TooLong) => Err(invalid().with_hint("Value exceeds integer range.")),
        }
    }
}

/// The settings that a session changed, or began with.
#[derive(Debug, Clone, Default)]
pub(in crate::sql) struct Settings {
    set: BTreeMap<&'static str, String>,
    /// Those that end with the transaction; they hide the others.
    local: BTreeMap<&'static str, String>,
    /// What RESET goes back to, where that is not the default.
    start: BTreeMap<&'static str, String>,
}

impl Settings {
    /// # Errors
    /// 42704 for a name nobody knows, 22023, 0A000 or 55P02 for a value that is not accepted.
    pub(in crate::sql) fn set(&mut self, name: &str, value: &str) -> Result<(), SqlError> {
        let setting = find(name)?;
        self.set.insert(setting.name, setting.checked(value)?);
        self.local.remove(setting.name);
        Ok(())
    }

    /// Gives a setting the value that the session begins with. A zone that this server does not
    /// have is passed over with a warning: drivers name that of their machine without being asked.
    ///
    /// # Errors
    /// As for [`Self::set`].
    pub(in crate::sql) fn start_with(
        &mut self,
        name: &str,
        value: &str,
    ) -> Result<Option<Notice>, SqlError> {
        let setting = find(name)?;
        match setting.checked(value) {
            Ok(value) => {
                self.start.insert(setting.name, value);
                Ok(None)
            }
            Err(_) if setting.name == TIME_ZONE => {
                let message = format!("time zone \"{value}\" is not supported: times are in UTC");
                Ok(Some(Notice::warning(SqlState::FeatureNotSupported, message)))
            }
            Err(refused) => Err(refused),
        }
    }

    /// Sets a value up to the end of the transaction; none for the one without SET.
    ///
    /// # Errors
    /// Those of [`Self::set`].
    pub(in crate::sql) fn set_local(
        &mut self,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), SqlError> {
        let setting = find(name)?;
        let value = match value {
            Some(value) => setting.checked(value)?,
            None => self.start_of(setting).to_owned(),
        };
        self.local.insert(setting.name, value);
        Ok(())
    }

    /// The value that a setting would have.
    ///
    /// # Errors
    /// Those of [`Self::set`].
    pub(in crate::sql) fn checked(name: &str, value: &str) -> Result<String, SqlError> {
        find(name)?.checked(value)
    }

    /// # Errors
    /// 42704 for a name nobody knows.
    pub(in crate::sql) fn reset(&mut self, name: &str) -> Result<(), SqlError> {
        let name = find(name)?.name;
        self.set.remove(name);
        self.local.remove(name);
        Ok(())
    }

    pub(in crate::sql) fn reset_all(&mut self) {
        self.set.clear();
        self.local.clear();
    }

    /// As a statement sees them whose transaction only reads, or not.
    pub(in crate::sql) fn of_transaction(&self, read_only: bool) -> Self {
        let mut seen = self.clone();
        let value = if read_only { "on" } else { "off" };
        seen.local.insert(READ_ONLY, value.to_owned());
        seen
    }

    /// The transaction has ended, and with it what was set for it.
    pub(super) fn end_local(&mut self) {
        self.local.clear();
    }

    /// Whether transactions that do not say may only read.
    pub(in crate::sql) fn default_read_only(&self) -> bool {
        self.chosen(DEFAULT_READ_ONLY) == Some("on")
    }

    /// What the searches of the session may leave to chance.
    pub(in crate::sql) fn exactness(&self) -> Exactness {
        if self.chosen(EXACT) == Some(DETERMINISTIC) {
            return Exactness::Deterministic;
        }
        let chosen = self.chosen(EXACT_FAILURE_PROBABILITY).and_then(probability);
        chosen.map_or_else(Exactness::default, Exactness::Probable)
    }

    /// What searches, exports and deletions are for.
    pub(in crate::sql) fn purpose(&self) -> Option<Purpose> {
        self.chosen(PURPOSE).and_then(|value| purpose(value).ok().flatten())
    }

    /// Whether the client wants to hear this.
    pub(in crate::sql) fn tells(&self, notice: &Notice) -> bool {
        match self.chosen(CLIENT_MIN_MESSAGES) {
            Some("error") => false,
            Some("warning") => notice.severity == Notice::WARNING,
            _ => true,
        }
    }

    /// How long a statement may take; none for as long as it wants.
    pub(in crate::sql) fn statement_timeout(&self) -> Option<Duration> {
        self.timeout(STATEMENT_TIMEOUT)
    }

    /// How spans of time are written.
    pub(in crate::sql) fn interval_style(&self) -> IntervalStyle {
        match self.chosen(INTERVAL_STYLE) {
            Some(ISO_8601) => IntervalStyle::Iso8601,
            _ => IntervalStyle::Postgres,
        }
    }

    /// How long the client may be silent between two statements; none for ever.
    pub(in crate::sql) fn idle_timeout(&self, in_transaction: bool) -> Option<Duration> {
        self.timeout(if in_transaction { IDLE_IN_TRANSACTION_TIMEOUT } else { IDLE_TIMEOUT })
    }

    fn timeout(&self, name: &str) -> Option<Duration> {
        let milliseconds = duration::milliseconds(self.chosen(name)?).ok()?;
        u64::try_from(milliseconds).ok().filter(|ms| *ms > 0).map(Duration::from_millis)
    }

    /// The value of one setting as a row.
    ///
    /// # Errors
    /// 42704 for a name nobody knows.
    pub(in crate::sql) fn show(&self, name: &str) -> Result<RecordBatch, SqlError> {
        let setting = find(name)?;
        let value = StringArray::from_iter_values([self.value(setting)]);
        RecordBatch::try_new(show_schema(name)?, vec![Arc::new(value)])
            .map_err(|error| DataFusionError::from(error).into())
    }

    /// All settings as rows.
    pub(in crate::sql) fn show_all(&self) -> Result<RecordBatch, SqlError> {
        let names = StringArray::from_iter_values(SETTINGS.iter().map(|setting| setting.name));
        let values = SETTINGS.iter().map(|setting| self.value(setting));
        let values = StringArray::from_iter_values(values);
        RecordBatch::try_new(show_all_schema(), vec![Arc::new(names), Arc::new(values)])
            .map_err(|error| DataFusionError::from(error).into())
    }

    /// The value of the setting of that name; none where there is no such setting.
    pub(in crate::sql) fn get(&self, name: &str) -> Option<&str> {
        find(name).ok().map(|setting| self.value(setting))
    }

    /// All settings: their names, values, and what they are after RESET.
    pub(in crate::sql) fn all(&self) -> impl Iterator<Item = (&'static str, &str, &str)> {
        SETTINGS.iter().map(|setting| (setting.name, self.value(setting), self.start_of(setting)))
    }

    fn value(&self, setting: &Setting) -> &str {
        self.chosen(setting.name).unwrap_or(setting.default)
    }

    /// What the client chose for the setting of exactly this name, if it did.
    fn chosen(&self, name: &str) -> Option<&str> {
        let layers = [&self.local, &self.set, &self.start];
        layers.into_iter().find_map(|layer| layer.get(name)).map(String::as_str)
    }

    /// What RESET gives it.
    fn start_of(&self, setting: &Setting) -> &str {
        self.start.get(setting.name).map_or(setting.default, String::as_str)
    }
}

/// The column of SHOW name.
///
/// # Errors
/// 42704 for a name nobody knows.
pub(in crate::sql) fn show_schema(name: &str) -> Result<SchemaRef, SqlError> {
    Ok(schema_of([Field::new(find(name)?.name, DataType::Utf8, false)]))
}

/// The columns of SHOW ALL.
pub(in crate::sql) fn show_all_schema() -> SchemaRef {
    schema_of(["name", "setting"].map(|name| Field::new(name, DataType::Utf8, false)))
}

/// What the searches of a statement may leave to chance, as its plan was told.
pub(in crate::sql) fn exactness_of(config: &SessionConfig) -> Exactness {
    config.get_extension().map_or_else(Exactness::default, |set| *set)
}

/// What EXPLAIN says of what a search may leave to chance: nothing where that is the default.
pub(in crate::sql) fn write_exactness(
    exactness: Exactness,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match exactness {
        Exactness::Deterministic => f.write_str(", deterministic"),
        Exactness::Probable(p) if exactness != Exactness::default() => {
            write!(f, ", failure_probability={:e}", p.get())
        }
        Exactness::Probable(_) => Ok(()),
    }
}

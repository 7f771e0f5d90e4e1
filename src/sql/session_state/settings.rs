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

use crate::engine::{Purpose, PurposeError};
use crate::sql::read::columns::schema_of;
use crate::sql::value::output::IntervalStyle;
use crate::sql::{Notice, SqlError, SqlState};

mod command;
mod idle;
mod known;
mod quantity;
mod real;
mod search_path;
mod setting;

use self::known::SETTINGS;
use self::quantity::MILLISECONDS;
use self::setting::Terms;

pub(super) use setting::Setting;

pub(in crate::sql) use command::{
    SettingCommand, parse_authorization, parse_constraints, reset_command, set_command,
    show_command,
};
pub(in crate::sql) use search_path::SearchPath;

/// The PostgreSQL release whose behaviour this server follows.
pub(in crate::sql) const SERVER_VERSION: &str = "15.0";

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

/// Where names are looked for that stand alone.
const SEARCH_PATH: &str = "search_path";

/// Whose session it is, and whose rights it has chosen.
pub(in crate::sql) const SESSION_AUTHORIZATION: &str = "session_authorization";
pub(in crate::sql) const ROLE: &str = "role";

/// How long a statement may take.
const STATEMENT_TIMEOUT: &str = "statement_timeout";
/// How long a client may be silent inside a transaction, and outside.
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "idle_in_transaction_session_timeout";
const IDLE_TIMEOUT: &str = "idle_session_timeout";

/// The purpose that a setting names; empty for none.
fn purpose(value: &str) -> Result<Option<Purpose>, PurposeError> {
    if value.is_empty() { Ok(None) } else { value.parse().map(Some) }
}

fn probability(value: &str) -> Option<FailureProbability> {
    FailureProbability::new(value.trim().parse().ok()?)
}

fn find(name: &str) -> Result<&'static Setting, SqlError> {
    SETTINGS.iter().find(|setting| setting.name.eq_ignore_ascii_case(name)).copied().ok_or_else(
        || {
            let message = format!("unrecognized configuration parameter \"{name}\"");
            SqlError::new(SqlState::UndefinedObject, message)
        },
    )
}

/// The settings that are listed: whose session it is, is asked for by name.
fn listed() -> impl Iterator<Item = &'static Setting> {
    let is_listed = |setting: &&Setting| ![ROLE, SESSION_AUTHORIZATION].contains(&setting.name);
    SETTINGS.iter().copied().filter(is_listed)
}

/// A setting and its values as `pg_settings` has them.
#[derive(Debug)]
pub(in crate::sql) struct Told {
    pub(in crate::sql) name: &'static str,
    pub(in crate::sql) value: String,
    /// What it is after RESET.
    pub(in crate::sql) reset: String,
    /// What it is in a session that says nothing.
    pub(in crate::sql) default: String,
    pub(in crate::sql) terms: Terms,
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
    /// Those of a session of `user`.
    pub(in crate::sql) fn of(user: &str) -> Self {
        let start = BTreeMap::from([(SESSION_AUTHORIZATION, user.to_owned())]);
        Self { start, ..Self::default() }
    }

    /// # Errors
    /// 42704 for a name nobody knows, 22023, 0A000 or 55P02 for a value that is not accepted.
    pub(in crate::sql) fn set(&mut self, name: &str, value: &str) -> Result<(), SqlError> {
        let setting = find(name)?;
        let value = self.accepted(setting, value)?;
        self.set.insert(setting.name, value);
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
        match self.accepted(setting, value) {
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
            Some(value) => self.accepted(setting, value)?,
            None => self.start_of(setting).to_owned(),
        };
        self.local.insert(setting.name, value);
        Ok(())
    }

    /// The value that a setting would have.
    ///
    /// # Errors
    /// Those of [`Self::set`].
    pub(in crate::sql) fn checked(&self, name: &str, value: &str) -> Result<String, SqlError> {
        self.accepted(find(name)?, value)
    }

    fn accepted(&self, setting: &Setting, value: &str) -> Result<String, SqlError> {
        let user = self.start.get(SESSION_AUTHORIZATION);
        setting.checked(value, user.map_or("", String::as_str))
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

    /// Where `user` finds names that stand alone.
    pub(in crate::sql) fn search_path(&self, user: &str) -> SearchPath {
        let path = self.chosen(SEARCH_PATH).map(|path| SearchPath::of(path, user));
        path.unwrap_or_default()
    }

    /// How long the client may be silent between two statements; none for ever.
    pub(in crate::sql) fn idle_timeout(&self, in_transaction: bool) -> Option<Duration> {
        self.timeout(if in_transaction { IDLE_IN_TRANSACTION_TIMEOUT } else { IDLE_TIMEOUT })
    }

    fn timeout(&self, name: &str) -> Option<Duration> {
        let milliseconds = quantity::read(self.chosen(name)?, MILLISECONDS).ok()?;
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
        let names = StringArray::from_iter_values(listed().map(|setting| setting.name));
        let values = listed().map(|setting| self.value(setting));
        let values = StringArray::from_iter_values(values);
        RecordBatch::try_new(show_all_schema(), vec![Arc::new(names), Arc::new(values)])
            .map_err(|error| DataFusionError::from(error).into())
    }

    /// The value of the setting of that name; none where there is no such setting.
    pub(in crate::sql) fn get(&self, name: &str) -> Option<&str> {
        Self::find(name).map(|setting| self.value(setting))
    }

    /// The setting of that name; none where there is no such setting.
    pub(super) fn find(name: &str) -> Option<&'static Setting> {
        find(name).ok()
    }

    /// All settings as `pg_settings` has them.
    pub(in crate::sql) fn all(&self) -> impl Iterator<Item = Told> {
        listed().map(|setting| Told {
            name: setting.name,
            value: setting.without_unit(self.value(setting)),
            reset: setting.without_unit(self.start_of(setting)),
            default: setting.without_unit(setting.default),
            terms: setting.terms(),
        })
    }

    pub(super) fn value(&self, setting: &Setting) -> &str {
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

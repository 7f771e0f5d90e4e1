//! Functions about the session: where and who it is, what time it is there, and its settings.

use std::time::SystemTime;

use super::super::relation::Kind;
use super::super::view::{SCHEMA, SystemView, moment};
use super::definition::{Body, Definition};
use super::naming::first;
use crate::sql::SqlError;
use crate::sql::session_state::settings::{SERVER_VERSION, Settings};

const SERVER_STARTED: Body<SystemView> =
    |catalog, _| Ok(Some(moment(catalog.session.backend.server_started)));

const DATABASE: Body<SystemView> = |catalog, _| Ok(Some(catalog.database().to_owned()));
const USER: Body<SystemView> = |catalog, _| Ok(Some(catalog.user().to_owned()));

/// Functions that answer the same throughout a statement.
pub(super) const STABLE: &[Definition<SystemView>] = &[
    of("version", 0, 0, Kind::Text, |_, _| {
        let product = env!("CARGO_PKG_VERSION");
        Ok(Some(format!("PostgreSQL {SERVER_VERSION} (LikenessDB {product})")))
    }),
    of("current_database", 0, 0, Kind::Name, DATABASE),
    of("current_catalog", 0, 0, Kind::Name, DATABASE),
    of("current_schema", 0, 0, Kind::Name, |_, _| Ok(Some(SCHEMA.to_owned()))),
    of("current_user", 0, 0, Kind::Name, USER),
    of("current_role", 0, 0, Kind::Name, USER),
    of("session_user", 0, 0, Kind::Name, USER),
    of("user", 0, 0, Kind::Name, USER),
    of("pg_backend_pid", 0, 0, Kind::Int4, |catalog, _| {
        Ok(Some(catalog.session.backend.process.to_string()))
    }),
    of("current_schemas", 1, 1, Kind::Texts, |_, arguments| {
        let with_system = first(arguments) == "true";
        Ok(Some(if with_system { format!("pg_catalog {SCHEMA}") } else { SCHEMA.to_owned() }))
    }),
    of("pg_postmaster_start_time", 0, 0, Kind::Timestamptz, SERVER_STARTED),
    // Settings are read when the server starts.
    of("pg_conf_load_time", 0, 0, Kind::Timestamptz, SERVER_STARTED),
    of("transaction_timestamp", 0, 0, Kind::Timestamptz, |catalog, _| {
        Ok(Some(moment(catalog.session.transaction_began)))
    }),
    of("statement_timestamp", 0, 0, Kind::Timestamptz, |catalog, _| {
        Ok(Some(moment(catalog.session.statement_began)))
    }),
    of("pg_advisory_unlock_all", 0, 0, Kind::Text, |_, _| Ok(Some(String::new()))),
    // Nobody holds a lock that could be given back.
    of("pg_advisory_unlock", 1, 2, Kind::Bool, |_, _| Ok(Some("f".to_owned()))),
    of("pg_advisory_unlock_shared", 1, 2, Kind::Bool, |_, _| Ok(Some("f".to_owned()))),
    // A lock that keeps nobody out would be worse than none.
    of("pg_advisory_lock", 1, 2, Kind::Text, no_lock),
    of("pg_advisory_lock_shared", 1, 2, Kind::Text, no_lock),
    of("pg_advisory_xact_lock", 1, 2, Kind::Text, no_lock),
    of("pg_advisory_xact_lock_shared", 1, 2, Kind::Text, no_lock),
    of("pg_try_advisory_lock", 1, 2, Kind::Bool, no_lock),
    of("pg_try_advisory_lock_shared", 1, 2, Kind::Bool, no_lock),
    of("pg_try_advisory_xact_lock", 1, 2, Kind::Bool, no_lock),
    of("pg_try_advisory_xact_lock_shared", 1, 2, Kind::Bool, no_lock),
];

/// Functions that change something, or answer differently each time.
pub(super) const VOLATILE: &[Definition<SystemView>] = &[
    of("clock_timestamp", 0, 0, Kind::Timestamptz, |_, _| Ok(Some(moment(SystemTime::now())))),
    of("set_config", 3, 3, Kind::Text, |catalog, arguments| {
        let [name, value, is_local] = arguments else { return Ok(None) };
        set_config(catalog, name, value, *is_local == "true").map(Some)
    }),
];

const fn of(
    name: &'static str,
    least: usize,
    most: usize,
    returns: Kind,
    body: Body<SystemView>,
) -> Definition<SystemView> {
    Definition { name, least, most, returns, body }
}

fn no_lock(_: &SystemView, _: &[&str]) -> Result<Option<String>, SqlError> {
    Err(SqlError::unsupported("an advisory lock"))
}

/// SET, or SET LOCAL; the value that the setting has then.
fn set_config(
    catalog: &SystemView,
    name: &str,
    value: &str,
    is_local: bool,
) -> Result<String, SqlError> {
    if is_local && catalog.session.is_autocommit {
        // The transaction ends with the statement.
        return Settings::checked(name, value);
    }
    let mut settings = catalog.session.holdings.settings().lock();
    if is_local {
        settings.set_local(name, Some(value))?;
    } else {
        settings.set(name, value)?;
    }
    Ok(settings.get(name).unwrap_or_default().to_owned())
}

//! Functions about the session: where and who it is, what time it is there, and its settings.

use std::net::SocketAddr;
use std::time::SystemTime;

use super::super::relation::Kind;
use super::super::view::{SessionView, SystemView, moment};
use super::definition::{Body, Definition};
use super::lookup::{no_relation, relation_name, relation_oid};
use super::naming::{first, number};
use crate::sql::backends::Signal;
use crate::sql::session_state::settings::SERVER_VERSION;
use crate::sql::{Notice, SqlError, SqlState};

const SERVER_STARTED: Body<SystemView> =
    |catalog, _| Ok(Some(moment(catalog.session.backend.server_started)));

const DATABASE: Body<SystemView> = |catalog, _| Ok(Some(catalog.database().to_owned()));
const USER: Body<SystemView> = |catalog, _| Ok(Some(catalog.user().to_owned()));

const NUMBER: Body<SystemView> = |catalog, _| Ok(Some(transaction_number(&catalog.session)));
/// The same of a transaction that has changed something.
const NUMBER_OF_CHANGED: Body<SystemView> = |catalog, _| {
    let session = &catalog.session;
    Ok(session.has_changes.then(|| transaction_number(session)))
};

/// Functions that answer the same throughout a statement.
pub(super) const STABLE: &[Definition<SystemView>] = &[
    of("version", 0, 0, Kind::Text, |_, _| {
        let product = env!("CARGO_PKG_VERSION");
        Ok(Some(format!("PostgreSQL {SERVER_VERSION} (LikenessDB {product})")))
    }),
    of("current_database", 0, 0, Kind::Name, DATABASE),
    of("current_catalog", 0, 0, Kind::Name, DATABASE),
    of("current_user", 0, 0, Kind::Name, USER),
    of("current_role", 0, 0, Kind::Name, USER),
    of("session_user", 0, 0, Kind::Name, USER),
    of("user", 0, 0, Kind::Name, USER),
    of("pg_backend_pid", 0, 0, Kind::Int4, |catalog, _| {
        Ok(Some(catalog.session.backend.process.to_string()))
    }),
    of("current_schema", 0, 0, Kind::Name, |catalog, _| {
        Ok(catalog.path().schemas().first().map(|schema| (*schema).to_owned()))
    }),
    of("current_schemas", 1, 1, Kind::Texts, |catalog, arguments| {
        let path = catalog.path();
        let with_implicit = first(arguments) == "true";
        let schemas = if with_implicit { path.with_implicit() } else { path.schemas().to_vec() };
        Ok(Some(schemas.join(" ")))
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
    of("inet_client_addr", 0, 0, Kind::Text, |catalog, _| Ok(address(client(catalog)))),
    of("inet_client_port", 0, 0, Kind::Int4, |catalog, _| Ok(port(client(catalog)))),
    of("inet_server_addr", 0, 0, Kind::Text, |catalog, _| Ok(address(server(catalog)))),
    of("inet_server_port", 0, 0, Kind::Int4, |catalog, _| Ok(port(server(catalog)))),
    of("txid_current", 0, 0, Kind::Int8, NUMBER),
    of("pg_current_xact_id", 0, 0, Kind::Int8, NUMBER),
    of("txid_current_if_assigned", 0, 0, Kind::Int8, NUMBER_OF_CHANGED),
    of("pg_current_xact_id_if_assigned", 0, 0, Kind::Int8, NUMBER_OF_CHANGED),
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
    of("pg_cancel_backend", 1, 1, Kind::Bool, |catalog, arguments| {
        signal(catalog, arguments, Signal::Cancel)
    }),
    of("pg_terminate_backend", 1, 2, Kind::Bool, |catalog, arguments| {
        signal(catalog, arguments, Signal::Terminate)
    }),
    of("set_config", 3, 3, Kind::Text, |catalog, arguments| {
        let [name, value, is_local] = arguments else { return Ok(None) };
        set_config(catalog, name, value, *is_local == "true").map(Some)
    }),
    of("lastval", 0, 0, Kind::Int8, |_, _| {
        let message = "lastval is not yet defined in this session";
        Err(SqlError::new(SqlState::ObjectNotInPrerequisiteState, message))
    }),
    of("nextval", 1, 1, Kind::Int8, no_sequence),
    of("currval", 1, 1, Kind::Int8, no_sequence),
    of("setval", 2, 3, Kind::Int8, no_sequence),
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

/// There are no sequences, so whatever is named so is none.
fn no_sequence(catalog: &SystemView, arguments: &[&str]) -> Result<Option<String>, SqlError> {
    let name = first(arguments);
    let oid = number(name).or_else(|| relation_oid(catalog, name));
    let Some(relation) = oid.and_then(|oid| relation_name(catalog, oid)) else {
        return Err(no_relation(name));
    };
    let message = format!("\"{relation}\" is not a sequence");
    Err(SqlError::new(SqlState::WrongObjectType, message))
}

/// SET, or SET LOCAL; the value that the setting has then.
fn set_config(
    catalog: &SystemView,
    name: &str,
    value: &str,
    is_local: bool,
) -> Result<String, SqlError> {
    let mut settings = catalog.session.holdings.settings().lock();
    if is_local && catalog.session.is_autocommit {
        // The transaction ends with the statement.
        return settings.checked(name, value);
    }
    if is_local {
        settings.set_local(name, Some(value))?;
    } else {
        settings.set(name, value)?;
    }
    Ok(settings.get(name).unwrap_or_default().to_owned())
}

fn client(catalog: &SystemView) -> Option<SocketAddr> {
    catalog.session.backend.addresses.map(|addresses| addresses.client)
}

fn server(catalog: &SystemView) -> Option<SocketAddr> {
    catalog.session.backend.addresses.map(|addresses| addresses.server)
}

fn address(end: Option<SocketAddr>) -> Option<String> {
    end.map(|end| end.ip().to_canonical().to_string())
}

fn port(end: Option<SocketAddr>) -> Option<String> {
    end.map(|end| end.port().to_string())
}

/// Sessions that there may be at the same moment.
const SESSIONS: i64 = 512;

/// A number that no other transaction has: when it began, and whose it is. There is no count of
/// transactions, which would tell what others do.
fn transaction_number(session: &SessionView) -> String {
    let began: i64 = moment(session.transaction_began).parse().unwrap_or_default();
    let number = began * SESSIONS + i64::from(session.backend.process).rem_euclid(SESSIONS);
    number.to_string()
}

/// Whether there was a session that could be signalled.
fn signal(
    catalog: &SystemView,
    arguments: &[&str],
    signal: Signal,
) -> Result<Option<String>, SqlError> {
    let process = first(arguments);
    let session = &catalog.session;
    let found = match process.parse() {
        Ok(number) => session.others.signal(number, signal, catalog.asker())?,
        Err(_) => false,
    };
    if !found {
        let message = format!("PID {process} is not a PostgreSQL backend process");
        let warning = Notice::warning(SqlState::Warning, message);
        session.holdings.notices().lock().push(warning);
    }
    Ok(Some(if found { "t" } else { "f" }.to_owned()))
}

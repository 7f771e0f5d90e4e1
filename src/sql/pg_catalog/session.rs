//! Rows about the session that asks: what it has prepared and opened, and itself.

use super::builtin::{DATABASE_OID, ROLE_OID};
use super::collections::type_oid_of;
use super::row::Row;
use super::view::{SystemView, moment};
use crate::sql::PreparedStatement;
use crate::sql::session_state::cursor::{Lasts, Opened};

pub(super) fn rows(relation: &str, catalog: &SystemView) -> Vec<Row> {
    let holdings = &catalog.session.holdings;
    match relation {
        "pg_cursors" => holdings.cursors().lock().all().map(cursor).collect(),
        "pg_prepared_statements" => {
            holdings.prepared().lock().named().map(prepared_statement).collect()
        }
        "pg_stat_activity" => vec![activity(catalog)],
        "pg_stat_gssapi" => vec![connection(catalog)],
        "pg_stat_ssl" => {
            vec![connection(catalog).with("ssl", letter(catalog.session.backend.is_encrypted))]
        }
        _ => Vec::new(),
    }
}

fn letter(yes: bool) -> &'static str {
    if yes { "t" } else { "f" }
}

fn cursor((name, cursor): (&str, &Opened)) -> Row {
    Row::default()
        .with("name", name)
        .with("statement", &cursor.text)
        .with("is_holdable", letter(cursor.lasts == Lasts::Session))
        .with("is_binary", letter(cursor.binary))
        .with("is_scrollable", letter(cursor.scroll))
        .with("creation_time", moment(cursor.at))
}

fn prepared_statement((name, prepared): (&str, &PreparedStatement)) -> Row {
    let types = prepared.description.parameters.iter().map(|sql_type| type_oid_of(*sql_type));
    let types: Vec<String> = types.map(|oid| oid.to_string()).collect();
    Row::default()
        .with("name", name)
        .with("statement", &prepared.text)
        .with("prepare_time", moment(prepared.at))
        .with("parameter_types", types.join(" "))
        .with("from_sql", letter(prepared.from_sql))
}

/// What the connection of the session is told by.
fn connection(catalog: &SystemView) -> Row {
    Row::default().with("pid", catalog.session.backend.process)
}

/// The session itself; it sees no others.
fn activity(catalog: &SystemView) -> Row {
    let session = &catalog.session;
    let settings = catalog.settings();
    Row::default()
        .with("datid", DATABASE_OID)
        .with("datname", catalog.database())
        .with("pid", session.backend.process)
        .with("usesysid", ROLE_OID)
        .with("usename", catalog.user())
        .with("application_name", settings.get("application_name").unwrap_or_default())
        .with("xact_start", moment(session.transaction_began))
        .with("query_start", moment(session.statement_began))
        .with("state_change", moment(session.statement_began))
        .with("state", "active")
        .with("backend_type", "client backend")
}

//! Rows about the session that asks: what it has prepared and opened, and itself.

use std::sync::Arc;

use super::builtin::{DATABASE_OID, ROLE_OID};
use super::collections::type_oid_of;
use super::function::type_name;
use super::row::{BETWEEN, Row};
use super::view::{SystemView, moment};
use crate::sql::PreparedStatement;
use crate::sql::backends::Backend;
use crate::sql::session_state::cursor::{Lasts, Opened};
use crate::sql::session_state::holdings::Holdings;

pub(super) fn rows(relation: &str, catalog: &SystemView) -> Vec<Row> {
    let holdings = &catalog.session.holdings;
    match relation {
        "pg_cursors" => holdings.cursors().lock().all().map(cursor).collect(),
        "pg_prepared_statements" => {
            holdings.prepared().lock().named().map(prepared_statement).collect()
        }
        "pg_stat_activity" => activities(catalog),
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
    // One may be of several words.
    let types = types.map(|oid| type_name(oid, None) + BETWEEN.encode_utf8(&mut [0; 4]));
    let types: String = types.collect();
    Row::default()
        .with("name", name)
        .with("statement", &prepared.text)
        .with("prepare_time", moment(prepared.at))
        .with("parameter_types", types)
        .with("from_sql", letter(prepared.from_sql))
}

/// What the connection of the session is told by.
fn connection(catalog: &SystemView) -> Row {
    Row::default().with("pid", catalog.session.backend.process)
}

/// The sessions that this one sees. Texts of statements are shown to nobody.
fn activities(catalog: &SystemView) -> Vec<Row> {
    let session = &catalog.session;
    let seen = session.others.seen_by(catalog.asker());
    let is_own = |backend: &Arc<Backend>| backend.process == session.backend.process;
    let mut rows: Vec<Row> = seen.iter().map(|backend| activity(catalog, backend)).collect();
    if !seen.iter().any(is_own) {
        let row = described(catalog, session.backend.process, catalog.user(), &session.holdings)
            .with("xact_start", moment(session.transaction_began))
            .with("query_start", moment(session.statement_began))
            .with("state_change", moment(session.statement_began))
            .with("state", "active");
        rows.push(row);
    }
    rows
}

fn activity(catalog: &SystemView, backend: &Backend) -> Row {
    let doing = backend.doing();
    let mut row = described(catalog, backend.process, &backend.user, &backend.holdings)
        .with("backend_start", moment(backend.since))
        .with("state_change", moment(doing.since))
        .with("state", doing.state);
    if let Some(client) = backend.client {
        row = row.with("client_addr", client.ip().to_canonical().to_string());
        row = row.with("client_port", client.port());
    }
    if let Some(began) = doing.transaction_began {
        row = row.with("xact_start", moment(began));
    }
    if let Some(began) = doing.statement_began {
        row = row.with("query_start", moment(began));
    }
    row
}

/// What is known of every session.
fn described(catalog: &SystemView, process: i32, user: &str, holdings: &Holdings) -> Row {
    let name = holdings.settings().lock().get("application_name").unwrap_or_default().to_owned();
    let row = Row::default()
        .with("datid", DATABASE_OID)
        .with("datname", catalog.database())
        .with("pid", process)
        .with("usename", user)
        .with("application_name", name)
        .with("backend_type", "client backend");
    // Of roles a session sees its own.
    if user == catalog.user() { row.with("usesysid", ROLE_OID) } else { row }
}

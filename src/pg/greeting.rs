//! What a client is told right after it has logged in: the server's parameters and its own key
//! for cancel requests; and before that, which protocol version they speak.

use std::collections::BTreeMap;

use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::startup::{
    Authentication, BackendKeyData, NegotiateProtocolVersion, ParameterStatus, SecretKey, Startup,
};

use super::wire::{Wire, WireError};

/// The PostgreSQL version whose dialect and protocol clients may expect, and ours.
const SERVER_VERSION: &str = concat!("15.0 (LikenessDB ", env!("CARGO_PKG_VERSION"), ")");

/// Parameters that are the same for everybody.
const PARAMETERS: [(&str, &str); 11] = [
    ("server_version", SERVER_VERSION),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("integer_datetimes", "on"),
    ("standard_conforming_strings", "on"),
    ("default_transaction_read_only", "off"),
    ("in_hot_standby", "off"),
    ("is_superuser", "off"),
];

/// Tells a client that asked for more than protocol 3.0 that this is what it gets.
///
/// # Errors
/// When the socket fails.
pub(super) async fn negotiate(wire: &mut Wire, startup: &Startup) -> Result<(), WireError> {
    let options: Vec<String> =
        startup.parameters.keys().filter(|name| name.starts_with("_pq_.")).cloned().collect();
    if startup.protocol_number_minor == 0 && options.is_empty() {
        return Ok(());
    }
    let version = Startup::PROTOCOL_VERSION_3_0;
    let answer = NegotiateProtocolVersion::new(version, options);
    wire.send(PgWireBackendMessage::NegotiateProtocolVersion(answer)).await
}

/// Confirms the log-in.
///
/// # Errors
/// When the socket fails.
pub(super) async fn welcome(
    wire: &mut Wire,
    user: &str,
    parameters: &BTreeMap<String, String>,
    process: i32,
    secret: SecretKey,
) -> Result<(), WireError> {
    wire.send(PgWireBackendMessage::Authentication(Authentication::Ok)).await?;
    let application = parameters.get("application_name").map_or("", String::as_str);
    let own = [("session_authorization", user), ("application_name", application)];
    for (name, value) in PARAMETERS.into_iter().chain(own) {
        let status = ParameterStatus::new(name.to_owned(), value.to_owned());
        wire.send(PgWireBackendMessage::ParameterStatus(status)).await?;
    }
    let key = BackendKeyData::new(process, secret);
    wire.send(PgWireBackendMessage::BackendKeyData(key)).await
}

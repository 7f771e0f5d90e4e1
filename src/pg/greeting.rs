//! What a client is told without having asked: which protocol version they speak, after log-in
//! the server's parameters and its own key for cancel requests, later changes and notices.

use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::NoticeResponse;
use pgwire::messages::startup::{
    Authentication, BackendKeyData, NegotiateProtocolVersion, ParameterStatus, SecretKey, Startup,
};

use super::error::{sendable, told};
use super::wire::{Wire, WireError};
use crate::sql::SqlSession;

/// The PostgreSQL version whose dialect and protocol clients may expect, and ours.
const SERVER_VERSION: &str = concat!("15.0 (LikenessDB ", env!("CARGO_PKG_VERSION"), ")");

/// Parameters that stay as they are.
const PARAMETERS: [(&str, &str); 5] = [
    ("server_version", SERVER_VERSION),
    ("server_encoding", "UTF8"),
    ("integer_datetimes", "on"),
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
    session: &SqlSession,
    user: &str,
    process: i32,
    secret: SecretKey,
) -> Result<(), WireError> {
    wire.send(PgWireBackendMessage::Authentication(Authentication::Ok)).await?;
    for (name, value) in PARAMETERS.into_iter().chain([("session_authorization", user)]) {
        tell(wire, name, value.to_owned()).await?;
    }
    report(wire, session).await?;
    notify(wire, session).await?;
    let key = BackendKeyData::new(process, secret);
    wire.send(PgWireBackendMessage::BackendKeyData(key)).await
}

/// Tells the values of settings that the client does not know yet.
///
/// # Errors
/// When the socket fails.
pub(super) async fn report(wire: &mut Wire, session: &SqlSession) -> Result<(), WireError> {
    for (name, value) in session.take_reports() {
        tell(wire, name, value).await?;
    }
    Ok(())
}

/// Tells what there is to be told beside answers.
///
/// # Errors
/// When the socket fails.
pub(super) async fn notify(wire: &mut Wire, session: &SqlSession) -> Result<(), WireError> {
    for notice in session.take_notices() {
        let notice = NoticeResponse::from(told(notice));
        wire.send(PgWireBackendMessage::NoticeResponse(notice)).await?;
    }
    Ok(())
}

async fn tell(wire: &mut Wire, name: &str, value: String) -> Result<(), WireError> {
    let status = ParameterStatus::new(name.to_owned(), sendable(value));
    wire.send(PgWireBackendMessage::ParameterStatus(status)).await
}

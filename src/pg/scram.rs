//! The SCRAM-SHA-256 exchange, bound to the server's certificate where the client can do that.
//!
//! A client that binds its proof to the certificate it was shown (SCRAM-SHA-256-PLUS) cannot be
//! made to prove itself to somebody in the middle who shows another.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf, BytesMut};
use pgwire::api::auth::Password;
use pgwire::api::auth::sasl::scram::ScramServerAuth;
use pgwire::api::auth::sasl::{SCRAM_SHA_256_METHOD, SCRAM_SHA_256_PLUS_METHOD};
use pgwire::error::PgWireError;
use pgwire::messages::startup::{Authentication, PasswordMessageFamily};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};

use super::error::{Failure, PgError, WireState};
use super::proof;
use super::wire::{Wire, WireError};
use crate::engine::keyring::SCRAM_ITERATIONS;
use crate::sql::SqlState;

/// How pgwire says that the client was shown another certificate than ours.
const MISMATCH: &str = "Channel binding mismatch";

/// Holds the exchange: true when the client knows the expected password.
///
/// # Errors
/// When the client does not keep to the protocol, or the connection fails.
pub(super) async fn prove(wire: &mut Wire, expected: Password) -> Result<bool, Failure> {
    let mut scram = ScramServerAuth::new();
    scram.set_iterations(SCRAM_ITERATIONS as usize);
    // There is nothing to bind to in a certificate whose signature names no hash (Ed25519).
    let certificate = wire.stream().certificate();
    let offered = certificate.is_some_and(|der| scram.configure_certificate(&pem(der)).is_ok());
    let mut mechanisms = vec![SCRAM_SHA_256_METHOD.to_owned()];
    if offered {
        mechanisms.insert(0, SCRAM_SHA_256_PLUS_METHOD.to_owned());
    }
    ask(wire, Authentication::SASL(mechanisms)).await?;
    let (bound, first) = initial_response(answer(wire).await?, offered)?;
    check_binding(&first, bound, offered)?;
    let salted_password = expected.password().to_vec();
    let (challenge, waiting) =
        scram.on_client_first_message(&first, expected).map_err(|_| malformed())?;
    ask(wire, Authentication::SASLContinue(challenge.clone().into())).await?;
    let last = answer(wire).await?;
    let is_right = proof::is_right(&salted_password, &first, challenge.as_bytes(), &last);
    if !is_right.ok_or_else(malformed)? {
        return Ok(false);
    }
    match waiting.on_client_final_message(&last) {
        Ok(signature) => {
            // Sent together with what follows a log-in.
            let signature = Authentication::SASLFinal(signature.into());
            wire.send(PgWireBackendMessage::Authentication(signature)).await?;
            Ok(true)
        }
        Err(PgWireError::InvalidPassword(_)) => Ok(false),
        Err(PgWireError::InvalidScramMessage(why)) if bound && why == MISMATCH => {
            let message = "SCRAM channel binding check failed";
            Err(PgError::fatal(WireState::InvalidAuthorization, message).into())
        }
        Err(_) => Err(malformed().into()),
    }
}

async fn ask(wire: &mut Wire, request: Authentication) -> Result<(), Failure> {
    wire.send(PgWireBackendMessage::Authentication(request)).await?;
    Ok(wire.flush().await?)
}

/// The bytes of the client's next password message.
async fn answer(wire: &mut Wire) -> Result<BytesMut, Failure> {
    match wire.next().await? {
        Some(PgWireFrontendMessage::PasswordMessageFamily(PasswordMessageFamily::Raw(bytes))) => {
            Ok(bytes)
        }
        // psql leaves here to ask its user for the password, then comes back.
        None | Some(PgWireFrontendMessage::Terminate(_)) => {
            Err(WireError::Io(io::ErrorKind::UnexpectedEof.into()).into())
        }
        Some(_) => Err(malformed().into()),
    }
}

/// The SCRAM message inside a `SASLInitialResponse` (mechanism, length, message), and whether the
/// mechanism is the one with binding.
fn initial_response(mut bytes: BytesMut, offered: bool) -> Result<(bool, BytesMut), PgError> {
    let end = bytes.iter().position(|byte| *byte == 0).ok_or_else(malformed)?;
    let mechanism = bytes.split_to(end);
    let bound = offered && mechanism == SCRAM_SHA_256_PLUS_METHOD.as_bytes();
    if !bound && mechanism != SCRAM_SHA_256_METHOD.as_bytes() {
        return Err(violation("this server authenticates with SCRAM-SHA-256"));
    }
    bytes.advance(1);
    if bytes.len() < 4 {
        return Err(malformed());
    }
    let length = bytes.get_i32();
    if usize::try_from(length) == Ok(bytes.len()) { Ok((bound, bytes)) } else { Err(malformed()) }
}

/// Whether what the client's first message says of binding agrees with the mechanism it chose and
/// with what it was offered.
fn check_binding(first: &[u8], bound: bool, offered: bool) -> Result<(), PgError> {
    match first.split(|byte| *byte == b',').next() {
        Some(b"p=tls-server-end-point") if bound => Ok(()),
        Some([b'p', b'=', name @ ..]) if bound => {
            let name = String::from_utf8_lossy(name);
            Err(violation(format!("unsupported SCRAM channel-binding type \"{name}\"")))
        }
        _ if bound => Err(violation(
            "the client chose SCRAM-SHA-256-PLUS, but its message has no channel binding",
        )),
        Some([b'p', ..]) => Err(violation(
            "the client chose SCRAM-SHA-256 without channel binding, but its message has one",
        )),
        // Somebody in the middle may have taken it out of the offer.
        Some(b"y") if offered => {
            let message = "SCRAM channel binding negotiation error: the client supports channel \
                           binding but thinks the server does not";
            Err(PgError::fatal(WireState::InvalidAuthorization, message))
        }
        _ => Ok(()),
    }
}

fn pem(der: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n").into_bytes()
}

fn malformed() -> PgError {
    violation("malformed SCRAM message")
}

fn violation(message: impl Into<String>) -> PgError {
    PgError::fatal(SqlState::ProtocolViolation, message)
}

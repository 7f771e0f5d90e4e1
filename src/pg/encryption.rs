//! Whether a client's connection is encrypted, which is settled before its startup packet.

use std::mem;
use std::sync::Arc;

use pgwire::messages::response::{GssEncResponse, SslResponse};
use pgwire::messages::{
    PgWireBackendMessage, PgWireFrontendMessage, SslNegotiationMetaMessage as Request,
};

use super::error::{PgError, WireState};
use super::wire::{Wire, WireError};
use crate::tls::Tls;

/// What the door says to clients that want encryption, and to those that do not.
#[derive(Debug, Clone)]
pub enum Encryption {
    /// Nobody can have it.
    Off,
    /// Whoever wants it has it.
    Allowed(Arc<Tls>),
    /// Nobody gets in without it.
    Required(Arc<Tls>),
}

impl Encryption {
    fn tls(&self) -> Option<&Tls> {
        match self {
            Self::Off => None,
            Self::Allowed(tls) | Self::Required(tls) => Some(tls),
        }
    }

    /// The startup packet or cancel request of a client, after the handshake that it may have
    /// asked for; none when it left.
    ///
    /// # Errors
    /// When the handshake fails, the packet is none of this protocol, or the socket fails.
    pub(super) async fn startup(
        &self,
        wire: &mut Wire,
    ) -> Result<Option<PgWireFrontendMessage>, WireError> {
        let mut settled = self.handshake_at_once(wire).await?;
        let mut gss_refused = settled;
        loop {
            let refusal = match wire.next_startup().await? {
                Some(PgWireFrontendMessage::SslNegotiation(Request::PostgresSsl(_)))
                    if !mem::replace(&mut settled, true) =>
                {
                    let Some(tls) = self.tls() else {
                        answer(wire, PgWireBackendMessage::SslResponse(SslResponse::Refuse))
                            .await?;
                        continue;
                    };
                    handshake(wire, tls).await?;
                    gss_refused = true;
                    continue;
                }
                Some(PgWireFrontendMessage::SslNegotiation(Request::PostgresGss(_)))
                    if !mem::replace(&mut gss_refused, true) =>
                {
                    PgWireBackendMessage::GssEncResponse(GssEncResponse::Refuse)
                }
                Some(PgWireFrontendMessage::SslNegotiation(_)) => return Err(WireError::Startup),
                message => return Ok(message),
            };
            answer(wire, refusal).await?;
        }
    }

    /// Does the handshake of a client that begins with it; false for one that does not.
    async fn handshake_at_once(&self, wire: &mut Wire) -> Result<bool, WireError> {
        let Some(tls) = self.tls() else { return Ok(false) };
        if !wire.begins_handshake().await? {
            return Ok(false);
        }
        wire.encrypt(tls).await?;
        if wire.stream().names_protocol() { Ok(true) } else { Err(WireError::UnnamedProtocol) }
    }

    /// Whether a client may log in over this connection.
    ///
    /// # Errors
    /// A fatal error when it may not.
    pub(super) fn check(&self, wire: &Wire) -> Result<(), PgError> {
        if matches!(self, Self::Required(_)) && wire.stream().certificate().is_none() {
            let message = "this server accepts only encrypted connections";
            return Err(PgError::fatal(WireState::InvalidAuthorization, message)
                .with_hint("Connect with sslmode=require, or better sslmode=verify-full."));
        }
        Ok(())
    }
}

/// Grants a request for encryption.
async fn handshake(wire: &mut Wire, tls: &Tls) -> Result<(), WireError> {
    if wire.has_input() {
        return Err(WireError::Unencrypted);
    }
    answer(wire, PgWireBackendMessage::SslResponse(SslResponse::Accept)).await?;
    wire.encrypt(tls).await
}

async fn answer(wire: &mut Wire, answer: PgWireBackendMessage) -> Result<(), WireError> {
    wire.send(answer).await?;
    wire.flush().await
}

//! Errors as the wire carries them: severity, SQLSTATE, and the texts a client may see.

use pgwire::error::ErrorInfo;

use super::frame::FrameError;
use super::wire::WireError;
use crate::sql::{ErrorObject, Notice, SqlError, SqlState};

/// The conditions that only the wire protocol knows; everything else is an [`SqlState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WireState {
    /// 22008: a date or time lies outside what the type can say.
    DatetimeFieldOverflow,
    /// 22021: text that is not UTF-8, or has a zero in it.
    CharacterNotInRepertoire,
    /// 22P04: the data of COPY is not of its format.
    BadCopyFileFormat,
    /// 22P03: bytes that are no value of the type wanted.
    InvalidBinaryRepresentation,
    /// 25P03: nothing was said for too long inside a transaction.
    IdleInTransaction,
    /// 28000: this client may not connect, or no longer.
    InvalidAuthorization,
    /// 28P01: wrong user name, tenant or key.
    InvalidPassword,
    /// 53300: every connection is taken.
    TooManyConnections,
    /// 57P01: the server is stopping.
    AdminShutdown,
    /// 57P05: nothing was said for too long.
    IdleSession,
}

impl WireState {
    const fn code(self) -> &'static str {
        match self {
            Self::DatetimeFieldOverflow => "22008",
            Self::CharacterNotInRepertoire => "22021",
            Self::BadCopyFileFormat => "22P04",
            Self::InvalidBinaryRepresentation => "22P03",
            Self::IdleInTransaction => "25P03",
            Self::InvalidAuthorization => "28000",
            Self::InvalidPassword => "28P01",
            Self::TooManyConnections => "53300",
            Self::AdminShutdown => "57P01",
            Self::IdleSession => "57P05",
        }
    }
}

/// A five-character SQLSTATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(&'static str);

impl Code {
    /// The five characters.
    pub(super) const fn as_str(self) -> &'static str {
        self.0
    }
}

impl From<SqlState> for Code {
    fn from(state: SqlState) -> Self {
        Self(state.code())
    }
}

impl From<WireState> for Code {
    fn from(state: WireState) -> Self {
        Self(state.code())
    }
}

/// An error to be told to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct PgError {
    pub(super) code: Code,
    pub(super) message: String,
    /// Whether the connection ends with it.
    pub(super) fatal: bool,
    pub(super) detail: Option<Box<str>>,
    pub(super) hint: Option<String>,
    pub(super) position: Option<u32>,
    /// Where in the data of the client.
    context: Option<Box<str>>,
    /// What of the catalog it is about.
    object: Option<Box<ErrorObject>>,
}

impl PgError {
    /// A statement or message failed; the conversation goes on.
    pub(super) fn error(code: impl Into<Code>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            fatal: false,
            detail: None,
            hint: None,
            position: None,
            context: None,
            object: None,
        }
    }

    /// The connection ends.
    pub(super) fn fatal(code: impl Into<Code>, message: impl Into<String>) -> Self {
        Self { fatal: true, ..Self::error(code, message) }
    }

    /// The same error, ending the connection.
    pub(super) fn into_fatal(self) -> Self {
        Self { fatal: true, ..self }
    }

    /// Adds where in the client's data it was found.
    pub(super) fn with_context(self, context: impl Into<String>) -> Self {
        Self { context: Some(context.into().into_boxed_str()), ..self }
    }

    /// Adds the way out.
    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<SqlError> for PgError {
    /// Internal errors keep their details for the log: they may name files or other internals.
    fn from(error: SqlError) -> Self {
        if error.state == SqlState::InternalError {
            tracing::error!(message = error.message, detail = error.detail, "statement failed");
            return Self::error(SqlState::InternalError, "internal error")
                .with_hint("the server's log has the details");
        }
        Self {
            code: error.state.into(),
            message: error.message,
            fatal: false,
            detail: error.detail.map(String::into_boxed_str),
            hint: error.hint,
            position: error.position,
            context: None,
            object: error.object,
        }
    }
}

impl From<PgError> for ErrorInfo {
    fn from(error: PgError) -> Self {
        let severity = if error.fatal { "FATAL" } else { "ERROR" };
        let mut info =
            Self::new(severity.to_owned(), error.code.0.to_owned(), sendable(error.message));
        info.severity_nonlocalized = Some(severity.to_owned());
        info.detail = error.detail.map(|detail| sendable(detail.into()));
        info.hint = error.hint.map(sendable);
        info.where_context = error.context.map(|context| sendable(context.into()));
        info.position = error.position.map(|position| position.to_string());
        if let Some(object) = error.object {
            let ErrorObject { table, column, constraint } = *object;
            // The only schema with tables.
            info.schema = Some("public".to_owned());
            info.table = Some(sendable(table));
            info.column = column.map(sendable);
            info.constraint = constraint.map(sendable);
        }
        info
    }
}

/// A notice as the wire carries it.
pub(super) fn told(notice: Notice) -> ErrorInfo {
    let Notice { severity, state, message } = notice;
    let mut info = ErrorInfo::new(severity.to_owned(), state.code().to_owned(), sendable(message));
    info.severity_nonlocalized = Some(severity.to_owned());
    info
}

/// Text as the protocol can carry it: strings end at a zero byte, so it may hold none.
pub(super) fn sendable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// Why handling a message stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// To be told to the client.
    #[error(transparent)]
    Client(#[from] PgError),
    /// The conversation is broken, or the client is gone.
    #[error(transparent)]
    Wire(#[from] WireError),
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Client(error.into())
    }
}

/// What to tell a client whose message could not be read; none when it cannot hear it anyway.
pub(super) fn from_wire(error: &WireError) -> Option<PgError> {
    match error {
        WireError::Io(_) | WireError::Handshake(_) => None,
        WireError::Frame(FrameError::Encoding { .. }) => {
            Some(PgError::error(WireState::CharacterNotInRepertoire, error.to_string()))
        }
        WireError::Encode(_) => {
            Some(PgError::error(SqlState::ProgramLimitExceeded, error.to_string()))
        }
        WireError::Length { .. }
        | WireError::StartupLength
        | WireError::Frame(FrameError::UnknownType(_) | FrameError::Malformed(_))
        | WireError::Startup
        | WireError::Unencrypted
        | WireError::UnnamedProtocol
        | WireError::Decode(_) => {
            Some(PgError::fatal(SqlState::ProtocolViolation, error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sql_error(state: SqlState) -> SqlError {
        SqlError {
            state,
            message: "no collection \"pepole\"".to_owned(),
            detail: Some("/var/lib/secret".to_owned()),
            hint: None,
            position: Some(15),
            object: None,
        }
    }

    #[test]
    fn a_sql_error_keeps_its_code_texts_and_position() {
        let info = ErrorInfo::from(PgError::from(sql_error(SqlState::UndefinedTable)));
        assert_eq!(info.severity, "ERROR");
        assert_eq!(info.code, "42P01");
        assert_eq!(info.message, "no collection \"pepole\"");
        assert_eq!(info.position.as_deref(), Some("15"));
    }

    #[test]
    fn an_internal_error_shows_nothing_of_its_cause() {
        let info = ErrorInfo::from(PgError::from(sql_error(SqlState::InternalError)));
        assert_eq!((info.code.as_str(), info.message.as_str()), ("XX000", "internal error"));
        assert_eq!(info.detail, None);
        assert_eq!(info.position, None);
    }

    #[test]
    fn a_zero_byte_never_cuts_a_message_short() {
        let info = ErrorInfo::from(PgError::error(SqlState::SyntaxError, "near \0 here"));
        assert_eq!(info.message, "near \u{fffd} here");
    }

    #[test]
    fn only_text_encoding_errors_leave_the_conversation_intact() {
        let encoding = WireError::Frame(FrameError::Encoding { extended: true });
        assert!(!from_wire(&encoding).unwrap().fatal);
        assert!(from_wire(&WireError::Length { length: -1, max: 9 }).unwrap().fatal);
        assert!(from_wire(&WireError::Io(std::io::ErrorKind::BrokenPipe.into())).is_none());
    }
}

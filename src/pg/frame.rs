//! The shape of a client message, checked before pgwire decodes it.
//!
//! pgwire reads the fields of a message without asking where the message ends, so a count or a
//! length that lies would panic or swallow the next message. Nothing reaches it unchecked.

/// Type bytes of the messages a client may send after its startup packet.
mod tag {
    pub(super) const BIND: u8 = b'B';
    pub(super) const CLOSE: u8 = b'C';
    pub(super) const DESCRIBE: u8 = b'D';
    pub(super) const EXECUTE: u8 = b'E';
    pub(super) const FLUSH: u8 = b'H';
    pub(super) const PARSE: u8 = b'P';
    pub(super) const PASSWORD: u8 = b'p';
    pub(super) const QUERY: u8 = b'Q';
    pub(super) const SYNC: u8 = b'S';
    pub(super) const TERMINATE: u8 = b'X';
    pub(super) const COPY_DATA: u8 = b'd';
    pub(super) const COPY_DONE: u8 = b'c';
    pub(super) const COPY_FAIL: u8 = b'f';
}

/// Type byte of the message that ends a pipeline.
pub(super) const SYNC: u8 = tag::SYNC;

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    /// No client message starts with this byte: the two ends have lost each other.
    #[error("invalid frontend message type {0}")]
    UnknownType(u8),
    /// The fields do not fill the message exactly.
    #[error("invalid message format: {0}")]
    Malformed(&'static str),
    /// A text field is not UTF-8. The frame itself is sound, so the conversation can go on.
    #[error("invalid byte sequence for encoding \"UTF8\"")]
    Encoding {
        /// Whether the message belongs to the extended protocol, where errors end at a Sync.
        extended: bool,
    },
}

/// Whether a message of type `tag` may hold an SQL statement or parameters, hence be long.
pub(super) fn may_be_long(tag: u8) -> bool {
    matches!(tag, tag::QUERY | tag::PARSE | tag::BIND | tag::COPY_DATA)
}

/// Checks the body of one message (without type byte and length).
///
/// # Errors
/// When the fields do not fill the body exactly, or a text field is not UTF-8.
pub(super) fn check(tag: u8, body: &[u8]) -> Result<(), FrameError> {
    let mut fields = Fields { rest: body, extended: tag != tag::QUERY };
    match tag {
        tag::QUERY => fields.text("query")?,
        tag::PARSE => {
            fields.text("statement name")?;
            fields.text("query")?;
            let types = fields.count("parameter types")?;
            fields.skip(types * 4, "parameter types")?;
        }
        tag::BIND => fields.bind()?,
        tag::DESCRIBE | tag::CLOSE => {
            fields.skip(1, "target")?;
            fields.text("name")?;
        }
        tag::EXECUTE => {
            fields.text("portal name")?;
            fields.skip(4, "row limit")?;
        }
        tag::SYNC | tag::FLUSH | tag::TERMINATE | tag::COPY_DONE => {}
        tag::COPY_FAIL => fields.text("reason")?,
        tag::PASSWORD | tag::COPY_DATA => return Ok(()),
        other => return Err(FrameError::UnknownType(other)),
    }
    fields.end()
}

/// The part of a message body not looked at yet.
struct Fields<'a> {
    rest: &'a [u8],
    extended: bool,
}

impl Fields<'_> {
    fn bind(&mut self) -> Result<(), FrameError> {
        self.text("portal name")?;
        self.text("statement name")?;
        let formats = self.count("parameter formats")?;
        self.skip(formats * 2, "parameter formats")?;
        for _ in 0..self.count("parameters")? {
            let length = i32::from_be_bytes(self.array("parameter length")?);
            match usize::try_from(length) {
                Ok(length) => self.skip(length, "parameter")?,
                Err(_) if length == -1 => {}
                Err(_) => return Err(FrameError::Malformed("parameter length")),
            }
        }
        let formats = self.count("result formats")?;
        self.skip(formats * 2, "result formats")
    }

    fn text(&mut self, what: &'static str) -> Result<(), FrameError> {
        let end = self.rest.iter().position(|byte| *byte == 0);
        let (text, rest) = end
            .and_then(|end| self.rest.split_at_checked(end))
            .ok_or(FrameError::Malformed(what))?;
        self.rest = rest.get(1..).unwrap_or_default();
        match std::str::from_utf8(text) {
            Ok(_) => Ok(()),
            Err(_) => Err(FrameError::Encoding { extended: self.extended }),
        }
    }

    fn count(&mut self, what: &'static str) -> Result<usize, FrameError> {
        Ok(usize::from(u16::from_be_bytes(self.array(what)?)))
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], FrameError> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(FrameError::Malformed(what))?;
        self.rest = rest;
        Ok(*array)
    }

    fn skip(&mut self, bytes: usize, what: &'static str) -> Result<(), FrameError> {
        self.rest = self.rest.get(bytes..).ok_or(FrameError::Malformed(what))?;
        Ok(())
    }

    fn end(&self) -> Result<(), FrameError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(FrameError::Malformed("bytes after the last field"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bind(parameter: &[u8]) -> Vec<u8> {
        let mut body = b"portal\0statement\0".to_vec();
        body.extend([0, 1, 0, 1, 0, 1]);
        body.extend(parameter);
        body.extend([0, 2, 0, 0, 0, 1]);
        body
    }

    #[test]
    fn whole_messages_pass() {
        assert_eq!(check(b'Q', b"SELECT 1\0"), Ok(()));
        assert_eq!(check(b'P', b"s\0SELECT $1\0\0\x01\0\0\0\x17"), Ok(()));
        assert_eq!(check(b'B', &bind(&[0, 0, 0, 2, 1, 2])), Ok(()));
        assert_eq!(check(b'B', &bind(&[255, 255, 255, 255])), Ok(()));
        assert_eq!(check(b'D', b"Sname\0"), Ok(()));
        assert_eq!(check(b'E', b"\0\0\0\0\0"), Ok(()));
        assert_eq!(check(b'S', b""), Ok(()));
    }

    #[test]
    fn every_truncation_is_an_error_and_never_a_panic() {
        let parse = b"s\0SELECT $1\0\0\x01\0\0\0\x17".to_vec();
        let messages = [(b'P', parse), (b'B', bind(&[0, 0, 0, 2, 1, 2])), (b'D', b"Sx\0".to_vec())];
        for (tag, body) in messages {
            for end in 0..body.len() {
                assert!(check(tag, &body[..end]).is_err(), "{} cut at {end}", char::from(tag));
            }
            let longer = [body.as_slice(), b"x"].concat();
            assert!(check(tag, &longer).is_err());
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let lie = bind(&[0x7f, 255, 255, 255, 1]);
        assert_eq!(check(b'B', &lie), Err(FrameError::Malformed("parameter")));
        let negative = bind(&[255, 255, 255, 254]);
        assert_eq!(check(b'B', &negative), Err(FrameError::Malformed("parameter length")));
    }

    #[test]
    fn text_that_is_not_utf_8_is_told_apart_from_broken_frames() {
        assert_eq!(check(b'Q', b"SELECT '\xe9'\0"), Err(FrameError::Encoding { extended: false }));
        assert_eq!(check(b'!', b""), Err(FrameError::UnknownType(b'!')));
    }
}

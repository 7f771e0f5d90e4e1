//! Little-endian reading and writing of bytes: every read can fail, none can panic.

/// Why bytes could not be decoded, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecodeError {
    /// Bytes from the start of the input.
    pub(crate) offset: u64,
    /// What was wrong, in words.
    pub(crate) what: String,
}

/// A reader that moves over a slice.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// A failure at the present position.
    pub(crate) fn fault(&self, what: impl Into<String>) -> DecodeError {
        DecodeError { offset: self.offset, what: what.into() }
    }

    /// Reads `count` bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or_else(|| {
            self.fault(format!("{count} bytes expected, {} are left", self.rest.len()))
        })?;
        self.rest = tail;
        self.offset += count as u64;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, tail) = self.rest.split_first_chunk::<N>().ok_or_else(|| {
            self.fault(format!("{N} bytes expected, {} are left", self.rest.len()))
        })?;
        self.rest = tail;
        self.offset += N as u64;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn u128(&mut self) -> Result<u128, DecodeError> {
        self.array().map(u128::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_le_bytes)
    }

    pub(crate) fn f32(&mut self) -> Result<f32, DecodeError> {
        self.array().map(f32::from_le_bytes)
    }

    /// Reads `count` floats; `count` is bounded by the caller.
    pub(crate) fn f32s(&mut self, count: usize) -> Result<Vec<f32>, DecodeError> {
        let bytes = self.bytes(count.saturating_mul(4))?;
        let (chunks, _) = bytes.as_chunks::<4>();
        Ok(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect())
    }

    /// Reads a text of at most `bytes_max` bytes: its length as u32, then UTF-8.
    pub(crate) fn text(&mut self, bytes_max: usize) -> Result<&'a str, DecodeError> {
        let start = self.clone();
        let length = self.u32()? as usize;
        if length > bytes_max {
            return Err(start.fault(format!("a text of {length} bytes is longer than allowed")));
        }
        let bytes = self.bytes(length)?;
        std::str::from_utf8(bytes).map_err(|_| start.fault("a text is not UTF-8"))
    }

    /// Reads a text that may be absent: a byte 0 or 1, then the text.
    pub(crate) fn optional_text(
        &mut self,
        bytes_max: usize,
    ) -> Result<Option<Box<str>>, DecodeError> {
        if self.flag()? { self.text(bytes_max).map(|text| Some(text.into())) } else { Ok(None) }
    }

    /// Reads bytes, at most `bytes_max`: their number as u32, then they.
    pub(crate) fn blob(&mut self, bytes_max: usize) -> Result<&'a [u8], DecodeError> {
        let start = self.clone();
        let length = self.u32()? as usize;
        if length > bytes_max {
            return Err(start.fault(format!("{length} bytes are more than allowed")));
        }
        self.bytes(length)
    }

    /// Reads a byte that must be 0 or 1.
    pub(crate) fn flag(&mut self) -> Result<bool, DecodeError> {
        let start = self.clone();
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(start.fault(format!("a presence byte is {other}, neither 0 nor 1"))),
        }
    }

    /// Succeeds where nothing is left to read.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(self.fault(format!("{} bytes more than expected", self.rest.len())))
    }
}

/// Appends a text: its length as u32, then UTF-8. Texts are bounded far below `u32::MAX`.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_blob(out, text.as_bytes());
}

/// Appends bytes: their number as u32, then they. They are bounded far below `u32::MAX`.
pub(crate) fn put_blob(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Appends a text that may be absent: a byte 0 or 1, then the text.
pub(crate) fn put_optional_text(out: &mut Vec<u8>, text: Option<&str>) {
    out.push(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(out, text);
    }
}

/// Appends floats.
pub(crate) fn put_f32s(out: &mut Vec<u8>, values: &[f32]) {
    let start = out.len();
    out.resize(start + size_of_val(values), 0);
    // One loop over whole slices, which the compiler turns into a copy.
    let (places, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut::<4>();
    for (place, value) in places.iter_mut().zip(values) {
        *place = value.to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read_back() {
        let mut bytes = Vec::new();
        put_text(&mut bytes, "Zoë");
        put_optional_text(&mut bytes, None);
        put_optional_text(&mut bytes, Some(""));
        put_f32s(&mut bytes, &[1.5, -0.0]);
        put_blob(&mut bytes, &[0, 255]);
        let mut cursor = Cursor::new(&bytes);
        assert_eq!(cursor.text(10), Ok("Zoë"));
        assert_eq!(cursor.optional_text(10), Ok(None));
        assert_eq!(cursor.optional_text(10), Ok(Some("".into())));
        assert_eq!(cursor.f32s(2), Ok(vec![1.5, -0.0]));
        assert_eq!(cursor.blob(2), Ok(&[0, 255][..]));
        assert_eq!(cursor.end(), Ok(()));
    }

    #[test]
    fn a_short_input_is_an_error_that_names_its_place() {
        let mut cursor = Cursor::new(&[1, 0, 0, 0, 9]);
        assert_eq!(cursor.u32(), Ok(1));
        let fault = cursor.u16().unwrap_err();
        assert_eq!((fault.offset, fault.what.as_str()), (4, "2 bytes expected, 1 are left"));
    }

    #[test]
    fn a_text_longer_than_allowed_is_refused_before_it_is_read() {
        let fault = Cursor::new(&[255, 255, 255, 255]).text(8).unwrap_err();
        assert_eq!(fault.what, "a text of 4294967295 bytes is longer than allowed");
        let fault = Cursor::new(&[9, 0, 0, 0, 1]).blob(8).unwrap_err();
        assert_eq!(fault.what, "9 bytes are more than allowed");
    }

    #[test]
    fn bytes_that_no_writer_puts_are_refused() {
        assert!(Cursor::new(&[2]).flag().is_err());
        assert!(Cursor::new(&[1, 0, 0, 0, 0xff]).text(8).is_err());
        assert!(Cursor::new(&[0]).end().is_err());
    }
}

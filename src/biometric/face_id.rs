//! The server-assigned name of one enrolled face.

use std::fmt;
use std::str::FromStr;

use parking_lot::Mutex;
use ulid::{Generator, Ulid};

/// A time-ordered 128-bit id, written `f_` + 26 characters of Crockford base32.
///
/// Ids that a server makes ascend in the order of enrolment, so listing by id is listing by age
/// where callers give none themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaceId(u128);

/// The text is not `f_` and 26 Crockford base32 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a face id (f_ and 26 letters or digits)")]
pub struct FaceIdError(pub String);

impl FaceId {
    /// The id with this number.
    pub const fn from_u128(number: u128) -> Self {
        Self(number)
    }

    /// The id as a number; numbers order as ids do.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for FaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f_{}", Ulid::from(self.0))
    }
}

impl FromStr for FaceId {
    type Err = FaceIdError;

    /// Reads the canonical form only: lower-case letters and look-alikes (I, L, O) are refused, so
    /// that an id has exactly one spelling and text comparisons in SQL mean what they say.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || FaceIdError(text.chars().take(64).collect());
        let digits = text.strip_prefix("f_").ok_or_else(refuse)?;
        let id = Self(Ulid::from_string(digits).map_err(|_| refuse())?.into());
        if id.to_string() == text { Ok(id) } else { Err(refuse()) }
    }
}

/// Makes face ids that ascend even within one millisecond and when the clock steps back.
pub struct FaceIdGenerator(Mutex<Generator>);

impl FaceIdGenerator {
    /// A generator whose first id follows the current time.
    pub fn new() -> Self {
        Self(Mutex::new(Generator::new()))
    }

    /// The next id, greater than every id this generator made before.
    pub fn next_id(&self) -> FaceId {
        let mut generator = self.0.lock();
        let ulid = match generator.generate() {
            Ok(ulid) => ulid,
            Err(overflow) => overflow.commit_overflow_increment(),
        };
        FaceId(ulid.into())
    }
}

impl Default for FaceIdGenerator {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FaceIdGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaceIdGenerator")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_ascend_even_within_one_millisecond() {
        let generator = FaceIdGenerator::new();
        let ids: Vec<_> = (0..10_000).map(|_| generator.next_id()).collect();
        assert!(ids.is_sorted());
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
        let texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
        assert!(texts.is_sorted(), "text order must equal id order");
    }

    #[test]
    fn the_text_form_comes_back_as_the_same_id() {
        let id = FaceIdGenerator::new().next_id();
        let text = id.to_string();
        assert_eq!(text.len(), 28);
        assert_eq!(text.parse(), Ok(id));
    }

    #[test]
    fn anything_but_the_canonical_spelling_is_refused() {
        let text = FaceIdGenerator::new().next_id().to_string();
        let bad = [
            text.to_lowercase(),
            text[2..].to_owned(),
            format!("{text}0"),
            "f_".to_owned(),
            "f_8ZZZZZZZZZZZZZZZZZZZZZZZZZ".to_owned(),
            "f_../../etc/passwd00000000000".to_owned(),
            String::new(),
        ];
        for spelling in bad {
            assert!(spelling.parse::<FaceId>().is_err(), "{spelling:?} was accepted");
        }
    }
}

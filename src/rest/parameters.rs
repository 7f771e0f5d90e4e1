//! Named text values of a query string or a form, read strictly.

use std::ops::RangeInclusive;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::error::{ApiError, ErrorCode};
use super::state::RestState;
use crate::biometric::AttributeSet;

/// The parameters of a request. Ones that nobody asks for are ignored.
#[derive(Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Adds a parameter; giving one twice shows when it is read.
    pub(super) fn push(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    /// The text of `name`, if it was given; refused if it was given twice.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value);
        let value = values.next();
        if values.next().is_some() {
            return Err(ApiError::invalid(name, "is given more than once"));
        }
        Ok(value.map(String::as_str))
    }

    /// The text of `name`, refused unless its length in characters is within `chars`.
    pub(super) fn bounded_text(
        &self,
        name: &str,
        chars: RangeInclusive<usize>,
    ) -> Result<Option<String>, ApiError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let count = text.chars().count();
        if chars.contains(&count) {
            return Ok(Some(text.to_owned()));
        }
        let (least, most) = (chars.start(), chars.end());
        let why = format!("must have {least} to {most} characters, got {count}");
        Err(ApiError::invalid(name, why))
    }

    /// The whole number `name`: decimal digits only, within `bounds`.
    pub(super) fn integer(
        &self,
        name: &str,
        bounds: RangeInclusive<usize>,
    ) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits_only { text.parse().ok() } else { None };
        if let Some(number) = number.filter(|number| bounds.contains(number)) {
            return Ok(Some(number));
        }
        let (least, most) = (bounds.start(), bounds.end());
        Err(ApiError::invalid(name, format!("must be a whole number between {least} and {most}")))
    }

    /// The decimal number `name`, 0..=1.
    pub(super) fn fraction(&self, name: &str) -> Result<Option<f32>, ApiError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let plain = |byte: u8| byte.is_ascii_digit() || b".+-eE".contains(&byte);
        // Checked before it is rounded: what is just beyond 1 would become 1.
        let number = if text.bytes().all(plain) { text.parse::<f64>().ok() } else { None };
        match number.filter(|number| (0.0..=1.0).contains(number)) {
            // Adding zero turns -0 into 0, which is what the response shows.
            Some(number) => Ok(Some(number as f32 + 0.0)),
            None => Err(ApiError::invalid(name, "must be a number between 0 and 1")),
        }
    }

    /// The parameter `attributes`.
    pub(super) fn attributes(&self) -> Result<AttributeSet, ApiError> {
        let Some(text) = self.text("attributes")? else {
            return Ok(AttributeSet::default());
        };
        AttributeSet::from_str(text)
            .map_err(|unknown| ApiError::new(ErrorCode::InvalidAttributes, unknown.to_string()))
    }
}

/// The query string.
impl FromRequestParts<RestState> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &RestState) -> Result<Self, ApiError> {
        let Query(pairs) = Query::try_from_uri(&parts.uri)?;
        Ok(Self(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &str) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.push("x", value.to_owned());
        parameters
    }

    #[test]
    fn integers_are_digits_within_their_bounds() {
        assert_eq!(with("1").integer("x", 1..=100).unwrap(), Some(1));
        assert_eq!(with("100").integer("x", 1..=100).unwrap(), Some(100));
        assert_eq!(with("1").integer("y", 1..=100).unwrap(), None);
        let huge = "9".repeat(50);
        for bad in ["", "0", "101", "-1", "+5", "5.0", "1e1", " 5", "５", "NaN", huge.as_str()] {
            let error = with(bad).integer("x", 1..=100).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidParameter, "{bad:?}");
            assert!(error.message().starts_with("x must be a whole number between 1 and 100"));
        }
    }

    #[test]
    fn fractions_are_finite_and_between_zero_and_one() {
        for (good, number) in [("0", 0.0), ("1", 1.0), ("0.65", 0.65), (".5", 0.5), ("1e-3", 1e-3)]
        {
            let read = with(good).fraction("x").unwrap().unwrap();
            assert!((read - number).abs() < f32::EPSILON, "{good} was read as {read}");
        }
        let zero = with("-0").fraction("x").unwrap().unwrap();
        assert!(zero.is_sign_positive());
        for bad in [
            "",
            "NaN",
            "nan",
            "inf",
            "-inf",
            "infinity",
            "1e40",
            "-0.1",
            "1.01",
            "1.0000000001",
            "0,5",
            "0x1",
        ] {
            let error = with(bad).fraction("x").unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidParameter, "{bad:?}");
        }
    }

    #[test]
    fn a_parameter_given_twice_is_refused_when_it_is_read() {
        let mut parameters = with("1");
        parameters.push("x", "1".to_owned());
        assert!(parameters.text("x").is_err());
        assert_eq!(parameters.text("y").unwrap(), None);
    }

    #[test]
    fn texts_are_measured_in_characters() {
        let parameters = with(&"界".repeat(255));
        assert!(parameters.bounded_text("x", 1..=255).unwrap().is_some());
        assert!(parameters.bounded_text("x", 1..=254).is_err());
        assert!(with("").bounded_text("x", 1..=255).is_err());
    }
}

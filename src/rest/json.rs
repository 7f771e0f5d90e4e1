//! JSON bodies to values; what is wrong with one is said in our words and names the field.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::error::ApiError;

/// What the deserializer expects, as it says it, and what that is called outside of Rust.
const EXPECTATIONS: [(&str, &str); 6] = [
    ("a string", "a text"),
    ("a boolean", "true or false"),
    ("a sequence", "an array"),
    ("a map", "an object"),
    ("struct", "an object"),
    ("usize", "a whole number"),
];

/// The object that `bytes` are the JSON of.
///
/// # Errors
/// `invalid_parameter`
pub(super) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Serde would also take an array of the fields' values.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(ApiError::invalid("body", "must be a JSON object"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json);
    let value = value.map_err(|error| refusal(&error.path().to_string(), error.inner()))?;
    json.end().map_err(|error| no_json(&error))?;
    Ok(value)
}

/// The field at `path`, or one that should be there, is not what it must be.
fn refusal(path: &str, error: &serde_json::Error) -> ApiError {
    if error.classify() != Category::Data {
        return no_json(error);
    }
    let text = error.to_string();
    let named = |what: &str| text.strip_prefix(what)?.split('`').next().map(str::to_owned);
    if let Some(field) = named("missing field `") {
        return ApiError::invalid(&field, "is missing");
    }
    if let Some(field) = named("duplicate field `") {
        return ApiError::invalid(&field, "is given more than once");
    }
    let expected = text.split_once(", expected ").map_or("", |(_, expected)| expected);
    let known = EXPECTATIONS.iter().find(|(rust, _)| expected.starts_with(rust));
    match known {
        Some((_, ours)) => ApiError::invalid(path, format!("must be {ours}")),
        None => ApiError::invalid(path, "has a value that it cannot have"),
    }
}

fn no_json(error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column());
    ApiError::invalid("body", format!("is no JSON at line {line}, column {column}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Request {
        name: String,
        note: Option<String>,
        #[serde(default)]
        texts: Vec<Option<String>>,
        count: Option<usize>,
        is_kept: Option<bool>,
    }

    fn refused(json: &str) -> String {
        object::<Request>(json.as_bytes()).unwrap_err().message().to_owned()
    }

    #[test]
    fn an_object_is_read_and_what_nobody_asks_for_is_passed_over() {
        let json = r#" {"name":"a","texts":["b",null],"count":3,"other":{}} "#;
        let (note, is_kept) = (None, None);
        let (texts, count) = (vec![Some("b".to_owned()), None], Some(3));
        let expected = Request { name: "a".to_owned(), note, texts, count, is_kept };
        assert_eq!(object::<Request>(json.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn what_is_wrong_is_named_without_words_of_rust() {
        for (json, message) in [
            ("{}", "name is missing"),
            (r#"{"name":"a","name":"b"}"#, "name is given more than once"),
            (r#"{"name":5}"#, "name must be a text"),
            (r#"{"name":"a","note":true}"#, "note must be a text"),
            (r#"{"name":"a","texts":"b"}"#, "texts must be an array"),
            (r#"{"name":"a","texts":["b",7]}"#, "texts[1] must be a text"),
            (r#"{"name":"a","count":"5"}"#, "count must be a whole number"),
            (r#"{"name":"a","count":-1}"#, "count must be a whole number"),
            (r#"{"name":"a","count":1.5}"#, "count must be a whole number"),
            (r#"{"name":"a","count":99999999999999999999}"#, "count must be a whole number"),
            (r#"{"name":"a","is_kept":1}"#, "is_kept must be true or false"),
            ("[]", "body must be a JSON object"),
            ("", "body must be a JSON object"),
            (r#"{"name":"a""#, "body is no JSON at line 1, column 11"),
            ("{\"name\":\n'a'}", "body is no JSON at line 2, column 1"),
            (r#"{"name":"a"} x"#, "body is no JSON at line 1, column 14"),
        ] {
            assert_eq!(refused(json), message, "{json}");
        }
    }
}

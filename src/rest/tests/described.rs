//! The description as tests see it: its calls, and whether an answer is one that it tells of.

use std::sync::OnceLock;

use axum::http::Method;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::Answer;
use crate::rest::openapi::describe;

/// One call of the description.
pub(super) struct Call {
    pub(super) id: &'static str,
    pub(super) method: Method,
    pub(super) path: &'static str,
    operation: &'static Value,
}

/// All calls.
pub(super) fn calls() -> Vec<Call> {
    let mut calls = Vec::new();
    for (path, item) in description()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase().parse().unwrap();
            let id = operation["operationId"].as_str().unwrap();
            calls.push(Call { id, method, path, operation });
        }
    }
    calls
}

fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(|| serde_json::to_value(describe(OpenApi::default())).unwrap())
}

impl Call {
    /// Whether it asks for a key.
    pub(super) fn is_keyed(&self) -> bool {
        self.operation["security"].is_null()
    }

    /// The codes that it may be refused with.
    pub(super) fn codes(&self) -> Vec<&'static str> {
        let responses = self.operation["responses"].as_object().unwrap();
        let schemas = responses.values().flat_map(refusals);
        schemas.collect()
    }

    /// The media type of its body.
    pub(super) fn media_type(&self) -> Option<&'static str> {
        let content = self.operation["requestBody"]["content"].as_object()?;
        content.keys().next().map(String::as_str)
    }

    /// The names of its images.
    pub(super) fn images(&self) -> Vec<&'static str> {
        let schema = &self.operation["requestBody"]["content"]["multipart/form-data"]["schema"];
        let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) else {
            return Vec::new();
        };
        let fields = description()["components"]["schemas"][name]["properties"].as_object();
        let is_image = |field: &Value| field["format"] == "binary";
        let images = fields.unwrap().iter().filter(|(_, field)| is_image(field));
        images.map(|(name, _)| name.as_str()).collect()
    }

    fn is_at(&self, path: &str) -> bool {
        let path = path.split('?').next().unwrap_or_default();
        let path = path.replace("%3A", ":").replace("%3a", ":");
        let (wanted, given) = (self.path.split('/'), path.split('/'));
        let same = |(wanted, given): (&str, &str)| {
            if wanted.starts_with('{') { !given.is_empty() } else { wanted == given }
        };
        wanted.clone().count() == given.clone().count() && wanted.zip(given).all(same)
    }
}

/// The codes of a response.
fn refusals(response: &'static Value) -> impl Iterator<Item = &'static str> {
    let schemas = &response["content"]["application/json"]["schema"]["allOf"];
    let codes = schemas[1]["properties"]["detail"]["properties"]["code"]["enum"].as_array();
    codes.into_iter().flatten().filter_map(Value::as_str)
}

/// Holds an answer against the description.
#[track_caller]
pub(super) fn hold(method: &Method, path: &str, answer: &Answer) {
    let calls = calls();
    let Some(call) = calls.iter().find(|call| call.method == method && call.is_at(path)) else {
        return;
    };
    let status = answer.status.to_string();
    let response = &call.operation["responses"][&status];
    assert!(response.is_object(), "{} answered {status}, which is not described", call.id);
    for (name, header) in response["headers"].as_object().unwrap() {
        let header = header["$ref"].as_str().and_then(|to| to.strip_prefix('#')).unwrap();
        let header = description().pointer(header).unwrap();
        let (is_number, value) = (header["schema"]["type"] == "integer", answer.header(name));
        assert!(!is_number || value.is_empty() || value.parse::<u64>().is_ok(), "{name}: {value}");
    }
    if answer.status >= 400 {
        let body = answer.json();
        let code = body["detail"]["code"].as_str().unwrap();
        assert!(refusals(response).any(|known| known == code), "{}: {status} {code}", call.id);
    }
}

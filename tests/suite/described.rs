//! The calls of a server, as its own description tells of them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::Rest;

/// One call.
pub(crate) struct Call {
    /// Its operation id.
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// Whether it asks for a key.
    pub(crate) is_keyed: bool,
    /// The media type of its body, if it takes one.
    pub(crate) media_type: Option<String>,
    /// The parts of its form that are images.
    pub(crate) images: Vec<String>,
    /// The codes it may be refused with, and the status of each.
    pub(crate) codes: BTreeMap<String, u16>,
}

/// All calls.
pub(crate) async fn calls(rest: &Rest) -> Vec<Call> {
    let (_, description) = rest.at("").get("/openapi.json").await.unwrap();
    let mut calls = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let content = operation["requestBody"]["content"].as_object();
            calls.push(Call {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                is_keyed: operation["security"].is_null(),
                media_type: content.and_then(|content| content.keys().next()).cloned(),
                images: images(&description, operation),
                codes: codes(operation),
            });
        }
    }
    calls
}

fn images(description: &Value, operation: &Value) -> Vec<String> {
    let form = &operation["requestBody"]["content"]["multipart/form-data"]["schema"]["$ref"];
    let Some(schema) = form.as_str() else { return Vec::new() };
    let fields = &description.pointer(schema.trim_start_matches('#')).unwrap()["properties"];
    let fields = fields.as_object().unwrap().iter();
    fields.filter(|(_, field)| field["format"] == "binary").map(|(name, _)| name.clone()).collect()
}

fn codes(operation: &Value) -> BTreeMap<String, u16> {
    let mut codes = BTreeMap::new();
    for (status, response) in operation["responses"].as_object().unwrap() {
        let schemas = &response["content"]["application/json"]["schema"]["allOf"];
        let words = schemas[1]["properties"]["detail"]["properties"]["code"]["enum"].as_array();
        for code in words.into_iter().flatten() {
            codes.insert(code.as_str().unwrap().to_owned(), status.parse().unwrap());
        }
    }
    codes
}

//! `/openapi.json`: it is the committed one, and tells of every route and every code there is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use axum::body::Body;
use axum::http::Request;
use serde_json::Value;
use tower::ServiceExt;

use super::Door;
use crate::engine::Role;

/// Where the description is kept, so that its changes are seen.
const COMMITTED: &str = "docs/openapi.json";

/// The description, as the door serves it to anybody.
pub(super) async fn served(door: &Door) -> Value {
    let request = Request::get("/openapi.json").body(Body::empty()).unwrap();
    let (status, headers, description) = door.send(request).await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "application/json");
    description
}

/// Method, path and operation of each call.
pub(super) fn calls(description: &Value) -> Vec<(String, &str, &Value)> {
    let mut calls = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            calls.push((method.to_uppercase(), path.as_str(), operation));
        }
    }
    calls
}

/// The codes of a call, by status.
pub(super) fn codes(operation: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let responses = operation["responses"].as_object().unwrap();
    let refusals = responses.iter().filter(|(status, _)| status.as_str() >= "400");
    let codes = refusals.map(|(status, response)| {
        let schemas = &response["content"]["application/json"]["schema"]["allOf"];
        let codes = schemas[1]["properties"]["detail"]["properties"]["code"]["enum"].as_array();
        let codes = codes.unwrap().iter().map(|code| code.as_str().unwrap().to_owned());
        (status.clone(), codes.collect())
    });
    codes.collect()
}

#[tokio::test]
async fn the_description_is_the_committed_one() {
    let description = served(&Door::new()).await;
    assert_eq!(description["openapi"], "3.1.0");
    let text = format!("{description:#}\n");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(COMMITTED);
    if std::env::var_os("LIKENESS_UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap();
    assert!(committed == text, "LIKENESS_UPDATE=1 writes {COMMITTED} anew; then read what changed");
}

/// Paths of a router, which nothing else tells than its text for debugging.
fn paths(router: &axum::Router) -> BTreeSet<String> {
    let text = format!("{router:?}");
    let quoted = text.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.starts_with('/')).map(str::to_owned).collect()
}

/// The methods that a path takes.
async fn methods(door: &Door, key: &str, path: &str) -> Vec<String> {
    let path = path.replace(['{', '}', '*'], "");
    let request = Request::builder().method("BREW").uri(path);
    let request = request.header("authorization", format!("Bearer {key}"));
    let response = door.router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let allowed = response.headers().get("allow").map(|value| value.to_str().unwrap().to_owned());
    let allowed = allowed.unwrap_or_default();
    let methods = allowed.split(',').filter(|method| !["", "HEAD"].contains(method));
    methods.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let door = Door::new();
    let key = door.key("acme", "desk", Role::Admin);
    let mut routes = BTreeSet::new();
    for path in paths(&door.router()) {
        for method in methods(&door, &key, &path).await {
            // Escaped colons lead to the same route.
            routes.insert((method, path.replace("%3A", ":").replace("%3a", ":")));
        }
    }
    assert!(routes.contains(&("POST".to_owned(), "/api/v2/faces:detect".to_owned())));
    let description = served(&door).await;
    let calls = calls(&description).into_iter();
    let described: BTreeSet<_> = calls.map(|(method, path, _)| (method, path.to_owned())).collect();
    assert_eq!(described, routes);
}

#[tokio::test]
async fn every_call_with_a_key_tells_what_keys_are_refused_for() {
    let description = served(&Door::new()).await;
    let mut ids = BTreeSet::new();
    for (method, path, operation) in calls(&description) {
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{method} {path}");
        let is_open = !operation["security"].is_null();
        let codes = codes(operation);
        let refused = codes.get("401").is_some_and(|codes| codes.contains("invalid_api_key"));
        assert_eq!(refused, !is_open, "{method} {path}");
        let parameters = operation["parameters"].as_array().unwrap().iter();
        let purpose = parameters.filter(|parameter| parameter["name"] == "X-Purpose").count();
        assert_eq!(purpose, usize::from(!is_open), "{method} {path}");
    }
}

#[tokio::test]
async fn every_code_belongs_to_a_call() {
    let description = served(&Door::new()).await;
    let of_calls = calls(&description).into_iter();
    let of_calls = of_calls.flat_map(|(_, _, operation)| codes(operation).into_values().flatten());
    let mut of_calls: BTreeSet<String> = of_calls.collect();
    // What no call is at the end of.
    of_calls.extend(["not_found", "method_not_allowed"].map(str::to_owned));
    let all = description["components"]["schemas"]["ErrorCode"]["enum"].as_array().unwrap();
    let all: BTreeSet<_> = all.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    assert_eq!(of_calls, all);
}

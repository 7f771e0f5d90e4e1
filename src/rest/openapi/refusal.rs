//! The errors of the description: which codes a call is refused with, by status.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{
    Content, ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema,
};

use super::every_call::operations;
use crate::rest::error::ErrorCode as Code;

/// Codes of calls, by their operation ids, in groups that calls share.
pub(crate) type RefusalTable = &'static [(&'static str, &'static [&'static [Code]])];

/// Calls that ask for a key.
pub(crate) const KEYED: &[Code] = &[
    Code::MissingApiKey,
    Code::InvalidApiKey,
    Code::AccountInactive,
    Code::RateLimited,
    Code::InvalidParameter,
    Code::InternalError,
    Code::Overloaded,
];
/// Calls that take a form.
pub(super) const FORM: &[Code] =
    &[Code::UnsupportedMediaType, Code::RequestTimeout, Code::ImageTooLarge];
/// Calls that take JSON.
pub(crate) const JSON: &[Code] =
    &[Code::UnsupportedMediaType, Code::RequestTimeout, Code::RequestTooLarge];
/// Calls that look at images.
pub(super) const IMAGE: &[Code] =
    &[Code::EmptyImage, Code::InvalidImage, Code::ImageTooLarge, Code::ModelUnavailable];
/// Calls that change what is stored.
pub(super) const CHANGE: &[Code] = &[Code::Forbidden, Code::ReadOnly];
/// Calls that take an `Idempotency-Key`.
pub(super) const REPEATABLE: &[Code] = &[Code::RequestInProgress, Code::IdempotencyKeyReused];
/// Calls that are not served unless the audit log tells of them.
pub(super) const RECORDED: &[Code] = &[Code::AuditUnavailable];

/// The name of the envelope's schema.
const ENVELOPE: &str = "Error";

/// Adds the responses of a table's codes to its calls.
pub(crate) fn declare_refusals(description: &mut OpenApi, table: RefusalTable) {
    for operation in operations(description) {
        let row = table.iter().find(|(id, _)| operation.operation_id.as_deref() == Some(id));
        if let Some((_, groups)) = row {
            declare(operation, groups);
        }
    }
}

fn declare(operation: &mut Operation, groups: &[&[Code]]) {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in groups.iter().copied().flatten() {
        let codes = by_status.entry(code.status().as_u16()).or_default();
        if !codes.contains(code) {
            codes.push(*code);
        }
    }
    for (status, codes) in by_status {
        let response = response(&codes);
        operation.responses.responses.insert(status.to_string(), response.into());
    }
}

/// The envelope, with one of these codes.
fn response(codes: &[Code]) -> Response {
    let names: Vec<Value> = codes.iter().map(|code| json!(code)).collect();
    let list: Vec<_> =
        names.iter().filter_map(Value::as_str).map(|name| format!("`{name}`")).collect();
    let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String));
    let detail = ObjectBuilder::new().property("code", text.enum_values(Some(names)));
    let narrowed = ObjectBuilder::new().property("detail", detail);
    let schema = AllOfBuilder::new().item(Ref::from_schema_name(ENVELOPE)).item(narrowed);
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(list.join(", ")).content("application/json", content).build()
}

/// Says that the `detail` of a call's errors may have the fields of the schema `name` too.
pub(crate) fn declare_more(description: &mut OpenApi, operation_id: &str, name: &str) {
    let more = || ObjectBuilder::new().property("detail", Ref::from_schema_name(name)).build();
    let mut calls = operations(description);
    let call = calls.find(|call| call.operation_id.as_deref() == Some(operation_id));
    let responses = call.into_iter().flat_map(|call| call.responses.responses.values_mut());
    for response in responses {
        let RefOr::T(response) = response else { continue };
        for content in response.content.values_mut() {
            if let RefOr::T(Content { schema: Some(RefOr::T(Schema::AllOf(all))), .. }) = content {
                all.items.push(more().into());
            }
        }
    }
}

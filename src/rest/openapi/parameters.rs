//! The ids of paths and the headers of requests, as parameters of the description.

use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, Type};

use super::schema::{face_id, header_text, of};
use crate::engine::PURPOSE_CHARS_MAX;
use crate::rest::extract::{CollectionPath, FacePath};
use crate::rest::idempotency::{IdempotencyKey, KEY_CHARS_MAX};

/// The name of the header by which requests are told to be the same.
pub(super) const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

impl IntoParams for CollectionPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![collection()]
    }
}

impl IntoParams for FacePath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "A face of the collection";
        let face = parameter("face_id", ParameterIn::Path, face_id(), about);
        vec![collection(), face]
    }
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let about = "Made up by the client: a repeated request with the same key and content is \
                     answered as the first one was, for 24 hours";
        let schema = header_text(KEY_CHARS_MAX);
        vec![parameter(IDEMPOTENCY_KEY, ParameterIn::Header, schema, about)]
    }
}

fn collection() -> Parameter {
    let schema = of(Type::String).min_length(Some(1)).build();
    parameter("external_id", ParameterIn::Path, schema, "The collection, percent-encoded")
}

/// What a request is for.
pub(super) fn purpose() -> Parameter {
    let about = "What the request is for; the audit log keeps it with searches, comparisons and \
                 deletions. UTF-8 is understood too.";
    parameter("X-Purpose", ParameterIn::Header, header_text(PURPOSE_CHARS_MAX), about)
}

/// A name for the request.
pub(super) fn request_id() -> Parameter {
    let about = "A name for the request of 1 to 64 letters, digits, `.`, `-` and `_`; anything \
                 else is replaced";
    parameter("X-Request-Id", ParameterIn::Header, of(Type::String).build(), about)
}

fn parameter(name: &str, place: ParameterIn, schema: Object, about: &str) -> Parameter {
    let is_required = matches!(place, ParameterIn::Path);
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(if is_required { Required::True } else { Required::False })
        .schema(Some(schema))
        .description(Some(about))
        .build()
}

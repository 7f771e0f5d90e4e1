//! What calls have in common: the key, what a request is for, and the headers of answers.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi, Ref, RefOr, Response};

use super::parameters;
use super::schema::of;

/// The name of the way in which keys are sent.
const KEY: &str = "key";
/// Names of headers.
const REQUEST_ID: &str = "X-Request-Id";
const CHALLENGE: &str = "WWW-Authenticate";
const RETRY: &str = "Retry-After";
const REPLAYED: &str = "Idempotency-Replayed";
/// Numbers that tell the caller of a keyed call how many more are allowed.
const BUDGET: [(&str, &str); 3] = [
    ("X-RateLimit-Limit", "Requests of the window that has fewer left; 0 where none applies"),
    ("X-RateLimit-Remaining", "Requests left in it"),
    ("X-RateLimit-Reset", "Seconds until it begins anew"),
];

/// Adds it to all calls.
pub(super) fn complete(description: &mut OpenApi) {
    for operation in operations(description) {
        complete_operation(operation);
    }
    let components = description.components.get_or_insert_with(Components::new);
    components.add_security_scheme(KEY, key_scheme());
    components.headers.extend(headers().map(|(name, header)| (name, header.into())));
}

/// The calls of a description.
pub(super) fn operations(description: &mut OpenApi) -> impl Iterator<Item = &mut Operation> {
    let items = description.paths.paths.values_mut();
    items.flat_map(|item| [&mut item.get, &mut item.post, &mut item.delete]).flatten()
}

fn complete_operation(operation: &mut Operation) {
    // A call that is open to anybody says so; the others have what the description asks for.
    let is_keyed = operation.security.is_none();
    let headers = operation.parameters.get_or_insert_default();
    if is_keyed {
        headers.push(parameters::purpose().into());
    }
    headers.push(parameters::request_id().into());
    let is_repeatable = headers.iter().any(is_idempotency_key);
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        complete_response(response, status, is_keyed);
        if is_repeatable && status == "201" {
            refer(response, REPLAYED);
        }
    }
}

fn is_idempotency_key(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.name == parameters::IDEMPOTENCY_KEY)
}

fn complete_response(response: &mut Response, status: &str, is_keyed: bool) {
    let mut names = vec![REQUEST_ID];
    if is_keyed {
        names.extend(BUDGET.map(|(name, _)| name));
    }
    match status {
        "401" => names.push(CHALLENGE),
        "409" | "429" | "503" => names.push(RETRY),
        _ => {}
    }
    for name in names {
        refer(response, name);
    }
}

fn refer(response: &mut Response, header: &str) {
    let to = Ref::new(format!("#/components/headers/{header}"));
    response.headers.insert(header.to_owned(), RefOr::Ref(to));
}

/// The headers that answers refer to.
fn headers() -> impl Iterator<Item = (String, Header)> {
    let id = "The request's own `X-Request-Id`, or a new one; it stands in the server's log";
    let retry = "Seconds after which to try again, where that may help";
    let replayed = "`true` where the answer is that of an earlier request with the same key";
    let texts = [(REQUEST_ID, id), (CHALLENGE, "`Bearer`, and why"), (REPLAYED, replayed)];
    let texts = texts.map(|(name, about)| (name.to_owned(), header(Type::String, about)));
    let numbers = BUDGET.into_iter().chain([(RETRY, retry)]);
    let numbers = numbers.map(|(name, about)| (name.to_owned(), header(Type::Integer, about)));
    texts.into_iter().chain(numbers)
}

fn header(kind: Type, about: &str) -> Header {
    let number = matches!(kind, Type::Integer);
    let schema = of(kind).minimum(number.then_some(0));
    HeaderBuilder::new().schema(Some(schema)).description(Some(about)).build()
}

fn key_scheme() -> SecurityScheme {
    let about = "An API key: `iksk_live_` and 48 hexadecimal digits";
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about));
    SecurityScheme::Http(scheme.build())
}

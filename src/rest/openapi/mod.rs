//! `/openapi.json`: what the HTTP door takes and answers, for programs. Made from the handlers,
//! their parameters, forms and bodies; open to anybody, because it holds nothing secret.

mod every_call;
mod parameters;
pub(super) mod refusal;
pub(super) mod schema;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Description;

use self::refusal::{
    CHANGE, FORM, IMAGE, JSON, KEYED, RECORDED, REPEATABLE, RefusalTable, declare_refusals,
};
use super::error::ErrorCode as Code;
use super::observe::Envelope;
use super::state::RestState;
use super::{collections, faces, images, metrics, search, status};

/// The facade, and what tells an operator how the server does.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "LikenessDB",
        description = "Detect and compare faces, keep them in collections, and search these. \
                       The calls below `/api/v2` work like iLive Face Services v2. \
                       The manual is at `/docs`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        images::detect,
        images::compare,
        collections::create,
        collections::list,
        collections::describe,
        collections::remove,
        faces::index,
        faces::list,
        faces::describe,
        faces::remove,
        search::by_face,
        search::by_image,
        metrics::metrics,
        status::index,
        status::health,
        status::readiness,
        describe_api,
    ),
    components(schemas(Envelope)),
    security(("key" = [])),
    tags(
        (name = "detect", description = "Faces of an image"),
        (name = "compare", description = "Faces of two images"),
        (name = "collections", description = "Collections and the faces in them"),
        (name = "search", description = "Faces of a collection that are like one"),
        (name = "operation", description = "How the server does"),
    )
)]
struct Facade;

const REFUSALS: RefusalTable = &[
    ("detect_faces", &[KEYED, FORM, IMAGE, &[Code::InvalidAttributes]]),
    (
        "compare_faces",
        &[KEYED, FORM, IMAGE, RECORDED, &[Code::NoFaceInSource, Code::NoFaceInTarget]],
    ),
    (
        "create_collection",
        &[
            KEYED,
            JSON,
            CHANGE,
            REPEATABLE,
            &[Code::CollectionExists, Code::ModelUnavailable],
            // What an earlier request with the same key created may be gone.
            &[Code::CollectionNotFound],
        ],
    ),
    ("list_collections", &[KEYED]),
    ("describe_collection", &[KEYED, &[Code::CollectionNotFound]]),
    ("delete_collection", &[KEYED, CHANGE, RECORDED, &[Code::CollectionNotFound]]),
    (
        "index_faces",
        &[
            KEYED,
            FORM,
            IMAGE,
            CHANGE,
            REPEATABLE,
            &[Code::InvalidAttributes, Code::CollectionNotFound],
            &[Code::ModelMismatch, Code::NoFaceDetected],
        ],
    ),
    ("list_faces", &[KEYED, &[Code::CollectionNotFound]]),
    ("describe_face", &[KEYED, &[Code::CollectionNotFound, Code::FaceNotFound]]),
    ("delete_face", &[KEYED, CHANGE, RECORDED, &[Code::CollectionNotFound, Code::FaceNotFound]]),
    (
        "search_by_face",
        &[
            KEYED,
            RECORDED,
            &[Code::CollectionNotFound, Code::FaceNotFound],
            &[Code::ModelMismatch, Code::ModelUnavailable],
        ],
    ),
    (
        "search_by_image",
        &[
            KEYED,
            FORM,
            IMAGE,
            RECORDED,
            &[Code::CollectionNotFound, Code::ModelMismatch, Code::NoFaceDetected],
        ],
    ),
    ("metrics", &[KEYED, &[Code::Forbidden]]),
    ("readiness", &[&[Code::ReadOnly, Code::Overloaded]]),
];

/// The whole description: of the facade, and of what is served `beside` it.
pub(super) fn describe(beside: Description) -> Description {
    let mut facade = Facade::openapi();
    declare_refusals(&mut facade, REFUSALS);
    let mut description = facade.merge_from(beside);
    every_call::complete(&mut description);
    schema::repeat_fields(&mut description, "IndexedFace", "IndexResult");
    description
}

/// The route of the description.
pub(super) fn route(description: &Description) -> Router<RestState> {
    // Texts and numbers, which cannot fail to become JSON.
    let text = Bytes::from(description.to_json().unwrap_or_default());
    Router::new().route("/openapi.json", get(describe_api)).layer(Extension(text))
}

/// Tell programs what there is to call
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "describe_api",
    tag = "operation",
    security(()),
    responses((status = 200, description = "This description", body = Value))
)]
async fn describe_api(Extension(text): Extension<Bytes>) -> Response {
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

//! The codes of errors: all of them in the manual with their statuses, and each error of the engine
//! under its own.

use std::collections::BTreeMap;

use likeness_storage::WriteError;

use super::super::error::{ApiError, ErrorCode};
use crate::biometric::FaceId;
use crate::engine::{EngineError, ImageError};

/// Codes and statuses of the manual's table of errors.
fn documented() -> BTreeMap<String, u16> {
    let manual = include_str!("../../../docs/rest.md");
    let (_, errors) = manual.split_once("\n## Errors\n").unwrap();
    let (table, _) = errors.split_once("\n## ").unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let (codes, status) = (format!("`{}", cells.next()?), cells.next()?.parse::<u16>().ok()?);
        let codes: Vec<String> = codes.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some(codes.into_iter().map(move |code| (code, status)))
    };
    table.lines().filter_map(row).flatten().collect()
}

fn name(code: ErrorCode) -> String {
    serde_json::to_value(code).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn the_manual_lists_exactly_the_codes_there_are() {
    use ErrorCode as Code;
    let all = [
        Code::MissingApiKey,
        Code::InvalidApiKey,
        Code::AccountInactive,
        Code::Forbidden,
        Code::RateLimited,
        Code::InvalidParameter,
        Code::InvalidAttributes,
        Code::EmptyImage,
        Code::InvalidImage,
        Code::ImageTooLarge,
        Code::RequestTooLarge,
        Code::RequestTimeout,
        Code::UnsupportedMediaType,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::CollectionNotFound,
        Code::CollectionExists,
        Code::RequestInProgress,
        Code::IdempotencyKeyReused,
        Code::FaceNotFound,
        Code::ThumbnailNotFound,
        Code::ModelMismatch,
        Code::NoFaceDetected,
        Code::NoFaceInSource,
        Code::NoFaceInTarget,
        Code::StatementFailed,
        Code::ModelUnavailable,
        Code::ReadOnly,
        Code::AuditUnavailable,
        Code::Overloaded,
        Code::InternalError,
    ];
    let codes: BTreeMap<_, _> =
        all.into_iter().map(|code| (name(code), code.status().as_u16())).collect();
    assert_eq!(documented(), codes);
}

#[test]
fn each_error_of_the_engine_has_its_code() {
    let mismatch = || EngineError::ModelMismatch {
        gallery: "c".to_owned(),
        expected: "a".to_owned(),
        actual: "b".to_owned(),
    };
    let face = "f_01KC4Q2V8S5R4J9X6T3W7Z1A0B".parse::<FaceId>().unwrap();
    let closed = || WriteError::Conflict;
    for (error, code) in [
        (EngineError::GalleryNotFound("c".to_owned()), ErrorCode::CollectionNotFound),
        (EngineError::GalleryExists("c".to_owned()), ErrorCode::CollectionExists),
        (EngineError::FaceNotFound(face), ErrorCode::FaceNotFound),
        (EngineError::invalid("threshold", "is wrong"), ErrorCode::InvalidParameter),
        (mismatch(), ErrorCode::ModelMismatch),
        (EngineError::Image(ImageError::Empty), ErrorCode::EmptyImage),
        (EngineError::Image(ImageError::Unsupported), ErrorCode::InvalidImage),
        (EngineError::NoFace, ErrorCode::NoFaceDetected),
        (EngineError::NoFaceInSource, ErrorCode::NoFaceInSource),
        (EngineError::NoFaceInTarget, ErrorCode::NoFaceInTarget),
        (EngineError::ModelUnavailable("none".to_owned()), ErrorCode::ModelUnavailable),
        (EngineError::ReadOnly(closed()), ErrorCode::ReadOnly),
        (EngineError::Cancelled, ErrorCode::Overloaded),
        (EngineError::Conflict, ErrorCode::Overloaded),
        (EngineError::Internal("secret".into()), ErrorCode::InternalError),
    ] {
        let text = format!("{error:?}");
        let answered = ApiError::from(error);
        assert_eq!(answered.code(), code, "{text}");
        assert!(!answered.message().contains("secret"), "{text}");
    }
}

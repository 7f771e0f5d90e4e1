//! A call whose arguments are known, as the engine takes it.

use datafusion::scalar::ScalarValue;

use crate::biometric::FaceId;
use crate::engine::{Exactness, SimilarRequest};
use crate::sql::grammar::name::written_parts;
use crate::sql::plan::call::TableFunction;
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::value::constant::{real, text};
use crate::sql::{SqlError, SqlState};

/// The parameters that name collections.
pub(super) const GALLERIES: [&str; 2] = ["collection", "other"];

/// The request of a call. An argument that may be left out may be NULL.
///
/// # Errors
/// A value that is NULL or not of its type; no such collection. Bounds are left to the engine.
pub(super) fn request(
    function: &TableFunction,
    catalog: &GalleryCatalog,
    values: &[ScalarValue],
    exactness: Exactness,
) -> Result<SimilarRequest, SqlError> {
    let [gallery, threshold, other, face, other_face] = values else {
        return Err(SqlError::new(SqlState::InternalError, "internal error"));
    };
    let what = |parameter| function.what(parameter);
    let (face, other_face) = (
        face_id(&what("after_face_id"), face)?,
        face_id(&what("after_other_face_id"), other_face)?,
    );
    let after = match (face, other_face) {
        (Some(face), other) => Some((face, other)),
        (None, None) => None,
        (None, Some(_)) => {
            let message = format!("{} needs \"after_face_id\" too", what("after_other_face_id"));
            return Err(SqlError::new(SqlState::InvalidParameterValue, message));
        }
    };
    let null = |parameter| move || function.null(parameter);
    let [collection, second] = GALLERIES;
    let gallery =
        gallery_name(catalog, &what(collection), gallery)?.ok_or_else(null(collection))?;
    Ok(SimilarRequest {
        gallery,
        threshold: real(&what("threshold"), threshold)?.ok_or_else(null("threshold"))?,
        other: gallery_name(catalog, &what(second), other)?,
        after,
        exactness,
    })
}

/// The collection that a text names, written as in a statement: folded to lower case unless quoted,
/// perhaps with schema and database. NULL is none.
///
/// # Errors
/// Text that is no name; no such collection.
pub(super) fn gallery_name(
    catalog: &GalleryCatalog,
    what: &str,
    value: &ScalarValue,
) -> Result<Option<String>, SqlError> {
    let Some(written) = text(what, value)? else { return Ok(None) };
    let parts = written_parts(&written).ok_or_else(|| {
        let message = format!("{what} is no name of a collection");
        SqlError::new(SqlState::InvalidName, message)
            .with_hint("Names with other characters than letters, digits and _ need double quotes.")
    })?;
    let name = catalog.gallery_name(&parts)?;
    catalog.snapshot().descriptor(name)?;
    Ok(Some(name.to_owned()))
}

fn face_id(what: &str, value: &ScalarValue) -> Result<Option<FaceId>, SqlError> {
    let Some(id) = text(what, value)? else { return Ok(None) };
    let id = id.parse().map_err(|error: crate::biometric::FaceIdError| {
        SqlError::new(SqlState::InvalidTextRepresentation, error.to_string())
    })?;
    Ok(Some(id))
}

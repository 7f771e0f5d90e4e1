//! How `similar_faces` is called, and its operator once its arguments are known.

use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;

use super::columns::pair_schema;
use super::exec::SimilarFacesExec;
use super::request::{GALLERIES, gallery_name, request};
use crate::sql::SqlError;
use crate::sql::grammar::marker::SIMILAR_FACES;
use crate::sql::plan::call::TableFunction;
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::session_state::settings::exactness_of;
use crate::sql::value::types::SqlType;

/// The function.
pub(in crate::sql) static FUNCTION: TableFunction = TableFunction {
    name: SIMILAR_FACES,
    parameters: &[
        ("collection", SqlType::Text),
        ("threshold", SqlType::Float4),
        ("other", SqlType::Text),
        ("after_face_id", SqlType::Text),
        ("after_other_face_id", SqlType::Text),
    ],
    required: 2,
    usage: "similar_faces('collection', threshold => 0.8 [, other => 'collection'] \
            [, after_face_id => 'f_..' [, after_other_face_id => 'f_..']])",
    schema: pair_schema,
    check,
    plan,
};

/// Who names a collection that is not there learns so before parameters are bound.
fn check(catalog: &GalleryCatalog, parameter: &str, value: &ScalarValue) -> Result<(), SqlError> {
    if GALLERIES.contains(&parameter) {
        gallery_name(catalog, &FUNCTION.what(parameter), value)?;
    }
    Ok(())
}

fn plan(
    catalog: &GalleryCatalog,
    values: &[ScalarValue],
    session: &dyn Session,
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let exactness = exactness_of(session.config());
    let request = request(&FUNCTION, catalog, values, exactness)?;
    Ok(Arc::new(SimilarFacesExec::all(catalog.snapshot().clone(), request)?))
}

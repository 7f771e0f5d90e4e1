//! `detect_faces(image)`: the faces of an image, the largest first.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, Float32Array, Int64Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::Session;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use futures::FutureExt;
use serde::Serialize;

use super::exec::ImageExec;
use crate::biometric::{AttributeSet, UnknownAttributeSet};
use crate::engine::{DetectedFace, EngineError};
use crate::sql::grammar::marker::DETECT_FACES;
use crate::sql::plan::call::TableFunction;
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::read::columns::{bounding_boxes, schema_of};
use crate::sql::value::constant::{bytes, text};
use crate::sql::value::types::{SqlType, real_array, with_pg_type};
use crate::sql::{SqlError, SqlState};

const IMAGE: &str = "image";
const ATTRIBUTES: &str = "attributes";

/// The function.
pub(in crate::sql) static FUNCTION: TableFunction = TableFunction {
    name: DETECT_FACES,
    parameters: &[(IMAGE, SqlType::Bytea), (ATTRIBUTES, SqlType::Text)],
    required: 1,
    usage: "detect_faces(image [, attributes => 'none' | 'default' | 'all'])",
    schema,
    check: |_, _, _| Ok(()),
    plan,
};

fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        schema_of([
            Field::new("face", DataType::Int64, false),
            Field::new("bounding_box", real_array(), false),
            Field::new("confidence", DataType::Float32, false),
            with_pg_type(Field::new("landmarks", DataType::Utf8, false), "jsonb"),
            with_pg_type(Field::new("attributes", DataType::Utf8, false), "jsonb"),
        ])
    });
    Arc::clone(&SCHEMA)
}

fn plan(
    catalog: &GalleryCatalog,
    values: &[ScalarValue],
    _session: &dyn Session,
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let [image, attributes] = values else {
        return Err(SqlError::new(SqlState::InternalError, "internal error").into());
    };
    let image = bytes(&FUNCTION.what(IMAGE), image)?.ok_or_else(|| FUNCTION.null(IMAGE))?;
    let image = Bytes::from(image);
    let attributes = match text(&FUNCTION.what(ATTRIBUTES), attributes)? {
        None => AttributeSet::default(),
        Some(name) => name.parse().map_err(|error: UnknownAttributeSet| {
            SqlError::new(SqlState::InvalidParameterValue, error.to_string())
        })?,
    };
    let tenant = catalog.tenant().clone();
    let look = move || {
        let (tenant, image) = (tenant.clone(), image.clone());
        let seen = async move {
            let seen = tenant.detect(image, attributes).await.map_err(SqlError::from)?;
            rows(&seen.faces, attributes)
        };
        seen.boxed()
    };
    Ok(Arc::new(ImageExec::new(&FUNCTION, Box::new(look))))
}

fn rows(faces: &[DetectedFace], wanted: AttributeSet) -> Result<RecordBatch, DataFusionError> {
    // Who asks for boxes only gets boxes only, as over REST.
    let landmarks = faces.iter().map(|face| match wanted {
        AttributeSet::None => json(&[(); 0]),
        AttributeSet::Default | AttributeSet::All => json(&face.landmarks),
    });
    let attributes = faces.iter().map(|face| json(&face.attributes));
    let arrays: Vec<ArrayRef> = vec![
        Arc::new((1..).take(faces.len()).collect::<Int64Array>()),
        bounding_boxes(faces.iter().map(|face| face.bounding_box.to_array())),
        Arc::new(faces.iter().map(|face| Some(face.confidence)).collect::<Float32Array>()),
        Arc::new(landmarks.map(|text| text.map(Some)).collect::<Result<StringArray, _>>()?),
        Arc::new(attributes.map(|text| text.map(Some)).collect::<Result<StringArray, _>>()?),
    ];
    let options = RecordBatchOptions::new().with_row_count(Some(faces.len()));
    Ok(RecordBatch::try_new_with_options(schema(), arrays, &options)?)
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, SqlError> {
    let written = serde_json::to_string(value);
    written.map_err(|error| SqlError::from(EngineError::Internal(Box::new(error))))
}

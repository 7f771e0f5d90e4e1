//! `compare_faces(source, target)`: how alike the largest faces of two images are, in one row.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Float32Array};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::Session;
use datafusion::error::DataFusionError;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use futures::FutureExt;

use super::exec::ImageExec;
use crate::engine::ImageComparison;
use crate::sql::grammar::marker::COMPARE_FACES;
use crate::sql::plan::call::TableFunction;
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::read::columns::{bounding_boxes, schema_of};
use crate::sql::value::constant::{bytes, real};
use crate::sql::value::types::{SqlType, real_array};
use crate::sql::{SqlError, SqlState};

const SOURCE: &str = "source";
const TARGET: &str = "target";
const THRESHOLD: &str = "threshold";

/// The function.
pub(in crate::sql) static FUNCTION: TableFunction = TableFunction {
    name: COMPARE_FACES,
    parameters: &[(SOURCE, SqlType::Bytea), (TARGET, SqlType::Bytea), (THRESHOLD, SqlType::Float4)],
    required: 2,
    usage: "compare_faces(source, target [, threshold => 0.65])",
    schema,
    check: |_, _, _| Ok(()),
    plan,
};

fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        schema_of([
            Field::new("similarity", DataType::Float32, false),
            Field::new("is_match", DataType::Boolean, false),
            Field::new("threshold", DataType::Float32, false),
            Field::new("source_bounding_box", real_array(), false),
            Field::new("target_bounding_box", real_array(), false),
        ])
    });
    Arc::clone(&SCHEMA)
}

fn plan(
    catalog: &GalleryCatalog,
    values: &[ScalarValue],
    _session: &dyn Session,
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let [source, target, threshold] = values else {
        return Err(SqlError::new(SqlState::InternalError, "internal error").into());
    };
    let image = |parameter, value| {
        let image = bytes(&FUNCTION.what(parameter), value)?;
        Ok::<_, SqlError>(Bytes::from(image.ok_or_else(|| FUNCTION.null(parameter))?))
    };
    let (source, target) = (image(SOURCE, source)?, image(TARGET, target)?);
    let threshold = real(&FUNCTION.what(THRESHOLD), threshold)?;
    let tenant = catalog.tenant().clone();
    let look = move || {
        let (tenant, source, target) = (tenant.clone(), source.clone(), target.clone());
        let compared = async move {
            row(tenant.compare(source, target, threshold).await.map_err(SqlError::from)?)
        };
        compared.boxed()
    };
    Ok(Arc::new(ImageExec::new(&FUNCTION, Box::new(look))))
}

fn row(compared: ImageComparison) -> Result<RecordBatch, DataFusionError> {
    let ImageComparison { comparison, source_face, target_face } = compared;
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Float32Array::from(vec![comparison.similarity])),
        Arc::new(BooleanArray::from(vec![comparison.is_match()])),
        Arc::new(Float32Array::from(vec![comparison.threshold])),
        bounding_boxes([source_face.to_array()].into_iter()),
        bounding_boxes([target_face.to_array()].into_iter()),
    ];
    Ok(RecordBatch::try_new(schema(), arrays)?)
}

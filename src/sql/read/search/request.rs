//! A search whose values are known: one request to the engine, one batch of candidates.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float32Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::error::DataFusionError;
use datafusion::scalar::ScalarValue;
use likeness_storage::{RowRef, ScanReport};

use super::cut_off::CutOff;
use super::node::SearchedGallery;
use super::{Cut, DEFAULT_LIMIT, ProbeKind};
use crate::biometric::FaceId;
use crate::engine::{Candidate, Exactness, FaceSet, IdentifyRequest, ProbeSource};
use crate::sql::read::columns::{GalleryColumn, SearchColumn};
use crate::sql::value::constant::{bytes, reals, text};
use crate::sql::{SqlError, SqlState};

/// A search whose parameters are known.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) gallery: SearchedGallery,
    pub(super) probe: ProbeSource,
    pub(super) cut: Option<CutOff>,
    pub(super) limit: usize,
    pub(super) exactness: Exactness,
}

impl Request {
    /// # Errors
    /// A value that is NULL or not of its type; bounds are left to the engine.
    pub(super) fn new(
        gallery: SearchedGallery,
        kind: ProbeKind,
        probe: &ScalarValue,
        cut: Option<Cut<&ScalarValue>>,
        limit: Option<&ScalarValue>,
        exactness: Exactness,
    ) -> Result<Self, SqlError> {
        let probe = probe_source(kind, probe)?;
        let cut = cut.map(|cut| CutOff::new(&gallery, cut)).transpose()?;
        Ok(Self { gallery, probe, cut, limit: limit.map_or(Ok(DEFAULT_LIMIT), count)?, exactness })
    }

    /// What the engine is asked for, among `only` if given; nothing where no candidate is wanted.
    pub(super) fn asked(&self, only: Option<FaceSet>) -> Option<IdentifyRequest> {
        (self.limit > 0).then(|| IdentifyRequest {
            probe: self.probe.clone(),
            limit: self.limit,
            threshold: self.cut.as_ref().map(CutOff::similarity),
            only,
            exactness: self.exactness,
        })
    }

    /// Asks the engine for candidates, among `only` if given, and puts them into `columns` in the
    /// engine's order; `columns` and `schema` go together, the schema may rename columns.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) async fn run(
        &self,
        only: Option<FaceSet>,
        columns: Vec<SearchColumn>,
        schema: SchemaRef,
    ) -> Result<(RecordBatch, ScanReport), DataFusionError> {
        let Some(asked) = self.asked(only) else {
            return Ok((RecordBatch::new_empty(schema), ScanReport::default()));
        };
        let SearchedGallery { tenant, snapshot, name, .. } = &self.gallery;
        tenant
            .candidates_in(snapshot, name, asked, move |found| {
                Ok((batch(&found.candidates, &columns, schema)?, found.report))
            })
            .await
            .map_err(SqlError::from)?
    }
}

fn probe_source(kind: ProbeKind, value: &ScalarValue) -> Result<ProbeSource, SqlError> {
    let null = || {
        let message = "the probe of SEARCH must not be NULL";
        SqlError::new(SqlState::NullValueNotAllowed, message)
    };
    match kind {
        ProbeKind::Face => {
            let id = text("the face id of SEARCH", value)?.ok_or_else(null)?;
            let face_id = id.parse::<FaceId>().map_err(|error| {
                SqlError::new(SqlState::InvalidTextRepresentation, error.to_string())
            })?;
            Ok(ProbeSource::Face(face_id))
        }
        ProbeKind::External => {
            let name = text("the external face id of SEARCH", value)?.ok_or_else(null)?;
            Ok(ProbeSource::External(name))
        }
        ProbeKind::Image => {
            let image = bytes("the image of SEARCH", value)?.ok_or_else(null)?;
            Ok(ProbeSource::Image(image.into()))
        }
        ProbeKind::Embedding => {
            let values = reals("the embedding of SEARCH", value)?.ok_or_else(null)?;
            Ok(ProbeSource::Embedding(values))
        }
    }
}

/// A number of candidates; the engine checks how many there may be.
fn count(value: &ScalarValue) -> Result<usize, SqlError> {
    match value.cast_to(&DataType::Int64)? {
        ScalarValue::Int64(Some(limit)) => usize::try_from(limit).map_err(|_| {
            let message = "LIMIT must not be negative";
            SqlError::new(SqlState::InvalidRowCountInLimitClause, message)
        }),
        _ => Err(SqlError::new(SqlState::NullValueNotAllowed, "LIMIT of SEARCH must not be NULL")),
    }
}

fn batch(
    candidates: &[Candidate<'_>],
    columns: &[SearchColumn],
    schema: SchemaRef,
) -> Result<RecordBatch, DataFusionError> {
    let arrays = arrays(candidates, 1.., columns).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(candidates.len()));
    Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
}

/// Columns of candidates that have these ranks.
pub(super) fn arrays(
    candidates: &[Candidate<'_>],
    ranks: impl IntoIterator<Item = i64>,
    columns: &[SearchColumn],
) -> impl Iterator<Item = ArrayRef> {
    let rows: Vec<RowRef<'_>> = candidates.iter().map(|found| found.row).collect();
    let ranks: ArrayRef = Arc::new(ranks.into_iter().take(rows.len()).collect::<Int64Array>());
    columns.iter().map(move |column| match column {
        SearchColumn::Rank => Arc::clone(&ranks),
        SearchColumn::Similarity => Arc::new(
            candidates.iter().map(|found| Some(found.similarity)).collect::<Float32Array>(),
        ),
        SearchColumn::Gallery(column) => GalleryColumn::array(*column, &rows),
    })
}

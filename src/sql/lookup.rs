//! `SELECT columns FROM c WHERE face_id = $1`: from the ids to the rows, without a plan.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Query, TableFactor, TableWithJoins};
use futures::stream;

use super::catalog::GalleryCatalog;
use super::columns::GalleryColumn;
use super::constant::Constant;
use super::name::name_parts;
use super::projection::{Projection, column_name, filtered_select, table_name};
use super::{Outcome, SqlError, SqlType};
use crate::biometric::FaceId;

/// Most ids of one look-up; more are as well planned.
const IDS_MAX: usize = 1000;

/// A statement that wants columns of the faces with some ids, and nothing else.
#[derive(Debug)]
pub(super) struct Lookup {
    name: Vec<String>,
    ids: Vec<Constant>,
    projection: Projection<GalleryColumn>,
}

impl Lookup {
    /// The look-up that `query` is, as long as its table is a collection.
    pub(super) fn of(query: &Query) -> Option<Self> {
        let select = filtered_select(query)?;
        let [TableWithJoins { relation, joins }] = select.from.as_slice() else { return None };
        let TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints: _,
            version: None,
            with_ordinality: false,
            partitions: _,
            json_path: None,
            sample: None,
            index_hints: _,
        } = relation
        else {
            return None;
        };
        if !joins.is_empty() {
            return None;
        }
        let name = name_parts(name)?;
        let table = table_name(alias.as_ref(), name.last()?)?;
        let ids = wanted(select.selection.as_ref()?, &table)?;
        let (items, all) = (&select.projection, GalleryColumn::ALL);
        let projection = Projection::named(items, &table, &all, GalleryColumn::field)?;
        Some(Self { name, ids, projection })
    }

    /// Types of `$1..`, where the table is a collection.
    pub(super) fn parameter_types(
        &self,
        catalog: &GalleryCatalog,
        count: usize,
    ) -> Option<Vec<Option<SqlType>>> {
        self.gallery(catalog)?;
        let mut types = vec![None; count];
        for id in &self.ids {
            if let Constant::Parameter(at) = id {
                *types.get_mut(*at)? = Some(SqlType::Text);
            }
        }
        Some(types)
    }

    /// The columns of its rows.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.projection.schema)
    }

    /// Starts the look-up; none where it takes a plan after all: the table is no collection, or an
    /// id is no text.
    ///
    /// # Errors
    /// A parameter is missing.
    pub(super) fn run(
        &self,
        catalog: &GalleryCatalog,
        parameters: &[ScalarValue],
    ) -> Result<Option<Outcome>, SqlError> {
        let Some(gallery) = self.gallery(catalog) else { return Ok(None) };
        let mut ids: Vec<FaceId> = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            let Some(text) = id.value(parameters)?.try_as_str() else { return Ok(None) };
            // Nothing equals NULL, and no id equals what is none.
            ids.extend(text.and_then(|text| text.parse::<FaceId>().ok()));
        }
        ids.sort_unstable();
        ids.dedup();
        let (snapshot, gallery) = (catalog.snapshot().clone(), gallery.to_owned());
        let (columns, schema) = (self.projection.columns.clone(), self.schema());
        let is_export = columns.contains(&GalleryColumn::Embedding);
        let batch = async move {
            if is_export {
                snapshot.record_export(&gallery).map_err(SqlError::from)?;
            }
            let read = snapshot.look_up(&gallery, ids, move |rows| {
                let arrays = columns.iter().map(|column| column.array(rows)).collect();
                let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
                Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
            });
            read.await.map_err(|error| DataFusionError::from(SqlError::from(error)))?
        };
        let rows = RecordBatchStreamAdapter::new(self.schema(), stream::once(batch));
        Ok(Some(Outcome::Rows { tag: "SELECT", schema: self.schema(), stream: Box::pin(rows) }))
    }

    /// The collection that is meant, if there is one.
    fn gallery(&self, catalog: &GalleryCatalog) -> Option<&str> {
        let name = catalog.gallery_name(&self.name).ok()?;
        catalog.snapshot().descriptor(name).is_ok().then_some(name)
    }
}

/// The ids that a predicate asks for: `face_id = id`, `id = face_id` or `face_id IN (id, ..)`.
fn wanted(predicate: &Expr, table: &str) -> Option<Vec<Constant>> {
    let is_id = |expr: &Expr| {
        column_name(expr, table).is_some_and(|name| name == GalleryColumn::FaceId.name())
    };
    match predicate {
        Expr::Nested(inner) => wanted(inner, table),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            let id = match (is_id(left), is_id(right)) {
                (true, false) => right,
                (false, true) => left,
                _ => return None,
            };
            Some(vec![Constant::of(id)?])
        }
        Expr::InList { expr, list, negated: false } if is_id(expr) && list.len() <= IDS_MAX => {
            list.iter().map(Constant::of).collect()
        }
        _ => None,
    }
}

//! `SELECT columns FROM c WHERE face_id = $1`, or `= ANY($1)`: from the ids to the rows, without a
//! plan.

use std::sync::Arc;

use datafusion::arrow::array::{Array as _, AsArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Array, ArrayElemTypeDef, BinaryOperator, DataType, Expr, Query, TableFactor, TableWithJoins,
};
use futures::{StreamExt, stream};

use super::catalog::GalleryCatalog;
use super::columns::GalleryColumn;
use crate::biometric::FaceId;
use crate::sql::answer::origin::with_origins;
use crate::sql::grammar::marker::of_any;
use crate::sql::grammar::name::name_parts;
use crate::sql::plan::adapt::array_items;
use crate::sql::plan::projection::{Projection, column_name, filtered_select, table_name};
use crate::sql::value::constant::Constant;
use crate::sql::{Origin, Outcome, SqlError, SqlType};

/// Most ids that stand in a statement; more are as well planned.
const IDS_MAX: usize = 1000;

/// Faces that are looked up, and are in memory, at a time.
const BATCH_IDS: usize = 1024;

/// A statement that wants columns of the faces with some ids, and nothing else.
#[derive(Debug)]
pub(in crate::sql) struct Lookup {
    name: Vec<String>,
    ids: Ids,
    projection: Projection<GalleryColumn>,
}

/// Where the ids come from.
#[derive(Debug)]
enum Ids {
    /// Each from a constant or a parameter.
    Each(Vec<Constant>),
    /// All from the parameter at this place of the list, which is an array.
    Array(usize),
}

impl Lookup {
    /// The look-up that `query` is, as long as its table is a collection.
    pub(in crate::sql) fn of(query: &Query) -> Option<Self> {
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
    pub(in crate::sql) fn parameter_types(
        &self,
        catalog: &GalleryCatalog,
        count: usize,
    ) -> Option<Vec<Option<SqlType>>> {
        self.gallery(catalog)?;
        let mut types = vec![None; count];
        match &self.ids {
            Ids::Each(ids) => {
                for id in ids {
                    if let Constant::Parameter(at) = id {
                        *types.get_mut(*at)? = Some(SqlType::Text);
                    }
                }
            }
            Ids::Array(at) => *types.get_mut(*at)? = Some(SqlType::TextArray),
        }
        Some(types)
    }

    /// The columns of its rows, and where they come from.
    pub(in crate::sql) fn columns(&self, catalog: &GalleryCatalog) -> SchemaRef {
        let relation = catalog.relation(&self.name);
        let columns = self.projection.columns.iter();
        let origins = columns.map(|column| Origin::of_gallery(relation?, *column));
        with_origins(&self.projection.schema, origins)
    }

    /// Starts the look-up; none where it takes a plan after all: the table is no collection, or an
    /// id is no text.
    ///
    /// # Errors
    /// A parameter is missing.
    pub(in crate::sql) fn run(
        &self,
        catalog: &GalleryCatalog,
        parameters: &[ScalarValue],
    ) -> Result<Option<Outcome>, SqlError> {
        let Some(gallery) = self.gallery(catalog) else { return Ok(None) };
        let Some(mut ids) = self.ids.read(parameters)? else { return Ok(None) };
        ids.sort_unstable();
        ids.dedup();
        let (snapshot, gallery) = (catalog.snapshot().clone(), gallery.to_owned());
        if self.projection.columns.contains(&GalleryColumn::Embedding) {
            snapshot.record_export(&gallery)?;
        }
        let (columns, schema) = (self.projection.columns.clone(), &self.projection.schema);
        let batch_schema = Arc::clone(schema);
        let some: Vec<Vec<FaceId>> = ids.chunks(BATCH_IDS).map(<[FaceId]>::to_vec).collect();
        let batches = stream::iter(some).then(move |ids| {
            let (snapshot, gallery) = (snapshot.clone(), gallery.clone());
            let (columns, schema) = (columns.clone(), Arc::clone(&batch_schema));
            async move {
                let read = snapshot.look_up(&gallery, ids, move |rows| {
                    let arrays = columns.iter().map(|column| column.array(rows)).collect();
                    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
                    Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
                });
                read.await.map_err(|error| DataFusionError::from(SqlError::from(error)))?
            }
        });
        let stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), batches));
        Ok(Some(Outcome::Rows { tag: "SELECT", schema: self.columns(catalog), stream }))
    }

    /// The collection that is meant, if there is one.
    fn gallery(&self, catalog: &GalleryCatalog) -> Option<&str> {
        let name = catalog.gallery_name(&self.name).ok()?;
        catalog.snapshot().descriptor(name).is_ok().then_some(name)
    }
}

impl Ids {
    /// The ids, without those that no face can have; none where a value is no text.
    fn read(&self, parameters: &[ScalarValue]) -> Result<Option<Vec<FaceId>>, SqlError> {
        match self {
            Self::Each(constants) => {
                let mut ids = Vec::with_capacity(constants.len());
                for constant in constants {
                    let Some(text) = constant.value(parameters)?.try_as_str() else {
                        return Ok(None);
                    };
                    ids.extend(text.and_then(face_id));
                }
                Ok(Some(ids))
            }
            Self::Array(at) => match Constant::Parameter(*at).value(parameters)? {
                ScalarValue::List(list) if list.is_null(0) => Ok(Some(Vec::new())),
                ScalarValue::List(list) => {
                    let items = list.value(0);
                    let texts = items.as_string_opt::<i32>();
                    Ok(texts.map(|texts| texts.iter().flatten().filter_map(face_id).collect()))
                }
                _ => Ok(None),
            },
        }
    }
}

/// Nothing equals NULL, and no id equals what is none.
fn face_id(text: &str) -> Option<FaceId> {
    text.parse().ok()
}

/// The ids that a predicate asks for: `face_id = id`, `id = face_id`, `face_id IN (id, ..)` or
/// `face_id = ANY(array)`.
fn wanted(predicate: &Expr, table: &str) -> Option<Ids> {
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
            Some(Ids::Each(vec![Constant::of(id)?]))
        }
        Expr::InList { expr, list, negated: false } if is_id(expr) => each(list),
        Expr::BinaryOp { left, op, right }
            if of_any(op) == Some(BinaryOperator::Eq) && is_id(left) =>
        {
            items(right)
        }
        _ => None,
    }
}

/// Ids that stand in the statement one by one.
fn each(list: &[Expr]) -> Option<Ids> {
    if list.len() > IDS_MAX {
        return None;
    }
    list.iter().map(|id| Constant::of(of_text(id))).collect::<Option<_>>().map(Ids::Each)
}

/// Ids that are the items of an array: `$1`, `ARRAY[id, ..]` or `'{id, ..}'`.
fn items(array: &Expr) -> Option<Ids> {
    match array {
        Expr::Nested(inner) => items(inner),
        Expr::Cast { expr, data_type: DataType::Array(element), format: None, .. } => match element
        {
            ArrayElemTypeDef::SquareBracket(element, None) if **element == DataType::Text => {
                items(expr)
            }
            _ => None,
        },
        // An array without items has no type of its own.
        Expr::Array(Array { elem, named: true }) if !elem.is_empty() => each(elem),
        _ => match Constant::of(array)? {
            Constant::Parameter(at) => Some(Ids::Array(at)),
            Constant::Literal(written) => {
                let items = array_items(written.try_as_str().flatten()?).ok()?;
                let of_text = |item: Option<String>| Constant::Literal(ScalarValue::Utf8(item));
                let is_short = items.len() <= IDS_MAX && !items.is_empty();
                is_short.then(|| Ids::Each(items.into_iter().map(of_text).collect()))
            }
        },
    }
}

/// `expr` without a cast to `text`, as which ids are compared.
fn of_text(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast { expr: inner, data_type: DataType::Text, format: None, .. } => inner,
        other => other,
    }
}

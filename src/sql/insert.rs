//! INSERT: grammar and execution. All rows of a statement are enrolled in one batch, or none.

use std::cmp::Ordering;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, Parens, Query, SetExpr, TableObject, Values};
use futures::TryStreamExt;
use likeness_storage::limits::BATCH_OPERATIONS_MAX;
use likeness_storage::{Lsn, RowRef, TemplateId};

use super::columns::GalleryColumn;
use super::constant::{bytes, reals, text, without_text_casts};
use super::name::name_parts;
use super::query::QueryContext;
use super::returning::Returning;
use super::transaction::Writer;
use super::types::SqlType;
use super::{Outcome, SqlError, SqlState};
use crate::biometric::{AttributeSet, BoundingBox};
use crate::engine::{
    EngineError, EnrolledFace, EnrollmentDraft, QualityFilter, TemplateSource, TenantSnapshot,
};

/// `INSERT INTO c (columns) VALUES (..), .. | query [RETURNING ..]`.
#[derive(Debug)]
pub(super) struct Insert {
    name: Vec<String>,
    columns: Vec<InsertColumn>,
    source: Source,
    returning: Option<Returning>,
}

/// Where the rows come from.
#[derive(Debug)]
enum Source {
    /// VALUES: rows of cells.
    Cells(Vec<Vec<ast::Expr>>),
    /// Any other query.
    Query(Box<Query>),
}

/// A column that INSERT may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InsertColumn {
    ExternalFaceId,
    ExternalImageId,
    Metadata,
    Image,
    Embedding,
}

impl InsertColumn {
    const ALL: [Self; 5] =
        [Self::ExternalFaceId, Self::ExternalImageId, Self::Metadata, Self::Image, Self::Embedding];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ExternalFaceId => GalleryColumn::ExternalFaceId.name(),
            Self::ExternalImageId => GalleryColumn::ExternalImageId.name(),
            Self::Metadata => GalleryColumn::Metadata.name(),
            Self::Image => "image",
            Self::Embedding => GalleryColumn::Embedding.name(),
        }
    }

    /// The type of a bare parameter in this column.
    pub(super) const fn sql_type(self) -> SqlType {
        match self {
            Self::ExternalFaceId | Self::ExternalImageId => SqlType::Text,
            Self::Metadata => SqlType::Jsonb,
            Self::Image => SqlType::Bytea,
            Self::Embedding => SqlType::Float4Array,
        }
    }

    pub(super) fn named(name: &str) -> Result<Self, SqlError> {
        if let Some(column) = Self::ALL.into_iter().find(|column| column.name() == name) {
            return Ok(column);
        }
        match GalleryColumn::named(name) {
            Some(_) => {
                let message = format!("column \"{name}\" is set by the server");
                Err(SqlError::new(SqlState::GeneratedAlways, message))
            }
            None => Err(SqlError::undefined_column(name)),
        }
    }
}

impl Insert {
    /// # Errors
    /// Clauses that are not supported, unknown columns, rows of the wrong length.
    pub(super) fn parse(insert: ast::Insert) -> Result<Self, SqlError> {
        refuse_clauses(&insert)?;
        let TableObject::TableName(name) = &insert.table else {
            return Err(SqlError::unsupported("INSERT INTO anything but a collection"));
        };
        let name = name_parts(name).ok_or_else(|| SqlError::unsupported("a computed name"))?;
        let columns = columns(&insert)?;
        let source = match insert.source {
            Some(query) => Source::of(query),
            None => return Err(SqlError::unsupported("INSERT .. DEFAULT VALUES")),
        };
        if let Source::Cells(rows) = &source {
            rows.iter().try_for_each(|row| check_width(columns.len(), row.len()))?;
        }
        let returning = insert.returning.map(|items| Returning::parse(&items)).transpose()?;
        Ok(Self { name, columns, source, returning })
    }

    /// The columns of RETURNING.
    pub(super) fn schema(&self) -> Option<SchemaRef> {
        self.returning.as_ref().map(Returning::schema)
    }

    /// Types of the parameters that fill a whole cell, and the expressions that hold others.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (SqlType, &ast::Expr)> {
        let rows = match &self.source {
            Source::Cells(rows) => rows.as_slice(),
            Source::Query(_) => &[],
        };
        rows.iter().flat_map(|row| {
            let types = self.columns.iter().map(|column| column.sql_type());
            types.zip(row.iter().map(without_text_casts))
        })
    }

    /// The query that the rows come from, where they do not stand in the statement.
    pub(super) fn query(&self) -> Option<&Query> {
        match &self.source {
            Source::Cells(_) => None,
            Source::Query(query) => Some(query),
        }
    }

    /// That the collection exists and is this tenant's.
    pub(super) fn check(&self, context: &QueryContext) -> Result<(), SqlError> {
        let name = context.catalog().gallery_name(&self.name)?;
        context.catalog().gallery(name)?;
        Ok(())
    }

    /// Enrols all rows.
    pub(super) async fn run(
        &self,
        context: &QueryContext,
        writer: &Writer,
        parameters: &[ScalarValue],
    ) -> Result<Outcome, SqlError> {
        let name = context.catalog().gallery_name(&self.name)?;
        self.check(context)?;
        // What a query found is counted towards the memory of queries until it is enrolled.
        let memory = context.memory("INSERT");
        let drafts = match &self.source {
            Source::Cells(rows) => self.drafts_of_cells(rows, context, parameters)?,
            Source::Query(query) => {
                self.drafts_of_query(query, context, parameters, &memory).await?
            }
        };
        let tenant = context.catalog().tenant();
        let at = context.catalog().snapshot();
        let (changes, enrollments) = tenant.enrollment(at, name, drafts).await?;
        writer.apply(changes).await?;
        let faces: Vec<EnrolledFace> =
            enrollments.into_iter().flat_map(|enrollment| enrollment.faces).collect();
        match &self.returning {
            None => Ok(Outcome::Done { tag: "INSERT 0", rows: Some(faces.len() as u64) }),
            Some(returning) => {
                let now = writer.snapshot();
                let batch = returned_rows(returning, name, &faces, &now)?;
                Ok(Outcome::of_batch("INSERT 0", batch))
            }
        }
    }

    fn drafts_of_cells(
        &self,
        rows: &[Vec<ast::Expr>],
        context: &QueryContext,
        parameters: &[ScalarValue],
    ) -> Result<Vec<EnrollmentDraft>, SqlError> {
        check_count(rows.len())?;
        let draft = |row: &Vec<ast::Expr>| {
            let cells = self.columns.iter().zip(row);
            self.draft(cells.map(|(column, cell)| context.cell(column.name(), cell, parameters)))
        };
        rows.iter().map(draft).collect()
    }

    async fn drafts_of_query(
        &self,
        query: &Query,
        context: &QueryContext,
        parameters: &[ScalarValue],
        memory: &MemoryReservation,
    ) -> Result<Vec<EnrollmentDraft>, SqlError> {
        let plan = context.plan(query).await?;
        check_width(self.columns.len(), plan.schema().fields().len())?;
        let mut batches = context.stream(plan, parameters.to_vec()).await?;
        let mut drafts = Vec::new();
        while let Some(batch) = batches.try_next().await? {
            check_count(drafts.len() + batch.num_rows())?;
            memory.try_grow(batch.get_array_memory_size())?;
            for row in 0..batch.num_rows() {
                let columns = batch.columns().iter();
                let values = columns.map(|column| Ok(ScalarValue::try_from_array(column, row)?));
                drafts.push(self.draft(values)?);
            }
        }
        Ok(drafts)
    }

    /// What a row enrols; `values` are those of the columns, in their order.
    fn draft(
        &self,
        values: impl Iterator<Item = Result<ScalarValue, SqlError>>,
    ) -> Result<EnrollmentDraft, SqlError> {
        let (mut image, mut embedding) = (None, None);
        let (mut external_face_id, mut external_image_id, mut metadata) = (None, None, None);
        for (column, value) in self.columns.iter().zip(values) {
            let (what, value) = (column.name(), value?);
            match column {
                InsertColumn::ExternalFaceId => external_face_id = text(what, &value)?,
                InsertColumn::ExternalImageId => external_image_id = text(what, &value)?,
                InsertColumn::Metadata => metadata = text(what, &value)?,
                InsertColumn::Image => image = bytes(what, &value)?,
                InsertColumn::Embedding => embedding = reals(what, &value)?,
            }
        }
        let source = match (image, embedding) {
            (Some(image), None) => TemplateSource::Image {
                image: image.into(),
                attributes: AttributeSet::Default,
                max_faces: 1,
                quality_filter: QualityFilter::None,
            },
            (None, Some(values)) => TemplateSource::Embedding(values),
            (Some(_), Some(_)) => return Err(one_source("both")),
            (None, None) => return Err(one_source("neither")),
        };
        Ok(EnrollmentDraft { source, external_face_id, external_image_id, metadata })
    }
}

/// The faces as they were enrolled, whatever has become of them since.
fn returned_rows(
    returning: &Returning,
    gallery: &str,
    faces: &[EnrolledFace],
    now: &TenantSnapshot,
) -> Result<RecordBatch, SqlError> {
    let gallery = now.descriptor(gallery).ok().map(|descriptor| descriptor.id);
    let boxes: Vec<_> =
        faces.iter().map(|face| face.bounding_box.map(BoundingBox::to_array)).collect();
    let rows: Result<Vec<RowRef<'_>>, EngineError> = faces
        .iter()
        .zip(&boxes)
        .map(|(face, bounding_box)| {
            let id = TemplateId::new(face.face_id.as_u128());
            let stored = gallery.map(|gallery| now.storage().get(gallery, id)).transpose()?;
            let stored = stored.flatten();
            Ok(RowRef {
                id,
                lsn: stored.map_or(Lsn::default(), |row| row.lsn),
                model: &face.model,
                external_face_id: face.external_face_id.as_deref(),
                external_image_id: face.external_image_id.as_deref(),
                bounding_box: *bounding_box,
                confidence: face.confidence,
                quality: face.quality,
                attributes: face.attributes.as_deref(),
                metadata: face.metadata.as_deref(),
                created_at_us: face.created_at_us,
                embedding: stored.map(|row| row.embedding).unwrap_or_default(),
            })
        })
        .collect();
    returning.batch(&rows?)
}

pub(super) fn one_source(given: &str) -> SqlError {
    let message = format!("a row needs either an image or an embedding, this one gives {given}");
    SqlError::new(SqlState::SyntaxError, message)
}

/// Refuses every clause but columns, VALUES and RETURNING.
fn refuse_clauses(insert: &ast::Insert) -> Result<(), SqlError> {
    let ast::Insert {
        insert_token: _,
        optimizer_hints: _,
        or,
        ignore,
        into: _,
        table: _,
        table_alias,
        columns: _,
        overwrite,
        source: _,
        assignments,
        partitioned,
        after_columns,
        has_table_keyword,
        on,
        returning: _,
        output,
        replace_into,
        priority,
        insert_alias,
        settings,
        format_clause,
        multi_table_insert_type,
        multi_table_into_clauses,
        multi_table_when_clauses,
        multi_table_else_clause,
    } = insert;
    if on.is_some() {
        return Err(SqlError::unsupported("INSERT .. ON CONFLICT"));
    }
    let foreign = or.is_some()
        || *ignore
        || table_alias.is_some()
        || *overwrite
        || !assignments.is_empty()
        || partitioned.is_some()
        || !after_columns.is_empty()
        || *has_table_keyword
        || output.is_some()
        || *replace_into
        || priority.is_some()
        || insert_alias.is_some()
        || settings.is_some()
        || format_clause.is_some()
        || multi_table_insert_type.is_some()
        || !multi_table_into_clauses.is_empty()
        || !multi_table_when_clauses.is_empty()
        || multi_table_else_clause.is_some();
    if foreign {
        return Err(SqlError::unsupported("this form of INSERT").with_hint(
            "Write INSERT INTO collection (columns) VALUES (..), .. [RETURNING columns].",
        ));
    }
    Ok(())
}

fn columns(insert: &ast::Insert) -> Result<Vec<InsertColumn>, SqlError> {
    let mut columns = Vec::with_capacity(insert.columns.len());
    for name in &insert.columns {
        let name = match name_parts(name).as_deref() {
            Some([name]) => name.clone(),
            _ => return Err(SqlError::undefined_column(&name.to_string())),
        };
        let column = InsertColumn::named(&name)?;
        if columns.contains(&column) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(SqlError::new(SqlState::DuplicateColumn, message));
        }
        columns.push(column);
    }
    if columns.is_empty() {
        let message = "INSERT needs a list of columns";
        return Err(SqlError::new(SqlState::SyntaxError, message));
    }
    if !columns.contains(&InsertColumn::Image) && !columns.contains(&InsertColumn::Embedding) {
        return Err(one_source("neither"));
    }
    Ok(columns)
}

impl Source {
    fn of(query: Box<Query>) -> Self {
        match plain_values(&query) {
            Some(rows) => Self::Cells(rows.iter().map(|row| row.content.clone()).collect()),
            None => Self::Query(query),
        }
    }
}

/// The rows of a query that is VALUES and nothing else; its cells may say DEFAULT.
fn plain_values(query: &Query) -> Option<&[Parens<Vec<ast::Expr>>]> {
    let Query {
        with: None,
        body,
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks,
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators,
    } = query
    else {
        return None;
    };
    match &**body {
        SetExpr::Values(Values { explicit_row: false, value_keyword: false, rows })
            if locks.is_empty() && pipe_operators.is_empty() =>
        {
            Some(rows)
        }
        _ => None,
    }
}

/// That a row has a value for each column.
fn check_width(columns: usize, values: usize) -> Result<(), SqlError> {
    let excess = match values.cmp(&columns) {
        Ordering::Equal => return Ok(()),
        Ordering::Greater => "expressions than target columns",
        Ordering::Less => "target columns than expressions",
    };
    Err(SqlError::new(SqlState::SyntaxError, format!("INSERT has more {excess}")))
}

fn check_count(rows: usize) -> Result<(), SqlError> {
    if rows <= BATCH_OPERATIONS_MAX {
        return Ok(());
    }
    let message = format!(
        "INSERT has {rows} rows or more, one statement can take {BATCH_OPERATIONS_MAX}; nothing \
         was enrolled"
    );
    Err(SqlError::new(SqlState::ProgramLimitExceeded, message))
}

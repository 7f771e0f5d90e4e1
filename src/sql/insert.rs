//! INSERT: grammar and execution. All rows of a statement are enrolled in one batch, or none.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, Query, SetExpr, TableObject, Values};
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

/// `INSERT INTO c (columns) VALUES (..), .. [RETURNING ..]`.
#[derive(Debug)]
pub(super) struct Insert {
    name: Vec<String>,
    columns: Vec<InsertColumn>,
    rows: Vec<Vec<ast::Expr>>,
    returning: Option<Returning>,
}

/// A column that INSERT may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InsertColumn {
    ExternalFaceId,
    ExternalImageId,
    Metadata,
    Image,
    Embedding,
}

impl InsertColumn {
    const ALL: [Self; 5] =
        [Self::ExternalFaceId, Self::ExternalImageId, Self::Metadata, Self::Image, Self::Embedding];

    const fn name(self) -> &'static str {
        match self {
            Self::ExternalFaceId => GalleryColumn::ExternalFaceId.name(),
            Self::ExternalImageId => GalleryColumn::ExternalImageId.name(),
            Self::Metadata => GalleryColumn::Metadata.name(),
            Self::Image => "image",
            Self::Embedding => GalleryColumn::Embedding.name(),
        }
    }

    /// The type of a bare parameter in this column.
    const fn sql_type(self) -> SqlType {
        match self {
            Self::ExternalFaceId | Self::ExternalImageId => SqlType::Text,
            Self::Metadata => SqlType::Jsonb,
            Self::Image => SqlType::Bytea,
            Self::Embedding => SqlType::Float4Array,
        }
    }

    fn named(name: &str) -> Result<Self, SqlError> {
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
        let rows = match insert.source {
            Some(query) => rows(*query)?,
            None => return Err(SqlError::unsupported("INSERT .. DEFAULT VALUES")),
        };
        if let Some(row) = rows.iter().find(|row| row.len() != columns.len()) {
            let excess = if row.len() > columns.len() {
                "expressions than target columns"
            } else {
                "target columns than expressions"
            };
            let message = format!("INSERT has more {excess}");
            return Err(SqlError::new(SqlState::SyntaxError, message));
        }
        let returning = insert.returning.map(|items| Returning::parse(&items)).transpose()?;
        Ok(Self { name, columns, rows, returning })
    }

    /// The columns of RETURNING.
    pub(super) fn schema(&self) -> Option<SchemaRef> {
        self.returning.as_ref().map(Returning::schema)
    }

    /// Types of the parameters that fill a whole cell, and the expressions that hold others.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (SqlType, &ast::Expr)> {
        self.rows.iter().flat_map(|row| {
            let types = self.columns.iter().map(|column| column.sql_type());
            types.zip(row.iter().map(without_text_casts))
        })
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
        if self.rows.len() > BATCH_OPERATIONS_MAX {
            let message = format!(
                "INSERT has {} rows, one statement can take {BATCH_OPERATIONS_MAX}",
                self.rows.len()
            );
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
        }
        let drafts: Result<Vec<_>, _> =
            self.rows.iter().map(|row| self.draft(row, context, parameters)).collect();
        let tenant = context.catalog().tenant();
        let at = context.catalog().snapshot();
        let (changes, enrollments) = tenant.enrollment(at, name, drafts?).await?;
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

    fn draft(
        &self,
        row: &[ast::Expr],
        context: &QueryContext,
        parameters: &[ScalarValue],
    ) -> Result<EnrollmentDraft, SqlError> {
        let (mut image, mut embedding) = (None, None);
        let (mut external_face_id, mut external_image_id, mut metadata) = (None, None, None);
        for (column, cell) in self.columns.iter().zip(row) {
            let what = column.name();
            let value = context.cell(what, cell, parameters)?;
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

fn one_source(given: &str) -> SqlError {
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

fn rows(query: Query) -> Result<Vec<Vec<ast::Expr>>, SqlError> {
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
        return Err(SqlError::unsupported("INSERT .. SELECT"));
    };
    match *body {
        SetExpr::Values(Values { explicit_row: false, value_keyword: false, rows })
            if locks.is_empty() && pipe_operators.is_empty() =>
        {
            Ok(rows.into_iter().map(|row| row.content).collect())
        }
        _ => Err(SqlError::unsupported("INSERT .. SELECT")),
    }
}

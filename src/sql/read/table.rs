//! A gallery as a table that queries can read.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Constraint, Constraints};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown, TableType,
};
use datafusion::physical_plan::ExecutionPlan;
use likeness_storage::{GalleryDescriptor, TextColumn};

use super::audit::Exporting;
use super::columns::{GalleryColumn, gallery_schema};
use super::scan::{GalleryScan, ScanRows};
use crate::biometric::FaceId;
use crate::engine::TenantSnapshot;
use crate::sql::pg_catalog;
use crate::sql::plan::rewritten::unaliased;

/// One gallery as of one snapshot. It only reads: the hooks through which DataFusion would insert,
/// update and delete are left at their refusing defaults, because they lose filters.
#[derive(Debug)]
pub(in crate::sql) struct GalleryTable {
    snapshot: TenantSnapshot,
    descriptor: Arc<GalleryDescriptor>,
    schema: SchemaRef,
    /// Faces of one id are one face: who groups by `face_id` may ask for the other columns.
    key: Constraints,
}

impl GalleryTable {
    pub(super) fn new(snapshot: TenantSnapshot, descriptor: Arc<GalleryDescriptor>) -> Self {
        let id = GalleryColumn::ALL.iter().position(|column| *column == GalleryColumn::FaceId);
        let key = id.map(|at| Constraint::PrimaryKey(vec![at])).into_iter().collect();
        let key = Constraints::new_unverified(key);
        Self { snapshot, descriptor, schema: gallery_schema(), key }
    }

    /// The OID of the gallery.
    pub(in crate::sql) fn relation(&self) -> Option<u32> {
        pg_catalog::oid_of(&self.snapshot, &self.descriptor)
    }
}

#[async_trait]
impl TableProvider for GalleryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.key)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// `face_id = 'literal'` is answered exactly by a look-up; everything else is left to
    /// DataFusion, which then filters what the scan reads.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>, DataFusionError> {
        let support = |filter: &&Expr| match wanted_text(filter) {
            Some((GalleryColumn::FaceId, _)) => TableProviderFilterPushDown::Exact,
            // One of several is seen to by the scan.
            Some((column, _)) if text_column(column).is_some() => {
                TableProviderFilterPushDown::Inexact
            }
            _ => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let all: Vec<GalleryColumn> = GalleryColumn::ALL.into();
        let columns = match projection {
            None => all,
            Some(wanted) => wanted.iter().filter_map(|&at| all.get(at).copied()).collect(),
        };
        let rows = wanted_rows(filters, limit);
        let is_export = state.config().get_extension::<Exporting>().is_some()
            || columns.contains(&GalleryColumn::Embedding);
        let (snapshot, descriptor) = (self.snapshot.clone(), Arc::clone(&self.descriptor));
        let scan = GalleryScan::new(snapshot, descriptor, columns, rows);
        Ok(Arc::new(if is_export { scan.recorded() } else { scan }))
    }
}

/// The rows that satisfy all `filters` that ask for a face id, or else one that asks for a text.
fn wanted_rows(filters: &[Expr], limit: Option<usize>) -> ScanRows {
    let wanted = filters.iter().filter_map(wanted_text);
    let mut ids = wanted.clone().filter(|it| it.0 == GalleryColumn::FaceId).map(|it| it.1);
    let Some(first) = ids.next() else {
        let mut texts = wanted.filter_map(|(column, text)| Some((text_column(column)?, text)));
        return texts.next().map_or(ScanRows::First(limit), |(column, text)| {
            ScanRows::Holding(column, text.into())
        });
    };
    if ids.any(|id| id != first) {
        return ScanRows::None;
    }
    first.parse::<FaceId>().map_or(ScanRows::None, ScanRows::One)
}

/// The column and the text in `face_id = 'text'` or `'text' = face_id`.
fn wanted_text(filter: &Expr) -> Option<(GalleryColumn, &str)> {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = unaliased(filter) else {
        return None;
    };
    let ((Expr::Column(column), Expr::Literal(literal, _))
    | (Expr::Literal(literal, _), Expr::Column(column))) = (unaliased(left), unaliased(right))
    else {
        return None;
    };
    Some((GalleryColumn::named(&column.name)?, literal.try_as_str().flatten()?))
}

/// The column as the store knows it, where it looks rows up by it.
fn text_column(column: GalleryColumn) -> Option<TextColumn> {
    match column {
        GalleryColumn::ExternalFaceId => Some(TextColumn::ExternalFaceId),
        GalleryColumn::ExternalImageId => Some(TextColumn::ExternalImageId),
        _ => None,
    }
}

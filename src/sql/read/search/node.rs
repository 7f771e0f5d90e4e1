//! The logical node of a search: what DataFusion sees while it plans.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef, internal_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{
    Expr, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore,
};
use likeness_storage::{GalleryId, Lsn};

use super::{Cut, ProbeKind};
use crate::engine::{Tenant, TenantSnapshot};
use crate::sql::SqlError;
use crate::sql::pg_catalog::oid_of;
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::read::columns::search_schema;

/// The gallery searched, as of the statement's snapshot.
#[derive(Debug, Clone)]
pub(super) struct SearchedGallery {
    pub(super) tenant: Tenant,
    pub(super) snapshot: TenantSnapshot,
    pub(super) name: String,
    pub(super) id: GalleryId,
}

impl SearchedGallery {
    /// The gallery that the parts of a name mean.
    ///
    /// # Errors
    /// 42P01 when the catalog has no such gallery.
    pub(super) fn new(catalog: &GalleryCatalog, parts: &[String]) -> Result<Self, SqlError> {
        let name = catalog.gallery_name(parts)?;
        Ok(Self {
            tenant: catalog.tenant().clone(),
            snapshot: catalog.snapshot().clone(),
            name: name.to_owned(),
            id: catalog.snapshot().descriptor(name)?.id,
        })
    }

    /// Its OID.
    pub(super) fn relation(&self) -> Option<u32> {
        oid_of(&self.snapshot, self.snapshot.descriptor(&self.name).ok()?)
    }

    /// What tells two of them apart: a gallery at a moment.
    fn key(&self) -> (GalleryId, Lsn) {
        (self.id, self.snapshot.storage().lsn())
    }
}

impl PartialEq for SearchedGallery {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for SearchedGallery {}

impl PartialOrd for SearchedGallery {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.key().partial_cmp(&other.key())
    }
}

impl Hash for SearchedGallery {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// `SEARCH FACES IN ..` with its parameters still unbound or already bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FaceSearch {
    pub(super) gallery: SearchedGallery,
    pub(super) kind: ProbeKind,
    pub(super) probe: Expr,
    pub(super) cut: Option<Cut<Expr>>,
    pub(super) limit: Option<Expr>,
    /// The face ids that may be found; none means all, and then nothing is read to know them.
    pub(super) candidates: Option<LogicalPlan>,
    /// Whether the probe is that of an outer row: one that is NULL is like nobody.
    pub(super) of_each_row: bool,
    schema: DFSchemaRef,
}

impl PartialOrd for FaceSearch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let key = |search: &Self| (search.gallery.key(), search.kind);
        match key(self).cmp(&key(other)) {
            Ordering::Equal => (self == other).then_some(Ordering::Equal),
            order => Some(order),
        }
    }
}

impl FaceSearch {
    pub(super) fn new(
        gallery: SearchedGallery,
        kind: ProbeKind,
        probe: Expr,
        cut: Option<Cut<Expr>>,
        limit: Option<Expr>,
        candidates: Option<LogicalPlan>,
    ) -> Result<Self, DataFusionError> {
        let schema = Arc::new(DFSchema::try_from(search_schema())?);
        let of_each_row = probe.contains_outer();
        Ok(Self { gallery, kind, probe, cut, limit, candidates, of_each_row, schema })
    }
}

/// The OID of the collection that a node searches; none where it is no search.
pub(in crate::sql) fn relation_of(node: &dyn UserDefinedLogicalNode) -> Option<u32> {
    node.as_any().downcast_ref::<FaceSearch>()?.gallery.relation()
}

impl UserDefinedLogicalNodeCore for FaceSearch {
    fn name(&self) -> &'static str {
        "FaceSearch"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        self.candidates.iter().collect()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        [Some(&self.probe), self.cut.as_ref().map(|cut| &cut.value), self.limit.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaceSearch: collection={}", self.gallery.name)
    }

    fn with_exprs_and_inputs(
        &self,
        exprs: Vec<Expr>,
        inputs: Vec<LogicalPlan>,
    ) -> Result<Self, DataFusionError> {
        let mut exprs = exprs.into_iter();
        let mut inputs = inputs.into_iter();
        let Some(probe) = exprs.next() else {
            return internal_err!("a search lost its probe");
        };
        Ok(Self {
            probe,
            cut: self
                .cut
                .as_ref()
                .and_then(|cut| Some(Cut { kind: cut.kind, value: exprs.next()? })),
            limit: self.limit.as_ref().and_then(|_| exprs.next()),
            candidates: self.candidates.as_ref().and_then(|_| inputs.next()),
            ..self.clone()
        })
    }
}

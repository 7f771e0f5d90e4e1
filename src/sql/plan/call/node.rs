//! The logical node of a call: what `DataFusion` sees while it plans.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::{DFSchema, DFSchemaRef};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};
use likeness_storage::Lsn;

use super::signature::{Arguments, TableFunction};
use crate::sql::read::catalog::GalleryCatalog;

/// A call of a table function with its arguments still unbound or already bound.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) function: &'static TableFunction,
    pub(super) catalog: GalleryCatalog,
    pub(super) arguments: Arguments<Expr>,
    schema: DFSchemaRef,
}

impl Call {
    pub(super) fn new(
        function: &'static TableFunction,
        catalog: GalleryCatalog,
        arguments: Arguments<Expr>,
    ) -> Result<Self, DataFusionError> {
        let schema = Arc::new(DFSchema::try_from((function.schema)())?);
        Ok(Self { function, catalog, arguments, schema })
    }

    /// What tells two of them apart besides their arguments: a function, and a tenant at a moment.
    fn moment(&self) -> (&str, &str, Lsn) {
        let (tenant, snapshot) = (self.catalog.tenant(), self.catalog.snapshot());
        (self.function.name, tenant.name().as_str(), snapshot.storage().lsn())
    }
}

impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        (self.moment(), &self.arguments) == (other.moment(), &other.arguments)
    }
}

impl Eq for Call {}

impl PartialOrd for Call {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.moment().cmp(&other.moment()) {
            Ordering::Equal => self.arguments.partial_cmp(&other.arguments),
            order => Some(order),
        }
    }
}

impl Hash for Call {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.moment(), &self.arguments).hash(state);
    }
}

impl UserDefinedLogicalNodeCore for Call {
    fn name(&self) -> &'static str {
        self.function.name
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        Vec::new()
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        self.arguments.iter().flatten().cloned().collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function.name)
    }

    fn with_exprs_and_inputs(
        &self,
        exprs: Vec<Expr>,
        _inputs: Vec<LogicalPlan>,
    ) -> Result<Self, DataFusionError> {
        let mut exprs = exprs.into_iter();
        let mut bound = self.clone();
        for argument in bound.arguments.iter_mut().flatten() {
            if let Some(expr) = exprs.next() {
                *argument = expr;
            }
        }
        Ok(bound)
    }
}

//! What other modules serve through this door beside the facade.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use utoipa::openapi::OpenApi;

use super::state::RestState;

/// Routes that the facade does not know. The default has none.
///
/// Errors are put into the common envelope here too.
#[derive(Clone, Default)]
pub struct SideRoutes {
    /// For anybody. A HEAD of them is answered like a GET, without a body.
    pub open: Router<RestState>,
    /// For holders of a key, within its rate limits and those of the door.
    pub keyed: Router<RestState>,
    /// What `/metrics` tells beyond this door and the engine.
    pub metrics: Metrics,
    /// What programs are told about them.
    pub description: OpenApi,
}

/// Writes counts in the text format of Prometheus. The default writes none.
#[derive(Clone)]
pub struct Metrics(Arc<dyn Fn(&mut String) + Send + Sync>);

impl Metrics {
    /// Whatever `write` appends.
    pub fn new(write: impl Fn(&mut String) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    pub(super) fn write_to(&self, out: &mut String) {
        (self.0)(out);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(|_| ())
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl fmt::Debug for SideRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { open, keyed, .. } = self;
        f.debug_struct("SideRoutes")
            .field("open", open)
            .field("keyed", keyed)
            .finish_non_exhaustive()
    }
}

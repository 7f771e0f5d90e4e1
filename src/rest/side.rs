//! What other modules serve through this door beside the facade.

use axum::Router;

use super::state::RestState;

/// Routes that the facade does not know. The default has none.
///
/// Errors are put into the common envelope here too.
#[derive(Debug, Clone, Default)]
pub struct SideRoutes {
    /// For anybody. A HEAD of them is answered like a GET, without a body.
    pub open: Router<RestState>,
    /// For holders of a key, within its rate limits and those of the door.
    pub keyed: Router<RestState>,
}

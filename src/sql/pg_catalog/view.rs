//! What the system catalogs are made from.

use std::sync::Arc;

use crate::engine::{Role, TenantSnapshot};
use crate::sql::settings::Settings;

/// The schema of the collections.
pub(in crate::sql) const SCHEMA: &str = "public";

/// One tenant's database as one role sees it in one snapshot.
#[derive(Debug, Clone)]
pub(in crate::sql) struct SystemView {
    /// The name of the tenant.
    pub(in crate::sql) database: Arc<str>,
    /// The name of the session's key.
    pub(in crate::sql) user: Arc<str>,
    /// What the key may do.
    pub(in crate::sql) role: Role,
    /// The collections.
    pub(in crate::sql) snapshot: TenantSnapshot,
    /// The settings of the session.
    pub(in crate::sql) settings: Settings,
}

impl SystemView {
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn database(&self) -> &str {
        &self.database
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn snapshot(&self) -> &TenantSnapshot {
        &self.snapshot
    }
}

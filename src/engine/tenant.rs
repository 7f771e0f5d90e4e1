//! Who a caller belongs to, and the handle that reaches that tenant's galleries only.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::Engine;
use super::audit::{Actor, Witness};

/// The name of a tenant: 1..=63 lower-case letters, digits, `_` and `-`, starting with a letter.
///
/// It appears as the database name on the PostgreSQL wire, hence the narrow alphabet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantName(Arc<str>);

/// The text cannot name a tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot name a tenant: use 1 to 63 lower-case letters, digits, _ or -, \
     starting with a letter"
)]
pub struct TenantNameError(pub String);

impl TenantName {
    /// The tenant that exists from the start, and whose administrators run the server.
    pub const OPERATOR: &str = "default";

    /// Whether this is [`TenantName::OPERATOR`].
    pub fn is_operator(&self) -> bool {
        self.as_str() == Self::OPERATOR
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantName {
    type Err = TenantNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c);
        if starts_well && text.len() <= 63 && text.chars().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(TenantNameError(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The engine as one tenant sees it. Every use case is a method of this handle, so no code path
/// can reach a gallery without saying whose it is.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub(super) engine: Arc<Engine>,
    pub(super) name: TenantName,
    pub(super) witness: Witness,
}

impl Tenant {
    pub(super) fn new(engine: Arc<Engine>, name: TenantName) -> Self {
        let witness = Witness::new(&engine, name.clone(), Actor::SERVER);
        Self { engine, name, witness }
    }

    /// Whether images can be read: a model pack is loaded.
    pub fn reads_images(&self) -> bool {
        self.engine.inference.pipeline().is_ok()
    }

    /// Whose galleries this handle reaches.
    pub fn name(&self) -> &TenantName {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_names_are_safe_database_names() {
        for good in ["default", "acme-2", "a", "a_b"] {
            assert!(good.parse::<TenantName>().is_ok(), "{good} was refused");
        }
        let long = "a".repeat(64);
        for bad in ["", "Acme", "2a", "a b", "../x", "ä", long.as_str()] {
            assert!(bad.parse::<TenantName>().is_err(), "{bad} was accepted");
        }
    }
}

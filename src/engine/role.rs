//! What an API key may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The rights of an API key; each role includes the ones below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Detect, compare, list, select and search.
    Read,
    /// Also enrol and delete faces.
    Write,
    /// Also create and drop collections.
    Admin,
}

/// Something a caller wants to do, as far as rights are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Look at images, faces or collections without changing anything.
    Read,
    /// Enrol or delete faces.
    ChangeFaces,
    /// Create or drop collections.
    ChangeCollections,
    /// See, create and revoke API keys.
    ManageKeys,
    /// Make the storage do work that changes no answer.
    Maintain,
}

impl Role {
    /// Whether a key of this role may do `action`.
    pub fn allows(self, action: Action) -> bool {
        let needed = match action {
            Action::Read => Self::Read,
            Action::ChangeFaces => Self::Write,
            Action::ChangeCollections | Action::ManageKeys | Action::Maintain => Self::Admin,
        };
        self >= needed
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        })
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            other => Err(format!("role must be one of admin, write, read; got {other:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_includes_the_ones_below_it() {
        let actions =
            [Action::Read, Action::ChangeFaces, Action::ChangeCollections, Action::Maintain];
        let allowed = |role: Role| actions.map(|action| role.allows(action));
        assert_eq!(allowed(Role::Read), [true, false, false, false]);
        assert_eq!(allowed(Role::Write), [true, true, false, false]);
        assert_eq!(allowed(Role::Admin), [true, true, true, true]);
    }
}

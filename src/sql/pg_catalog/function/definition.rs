//! What a function of the system catalogs is.

use super::super::relation::Kind;
use crate::sql::SqlError;

/// Arguments and result are text here, as in the rows of the catalogs. NULL for an argument that
/// there must be makes the result NULL without a call; one that may be left out is left out.
pub(super) type Body<C> = fn(&C, &[&str]) -> Result<Option<String>, SqlError>;

/// A function: its name, how many arguments it takes at least and at most, what it returns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Definition<C> {
    pub(super) name: &'static str,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) returns: Kind,
    pub(super) body: Body<C>,
}

//! The schemas that there are; no others can be made.

/// That of the collections.
pub(in crate::sql) const SCHEMA: &str = "public";
/// That of PostgreSQL's own catalog.
pub(in crate::sql) const PG_CATALOG: &str = "pg_catalog";
/// That of the catalog that the SQL standard describes.
pub(in crate::sql) const INFORMATION_SCHEMA: &str = "information_schema";

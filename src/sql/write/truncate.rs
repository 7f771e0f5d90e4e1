//! TRUNCATE: all faces of collections go at once, however many there are.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast;

use super::transaction::Writer;
use crate::sql::grammar::name::name_parts;
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::{Outcome, SqlError};

/// The command tag.
const TAG: &str = "TRUNCATE TABLE";

/// `TRUNCATE [TABLE] [ONLY] c, ..`.
#[derive(Debug)]
pub(in crate::sql) struct Truncate {
    names: Vec<Vec<String>>,
}

impl Truncate {
    /// # Errors
    /// Clauses of other systems. What PostgreSQL says about sequences and other tables is taken:
    /// there are none.
    pub(in crate::sql) fn parse(truncate: &ast::Truncate) -> Result<Self, SqlError> {
        let ast::Truncate {
            table_names,
            partitions: None,
            table: _,
            if_exists: false,
            identity: _,
            cascade: _,
            on_cluster: None,
        } = truncate
        else {
            return Err(SqlError::unsupported("this form of TRUNCATE"));
        };
        let names = table_names.iter().map(|target| name_parts(&target.name));
        let names = names.collect::<Option<Vec<_>>>();
        Ok(Self { names: names.ok_or_else(|| SqlError::unsupported("a computed name"))? })
    }

    /// Empties the collections, all or none.
    pub(in crate::sql) async fn run(
        &self,
        catalog: &GalleryCatalog,
        writer: &Writer,
    ) -> Result<Outcome, SqlError> {
        let names = self.names.iter().map(|name| catalog.written(name));
        let names = names.collect::<Result<BTreeSet<&str>, _>>()?;
        writer.apply(catalog.snapshot().truncation(names)?).await?;
        Ok(Outcome::Done { tag: TAG, rows: None })
    }
}

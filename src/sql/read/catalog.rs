//! The galleries of one tenant as the tables of schema `public`, as of one snapshot, and the system
//! catalogs beside it.
//!
//! A catalog is made per statement. It holds the only path from a name in a statement to stored
//! faces, and it starts at one tenant's snapshot: a name of another tenant's gallery leads to the
//! same answer as a name nobody uses.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::error::DataFusionError;

use super::audit;
use super::table::GalleryTable;
use crate::engine::{EngineError, Tenant, TenantSnapshot};
use crate::sql::grammar::marker::{COMPARE_FACES, DETECT_FACES, MARKER, SIMILAR_FACES};
use crate::sql::pg_catalog::{self, INFORMATION_SCHEMA, PG_CATALOG, SessionView, SystemView};
use crate::sql::session_state::settings::SearchPath;
use crate::sql::{SqlError, SqlState};

/// The one schema of collections.
pub(in crate::sql) use crate::sql::pg_catalog::SCHEMA;

/// In place of a schema's name: wherever the session's search path leads. No schema can have it.
pub(in crate::sql) const ON_PATH: &str = "";

/// Table functions that may stand where a table may; their names are looked up like tables first.
const TABLE_FUNCTIONS: [&str; 6] =
    [MARKER, SIMILAR_FACES, DETECT_FACES, COMPARE_FACES, "generate_series", "range"];

/// The galleries of one tenant at one moment.
#[derive(Debug, Clone)]
pub(in crate::sql) struct GalleryCatalog {
    tenant: Tenant,
    snapshot: TenantSnapshot,
    session: SessionView,
    /// Tables of one statement, under names that no collection can have.
    own: HashMap<&'static str, Arc<dyn TableProvider>>,
}

impl GalleryCatalog {
    /// As a session sees it.
    pub(in crate::sql) fn new(
        tenant: Tenant,
        snapshot: TenantSnapshot,
        session: SessionView,
    ) -> Self {
        Self { tenant, snapshot, session, own: HashMap::new() }
    }

    /// The same with tables of a statement's own.
    pub(in crate::sql) fn with_tables(
        &self,
        tables: impl IntoIterator<Item = (&'static str, Arc<dyn TableProvider>)>,
    ) -> Self {
        Self { own: tables.into_iter().collect(), ..self.clone() }
    }

    /// Whether a table of this name is a statement's own.
    pub(in crate::sql) fn is_own(&self, name: &str) -> bool {
        self.own.contains_key(name)
    }

    /// The OID of the collection that the parts of a name mean.
    pub(in crate::sql) fn relation(&self, parts: &[String]) -> Option<u32> {
        let name = self.gallery_name(parts).ok()?;
        pg_catalog::oid_of(&self.snapshot, self.snapshot.descriptor(name).ok()?)
    }

    /// What the system catalogs are made from.
    pub(in crate::sql) fn view(&self) -> SystemView {
        SystemView {
            database: self.tenant.name().as_str().into(),
            snapshot: self.snapshot.clone(),
            session: self.session.clone(),
        }
    }

    /// When the transaction began that reads it.
    pub(in crate::sql) fn transaction_began(&self) -> SystemTime {
        self.session.transaction_began
    }

    /// Where names are looked for that stand alone.
    pub(in crate::sql) fn path(&self) -> &SearchPath {
        &self.session.path
    }

    pub(in crate::sql) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    pub(in crate::sql) fn snapshot(&self) -> &TenantSnapshot {
        &self.snapshot
    }

    /// The gallery called `name` as a table.
    pub(in crate::sql) fn gallery(&self, name: &str) -> Result<GalleryTable, EngineError> {
        let descriptor = Arc::clone(self.snapshot.descriptor(name)?);
        Ok(GalleryTable::new(self.snapshot.clone(), descriptor))
    }

    /// The gallery that a statement writes to, by the parts of its name.
    ///
    /// # Errors
    /// As for [`Self::gallery_name`]; 42501 for relations of the system, which nobody writes to.
    pub(in crate::sql) fn written<'a>(&self, parts: &'a [String]) -> Result<&'a str, SqlError> {
        let (schema, name) = match parts {
            [name] => (PG_CATALOG, name),
            [.., schema, name] => (schema.as_str(), name),
            [] => return self.gallery_name(parts),
        };
        let is_alone = parts.len() == 1 && self.path().reaches(SCHEMA);
        let is_gallery = is_alone && self.snapshot.descriptor(name).is_ok();
        if !is_gallery && (pg_catalog::exists(schema, name) || audit::exists(schema, name)) {
            let message = format!("permission denied: \"{name}\" is a system catalog");
            return Err(SqlError::new(SqlState::InsufficientPrivilege, message));
        }
        self.gallery_name(parts)
    }

    /// The gallery that the parts of a name mean: `c`, `public.c` or `tenant.public.c`.
    ///
    /// # Errors
    /// Other schemas and databases hold nothing, nor is a name found alone while the schema of
    /// collections is not on the search path: 42P01.
    pub(in crate::sql) fn gallery_name<'a>(
        &self,
        parts: &'a [String],
    ) -> Result<&'a str, SqlError> {
        let (scope, name) = match parts {
            [name] if !self.path().reaches(SCHEMA) => return Err(SqlError::undefined_table(name)),
            [name] => (None, name),
            [schema, name] => (Some((None, schema)), name),
            [database, schema, name] => (Some((Some(database), schema)), name),
            _ => return Err(SqlError::undefined_table(&parts.join("."))),
        };
        match scope {
            Some((database, schema))
                if schema != SCHEMA
                    || database.is_some_and(|name| name != self.tenant.name().as_str()) =>
            {
                Err(SqlError::undefined_table(&parts.join(".")))
            }
            _ => Ok(name),
        }
    }
}

impl CatalogProviderList for GalleryCatalog {
    fn register_catalog(
        &self,
        _name: String,
        _catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![self.tenant.name().to_string()]
    }

    /// Every name has a catalog, so that an unknown one is reported in our words.
    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let scope = (name != self.tenant.name().as_str()).then(|| name.to_owned());
        Some(Arc::new(Database { catalog: self.clone(), foreign: scope }))
    }
}

/// A database name in a statement: the tenant's own, or one that holds nothing.
#[derive(Debug)]
struct Database {
    catalog: GalleryCatalog,
    foreign: Option<String>,
}

impl CatalogProvider for Database {
    fn schema_names(&self) -> Vec<String> {
        [SCHEMA, PG_CATALOG, INFORMATION_SCHEMA, audit::SCHEMA].map(str::to_owned).into()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let foreign = match &self.foreign {
            Some(database) => Some(format!("{database}.{name}")),
            None if name == ON_PATH => return Some(Arc::new(Path(self.catalog.clone()))),
            None if [PG_CATALOG, INFORMATION_SCHEMA, audit::SCHEMA].contains(&name) => {
                return Some(Arc::new(SystemSchema {
                    catalog: self.catalog.clone(),
                    name: name.to_owned(),
                }));
            }
            None => (name != SCHEMA).then(|| name.to_owned()),
        };
        Some(Arc::new(Schema { catalog: self.catalog.clone(), foreign }))
    }
}

/// A schema name in a statement: `public`, or one that holds nothing.
#[derive(Debug)]
struct Schema {
    catalog: GalleryCatalog,
    foreign: Option<String>,
}

#[async_trait]
impl SchemaProvider for Schema {
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if let Some(foreign) = &self.foreign {
            return Err(SqlError::undefined_table(&format!("{foreign}.{name}")).into());
        }
        if let Some(own) = self.catalog.own.get(name) {
            return Ok(Some(Arc::clone(own)));
        }
        match self.catalog.gallery(name) {
            Ok(table) => Ok(Some(Arc::new(table))),
            Err(EngineError::GalleryNotFound(_)) if TABLE_FUNCTIONS.contains(&name) => Ok(None),
            // The system catalog is on the search path; here it comes last, so that no name of a
            // collection stops to reach it.
            Err(error) => match pg_catalog::table(PG_CATALOG, name, &self.catalog.view())? {
                Some(table) => Ok(Some(table)),
                None => Err(SqlError::from(error).into()),
            },
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.foreign.is_none() && self.catalog.gallery(name).is_ok()
    }
}

/// The schemas of a search path that is not the usual one.
#[derive(Debug)]
struct Path(GalleryCatalog);

impl Path {
    fn find(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Self(catalog) = self;
        for schema in catalog.path().schemas() {
            let found = match *schema {
                SCHEMA => catalog.gallery(name).ok().map(|table| Arc::new(table) as _),
                system => pg_catalog::table(system, name, &catalog.view())?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        pg_catalog::table(PG_CATALOG, name, &catalog.view())
    }
}

#[async_trait]
impl SchemaProvider for Path {
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        if let Some(own) = self.0.own.get(name) {
            return Ok(Some(Arc::clone(own)));
        }
        match self.find(name)? {
            None if TABLE_FUNCTIONS.contains(&name) => Ok(None),
            None => Err(SqlError::undefined_table(name).into()),
            found => Ok(found),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_ok_and(|found| found.is_some())
    }
}

/// A schema whose tables are made by the server.
#[derive(Debug)]
struct SystemSchema {
    catalog: GalleryCatalog,
    name: String,
}

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        Vec::new()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let table = if self.name == audit::SCHEMA {
            audit::table(name, &self.catalog.tenant)?
        } else {
            pg_catalog::table(&self.name, name, &self.catalog.view())?
        };
        match table {
            Some(table) => Ok(Some(table)),
            None => Err(SqlError::undefined_table(&format!("{}.{name}", self.name)).into()),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        pg_catalog::exists(&self.name, name)
    }
}

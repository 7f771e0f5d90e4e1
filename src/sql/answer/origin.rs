//! Where the columns of an answer come from: the column of a relation that each one is, which
//! clients are told beside its name and type.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};

use crate::sql::read::columns::GalleryColumn;

/// Key of the schema metadata that tells where its fields come from.
const ORIGINS_KEY: &str = "origins";

/// A column of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The OID of the relation, as `pg_class` has it.
    pub relation: u32,
    /// The number of the column there, from 1.
    pub column: i16,
}

impl Origin {
    /// The column that each field of `schema` is; none for what is computed.
    pub fn all(schema: &Schema) -> impl Iterator<Item = Option<Self>> {
        let written = schema.metadata().get(ORIGINS_KEY).map_or("", String::as_str);
        let read = |word: &str| {
            let (relation, column) = word.split_once('.')?;
            Some(Self { relation: relation.parse().ok()?, column: column.parse().ok()? })
        };
        let known = written.split(' ').map(read).chain(std::iter::repeat(None));
        known.take(schema.fields().len())
    }

    /// A column of the collection whose OID is `relation`.
    pub(in crate::sql) fn of_gallery(relation: u32, column: GalleryColumn) -> Option<Self> {
        let at = GalleryColumn::ALL.iter().position(|known| *known == column)?;
        Some(Self { relation, column: i16::try_from(at + 1).ok()? })
    }

    /// The column of this name of the collection whose OID is `relation`.
    pub(in crate::sql) fn named(relation: u32, name: &str) -> Option<Self> {
        Self::of_gallery(relation, GalleryColumn::named(name)?)
    }
}

/// `schema` telling where its fields come from.
pub(in crate::sql) fn with_origins(
    schema: &SchemaRef,
    origins: impl IntoIterator<Item = Option<Origin>>,
) -> SchemaRef {
    let written = |origin: Option<Origin>| match origin {
        Some(Origin { relation, column }) => format!("{relation}.{column}"),
        None => "-".to_owned(),
    };
    let words: Vec<String> = origins.into_iter().map(written).collect();
    let mut metadata = schema.metadata().clone();
    metadata.insert(ORIGINS_KEY.to_owned(), words.join(" "));
    Arc::new(Schema::new_with_metadata(schema.fields().clone(), metadata))
}

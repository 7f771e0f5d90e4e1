//! The columns that INSERT and COPY may give.

use crate::sql::read::columns::GalleryColumn;
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// A column of a row that is to be enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum InsertColumn {
    /// A column of the collection.
    Stored(GalleryColumn),
    /// What a template is made from; it is not kept.
    Image,
}

impl InsertColumn {
    pub(in crate::sql) const EMBEDDING: Self = Self::Stored(GalleryColumn::Embedding);

    /// Those of a statement that names none: the collection's, in their order.
    pub(in crate::sql) fn unnamed() -> Vec<Self> {
        GalleryColumn::ALL.map(Self::Stored).into()
    }

    pub(in crate::sql) const fn name(self) -> &'static str {
        match self {
            Self::Stored(column) => column.name(),
            Self::Image => "image",
        }
    }

    /// The type of a bare parameter in this column.
    pub(in crate::sql) fn sql_type(self) -> SqlType {
        match self {
            Self::Image => SqlType::Bytea,
            Self::Stored(column) => SqlType::of(&column.field()),
        }
    }

    /// The columns of these names.
    ///
    /// # Errors
    /// Unknown columns, columns named twice.
    pub(in crate::sql) fn named<'a>(
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<Self>, SqlError> {
        let mut columns = Vec::new();
        for name in names {
            let column = if name == Self::Image.name() {
                Self::Image
            } else {
                let column = GalleryColumn::named(name);
                Self::Stored(column.ok_or_else(|| SqlError::undefined_column(name))?)
            };
            if columns.contains(&column) {
                let message = format!("column \"{name}\" specified more than once");
                return Err(SqlError::new(SqlState::DuplicateColumn, message));
            }
            columns.push(column);
        }
        Ok(columns)
    }
}

//! How rows are written in the data of COPY: the formats and what can be chosen about them.

use crate::sql::{SqlError, SqlState};

/// How rows are written in the data of COPY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyFormat {
    /// A line for each row, fields between delimiters, special characters behind backslashes.
    Text(CopyText),
    /// A line for each row, fields between delimiters, special characters in quotes.
    Csv(CopyCsv),
    /// PostgreSQL's own binary form.
    Binary,
}

/// What the two textual formats have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyText {
    /// Stands between two fields; an ASCII character.
    pub delimiter: u8,
    /// What stands for NULL.
    pub null: String,
    /// Whether the first line names the columns.
    pub header: CopyHeader,
}

/// The format csv.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyCsv {
    /// What it shares with the format text.
    pub text: CopyText,
    /// Stands around fields with special characters.
    pub quote: u8,
    /// Stands before a quote inside of a field.
    pub escape: u8,
    /// Columns whose fields are always written in quotes.
    pub force_quote: CopyColumns,
    /// Columns whose fields are never NULL when read.
    pub force_not_null: CopyColumns,
    /// Columns in which even a quoted field may be NULL when read.
    pub force_null: CopyColumns,
}

/// What the first line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CopyHeader {
    /// A row.
    #[default]
    None,
    /// Names of the columns, which nobody checks.
    Line,
    /// The names of the columns that are read, in their order.
    Match,
}

/// Some columns of a COPY.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CopyColumns {
    /// No column.
    #[default]
    None,
    /// All of them.
    All,
    /// Those of these names.
    Named(Vec<String>),
}

impl CopyColumns {
    /// Whether `column` is one of them.
    pub fn contains(&self, column: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| name == column),
        }
    }
}

impl CopyFormat {
    /// Whether the data is not text.
    pub fn is_binary(&self) -> bool {
        matches!(self, Self::Binary)
    }

    /// # Errors
    /// 42P10 where an option names a column that is not copied.
    pub(super) fn check_columns(&self, columns: &[&str]) -> Result<(), SqlError> {
        let Self::Csv(csv) = self else { return Ok(()) };
        for (option, forced) in [
            ("FORCE_QUOTE", &csv.force_quote),
            ("FORCE_NOT_NULL", &csv.force_not_null),
            ("FORCE_NULL", &csv.force_null),
        ] {
            let CopyColumns::Named(names) = forced else { continue };
            let absent = |name: &&String| !columns.contains(&name.as_str());
            if let Some(name) = names.iter().find(absent) {
                let message = format!("{option} column \"{name}\" not referenced by COPY");
                return Err(SqlError::new(SqlState::InvalidColumnReference, message));
            }
        }
        Ok(())
    }
}

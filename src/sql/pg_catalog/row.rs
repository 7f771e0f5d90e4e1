//! Rows of the system catalogs as text, and how they become a table.

use std::str::FromStr;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, ListArray, ListBuilder, PrimitiveArray,
    PrimitiveBuilder, StringArray, StringBuilder,
};
use datafusion::arrow::datatypes::{
    Float32Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, UInt32Type,
};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;

use super::relation::INFORMATION_SCHEMA;
use super::relation::{Kind, Relation};
use crate::sql::read::columns::schema_of;

/// What a cell may be made of.
pub(super) trait Cell {
    fn text(self) -> String;
}

impl<T: ToString> Cell for T {
    fn text(self) -> String {
        self.to_string()
    }
}

/// What stands between texts of a list some of which have spaces in them.
pub(super) const BETWEEN: char = '\u{1f}';

/// Cells by the names of their columns, as text; items of lists are separated by spaces, or by
/// [`BETWEEN`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row(Vec<(&'static str, String)>);

impl Row {
    pub(super) fn with(mut self, column: &'static str, value: impl Cell) -> Self {
        self.0.push((column, value.text()));
        self
    }

    pub(super) fn get(&self, column: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == column).map(|(_, value)| value.as_str())
    }

    /// The rows of a text whose first line names the columns; an empty cell says nothing.
    pub(super) fn read_all(text: &'static str) -> Vec<Self> {
        let mut lines = text.lines();
        let names: Vec<&'static str> = lines.next().unwrap_or_default().split('\t').collect();
        lines
            .map(|line| {
                let cells = names.iter().copied().zip(line.split('\t'));
                let said = cells.filter(|(_, value)| !value.is_empty());
                Self(said.map(|(name, value)| (name, value.to_owned())).collect())
            })
            .collect()
    }
}

/// `relation` holding `rows`.
pub(super) fn table(relation: &Relation, rows: &[Row]) -> Result<MemTable, DataFusionError> {
    let fields = relation.columns.iter().map(|column| column.kind.field(column.name));
    let schema = schema_of(fields);
    let arrays = relation.columns.iter().map(|column| {
        let unsaid =
            if relation.schema == INFORMATION_SCHEMA { None } else { column.kind.unsaid() };
        let cells = rows.iter().map(|row| row.get(column.name).or(unsaid));
        array(column.kind, &cells.collect::<Vec<_>>())
    });
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays.collect())?;
    MemTable::try_new(schema, vec![vec![batch]])
}

/// Cells as an array of what `kind` is.
pub(super) fn array(kind: Kind, cells: &[Option<&str>]) -> ArrayRef {
    match kind {
        Kind::Bool => {
            let values = cells.iter().map(|cell| cell.map(|text| text == "t"));
            Arc::new(values.collect::<BooleanArray>())
        }
        Kind::Int2 => Arc::new(numbers::<Int16Type>(cells)),
        Kind::Int4 => Arc::new(numbers::<Int32Type>(cells)),
        Kind::Int8 => Arc::new(numbers::<Int64Type>(cells)),
        Kind::Oid | Kind::Regproc => Arc::new(numbers::<UInt32Type>(cells)),
        Kind::Float4 => Arc::new(numbers::<Float32Type>(cells)),
        Kind::Char | Kind::Name | Kind::Text => Arc::new(StringArray::from(cells.to_vec())),
        Kind::Timestamptz => {
            Arc::new(numbers::<TimestampMicrosecondType>(cells).with_timezone("UTC"))
        }
        Kind::Oids | Kind::Oidvector => Arc::new(lists::<UInt32Type>(cells)),
        Kind::Int2s | Kind::Int2vector => Arc::new(lists::<Int16Type>(cells)),
        Kind::Int4s => Arc::new(lists::<Int32Type>(cells)),
        Kind::Texts => Arc::new(text_lists(cells)),
    }
}

fn numbers<T>(cells: &[Option<&str>]) -> PrimitiveArray<T>
where
    T: ArrowPrimitiveType<Native: FromStr>,
{
    let mut builder = PrimitiveBuilder::<T>::with_capacity(cells.len());
    for cell in cells {
        builder.append_option(cell.and_then(|text| text.parse().ok()));
    }
    builder.finish()
}

fn lists<T>(cells: &[Option<&str>]) -> ListArray
where
    T: ArrowPrimitiveType<Native: FromStr>,
{
    let mut builder = ListBuilder::new(PrimitiveBuilder::<T>::new());
    for cell in cells {
        for item in cell.unwrap_or_default().split_whitespace() {
            builder.values().append_option(item.parse().ok());
        }
        builder.append(cell.is_some());
    }
    builder.finish()
}

fn text_lists(cells: &[Option<&str>]) -> ListArray {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for cell in cells {
        let text = cell.unwrap_or_default();
        if text.contains(BETWEEN) {
            let items = text.split(BETWEEN).filter(|item| !item.is_empty());
            items.for_each(|item| builder.values().append_value(item));
        } else {
            text.split_whitespace().for_each(|item| builder.values().append_value(item));
        }
        builder.append(cell.is_some());
    }
    builder.finish()
}

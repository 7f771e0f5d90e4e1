//! What an operator takes for the rows that it is given.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::expressions::{Column, InListExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::unnest::UnnestExec;

use super::JOINED_ROWS;
use crate::sql::function::allowance::{CALL_BYTES_MAX, bytes_of, bytes_of_rows, bytes_of_value};
use crate::sql::{SqlError, SqlState};

/// Bytes that a portion of several rows takes at most.
pub(in crate::sql::plan) const PORTION_BYTES: usize = CALL_BYTES_MAX / 8;

/// Bytes that the expressions over one row may read, everywhere they read it.
const READ_BYTES_MAX: usize = 8 * CALL_BYTES_MAX;

/// Bytes of a row that is joined with others.
const JOINED_BYTES_MAX: usize = (256 << 20) / JOINED_ROWS;

/// Constants of fewer bytes are not counted.
const CONSTANT_BYTES_MIN: usize = 4 << 10;

/// What the bytes of a batch become.
#[derive(Debug, Clone)]
pub(super) enum Cost {
    /// Expressions read columns, each so many times, and constants of so many bytes for each row.
    Read { columns: Vec<usize>, constants: usize },
    /// The other columns are written once for each item of these.
    Unnested(Vec<usize>),
    /// Rows are written once for each row that they are joined with.
    Joined,
}

impl Cost {
    /// What `plan` takes for the rows of its inputs; nothing if they do not become more.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>, DataFusionError> {
        let inputs = plan.children();
        let [input] = inputs.as_slice() else {
            return Ok(plan.name().contains("Join").then_some(Self::Joined));
        };
        if let Some(unnest) = plan.downcast_ref::<UnnestExec>() {
            let lists = unnest.list_column_indices().iter().map(|list| list.index_in_input_schema);
            return Ok(Some(Self::Unnested(lists.collect())));
        }
        let schema = input.schema();
        let (mut columns, mut constants) = (vec![0; schema.fields().len()], 0);
        plan.apply_expressions(&mut |root| {
            // A column alone is handed on.
            if !root.is::<Column>() {
                read(root, &schema, &mut columns, &mut constants);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        let reads = constants > 0 || columns.iter().any(|times| *times > 0);
        Ok(reads.then_some(Self::Read { columns, constants }))
    }

    /// The bytes that `batch` takes.
    pub(super) fn bytes(&self, batch: &RecordBatch) -> usize {
        let (rows, columns) = (batch.num_rows(), batch.columns());
        match self {
            Self::Read { columns: times, constants } => {
                let read = columns.iter().zip(times).filter(|(_, times)| **times > 0);
                let read = read.map(|(column, times)| bytes_of(column).saturating_mul(*times));
                read.fold(constants.saturating_mul(rows), usize::saturating_add)
            }
            Self::Unnested(lists) => {
                let unnested = lists.iter().filter_map(|list| columns.get(*list));
                let longest = unnested.clone().map(|column| longest_list(column)).max();
                let items: usize = unnested.map(|column| bytes_of(column)).sum();
                let others = bytes_of_rows(batch).saturating_sub(items);
                others.saturating_mul(longest.unwrap_or(1)).saturating_add(items)
            }
            Self::Joined => bytes_of_rows(batch),
        }
    }

    /// The error of a row that takes so much alone; none if it may.
    pub(super) fn refuse(&self, bytes: usize) -> Result<(), SqlError> {
        let (most, what) = match self {
            Self::Read { .. } => (READ_BYTES_MAX, "the expressions over one row read"),
            Self::Unnested(_) => (CALL_BYTES_MAX, "a row for each item of its array takes"),
            Self::Joined => (JOINED_BYTES_MAX, "a row that is joined with others takes"),
        };
        if bytes <= most {
            return Ok(());
        }
        let message = format!("{what} more than {} kB", most >> 10);
        Err(SqlError::new(SqlState::ProgramLimitExceeded, message))
    }

    /// What a portion takes at most; for rows that are joined, what one of them may.
    pub(super) fn most(&self) -> usize {
        if matches!(self, Self::Joined) { JOINED_BYTES_MAX } else { PORTION_BYTES }
    }
}

/// How many rows the longest list in `column` becomes.
fn longest_list(column: &dyn Array) -> usize {
    match column.data_type() {
        DataType::List(_) => column.as_list::<i32>().offsets().lengths().max().unwrap_or(0),
        DataType::FixedSizeList(_, length) => usize::try_from(*length).unwrap_or(0),
        _ => 1,
    }
}

/// Counts what `expr` reads.
fn read(
    expr: &Arc<dyn PhysicalExpr>,
    schema: &Schema,
    columns: &mut [usize],
    constants: &mut usize,
) {
    if let Some(column) = expr.downcast_ref::<Column>() {
        let is_wide = schema
            .fields()
            .get(column.index())
            .is_some_and(|field| field.data_type().primitive_width().is_none());
        if let Some(times) = columns.get_mut(column.index())
            && is_wide
        {
            *times += 1;
        }
    } else if let Some(literal) = expr.downcast_ref::<Literal>() {
        let bytes = bytes_of_value(literal.value());
        if bytes >= CONSTANT_BYTES_MIN {
            *constants = constants.saturating_add(bytes);
        }
    } else {
        // What is looked up in is not copied for each row.
        let looks_up = expr.is::<InListExpr>() || is_look_up(expr);
        let children = expr.children().into_iter();
        for child in children.filter(|child| !(looks_up && child.is::<Literal>())) {
            read(child, schema, columns, constants);
        }
    }
}

fn is_look_up(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let call = expr.downcast_ref::<ScalarFunctionExpr>();
    call.is_some_and(|call| call.name().starts_with("array_has"))
}

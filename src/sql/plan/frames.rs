//! What windows are ordered and divided by, as the planner can count in it: the length of an
//! interval, for it knows no order of them, and numbers with room for what frames reach before and
//! behind them.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::WindowFunctionParams;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, WindowFrame, WindowFrameBound, WindowFrameUnits, cast,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::rewritten::{rewritten, unaliased};
use crate::sql::function::temporal::{INTERVAL, span, spans};
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// What whole numbers are counted in, and what others are.
const WHOLE: DataType = DataType::Decimal128(38, 0);
const DIGITS_MAX: u8 = 76;

/// Orders and divides windows so; comes before the rule that gives the bounds of a frame the type
/// of what it is ordered by.
#[derive(Debug)]
pub(super) struct CountedFrames;

impl AnalyzerRule for CountedFrames {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(|node| match &node {
            LogicalPlan::Window(window) => {
                let reach = Reach::of(&window.window_expr);
                rewritten(node, |part, schema| counted(part, reach, schema))
            }
            _ => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "counted_frames"
    }
}

/// How far the frames of windows of one order reach, which stay windows of one order.
#[derive(Debug, Clone, Copy)]
struct Reach {
    /// Whether any is of rows whose keys are so far from that of a row.
    is_far: bool,
    /// Digits behind the point of what says how far.
    scale: i8,
}

impl Reach {
    fn of(windows: &[Expr]) -> Self {
        let frames = windows.iter().filter_map(|window| match unaliased(window) {
            Expr::WindowFunction(call) => Some(&call.params.window_frame),
            _ => None,
        });
        let distances: Vec<&str> = frames.flat_map(distances).collect();
        let scale = distances.iter().filter_map(|text| digits_behind_the_point(text)).max();
        Self { is_far: !distances.is_empty(), scale: scale.unwrap_or(0) }
    }
}

fn counted(
    part: Expr,
    reach: Reach,
    schema: &DFSchema,
) -> Result<Transformed<Expr>, DataFusionError> {
    let Expr::WindowFunction(mut call) = part else { return Ok(Transformed::no(part)) };
    let WindowFunctionParams { partition_by, order_by, window_frame, .. } = &mut call.params;
    if let [key] = order_by.as_mut_slice()
        && reach.is_far
    {
        key.expr = measured(std::mem::take(&mut key.expr), reach, window_frame, schema)?;
    }
    for key in partition_by.iter_mut().chain(order_by.iter_mut().map(|key| &mut key.expr)) {
        if matches!(key.get_type(schema)?, DataType::Interval(_)) {
            *key = span(std::mem::take(key));
        }
    }
    Ok(Transformed::yes(Expr::WindowFunction(call)))
}

/// How far the bounds of a frame are, as it was written.
fn distances(frame: &WindowFrame) -> impl Iterator<Item = &str> {
    let bounds = [&frame.start_bound, &frame.end_bound];
    let bounds = bounds.into_iter().filter_map(distance);
    bounds.filter(|_| frame.units == WindowFrameUnits::Range)
}

fn distance(bound: &WindowFrameBound) -> Option<&str> {
    match bound {
        WindowFrameBound::Preceding(ScalarValue::Utf8(Some(text)))
        | WindowFrameBound::Following(ScalarValue::Utf8(Some(text))) => Some(text),
        _ => None,
    }
}

/// The key of a frame, in a type that has room for the bounds, which become of that type.
fn measured(
    key: Expr,
    reach: Reach,
    frame: &mut WindowFrame,
    schema: &DFSchema,
) -> Result<Expr, DataFusionError> {
    Ok(match key.get_type(schema)? {
        DataType::Interval(_) => {
            for bound in [&mut frame.start_bound, &mut frame.end_bound] {
                if let Some(text) = distance(bound).map(str::to_owned) {
                    set_distance(bound, length(text)?);
                }
            }
            span(key)
        }
        whole if whole.is_signed_integer() => {
            if reach.scale > 0 {
                return Err(by_fractions(SqlType::of_arrow(&whole)).into());
            }
            cast(key, WHOLE)
        }
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => {
            cast(key, DataType::Decimal256(DIGITS_MAX, scale.max(reach.scale)))
        }
        _ => key,
    })
}

fn by_fractions(key: SqlType) -> SqlError {
    let key = key.name();
    SqlError::unsupported(format!(
        "RANGE with offset PRECEDING/FOLLOWING for column type {key} and offset type numeric"
    ))
}

fn set_distance(bound: &mut WindowFrameBound, text: String) {
    if let WindowFrameBound::Preceding(value) | WindowFrameBound::Following(value) = bound {
        *value = ScalarValue::Utf8(Some(text));
    }
}

/// How long the interval is that `text` says, as [`span`] counts.
fn length(text: String) -> Result<String, DataFusionError> {
    let interval = ScalarValue::try_from_string(text, &INTERVAL)?;
    let lengths = spans(&interval.to_array()?)?;
    let length = lengths.as_primitive::<Decimal128Type>().value(0);
    if length < 0 {
        let message = "invalid preceding or following size in window function";
        return Err(SqlError::new(SqlState::InvalidPrecedingOrFollowingSize, message).into());
    }
    Ok(length.to_string())
}

fn digits_behind_the_point(number: &str) -> Option<i8> {
    let (_, digits) = number.split_once('.')?;
    i8::try_from(digits.len()).ok()
}

//! A plan as the document of EXPLAIN (FORMAT JSON), in the shape that PostgreSQL gives its own.
//!
//! What is known here has PostgreSQL's keys. Operators are called as in the text; what that says
//! of them besides is their `Details`, and what they counted are their `Metrics`. There are no
//! costs: none are worked out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::metrics::{MetricValue, MetricsSet};
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use serde::Serialize;

use crate::sql::grammar::statement::Figures;
use crate::sql::{SqlError, SqlState};

const NANOSECONDS_PER_MILLISECOND: f64 = 1e6;

/// A plan, and how long it took.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    #[serde(rename = "Plan")]
    plan: Node,
    #[serde(rename = "Planning Time", skip_serializing_if = "Option::is_none")]
    planning_ms: Option<f64>,
    /// There are no triggers; PostgreSQL says so of a statement that was run.
    #[serde(rename = "Triggers", skip_serializing_if = "Option::is_none")]
    triggers: Option<[(); 0]>,
    #[serde(rename = "Execution Time", skip_serializing_if = "Option::is_none")]
    execution_ms: Option<f64>,
}

/// An operator and what it reads from.
#[derive(Debug, Serialize)]
struct Node {
    #[serde(rename = "Node Type")]
    name: String,
    #[serde(rename = "Parent Relationship", skip_serializing_if = "Option::is_none")]
    relationship: Option<&'static str>,
    #[serde(rename = "Parallel Aware")]
    parallel_aware: bool,
    #[serde(rename = "Async Capable")]
    async_capable: bool,
    #[serde(rename = "Details", skip_serializing_if = "String::is_empty")]
    details: String,
    #[serde(rename = "Plan Rows", skip_serializing_if = "Option::is_none")]
    rows: Option<usize>,
    #[serde(flatten)]
    run: Option<Run>,
    #[serde(rename = "Plans", skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<Self>,
}

/// What an operator did.
#[derive(Debug, Serialize)]
struct Run {
    /// With that of what it reads from, as PostgreSQL tells it.
    #[serde(rename = "Actual Total Time", skip_serializing_if = "Option::is_none")]
    total_ms: Option<f64>,
    #[serde(rename = "Actual Rows", skip_serializing_if = "Option::is_none")]
    rows: Option<usize>,
    #[serde(rename = "Actual Loops")]
    loops: u32,
    #[serde(rename = "Metrics", skip_serializing_if = "BTreeMap::is_empty")]
    metrics: BTreeMap<String, String>,
}

impl Explanation {
    /// `plan`, which was planned in this time, and run in that if it was.
    pub(super) fn of(
        plan: &Arc<dyn ExecutionPlan>,
        planned: Duration,
        ran: Option<Duration>,
        figures: Figures,
    ) -> Self {
        let told = |duration: Duration| figures.summary.then(|| milliseconds(duration));
        Self {
            plan: Node::of(plan, None, ran.is_some(), figures),
            planning_ms: told(planned),
            triggers: ran.map(|_| []),
            execution_ms: ran.and_then(told),
        }
    }

    /// The document: a list, with an item for the only statement.
    pub(super) fn text(&self) -> Result<String, SqlError> {
        serde_json::to_string_pretty(&[self]).map_err(|error| {
            SqlError::new(SqlState::InternalError, format!("a plan is no document: {error}"))
        })
    }
}

impl Node {
    fn of(
        plan: &Arc<dyn ExecutionPlan>,
        relationship: Option<&'static str>,
        was_run: bool,
        figures: Figures,
    ) -> Self {
        let inputs = plan.children().into_iter().enumerate().map(|(at, input)| {
            let relationship = match at {
                0 => "Outer",
                1 => "Inner",
                _ => "Member",
            };
            Self::of(input, Some(relationship), was_run, figures)
        });
        let inputs: Vec<_> = inputs.collect();
        let line = DisplayableExecutionPlan::new(&**plan).one_line().to_string();
        let line = line.trim_end();
        let (name, details) = line.split_once(": ").unwrap_or((line, ""));
        Self {
            name: name.to_owned(),
            relationship,
            parallel_aware: false,
            async_capable: false,
            details: details.to_owned(),
            rows: if figures.costs { expected_rows(plan) } else { None },
            run: was_run.then(|| Run::of(plan, &inputs, figures)),
            inputs,
        }
    }
}

impl Run {
    fn of(plan: &Arc<dyn ExecutionPlan>, inputs: &[Node], figures: Figures) -> Self {
        let metrics = plan.metrics().unwrap_or_default().aggregate_by_name();
        let own = metrics.elapsed_compute().unwrap_or_default() as f64;
        let of_inputs = inputs.iter().filter_map(|input| input.run.as_ref()?.total_ms);
        let total_ms = of_inputs.sum::<f64>() + own / NANOSECONDS_PER_MILLISECOND;
        Self {
            total_ms: figures.timing.then(|| to_the_microsecond(total_ms)),
            rows: metrics.output_rows(),
            loops: 1,
            metrics: shown(&metrics, figures),
        }
    }
}

/// How many rows an operator is expected to have; none where nobody knows.
fn expected_rows(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let statistics = StatisticsContext::new().compute(&**plan, &StatisticsArgs::new()).ok()?;
    statistics.num_rows.get_value().copied()
}

/// What else an operator counted and, if that is wanted, timed.
fn shown(metrics: &MetricsSet, figures: Figures) -> BTreeMap<String, String> {
    let is_time = |value: &MetricValue| matches!(value, MetricValue::Time { .. });
    let is_told_elsewhere = |value: &MetricValue| {
        matches!(value, MetricValue::OutputRows(_) | MetricValue::ElapsedCompute(_))
    };
    metrics
        .iter()
        .map(|metric| metric.value())
        .filter(|value| !value.is_timestamp() && !is_told_elsewhere(value))
        .filter(|value| figures.timing || !is_time(value))
        .map(|value| (value.name().to_owned(), value.to_string()))
        .collect()
}

fn milliseconds(duration: Duration) -> f64 {
    to_the_microsecond(duration.as_secs_f64() * 1e3)
}

fn to_the_microsecond(milliseconds: f64) -> f64 {
    (milliseconds * 1e3).round() / 1e3
}

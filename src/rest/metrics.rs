//! `/metrics`: what the store does, for Prometheus. For the operator only, because the numbers are
//! those of all tenants together.

use std::fmt::Write;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::access::OperatorAccess;
use super::state::RestState;
use crate::engine::Activity;

/// The text format of Prometheus.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(_: OperatorAccess, State(state): State<RestState>) -> Response {
    ([(CONTENT_TYPE, TEXT_FORMAT)], text(&state.engine().activity())).into_response()
}

fn text(activity: &Activity) -> String {
    let counters = [
        ("commit_groups", "Groups of batches made durable, one sync each", activity.groups),
        ("commit_batches", "Batches made durable", activity.batches),
        ("checkpoints", "Checkpoints finished", activity.checkpoints),
        ("checkpoint_bytes", "Bytes written by checkpoints", activity.checkpoint_bytes),
        ("compactions", "Merges of segments finished", activity.compactions),
        ("compaction_read_bytes", "Bytes read by merges", activity.compaction_bytes_read),
        ("compaction_written_bytes", "Bytes written by merges", activity.compaction_bytes_written),
        ("purged_faces", "Deleted faces whose bytes left the segments", activity.rows_purged),
    ];
    let gauges = [
        ("sealed_lsn", "Commit position up to which all is in segments", activity.sealed.get()),
        ("log_bytes", "Bytes of log that a crash now would replay", activity.log_bytes),
        ("checkpointing", "1 while a checkpoint is under way", activity.checkpointing.into()),
        ("compacting", "1 while a merge is under way", activity.compacting.into()),
        ("files_left", "Unneeded files that could not be removed", activity.files_left),
        ("read_only", "1 after a failed write", activity.read_only.is_some().into()),
    ];
    let mut out = String::new();
    for (name, help, value) in counters {
        put(&mut out, &format!("likeness_storage_{name}_total"), "counter", help, value);
    }
    for (name, help, value) in gauges {
        put(&mut out, &format!("likeness_storage_{name}"), "gauge", help, value);
    }
    out
}

fn put(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name} {value}");
}

//! `/metrics`: what the store does, for Prometheus. For the operator only, because the numbers are
//! those of all tenants together.

use std::fmt::Write;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::access::OperatorAccess;
use super::side::Metrics;
use super::state::RestState;
use crate::engine::{Activity, Engine, GallerySize};

/// The text format of Prometheus.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Measure
///
/// In the text format of Prometheus, for administrators of tenant `default`.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operation",
    responses((status = 200, description = "Numbers", body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(
    _: OperatorAccess,
    State(state): State<RestState>,
    Extension(others): Extension<Metrics>,
) -> Response {
    let mut out = String::new();
    put_store(&mut out, &state.engine().activity());
    put_size(&mut out, &state.engine().size());
    put_engine(&mut out, state.engine());
    let traffic = state.traffic();
    let help = "Requests refused because of a rate limit or of too many failed log-ins";
    let refused = traffic.answered(StatusCode::TOO_MANY_REQUESTS);
    put(&mut out, "likeness_http_rate_limited_total", "counter", help, refused);
    traffic.write_to(&mut out);
    others.write_to(&mut out);
    ([(CONTENT_TYPE, TEXT_FORMAT)], out).into_response()
}

fn put_engine(out: &mut String, engine: &Engine) {
    let searches = engine.searches();
    let help = "Searches for one face, or for all pairs that are alike";
    put(out, "likeness_searches_total", "counter", help, searches.searches());
    let help = "Rows that searches went through";
    put(out, "likeness_search_rows_total", "counter", help, searches.rows());
    let help = "1 with a model pack that reads images";
    put(out, "likeness_models_loaded", "gauge", help, engine.model().is_some().into());
    if let Some(audit) = engine.audit() {
        let help = "Number of the newest record of the audit log";
        put(out, "likeness_audit_records", "gauge", help, audit.link().seq);
    }
}

fn put_size(out: &mut String, size: &GallerySize) {
    let gauges = [
        ("faces", "Enrolled faces", size.rows),
        ("faces_deleted", "Deleted faces whose bytes are in segments", size.rows_deleted),
        ("faces_in_memory", "Enrolled faces that are in no segment yet", size.rows_in_memory),
        ("memory_bytes", "Memory that these take, roughly", size.bytes_in_memory),
        ("segments", "Segments", size.segments),
        ("segment_bytes", "Bytes of the files of segments", size.segment_bytes),
        ("code_bytes", "Bytes of the codes in them, which searches read", size.code_bytes),
    ];
    for (name, help, value) in gauges {
        put(out, &format!("likeness_storage_{name}"), "gauge", help, value);
    }
}

fn put_store(out: &mut String, activity: &Activity) {
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
    for (name, help, value) in counters {
        put(out, &format!("likeness_storage_{name}_total"), "counter", help, value);
    }
    for (name, help, value) in gauges {
        put(out, &format!("likeness_storage_{name}"), "gauge", help, value);
    }
}

fn put(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name} {value}");
}

//! Planning and operators keep the thread they run on, and others do the rest of the server's work.
//!
//! A plan computes for as long as it likes between two points at which it lets others run, and a
//! server has few threads: two long joins would keep all of them, and nobody would be answered. So
//! each step of a statement tells the runtime that its thread is taken for a while.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::{Stream, StreamExt};
use tokio::task::block_in_place;

use crate::engine::runtime_of_threads;

/// Polls `work` until it is done.
pub(super) async fn in_place<T>(work: impl Future<Output = T> + Send) -> T {
    let mut work = Box::pin(work);
    poll_fn(|context| step(|| work.as_mut().poll(context))).await
}

/// `stream`, each step of it in place.
pub(super) fn in_place_stream(stream: SendableRecordBatchStream) -> SendableRecordBatchStream {
    Box::pin(InPlace(stream))
}

struct InPlace(SendableRecordBatchStream);

impl Stream for InPlace {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        step(|| self.0.poll_next_unpin(context))
    }
}

impl RecordBatchStream for InPlace {
    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }
}

fn step<T>(poll: impl FnOnce() -> T) -> T {
    match runtime_of_threads() {
        // Within `block_in_place` alone nothing would ever ask operators to yield.
        Some(runtime) => block_in_place(|| runtime.block_on(async { poll() })),
        None => poll(),
    }
}

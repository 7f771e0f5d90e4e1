//! Room to recurse for statements with long expressions.
//!
//! Reading, planning, evaluating and dropping an expression recurse once or more per operator. A
//! statement that may need more stack than a thread has left is worked on with a stack of its own;
//! how deep statements get at all is bounded by
//! [`lexer::EXPRESSION_TOKENS_MAX`](crate::sql::grammar::lexer::EXPRESSION_TOKENS_MAX).

use std::pin::Pin;
use std::task::{Context, Poll};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::{Stream, StreamExt};

/// Expressions of at most so many tokens are evaluated on any thread's stack.
const SHALLOW_TOKENS: usize = 128;

/// Stack that one token may cost, generously, in a build without optimisation.
const BYTES_PER_TOKEN: usize = 64 * 1024;

/// Stack that everything else needs.
const BASE_BYTES: usize = 1 << 20;

/// How much stack a statement needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) struct Depth {
    tokens: usize,
}

impl Depth {
    /// Of a statement whose longest expression has so many tokens.
    pub(in crate::sql) fn of_tokens(tokens: usize) -> Self {
        Self { tokens }
    }

    /// Runs `work` with enough stack.
    pub(in crate::sql) fn run<T>(self, work: impl FnOnce() -> T) -> T {
        let bytes = BASE_BYTES + self.tokens * BYTES_PER_TOKEN;
        stacker::maybe_grow(bytes, bytes, work)
    }

    /// Polls `work` with enough stack until it is done.
    pub(in crate::sql) async fn run_async<T>(self, work: impl Future<Output = T> + Send) -> T {
        let mut work = Box::pin(work);
        std::future::poll_fn(|context| self.run(|| work.as_mut().poll(context))).await
    }

    /// `stream`, each poll of it with enough stack.
    pub(in crate::sql) fn stream(
        self,
        stream: SendableRecordBatchStream,
    ) -> SendableRecordBatchStream {
        if self.tokens <= SHALLOW_TOKENS {
            stream
        } else {
            Box::pin(DeepStream { stream: Some(stream), depth: self })
        }
    }
}

struct DeepStream {
    /// None only while being dropped.
    stream: Option<SendableRecordBatchStream>,
    depth: Depth,
}

impl Stream for DeepStream {
    type Item = Result<RecordBatch, DataFusionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let depth = self.depth;
        match &mut self.stream {
            Some(stream) => depth.run(|| stream.poll_next_unpin(context)),
            None => Poll::Ready(None),
        }
    }
}

impl RecordBatchStream for DeepStream {
    fn schema(&self) -> SchemaRef {
        match &self.stream {
            Some(stream) => stream.schema(),
            None => crate::sql::read::columns::schema_of([]),
        }
    }
}

impl Drop for DeepStream {
    fn drop(&mut self) {
        let stream = self.stream.take();
        self.depth.run(|| drop(stream));
    }
}

//! The model pack at work: admits as many images at once as there are sessions.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{EngineError, blocking};
use crate::vision::{Pipeline, VisionError};

/// What reads images: a loaded pipeline, or the reason why images cannot be read.
#[derive(Debug, Clone)]
pub struct Inference(Result<Loaded, Arc<str>>);

#[derive(Debug, Clone)]
struct Loaded {
    pipeline: Arc<Pipeline>,
    admission: Arc<Semaphore>,
}

impl Inference {
    /// Reads images with `pipeline`, `workers` at a time; further ones wait their turn.
    pub fn loaded(pipeline: Pipeline, workers: usize) -> Self {
        Self(Ok(Loaded {
            pipeline: Arc::new(pipeline),
            admission: Arc::new(Semaphore::new(workers.max(1))),
        }))
    }

    /// Reads no images and answers every attempt with `reason`, which should name the way out.
    pub fn unavailable(reason: impl Into<Arc<str>>) -> Self {
        Self(Err(reason.into()))
    }

    /// The loaded pipeline.
    ///
    /// # Errors
    /// [`EngineError::ModelUnavailable`] when there is none.
    pub fn pipeline(&self) -> Result<&Arc<Pipeline>, EngineError> {
        self.available().map(|loaded| &loaded.pipeline)
    }

    /// Runs `work` with the pipeline on a blocking thread.
    ///
    /// # Errors
    /// [`EngineError::ModelUnavailable`] when there is no pipeline; else what `work` returns.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Pipeline) -> Result<T, VisionError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let loaded = self.available()?;
        let permit = Arc::clone(&loaded.admission)
            .acquire_owned()
            .await
            .map_err(|closed| EngineError::Internal(Box::new(closed)))?;
        let pipeline = Arc::clone(&loaded.pipeline);
        blocking(move || {
            let outcome = work(&pipeline);
            drop(permit);
            outcome.map_err(EngineError::from)
        })
        .await
    }

    fn available(&self) -> Result<&Loaded, EngineError> {
        self.0.as_ref().map_err(|reason| EngineError::ModelUnavailable(reason.to_string()))
    }
}

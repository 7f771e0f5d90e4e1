//! The ONNX Runtime library: loaded once per process from a given path, never searched for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ort::environment::Environment;
use ort::logging::LogLevel;
use parking_lot::Mutex;

use super::session::SessionPool;
use super::{OnnxError, error::Cause};

/// The library allows one environment per process and cannot be unloaded, so the first one is kept
/// here for good.
static LOADED: Mutex<Option<OnnxRuntime>> = Mutex::new(None);

/// A loaded ONNX Runtime; cheap to clone.
#[derive(Clone, Debug)]
pub struct OnnxRuntime {
    library: Arc<Path>,
    environment: Environment,
}

impl OnnxRuntime {
    /// Loads the library at `library` and starts the runtime.
    ///
    /// A process holds one runtime: once a load has succeeded, later calls return that same runtime
    /// whatever path they name ([`library`](Self::library) tells which). A failed load may be tried
    /// again with another path.
    ///
    /// # Errors
    ///
    /// [`OnnxError::Load`] if the file is missing, is no ONNX Runtime or is older than 1.17;
    /// [`OnnxError::Start`] if the runtime refuses to start.
    pub fn load(library: &Path) -> Result<Self, OnnxError> {
        let mut loaded = LOADED.lock();
        if let Some(runtime) = loaded.as_ref() {
            return Ok(runtime.clone());
        }
        let library = checked_path(library)?;
        let builder = ort::init_from(&library).map_err(|source| OnnxError::Load {
            library: library.clone(),
            source: source.into(),
        })?;
        let environment = builder
            .with_name("likeness")
            .with_telemetry(false)
            .with_logger(Arc::new(forward_log))
            .build()
            .map_err(|source| OnnxError::Start { source: source.into() })?;
        environment.set_log_level(LogLevel::Error);
        let runtime = Self { library: library.into(), environment };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// The path the library was loaded from.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// Opens `sessions` independent sessions on one model, each computing on the calling thread
    /// only.
    ///
    /// # Errors
    ///
    /// [`OnnxError::Model`] if the file is no model the runtime can execute, [`OnnxError::Inputs`]
    /// if it does not take exactly one input, [`OnnxError::EmptyPool`] if `sessions` is zero.
    pub fn session_pool(&self, model: &Path, sessions: usize) -> Result<SessionPool, OnnxError> {
        SessionPool::open(&self.environment, model, sessions)
    }
}

/// The absolute path of an existing file.
///
/// The binding resolves relative paths against the executable's folder, and the loader searches
/// system folders for bare names; both would load something else than what was asked for.
fn checked_path(library: &Path) -> Result<PathBuf, OnnxError> {
    let refuse = |source: Cause| OnnxError::Load { library: library.to_owned(), source };
    let absolute = std::path::absolute(library).map_err(|error| refuse(error.into()))?;
    let metadata = std::fs::metadata(&absolute).map_err(|error| refuse(error.into()))?;
    if metadata.is_file() { Ok(absolute) } else { Err(refuse("it is not a file".into())) }
}

/// Hands the runtime's messages to this process's log instead of its standard error.
fn forward_log(level: LogLevel, _category: &str, _id: &str, location: &str, message: &str) {
    match level {
        LogLevel::Fatal | LogLevel::Error => tracing::error!(location, "ONNX Runtime: {message}"),
        LogLevel::Warning => tracing::warn!(location, "ONNX Runtime: {message}"),
        LogLevel::Info | LogLevel::Verbose => tracing::trace!(location, "ONNX Runtime: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    #[test]
    fn a_missing_library_is_an_error_that_names_the_path() {
        let missing = Path::new("no-such-folder/libonnxruntime.so");
        let error = OnnxRuntime::load(missing).expect_err("nothing is there");
        assert!(error.to_string().contains("no-such-folder"), "{error}");
        assert!(error.source().is_some(), "{error:?}");
    }

    #[test]
    fn a_file_that_is_no_library_is_an_error_and_not_a_panic() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), b"not a library").expect("writable");
        let error = OnnxRuntime::load(file.path()).expect_err("not a library");
        assert!(matches!(error, OnnxError::Load { .. }), "{error:?}");
    }
}

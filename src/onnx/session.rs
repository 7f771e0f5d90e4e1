//! A pool of sessions on one model: callers block until a session is free, then compute on their
//! own thread.

use std::fmt;
use std::path::{Path, PathBuf};

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::Value;
use parking_lot::{Condvar, Mutex};

use super::{OnnxError, Outputs, Tensor};

/// A fixed number of sessions on one model with a single input.
///
/// Each session computes on the thread that calls [`run`](Self::run); several callers run at the
/// same time, up to the number of sessions.
pub struct SessionPool {
    model: PathBuf,
    input_shape: Vec<Option<usize>>,
    output_names: Vec<String>,
    idle: Mutex<Vec<Session>>,
    returned: Condvar,
}

impl SessionPool {
    pub(super) fn open(
        environment: &Environment,
        model: &Path,
        sessions: usize,
    ) -> Result<Self, OnnxError> {
        let refuse = |source: ort::Error| OnnxError::Model {
            model: model.to_owned(),
            source: source.into(),
        };
        let idle = (0..sessions)
            .map(|_| open_session(environment, model).map_err(refuse))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(first) = idle.first() else {
            return Err(OnnxError::EmptyPool { model: model.to_owned() });
        };
        let [input] = first.inputs() else {
            let inputs = first.inputs().iter().map(|input| input.name().to_owned()).collect();
            return Err(OnnxError::Inputs { model: model.to_owned(), inputs });
        };
        let input_shape = input.dtype().tensor_shape().map_or_else(Vec::new, |shape| {
            shape.iter().map(|&dim| usize::try_from(dim).ok()).collect()
        });
        let output_names = first.outputs().iter().map(|output| output.name().to_owned()).collect();
        Ok(Self {
            model: model.to_owned(),
            input_shape,
            output_names,
            idle: Mutex::new(idle),
            returned: Condvar::new(),
        })
    }

    /// The model's file.
    pub fn model(&self) -> &Path {
        &self.model
    }

    /// The input's declared shape; `None` where the model accepts any extent.
    pub fn input_shape(&self) -> &[Option<usize>] {
        &self.input_shape
    }

    /// The outputs' names in the model's order.
    pub fn output_names(&self) -> &[String] {
        &self.output_names
    }

    /// Runs the model on `input`; blocks while all sessions are busy, then for the computation
    /// itself.
    ///
    /// # Errors
    ///
    /// [`OnnxError::Shape`] if the tensor contradicts itself, [`OnnxError::Run`] if the model
    /// refuses it or yields anything but `f32` tensors.
    pub fn run(&self, input: Tensor) -> Result<Outputs, OnnxError> {
        input.check()?;
        self.checkout()
            .run(input)
            .map_err(|source| OnnxError::Run { model: self.model.clone(), source: source.into() })
    }

    fn checkout(&self) -> Checkout<'_> {
        let mut idle = self.idle.lock();
        loop {
            if let Some(session) = idle.pop() {
                return Checkout { pool: self, session: Some(session) };
            }
            self.returned.wait(&mut idle);
        }
    }
}

impl fmt::Debug for SessionPool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SessionPool")
            .field("model", &self.model)
            .field("input_shape", &self.input_shape)
            .field("output_names", &self.output_names)
            .finish_non_exhaustive()
    }
}

/// A session on loan; it goes back to the pool when dropped, also while unwinding.
struct Checkout<'a> {
    pool: &'a SessionPool,
    session: Option<Session>,
}

impl Checkout<'_> {
    fn run(&mut self, input: Tensor) -> Result<Outputs, ort::Error> {
        let session = self.session.as_mut().expect("held until dropped");
        let value = Value::from_array((input.shape, input.data))?;
        let outputs = session.run(ort::inputs![value])?;
        let mut named = Vec::with_capacity(outputs.len());
        for (name, value) in &outputs {
            let (shape, data) = value.try_extract_tensor::<f32>()?;
            let shape = shape.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect();
            named.push((name.to_owned(), Tensor { shape, data: data.to_vec() }));
        }
        Ok(Outputs::new(named))
    }
}

impl Drop for Checkout<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.pool.idle.lock().push(session);
            self.pool.returned.notify_one();
        }
    }
}

fn open_session(environment: &Environment, model: &Path) -> Result<Session, ort::Error> {
    Session::builder(environment)?
        .with_log_level(LogLevel::Error)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .commit_from_file(model)
}

//! ONNX Runtime behind a small, blocking interface, and the ONNX protobuf messages this project
//! writes.
//!
//! Nothing outside this folder names the `ort` crate. The library itself is not linked: it is
//! loaded from a path at run time, so a server without it still starts and only the image functions
//! are missing.

mod error;
pub mod proto;
mod runtime;
mod session;
mod tensor;

pub use error::OnnxError;
pub use runtime::OnnxRuntime;
pub use session::SessionPool;
pub use tensor::{Outputs, Tensor};

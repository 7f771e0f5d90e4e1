//! Checked access to the tensors of detectors, which are laid out over a grid of image cells.

use super::super::error::ModelError;
use crate::onnx::{Outputs, Tensor};

/// The output of this name, holding `values` numbers per cell for `cells` cells.
pub(super) fn output<'a>(
    outputs: &'a Outputs,
    name: &str,
    cells: usize,
    values: usize,
) -> Result<&'a [f32], ModelError> {
    let tensor = outputs.get(name)?;
    sized(name, tensor, cells, values)
}

/// The numbers of a tensor that must hold `values` per cell for `cells` cells.
pub(super) fn sized<'a>(
    name: &str,
    tensor: &'a Tensor,
    cells: usize,
    values: usize,
) -> Result<&'a [f32], ModelError> {
    if tensor.data.len() == cells * values {
        return Ok(&tensor.data);
    }
    Err(ModelError::Shape {
        output: name.to_owned(),
        shape: tensor.shape.clone(),
        expected: "a fixed count of numbers for each cell of the input",
    })
}

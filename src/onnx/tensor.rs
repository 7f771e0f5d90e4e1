//! Dense `f32` tensors going into a model, and the named tensors coming out of it.

use super::OnnxError;

/// A dense, row-major `f32` tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Extent of each dimension, outermost first; images are `[N, C, H, W]`.
    pub shape: Vec<usize>,
    /// The values, the last dimension varying fastest.
    pub data: Vec<f32>,
}

impl Tensor {
    /// Joins a shape and its values.
    ///
    /// # Errors
    ///
    /// [`OnnxError::Shape`] if the shape does not multiply up to the number of values.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Result<Self, OnnxError> {
        let tensor = Self { shape, data };
        tensor.check()?;
        Ok(tensor)
    }

    /// Confirms that shape and values agree; the fields are public, so this is asked again before
    /// each run.
    pub(super) fn check(&self) -> Result<(), OnnxError> {
        let expected =
            self.shape.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim));
        if expected == Some(self.data.len()) {
            Ok(())
        } else {
            Err(OnnxError::Shape { shape: self.shape.clone(), values: self.data.len() })
        }
    }
}

/// The named outputs of one inference, in the model's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs(Vec<(String, Tensor)>);

impl Outputs {
    /// Collects named tensors in the model's order.
    pub fn new(named: Vec<(String, Tensor)>) -> Self {
        Self(named)
    }

    /// The output of this name.
    ///
    /// # Errors
    ///
    /// [`OnnxError::NoSuchOutput`], which lists the names there are.
    pub fn get(&self, name: &str) -> Result<&Tensor, OnnxError> {
        let found = self.0.iter().find(|(candidate, _)| candidate == name);
        found.map(|(_, tensor)| tensor).ok_or_else(|| OnnxError::NoSuchOutput {
            name: name.to_owned(),
            available: self.0.iter().map(|(name, _)| name.clone()).collect(),
        })
    }

    /// The model's first output; what a model with a single output is asked for.
    ///
    /// # Errors
    ///
    /// [`OnnxError::NoSuchOutput`] if the model has no output at all.
    pub fn first(&self) -> Result<&Tensor, OnnxError> {
        self.0.first().map(|(_, tensor)| tensor).ok_or_else(|| OnnxError::NoSuchOutput {
            name: "number 0".to_owned(),
            available: Vec::new(),
        })
    }

    /// Names and tensors in the model's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_that_does_not_fit_its_values_is_refused() {
        assert!(Tensor::new(vec![2, 3], vec![0.0; 6]).is_ok());
        let refused = Tensor::new(vec![2, 3], vec![0.0; 5]);
        assert!(matches!(refused, Err(OnnxError::Shape { values: 5, .. })), "{refused:?}");
        let overflowing = Tensor::new(vec![usize::MAX, 2], Vec::new());
        assert!(matches!(overflowing, Err(OnnxError::Shape { values: 0, .. })), "{overflowing:?}");
    }

    #[test]
    fn a_missing_output_is_named_together_with_those_there_are() {
        let tensor = Tensor { shape: vec![1], data: vec![1.5] };
        let outputs = Outputs::new(vec![("537".into(), tensor.clone()), ("538".into(), tensor)]);
        assert_eq!(outputs.get("538").map(|tensor| tensor.data[0]).ok(), Some(1.5));
        let message = outputs.get("boxes").expect_err("there is no such output").to_string();
        assert_eq!(message, "the model has no output boxes, only 537, 538");
    }
}

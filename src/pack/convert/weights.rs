//! Weights in the TensorFlow.js layout: a JSON manifest beside one file of concatenated, partly
//! 8-bit weights.

use std::collections::HashMap;

use serde::Deserialize;

use super::ConvertError;

/// A weight with its values as floats, in the manifest's dimension order.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTensor {
    /// Extents, outermost first.
    pub shape: Vec<usize>,
    /// Values, the last dimension varying fastest.
    pub data: Vec<f32>,
}

/// All weights of a network by name.
#[derive(Clone, Debug, Default)]
pub struct WeightSet(HashMap<String, WeightTensor>);

#[derive(Deserialize)]
struct Group {
    weights: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    dtype: String,
    quantization: Option<Quantization>,
}

#[derive(Deserialize)]
struct Quantization {
    dtype: String,
    scale: f32,
    min: f32,
}

impl WeightSet {
    /// Reads a manifest and the weights it describes, which lie back to back in the manifest's
    /// order.
    ///
    /// # Errors
    ///
    /// [`ConvertError::Manifest`] for JSON of another form, [`ConvertError::Coding`] for anything
    /// but `float32` and 8-bit linear quantisation, [`ConvertError::Length`] if manifest and file
    /// do not end together.
    pub fn parse(manifest: &[u8], weights: &[u8]) -> Result<Self, ConvertError> {
        let groups: Vec<Group> =
            serde_json::from_slice(manifest).map_err(ConvertError::Manifest)?;
        let mut set = HashMap::new();
        let mut rest = weights;
        for entry in groups.into_iter().flat_map(|group| group.weights) {
            let data = entry.read(&mut rest, weights.len())?;
            set.insert(entry.name, WeightTensor { shape: entry.shape, data });
        }
        if rest.is_empty() {
            Ok(Self(set))
        } else {
            let needed = weights.len() - rest.len();
            Err(ConvertError::Length { needed, actual: weights.len() })
        }
    }

    /// The weight of this name.
    ///
    /// # Errors
    ///
    /// [`ConvertError::MissingWeight`].
    pub fn get(&self, name: &str) -> Result<&WeightTensor, ConvertError> {
        self.0.get(name).ok_or_else(|| ConvertError::MissingWeight { name: name.to_owned() })
    }

    /// A weight that is a list of `length` values.
    ///
    /// # Errors
    ///
    /// [`ConvertError::MissingWeight`], [`ConvertError::WeightShape`].
    pub fn list(&self, name: &str, length: usize) -> Result<&[f32], ConvertError> {
        let weight = self.get(name)?;
        if weight.shape == [length] {
            Ok(&weight.data)
        } else {
            Err(weight.misshapen(name, format!("[{length}]")))
        }
    }

    /// The number of weights.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no weight at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl WeightTensor {
    /// The error for this weight not having the shape described by `expected`.
    pub(super) fn misshapen(&self, name: &str, expected: String) -> ConvertError {
        ConvertError::WeightShape { name: name.to_owned(), actual: self.shape.clone(), expected }
    }
}

impl Entry {
    /// Takes this weight's bytes off the front of `rest`; `total` is the file's length, for the
    /// error.
    fn read(&self, rest: &mut &[u8], total: usize) -> Result<Vec<f32>, ConvertError> {
        let width = match &self.quantization {
            None if self.dtype == "float32" => 4,
            Some(quantization) if quantization.dtype == "uint8" => 1,
            other => {
                let dtype = other.as_ref().map_or(&self.dtype, |quantization| &quantization.dtype);
                return Err(ConvertError::Coding { name: self.name.clone(), dtype: dtype.clone() });
            }
        };
        let bytes =
            self.shape.iter().try_fold(width, |product: usize, &dim| product.checked_mul(dim));
        let consumed = total - rest.len();
        let split = bytes.and_then(|bytes| rest.split_at_checked(bytes));
        let Some((mine, others)) = split else {
            let needed = consumed.saturating_add(bytes.unwrap_or(usize::MAX));
            return Err(ConvertError::Length { needed, actual: total });
        };
        *rest = others;
        Ok(if let Some(code) = &self.quantization {
            mine.iter().map(|&byte| f32::from(byte) * code.scale + code.min).collect()
        } else {
            let (floats, _) = mine.as_chunks::<4>();
            floats.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"[{"paths": ["w.bin"], "weights": [
        {"name": "a", "shape": [2], "dtype": "float32"},
        {"name": "b", "shape": [1, 3], "dtype": "float32",
         "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1.0}}]}]"#;

    fn bytes() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&1.5_f32.to_le_bytes());
        bytes.extend_from_slice(&(-2.0_f32).to_le_bytes());
        bytes.extend_from_slice(&[0, 2, 255]);
        bytes
    }

    #[test]
    fn eight_bit_weights_are_scaled_and_shifted_and_floats_are_taken_as_they_are() {
        let set = WeightSet::parse(MANIFEST.as_bytes(), &bytes()).expect("a valid set");
        assert_eq!(set.len(), 2);
        assert_eq!(set.list("a", 2).expect("a list"), [1.5, -2.0]);
        let quantised = set.get("b").expect("listed");
        assert_eq!(quantised.shape, [1, 3]);
        assert_eq!(quantised.data, [-1.0, 0.0, 126.5]);
    }

    #[test]
    fn a_file_that_is_too_short_or_too_long_is_refused() {
        let mut short = bytes();
        short.pop();
        let refused = WeightSet::parse(MANIFEST.as_bytes(), &short);
        assert!(
            matches!(refused, Err(ConvertError::Length { needed: 11, actual: 10 })),
            "{refused:?}"
        );
        let mut long = bytes();
        long.push(0);
        let refused = WeightSet::parse(MANIFEST.as_bytes(), &long);
        assert!(
            matches!(refused, Err(ConvertError::Length { needed: 11, actual: 12 })),
            "{refused:?}"
        );
    }

    #[test]
    fn a_shape_that_overflows_is_refused_instead_of_wrapping() {
        let manifest = MANIFEST.replace("[1, 3]", "[4294967296, 4294967296, 4]");
        let refused = WeightSet::parse(manifest.as_bytes(), &bytes());
        assert!(matches!(refused, Err(ConvertError::Length { .. })), "{refused:?}");
    }

    #[test]
    fn an_unknown_coding_is_refused_by_name() {
        let manifest = MANIFEST.replace("uint8", "float16");
        let error = WeightSet::parse(manifest.as_bytes(), &bytes()).expect_err("unknown coding");
        assert_eq!(error.to_string(), "weight b: float16 is not supported");
    }

    #[test]
    fn a_list_of_another_length_is_refused_by_name() {
        let set = WeightSet::parse(MANIFEST.as_bytes(), &bytes()).expect("a valid set");
        let error = set.list("a", 3).expect_err("it has two values");
        assert_eq!(error.to_string(), "weight a has shape [2], expected [3]");
        assert!(matches!(set.get("c"), Err(ConvertError::MissingWeight { .. })));
    }
}

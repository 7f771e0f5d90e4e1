//! dlib's face recognition network: from its TensorFlow.js copy to an ONNX model that yields unit
//! vectors.
//!
//! The network is a residual one with 29 convolutions, each followed by a learned scale and shift
//! that are folded into the convolution here. It was trained for Euclidean distance, while
//! everything behind it compares by cosine; the graph therefore ends by centring the descriptor and
//! lifting it onto the unit sphere, where cosine is an affine function of that distance.

use super::{ConvertError, GraphBuilder, WeightSet};
use crate::onnx::proto::{AttributeProto, ModelProto};

/// Rows and columns of the aligned face the network takes.
const INPUT_SIDE: usize = 150;
/// Mean of the training images, per colour (RGB).
const MEAN_COLOUR: [f32; 3] = [122.782, 117.001, 104.298];
/// Pixel values are divided by this after subtracting the mean.
const COLOUR_RANGE: f32 = 255.0;

/// The residual stages in order: a name and whether the stage halves the image.
const STAGES: [(&str, Stage); 14] = [
    ("conv32_1", Stage::Keep),
    ("conv32_2", Stage::Keep),
    ("conv32_3", Stage::Keep),
    ("conv64_down", Stage::Halve),
    ("conv64_1", Stage::Keep),
    ("conv64_2", Stage::Keep),
    ("conv64_3", Stage::Keep),
    ("conv128_down", Stage::Halve),
    ("conv128_1", Stage::Keep),
    ("conv128_2", Stage::Keep),
    ("conv256_down", Stage::Halve),
    ("conv256_1", Stage::Keep),
    ("conv256_2", Stage::Keep),
    ("conv256_down_out", Stage::Halve),
];

#[derive(Clone, Copy)]
enum Stage {
    Keep,
    Halve,
}

/// How raw descriptors are turned into unit vectors; part of the template's version, since
/// templates change with it.
#[derive(Clone, Copy, Debug)]
pub struct Lift<'a> {
    /// The mean descriptor, one value per dimension.
    pub centre: &'a [f32],
    /// Distances from the centre are divided by this, so that nearly all fall below 1.
    pub radius: f32,
}

impl Lift<'static> {
    /// The centre and radius of template version 1.
    pub const V1: Self = Self { centre: &CENTRE_V1, radius: 0.70 };
}

/// Mean over 71 identities of the identity's mean descriptor.
const CENTRE_V1: [f32; 128] = [
    -0.0834, 0.0904, 0.0663, -0.0428, -0.1027, -0.0030, -0.0341, -0.0856, 0.1464, -0.0786, 0.1940,
    -0.0323, -0.2410, -0.0235, -0.0171, 0.1333, -0.1624, -0.1206, -0.1041, -0.0766, 0.0129, 0.0500,
    0.0186, 0.0442, -0.1299, -0.3141, -0.0740, -0.0878, 0.0434, -0.0948, -0.0101, 0.0478, -0.1729,
    -0.0431, 0.0342, 0.0809, -0.0470, -0.0807, 0.1847, 0.0166, -0.1741, 0.0100, 0.0474, 0.2643,
    0.2008, 0.0260, 0.0266, -0.0784, 0.1136, -0.2634, 0.0603, 0.1561, 0.0881, 0.0727, 0.0834,
    -0.1568, 0.0189, 0.1298, -0.1786, 0.0682, 0.0698, -0.0713, -0.0147, -0.0592, 0.2028, 0.0910,
    -0.1152, -0.1456, 0.1584, -0.1539, -0.0569, 0.0844, -0.1092, -0.1686, -0.2786, 0.0365, 0.4005,
    0.1359, -0.1705, 0.0240, -0.0739, -0.0305, 0.0480, 0.0831, -0.0567, -0.0318, -0.0871, 0.0286,
    0.2090, -0.0149, -0.0192, 0.2250, 0.0064, -0.0102, 0.0290, 0.0483, -0.1158, -0.0157, -0.1182,
    -0.0197, 0.0169, -0.0789, -0.0034, 0.1079, -0.1842, 0.1651, -0.0210, -0.0283, -0.0134, -0.0244,
    -0.0937, -0.0077, 0.1787, -0.2709, 0.1844, 0.1695, 0.0326, 0.1345, 0.0550, 0.0698, -0.0003,
    -0.0244, -0.1558, -0.0828, 0.0319, -0.0460, 0.0248, 0.0349,
];

/// Writes the model: input `input` `[N, 3, 150, 150]`, RGB 0..255; output `embedding` `[N, D + 1]`,
/// unit vectors, where `D` is the number of raw dimensions (128 in the distributed network).
///
/// # Errors
///
/// [`ConvertError`] naming the weight that is missing or has an unexpected shape.
pub fn embedder(weights: &WeightSet, lift: Lift<'_>) -> Result<ModelProto, ConvertError> {
    let mut network = Network { graph: GraphBuilder::new("dlib_face_recognition"), weights };
    let image = network.normalised_input();
    let stem =
        network.layer(&image, "conv32_down", Convolution { stride: 2, pad: 0, relu: true })?;
    let mut map = network.pool("MaxPool", "pool", &stem, 3)?;
    for (name, stage) in STAGES {
        map = match stage {
            Stage::Keep => network.keep(&map, name)?,
            Stage::Halve => network.halve(&map, name)?,
        };
    }
    let raw = network.descriptor(&map, lift.centre.len())?;
    let embedding = lifted(&mut network.graph, &raw, lift);
    let dims = [None, Some(lift.centre.len() + 1)];
    Ok(network.graph.finish(
        &embedding,
        &dims,
        "dlib ResNet-29 face descriptor, centred and lifted",
    ))
}

/// A value of the graph that is an image: `[N, channels, size, size]`.
struct Map {
    value: String,
    channels: usize,
    size: usize,
}

impl Map {
    /// The error for this image not suiting a stage.
    fn refused_by(&self, stage: &str) -> ConvertError {
        ConvertError::Stage { stage: stage.to_owned(), channels: self.channels, size: self.size }
    }
}

#[derive(Clone, Copy)]
struct Convolution {
    stride: usize,
    pad: usize,
    relu: bool,
}

struct Network<'a> {
    graph: GraphBuilder,
    weights: &'a WeightSet,
}

impl Network<'_> {
    /// The input image with the mean colour subtracted, scaled to about -0.5..0.5.
    fn normalised_input(&mut self) -> Map {
        let dims = [None, Some(3), Some(INPUT_SIDE), Some(INPUT_SIDE)];
        let input = self.graph.input("input", &dims);
        let mean = self.graph.floats("mean_colour", &[1, 3, 1, 1], &MEAN_COLOUR);
        let range = self.graph.floats("colour_range", &[], &[COLOUR_RANGE]);
        let centred = self.graph.node("Sub", "centred_colour", &[&input, &mean], Vec::new());
        let value = self.graph.node("Div", "scaled_colour", &[&centred, &range], Vec::new());
        Map { value, channels: 3, size: INPUT_SIDE }
    }

    /// A convolution with its learned scale and shift folded in.
    fn layer(
        &mut self,
        map: &Map,
        prefix: &str,
        convolution: Convolution,
    ) -> Result<Map, ConvertError> {
        let name = format!("{prefix}/conv/filters");
        let filters = self.weights.get(&name)?;
        let &[side, columns, inputs, outputs] = filters.shape.as_slice() else {
            return Err(filters.misshapen(&name, "four dimensions".to_owned()));
        };
        if side != columns || side == 0 || inputs != map.channels {
            let expected = format!("[k, k, {}, n]", map.channels);
            return Err(filters.misshapen(&name, expected));
        }
        let padded = map.size + 2 * convolution.pad;
        let Some(travel) = padded.checked_sub(side) else {
            return Err(map.refused_by(prefix));
        };
        let bias = self.weights.list(&format!("{prefix}/conv/bias"), outputs)?;
        let scale = self.weights.list(&format!("{prefix}/scale/weights"), outputs)?;
        let shift = self.weights.list(&format!("{prefix}/scale/biases"), outputs)?;
        let kernel = folded_kernel(&filters.data, side, inputs, scale);
        let offsets: Vec<f32> =
            bias.iter().zip(scale).zip(shift).map(|((b, s), t)| b * s + t).collect();
        let kernel =
            self.graph.floats(&format!("{prefix}/kernel"), &[outputs, inputs, side, side], &kernel);
        let offsets = self.graph.floats(&format!("{prefix}/offset"), &[outputs], &offsets);
        let attributes = window(side, convolution.stride, convolution.pad);
        let inputs = [map.value.as_str(), &kernel, &offsets];
        let mut value = self.graph.node("Conv", &format!("{prefix}/conv"), &inputs, attributes);
        if convolution.relu {
            value = self.graph.node("Relu", &format!("{prefix}/relu"), &[&value], Vec::new());
        }
        Ok(Map { value, channels: outputs, size: travel / convolution.stride + 1 })
    }

    /// A pooling window moved by two.
    fn pool(
        &mut self,
        operator: &str,
        name: &str,
        map: &Map,
        side: usize,
    ) -> Result<Map, ConvertError> {
        let travel = map.size.checked_sub(side).ok_or_else(|| map.refused_by(name))?;
        let value = self.graph.node(operator, name, &[&map.value], window(side, 2, 0));
        Ok(Map { value, channels: map.channels, size: travel / 2 + 1 })
    }

    /// A residual stage that keeps the image's size: `relu(f(x) + x)`.
    fn keep(&mut self, map: &Map, name: &str) -> Result<Map, ConvertError> {
        let first = Convolution { stride: 1, pad: 1, relu: true };
        let inner = self.layer(map, &format!("{name}/conv1"), first)?;
        let second = Convolution { relu: false, ..first };
        let residual = self.layer(&inner, &format!("{name}/conv2"), second)?;
        if residual.channels != map.channels || residual.size != map.size {
            return Err(map.refused_by(name));
        }
        Ok(self.joined(name, &residual, &map.value))
    }

    /// A residual stage that halves the image: `relu(f(x) + average(x))`, the smaller of the two
    /// padded with zeros.
    fn halve(&mut self, map: &Map, name: &str) -> Result<Map, ConvertError> {
        let first = Convolution { stride: 2, pad: 0, relu: true };
        let inner = self.layer(map, &format!("{name}/conv1"), first)?;
        let second = Convolution { stride: 1, pad: 1, relu: false };
        let residual = self.layer(&inner, &format!("{name}/conv2"), second)?;
        let average = self.pool("AveragePool", &format!("{name}/average"), map, 2)?;
        let channels = residual.channels.checked_sub(average.channels);
        let pixels = average.size.checked_sub(residual.size);
        let (Some(channels), Some(pixels)) = (channels, pixels) else {
            return Err(map.refused_by(name));
        };
        let shortcut = self.zero_padded(&format!("{name}/deepen"), average, channels, 0);
        let residual = self.zero_padded(&format!("{name}/widen"), residual, 0, pixels);
        Ok(self.joined(name, &residual, &shortcut.value))
    }

    /// Adds zeros behind the last channel, and below and to the right of the image.
    fn zero_padded(&mut self, name: &str, map: Map, channels: usize, pixels: usize) -> Map {
        if channels == 0 && pixels == 0 {
            return map;
        }
        let (deeper, wider) = (as_attribute(channels), as_attribute(pixels));
        let pads =
            self.graph.integers(&format!("{name}/pads"), &[0, 0, 0, 0, 0, deeper, wider, wider]);
        let value = self.graph.node("Pad", name, &[&map.value, &pads], Vec::new());
        Map { value, channels: map.channels + channels, size: map.size + pixels }
    }

    /// `relu(residual + shortcut)`.
    fn joined(&mut self, name: &str, residual: &Map, shortcut: &str) -> Map {
        let sum = self.graph.node(
            "Add",
            &format!("{name}/sum"),
            &[&residual.value, shortcut],
            Vec::new(),
        );
        let value = self.graph.node("Relu", name, &[&sum], Vec::new());
        Map { value, channels: residual.channels, size: residual.size }
    }

    /// Averages each channel and multiplies by the final matrix: the raw descriptor `[N,
    /// dimensions]`.
    fn descriptor(&mut self, map: &Map, dimensions: usize) -> Result<String, ConvertError> {
        let matrix = self.weights.get("fc")?;
        if matrix.shape != [map.channels, dimensions] {
            return Err(matrix.misshapen("fc", format!("[{}, {dimensions}]", map.channels)));
        }
        let matrix = self.graph.floats("fc", &matrix.shape, &matrix.data);
        let average = self.graph.node("GlobalAveragePool", "average", &[&map.value], Vec::new());
        let flat =
            self.graph.node("Flatten", "flat", &[&average], vec![AttributeProto::int("axis", 1)]);
        Ok(self.graph.node("MatMul", "descriptor", &[&flat, &matrix], Vec::new()))
    }
}

/// `t / |t|` with `t = [c, sqrt(max(0, 1 - |c|^2))]` and `c = (raw - centre) / radius`.
fn lifted(graph: &mut GraphBuilder, raw: &str, lift: Lift<'_>) -> String {
    let centre = graph.floats("centre", &[1, lift.centre.len()], lift.centre);
    let inverse_radius = graph.floats("inverse_radius", &[], &[1.0 / lift.radius]);
    let one = graph.floats("one", &[], &[1.0]);
    let axes = graph.integers("vector_axis", &[1]);
    let offset = graph.node("Sub", "offset_from_centre", &[raw, &centre], Vec::new());
    let centred = graph.node("Mul", "centred", &[&offset, &inverse_radius], Vec::new());
    let square = graph.node("Mul", "square", &[&centred, &centred], Vec::new());
    let energy = graph.node("ReduceSum", "energy", &[&square, &axes], Vec::new());
    let room = graph.node("Sub", "room", &[&one, &energy], Vec::new());
    let room = graph.node("Relu", "room_at_least_zero", &[&room], Vec::new());
    let height = graph.node("Sqrt", "height", &[&room], Vec::new());
    let axis = vec![AttributeProto::int("axis", 1)];
    let raised = graph.node("Concat", "raised", &[&centred, &height], axis);
    let square = graph.node("Mul", "raised_square", &[&raised, &raised], Vec::new());
    let energy = graph.node("ReduceSum", "raised_energy", &[&square, &axes], Vec::new());
    let norm = graph.node("Sqrt", "norm", &[&energy], Vec::new());
    graph.node("Div", "embedding", &[&raised, &norm], Vec::new())
}

/// Filters `[row, column, input, output]` as a kernel `[output, input, row, column]`, each output
/// times its scale.
fn folded_kernel(filters: &[f32], side: usize, inputs: usize, scale: &[f32]) -> Vec<f32> {
    let outputs = scale.len();
    let mut kernel = Vec::with_capacity(filters.len());
    for (output, factor) in scale.iter().enumerate() {
        for input in 0..inputs {
            for position in 0..side * side {
                kernel.push(filters[(position * inputs + input) * outputs + output] * factor);
            }
        }
    }
    kernel
}

/// The attributes of a square window.
fn window(side: usize, stride: usize, pad: usize) -> Vec<AttributeProto> {
    let (side, stride, pad) = (as_attribute(side), as_attribute(stride), as_attribute(pad));
    vec![
        AttributeProto::ints("kernel_shape", &[side, side]),
        AttributeProto::ints("strides", &[stride, stride]),
        AttributeProto::ints("pads", &[pad; 4]),
    ]
}

/// A count as the format's integer type; counts here stay far below its limit.
fn as_attribute(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

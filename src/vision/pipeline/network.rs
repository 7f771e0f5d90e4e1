//! Small ONNX networks with the inputs, outputs and conventions of real detectors and embedders.
//!
//! The detectors see a face wherever a square of 8 x 8 pixels, aligned to 8, is red: 32 pixels wide
//! and 40 high, or twice that where the square is also green. One strided convolution per output
//! suffices for that, since its weights can average one colour over a cell.

use std::f32::consts::LN_2;

use crate::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    ValueInfoProto,
};

/// Width and height of the face that a red square stands for.
pub(super) const FACE: [f32; 2] = [32.0, 40.0];

/// Where the five points lie in the face's box, as fractions of its sides, before turning.
const POINTS: [[f32; 2]; 5] = [[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.75], [0.65, 0.75]];

const RED: usize = 0;
const GREEN: usize = 1;

/// One number per cell: `gain` times the mean of a colour (0..=1) plus `bias`.
#[derive(Clone, Copy)]
struct Plane {
    colour: usize,
    gain: f32,
    bias: f32,
}

/// How the colours reach the network: `[r, g, b]` positions, and the map from input to 0..=1.
#[derive(Clone, Copy)]
struct Colours {
    order: [usize; 3],
    gain: f32,
    bias: f32,
}

impl Plane {
    const SCORE: Self = Self { colour: RED, gain: 1.0, bias: 0.0 };

    fn constant(bias: f32) -> Self {
        Self { colour: RED, gain: 0.0, bias }
    }

    /// Doubles where the square is green.
    fn doubling(value: f32) -> Self {
        Self { colour: GREEN, gain: value, bias: value }
    }

    /// The logarithm of what doubles where the square is green.
    fn log_doubling(value: f32) -> Self {
        Self { colour: GREEN, gain: LN_2, bias: value.ln() }
    }
}

/// CenterFace whose faces are all turned by `roll` (radians, clockwise).
pub(super) fn centerface(roll: f32) -> Vec<u8> {
    let raw = Colours { order: [0, 1, 2], gain: 1.0 / 255.0, bias: 0.0 };
    let mut network = Network::new(raw, "input.1", [None, None]);
    let [width, height] = FACE;
    let points = turned(roll).map(|[x, y]| [Plane::constant(y + 0.5), Plane::constant(x + 0.5)]);
    network.planes("537", 4, &[Plane::SCORE]);
    let size = [Plane::log_doubling(height / 4.0), Plane::log_doubling(width / 4.0)];
    network.planes("538", 4, &size);
    network.planes("539", 4, &[Plane::constant(0.0); 2]);
    network.planes("540", 4, points.as_flattened());
    network.encode()
}

/// YuNet, for inputs of one size (height, width) only where one is given.
pub(super) fn yunet(size: [Option<usize>; 2]) -> Vec<u8> {
    let raw = Colours { order: [2, 1, 0], gain: 1.0 / 255.0, bias: 0.0 };
    let mut network = Network::new(raw, "input", size);
    for stride in [8, 16, 32] {
        let scale = f32::from(stride);
        let [width, height] = FACE.map(|side| Plane::log_doubling(side / scale));
        let half = Plane::constant(0.5);
        let points = turned(0.0).map(|[x, y]| {
            let around_middle = |offset: f32, side: f32| {
                let Plane { colour, gain, bias } = Plane::doubling(offset * side / scale);
                Plane { colour, gain, bias: bias + 0.5 }
            };
            [around_middle(x, FACE[0]), around_middle(y, FACE[1])]
        });
        network.cells(&format!("cls_{stride}"), stride, &[Plane::SCORE], &[1, -1, 1]);
        network.cells(&format!("obj_{stride}"), stride, &[Plane::SCORE], &[1, -1, 1]);
        network.cells(&format!("bbox_{stride}"), stride, &[half, half, width, height], &[1, -1, 4]);
        network.cells(&format!("kps_{stride}"), stride, points.as_flattened(), &[1, -1, 10]);
    }
    network.encode()
}

/// SCRFD with key points; the first of the two anchors never fires.
pub(super) fn scrfd() -> Vec<u8> {
    let centred = Colours { order: [0, 1, 2], gain: 128.0 / 255.0, bias: 0.5 };
    let mut network = Network::new(centred, "input.1", [None, None]);
    for (position, stride) in [8, 16, 32].into_iter().enumerate() {
        let scale = f32::from(stride);
        // Anchors are cell corners; the middle of an 8-pixel square lies 4 pixels further.
        let from_corner = |offset: f32| {
            let Plane { colour, gain, bias } = Plane::doubling(offset / scale);
            Plane { colour, gain, bias: bias + 4.0 / scale }
        };
        let [left, top] = FACE.map(|side| {
            let Plane { colour, gain, bias } = Plane::doubling(side / 2.0 / scale);
            Plane { colour, gain, bias: bias - 4.0 / scale }
        });
        let [right, bottom] = FACE.map(|side| from_corner(side / 2.0));
        let points = turned(0.0).map(|[x, y]| [from_corner(x * FACE[0]), from_corner(y * FACE[1])]);
        let scores = [Plane::constant(0.0), Plane::SCORE];
        network.cells(&format!("{}", 443 + position), stride, &scores, &[-1, 1]);
        let edges = [left, top, right, bottom].repeat(2);
        network.cells(&format!("{}", 446 + position), stride, &edges, &[-1, 4]);
        let points = points.as_flattened().repeat(2);
        network.cells(&format!("{}", 449 + position), stride, &points, &[-1, 10]);
    }
    network.encode()
}

/// An embedder for square chips: the mean of each input plane, then ones, `dimensions` in all.
pub(super) fn embedder(side: usize, dimensions: usize) -> Vec<u8> {
    let plain = Colours { order: [0, 1, 2], gain: 1.0, bias: 0.0 };
    let mut network = Network::new(plain, "input", [Some(side), Some(side)]);
    let weights: Vec<f32> =
        (0..3 * dimensions).map(|at| f32::from(at / dimensions == at % dimensions)).collect();
    let ones: Vec<f32> = (0..dimensions).map(|at| f32::from(at >= 3)).collect();
    network.constant(TensorProto::floats("weights", &[3, dimensions], &weights));
    network.constant(TensorProto::floats("ones", &[dimensions], &ones));
    network.node("GlobalAveragePool", &["input"], "mean", Vec::new());
    network.node("Flatten", &["mean"], "flat", Vec::new());
    network.node("Gemm", &["flat", "weights", "ones"], "embedding", Vec::new());
    network.output("embedding", &[None, Some(dimensions)]);
    network.encode()
}

/// The five points relative to the middle of the box, turned clockwise in units of its sides.
fn turned(roll: f32) -> [[f32; 2]; 5] {
    let (sin, cos) = roll.sin_cos();
    POINTS.map(|[x, y]| {
        let (right, down) = ((x - 0.5) * FACE[0], (y - 0.5) * FACE[1]);
        [(cos * right - sin * down) / FACE[0], (sin * right + cos * down) / FACE[1]]
    })
}

/// A graph under construction.
struct Network {
    colours: Colours,
    input: String,
    graph: GraphProto,
}

impl Network {
    fn new(colours: Colours, input: &str, [height, width]: [Option<usize>; 2]) -> Self {
        let mut graph = GraphProto { name: "test".to_owned(), ..GraphProto::default() };
        graph.input.push(ValueInfoProto::floats(input, &[Some(1), Some(3), height, width]));
        Self { colours, input: input.to_owned(), graph }
    }

    /// An output `[1, planes, rows, columns]` with one cell per `stride` pixels.
    fn planes(&mut self, name: &str, stride: u16, planes: &[Plane]) {
        self.convolution(name, stride, planes);
        self.output(name, &[Some(1), Some(planes.len()), None, None]);
    }

    /// The same numbers cell by cell, in this shape.
    fn cells(&mut self, name: &str, stride: u16, planes: &[Plane], shape: &[i64]) {
        let [grid, rows, target] = ["grid", "rows", "shape"].map(|part| format!("{name}.{part}"));
        self.convolution(&grid, stride, planes);
        let order = vec![AttributeProto::ints("perm", &[0, 2, 3, 1])];
        self.node("Transpose", &[&grid], &rows, order);
        self.constant(TensorProto::integers(&target, shape));
        self.node("Reshape", &[&rows, &target], name, Vec::new());
        let dims: Vec<_> = shape.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        self.output(name, &dims);
    }

    fn convolution(&mut self, name: &str, stride: u16, planes: &[Plane]) {
        let side = usize::from(stride);
        let cell = side * side;
        let mut weights = vec![0.0; planes.len() * 3 * cell];
        let mut biases = Vec::new();
        for (plane, kernel) in planes.iter().zip(weights.chunks_exact_mut(3 * cell)) {
            let channel = self.colours.order[plane.colour];
            kernel[channel * cell..(channel + 1) * cell]
                .fill(plane.gain * self.colours.gain / cell as f32);
            biases.push(plane.bias + plane.gain * self.colours.bias);
        }
        let [kernel, bias] = ["kernel", "bias"].map(|part| format!("{name}.{part}"));
        self.constant(TensorProto::floats(&kernel, &[planes.len(), 3, side, side], &weights));
        self.constant(TensorProto::floats(&bias, &[planes.len()], &biases));
        let strides = AttributeProto::ints("strides", &[i64::from(stride); 2]);
        let input = self.input.clone();
        self.node("Conv", &[&input, &kernel, &bias], name, vec![strides]);
    }

    fn constant(&mut self, tensor: TensorProto) {
        self.graph.initializer.push(tensor);
    }

    fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        name: &str,
        attribute: Vec<AttributeProto>,
    ) {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: operator.to_owned(),
            attribute,
        });
    }

    fn output(&mut self, name: &str, dims: &[Option<usize>]) {
        self.graph.output.push(ValueInfoProto::floats(name, dims));
    }

    fn encode(self) -> Vec<u8> {
        let model = ModelProto {
            ir_version: 7,
            producer_name: "test".to_owned(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
            ..ModelProto::default()
        };
        model.to_bytes()
    }
}

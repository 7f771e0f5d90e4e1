//! Goal: the graph has dlib's structure whatever the number of channels, and weights that do not
//! fit it are refused by name. Method: the real layers with few channels. That the whole computes
//! what dlib computes is confirmed by the pack's golden numbers when it is installed.

use super::*;
use crate::onnx::proto::{GraphProto, NodeProto};

/// The layers in order, with their filters' side and output channels.
fn layers() -> Vec<(String, usize, usize)> {
    let mut layers = vec![("conv32_down".to_owned(), 7, 2)];
    for (stage, _) in STAGES {
        let outputs = match stage {
            "conv64_down" | "conv64_1" | "conv64_2" | "conv64_3" => 3,
            _ if stage.starts_with("conv32") => 2,
            _ if stage.starts_with("conv128") => 4,
            _ => 5,
        };
        layers.push((format!("{stage}/conv1"), 3, outputs));
        layers.push((format!("{stage}/conv2"), 3, outputs));
    }
    layers
}

/// Names and shapes of all weights for `dimensions` raw numbers.
fn shapes(dimensions: usize) -> Vec<(String, Vec<usize>)> {
    let mut shapes = Vec::new();
    let mut inputs = 3;
    for (layer, side, outputs) in layers() {
        shapes.push((format!("{layer}/conv/filters"), vec![side, side, inputs, outputs]));
        for list in ["conv/bias", "scale/weights", "scale/biases"] {
            shapes.push((format!("{layer}/{list}"), vec![outputs]));
        }
        inputs = outputs;
    }
    shapes.push(("fc".to_owned(), vec![inputs, dimensions]));
    shapes
}

fn weights(shapes: &[(String, Vec<usize>)]) -> WeightSet {
    let entries: Vec<_> = shapes
        .iter()
        .map(
            |(name, shape)| serde_json::json!({ "name": name, "shape": shape, "dtype": "float32" }),
        )
        .collect();
    let manifest = serde_json::json!([{ "weights": entries }]).to_string();
    let count: usize = shapes.iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    let bytes: Vec<u8> = (0..count).flat_map(|at| (at as f32).to_le_bytes()).collect();
    WeightSet::parse(manifest.as_bytes(), &bytes).unwrap()
}

const LIFT: Lift<'static> = Lift { centre: &[0.0; 6], radius: 0.5 };

fn graph() -> GraphProto {
    embedder(&weights(&shapes(6)), LIFT).unwrap().graph.unwrap()
}

fn named(graph: &GraphProto, keep: impl Fn(&NodeProto) -> bool) -> Vec<&str> {
    graph.node.iter().filter(|node| keep(node)).map(|node| node.name.as_str()).collect()
}

#[test]
fn the_graph_has_29_convolutions_and_pads_where_the_shortcut_is_wider() {
    let graph = graph();
    assert_eq!(named(&graph, |node| node.op_type == "Conv").len(), 29);
    let widened = named(&graph, |node| node.op_type == "Pad" && node.name.ends_with("/widen"));
    assert_eq!(widened, ["conv256_down/widen", "conv256_down_out/widen"]);
    let deepened = named(&graph, |node| node.op_type == "Pad" && node.name.ends_with("/deepen"));
    assert_eq!(deepened, ["conv64_down/deepen", "conv128_down/deepen", "conv256_down/deepen"]);
}

#[test]
fn every_value_is_made_before_it_is_read_and_the_result_is_the_embedding() {
    let graph = graph();
    let mut known: Vec<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    known.extend(graph.initializer.iter().map(|tensor| tensor.name.as_str()));
    for node in &graph.node {
        for input in &node.input {
            assert!(known.contains(&input.as_str()), "{} reads {input}", node.name);
        }
        known.extend(node.output.iter().map(String::as_str));
    }
    assert_eq!(graph.output.len(), 1);
    assert_eq!(graph.output[0].name, "embedding");
    assert!(known.contains(&"embedding"));
}

#[test]
fn filters_are_turned_from_rows_first_to_outputs_first_and_scaled() {
    // Side 1, two inputs, three outputs: value = 10 * input + output.
    let filters = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0];
    let kernel = folded_kernel(&filters, 1, 2, &[1.0, 2.0, 3.0]);
    assert_eq!(kernel, [0.0, 10.0, 2.0, 22.0, 6.0, 36.0]);
}

#[test]
fn a_missing_weight_and_a_misshapen_one_are_named() {
    let mut without = shapes(6);
    without.retain(|(name, _)| name != "conv128_1/conv2/scale/biases");
    let error = embedder(&weights(&without), LIFT).unwrap_err();
    assert_eq!(error.to_string(), "weight conv128_1/conv2/scale/biases is missing");
    let error = embedder(&weights(&shapes(7)), LIFT).unwrap_err();
    assert_eq!(error.to_string(), "weight fc has shape [5, 7], expected [5, 6]");
    let mut deeper = shapes(6);
    deeper[4].1 = vec![3, 3, 9, 2];
    let error = embedder(&weights(&deeper), LIFT).unwrap_err();
    assert!(error.to_string().starts_with("weight conv32_1/conv1/conv/filters"), "{error}");
}

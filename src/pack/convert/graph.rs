//! Writes an ONNX graph node by node; every value is referred to by the name of the node that
//! yields it.

use crate::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    ValueInfoProto,
};

/// The newest file format every supported runtime reads with [`OPERATOR_SET`].
const IR_VERSION: i64 = 7;
/// Version of the standard operators the converters write.
const OPERATOR_SET: i64 = 13;

/// A graph under construction.
#[derive(Debug)]
pub struct GraphBuilder {
    graph: GraphProto,
}

impl GraphBuilder {
    /// An empty graph.
    pub fn new(name: &str) -> Self {
        Self { graph: GraphProto { name: name.to_owned(), ..GraphProto::default() } }
    }

    /// Declares a float input; `None` stands for an extent known only at run time. Returns the
    /// value's name.
    pub fn input(&mut self, name: &str, dims: &[Option<usize>]) -> String {
        self.graph.input.push(ValueInfoProto::floats(name, dims));
        name.to_owned()
    }

    /// Adds a constant; `data` has the product of `dims` elements. Returns the value's name.
    pub fn floats(&mut self, name: &str, dims: &[usize], data: &[f32]) -> String {
        self.graph.initializer.push(TensorProto::floats(name, dims, data));
        name.to_owned()
    }

    /// Adds a constant list of integers. Returns the value's name.
    pub fn integers(&mut self, name: &str, data: &[i64]) -> String {
        self.graph.initializer.push(TensorProto::integers(name, data));
        name.to_owned()
    }

    /// Adds an operation after all those it reads from. Returns the name of its value, which is its
    /// own.
    pub fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        attributes: Vec<AttributeProto>,
    ) -> String {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: operator.to_owned(),
            attribute: attributes,
        });
        name.to_owned()
    }

    /// Declares `output` as the graph's result and wraps the graph as a model.
    pub fn finish(mut self, output: &str, dims: &[Option<usize>], description: &str) -> ModelProto {
        self.graph.output.push(ValueInfoProto::floats(output, dims));
        ModelProto {
            ir_version: IR_VERSION,
            producer_name: "likeness".to_owned(),
            doc_string: description.to_owned(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPERATOR_SET }],
        }
    }
}

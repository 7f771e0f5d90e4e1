//! What the integration tests share: a server process, clients for both doors, sample data.

mod client;
mod pack;
mod server;

pub(crate) use client::{Answer, ErrorBody, Rest};
pub(crate) use pack::{models_dir, sample_photos};
pub(crate) use server::{ServerBuilder, TestServer, likeness, likeness_on, spin};

/// Unit-length embeddings of different people, always the same ones.
pub(crate) fn embeddings(count: usize, dimensions: usize) -> Vec<Vec<f32>> {
    let mut faces = likeness::biometric::SyntheticFaces::new(42, dimensions);
    (0..count).map(|_| faces.identity(1).remove(0)).collect()
}

/// The embedding in the text form that SQL takes.
pub(crate) fn as_text(embedding: &[f32]) -> String {
    let numbers: Vec<String> = embedding.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(","))
}

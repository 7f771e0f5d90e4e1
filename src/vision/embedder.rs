//! Face chip to embedding, by the conventions of each embedder.

use ::image::RgbImage;
use likeness_storage::{Dim, Embedding};

use super::align::{ARCFACE_CHIP, ChipTemplate, DLIB_CHIP};
use super::error::ModelError;
use super::planes::{Encoding, write_planes};
use crate::onnx::SessionPool;
use crate::pack::EmbedderKind;

/// A network that turns an aligned face into a direction in identity space.
#[derive(Debug)]
pub(super) struct Embedder {
    kind: EmbedderKind,
    sessions: SessionPool,
    dim: Dim,
}

impl Embedder {
    /// An embedder of this kind running in these sessions and answering with `dim` numbers.
    pub(super) fn new(kind: EmbedderKind, sessions: SessionPool, dim: Dim) -> Self {
        Self { kind, sessions, dim }
    }

    /// The chip that [`Embedder::embed`] expects.
    pub(super) fn chip(&self) -> &'static ChipTemplate {
        match self.kind {
            EmbedderKind::Dlib => &DLIB_CHIP,
            EmbedderKind::SFace | EmbedderKind::ArcFace => &ARCFACE_CHIP,
        }
    }

    /// The embedding of a chip cut by [`Embedder::chip`].
    ///
    /// # Errors
    /// When the network cannot be run, answers with another count of numbers than its pack
    /// declares, or with no direction at all.
    pub(super) fn embed(&self, chip: &RgbImage) -> Result<Embedding, ModelError> {
        let encoding = match self.kind {
            EmbedderKind::Dlib | EmbedderKind::SFace => Encoding::RGB_RAW,
            EmbedderKind::ArcFace => Encoding::rgb_centred(127.5),
        };
        let outputs = self.sessions.run(write_planes(chip, chip.dimensions(), encoding))?;
        let answer = outputs.first()?;
        if answer.data.len() != self.dim.get() {
            return Err(ModelError::Shape {
                output: outputs.iter().next().map_or_else(String::new, |(name, _)| name.to_owned()),
                shape: answer.shape.clone(),
                expected: "as many numbers as the pack declares dimensions",
            });
        }
        Ok(Embedding::normalize(answer.data.clone())?)
    }
}

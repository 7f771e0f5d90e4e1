//! `pack.toml`: what a model pack consists of and how its numbers are to be read.

use std::path::{Component, Path};

use likeness_storage::Dim;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::biometric::{Calibration, CalibrationError, SimilarityMapping, SimilarityMappingError};

/// The form of `pack.toml` that this version writes and reads.
const SCHEMA: u32 = 1;
/// Most characters of an id or a version.
const NAME_LENGTH_MAX: usize = 64;

/// The decoders that read a detector's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DetectorKind {
    /// CenterFace: one heat map with sizes, offsets and five points at stride 4.
    CenterFace,
    /// YuNet: anchor-free grids at strides 8, 16 and 32.
    YuNet,
    /// SCRFD with five points: two anchors per cell at strides 8, 16 and 32.
    Scrfd,
}

/// The conventions by which an embedder is fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EmbedderKind {
    /// dlib's chip of 150 x 150 pixels, RGB 0..255.
    Dlib,
    /// The ArcFace chip of 112 x 112 pixels, RGB 0..255.
    SFace,
    /// The ArcFace chip of 112 x 112 pixels, RGB -1..1.
    ArcFace,
}

/// How embeddings become comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalisation {
    /// Scaled to length 1, compared by inner product.
    L2,
}

/// The detector of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorPart {
    /// Which decoder reads it.
    pub kind: DetectorKind,
    /// The ONNX file, relative to the pack's directory.
    pub file: String,
}

/// The embedder of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedderPart {
    /// By which conventions it is fed.
    pub kind: EmbedderKind,
    /// The ONNX file, relative to the pack's directory.
    pub file: String,
    /// Numbers per embedding, 1..=4096.
    pub dimensions: usize,
}

/// How often the embedder takes different people for the same, as it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CalibrationPart {
    /// The rarest false match rate that thresholds are answered for; below the last point's it is
    /// extrapolated.
    pub least: f64,
    /// (cosine, share of all pairs of different people that reach it), ascending in the cosine.
    #[serde(serialize_with = "cosines_as_short_decimals")]
    pub points: Vec<(f32, f64)>,
}

/// A file of a pack as it was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackFile {
    /// Relative to the pack's directory, `/` between components.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
}

/// A validated `pack.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackManifest {
    /// The form of the file, 1.
    pub schema: u32,
    /// The pack's id, which is also the name of its directory.
    pub id: String,
    /// Changes whenever embeddings of old and new models are not comparable.
    pub version: String,
    /// For people: the models in one line.
    pub name: String,
    /// How embeddings become comparable.
    pub normalisation: Normalisation,
    /// Ascending (cosine, similarity) anchors; empty where similarity is the cosine itself.
    #[serde(default, serialize_with = "as_short_decimals")]
    pub similarity: Vec<(f32, f32)>,
    /// Packs of earlier versions name a threshold here. It is read and has no effect: the
    /// threshold belongs to the search, and `similarity` makes packs agree about its meaning.
    #[serde(default, rename = "default_threshold", skip_serializing)]
    pub(super) obsolete_threshold: IgnoredAny,
    /// Under which terms the models are distributed.
    pub licence: String,
    /// What the models are known to be bad at.
    #[serde(default)]
    pub weaknesses: Vec<String>,
    /// The embedder's false match rates, where they were measured.
    #[serde(default, rename = "calibration", skip_serializing_if = "Option::is_none")]
    pub(super) false_match_rates: Option<CalibrationPart>,
    /// The detector.
    pub detector: DetectorPart,
    /// The embedder.
    pub embedder: EmbedderPart,
    /// Every file of the pack except `pack.toml` itself.
    pub files: Vec<PackFile>,
}

/// Why a `pack.toml` is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not TOML, or a field is missing, unknown or of the wrong type.
    #[error("it does not have the form of a pack manifest")]
    Form(#[from] toml::de::Error),
    /// Written for another version of this program.
    #[error("schema = {0} is not supported, only schema = {SCHEMA}")]
    Schema(u32),
    /// A field holds a value it may not hold.
    #[error("{field} = {value:?}: {expected}")]
    Field {
        /// Which field.
        field: String,
        /// What it holds.
        value: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// The anchors describe no mapping.
    #[error("similarity")]
    Similarity(#[from] SimilarityMappingError),
    /// The measured points describe no false match rates.
    #[error("calibration")]
    Calibration(#[from] CalibrationError),
    /// The detector or embedder is not among the files.
    #[error("{field} = {file:?} is not listed in files")]
    Unlisted {
        /// Which field.
        field: &'static str,
        /// The file it names.
        file: String,
    },
}

/// Enough of the manifest to tell whether the rest can be understood.
#[derive(Deserialize)]
struct Schema {
    schema: u32,
}

impl PackManifest {
    /// The form this version writes.
    pub(super) const SCHEMA: u32 = SCHEMA;

    /// Reads and validates a `pack.toml`.
    ///
    /// # Errors
    /// [`ManifestError`] naming the field at fault.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let Schema { schema } = toml::from_str(text)?;
        if schema != SCHEMA {
            return Err(ManifestError::Schema(schema));
        }
        let manifest: Self = toml::from_str(text)?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// `<id>@<version>`: embeddings are comparable only within one model.
    pub fn model(&self) -> String {
        format!("{}@{}", self.id, self.version)
    }

    /// The embedder's false match rates, where the pack has them.
    ///
    /// # Errors
    /// Points that describe no rates.
    pub fn calibration(&self) -> Result<Option<Calibration>, CalibrationError> {
        let calibrated = self.false_match_rates.as_ref();
        calibrated.map(|part| Calibration::new(part.points.clone(), part.least)).transpose()
    }

    fn validate(&self) -> Result<(), ManifestError> {
        check(is_name(&self.id), "id", &self.id, NAME_RULE)?;
        check(is_name(&self.version), "version", &self.version, NAME_RULE)?;
        let dimensions = self.embedder.dimensions;
        let known = Dim::new(dimensions).is_some();
        let rule = "it must be 1 to 4096";
        check(known, "embedder.dimensions", &dimensions.to_string(), rule)?;
        SimilarityMapping::from_anchors(&self.similarity)?;
        self.calibration()?;
        for (at, file) in self.files.iter().enumerate() {
            let field = |name: &str| format!("files[{at}].{name}");
            check(is_plain_path(&file.path), &field("path"), &file.path, PATH_RULE)?;
            check(is_sha256(&file.sha256), &field("sha256"), &file.sha256, SHA256_RULE)?;
        }
        self.listed("detector.file", &self.detector.file)?;
        self.listed("embedder.file", &self.embedder.file)
    }

    fn listed(&self, field: &'static str, file: &str) -> Result<(), ManifestError> {
        if self.files.iter().any(|listed| listed.path == file) {
            Ok(())
        } else {
            Err(ManifestError::Unlisted { field, file: file.to_owned() })
        }
    }
}

const NAME_RULE: &str =
    "it must be 1 to 64 letters a-z, digits, dots, dashes or underscores, the first no dot";
const PATH_RULE: &str = "it must be a path inside the pack, without `..`";
const SHA256_RULE: &str = "it must be 64 lower-case hexadecimal digits";

fn check(
    holds: bool,
    field: &str,
    value: &str,
    expected: &'static str,
) -> Result<(), ManifestError> {
    if holds {
        return Ok(());
    }
    Err(ManifestError::Field { field: field.to_owned(), value: value.to_owned(), expected })
}

/// Whether this may be a pack's id or version, and with that the name of a directory.
pub(super) fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    (1..=NAME_LENGTH_MAX).contains(&text.len())
        && !text.starts_with('.')
        && text.chars().all(allowed)
}

/// Whether the path stays inside the directory it is relative to, on every operating system.
fn is_plain_path(path: &str) -> bool {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
    !path.is_empty()
        && !path.contains(['\\', ':', '\0'])
        && Path::new(path).components().all(inside)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The shortest decimal that reads back as the same `f32`: 0.65 instead of 0.6499999761581421.
fn short_decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

fn as_short_decimals<S: serde::Serializer>(pairs: &[(f32, f32)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(pairs.iter().map(|&(c, s)| [short_decimal(c), short_decimal(s)]))
}

fn cosines_as_short_decimals<S: serde::Serializer>(
    points: &[(f32, f64)],
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(points.iter().map(|&(cosine, rate)| [short_decimal(cosine), rate]))
}

#[cfg(test)]
mod tests;

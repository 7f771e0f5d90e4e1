//! The columns of pairs of faces.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Float32Array, StringArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef};
use likeness_storage::{GalleryId, ReadError, Snapshot, TemplateId};

use crate::biometric::FaceId;
use crate::engine::FacePair;
use crate::sql::read::columns::schema_of;

/// A column of `similar_faces`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PairColumn {
    /// The face of the collection.
    FaceId,
    /// The face that resembles it.
    OtherFaceId,
    /// 0..=1.
    Similarity,
    /// The caller's name of the face.
    ExternalFaceId,
    /// The caller's name of the other face.
    OtherExternalFaceId,
}

impl PairColumn {
    pub(super) const ALL: [Self; 5] = [
        Self::FaceId,
        Self::OtherFaceId,
        Self::Similarity,
        Self::ExternalFaceId,
        Self::OtherExternalFaceId,
    ];

    fn field(self) -> Field {
        match self {
            Self::FaceId => Field::new("face_id", DataType::Utf8, false),
            Self::OtherFaceId => Field::new("other_face_id", DataType::Utf8, false),
            Self::Similarity => Field::new("similarity", DataType::Float32, false),
            Self::ExternalFaceId => Field::new("external_face_id", DataType::Utf8, true),
            Self::OtherExternalFaceId => Field::new("other_external_face_id", DataType::Utf8, true),
        }
    }

    /// This column of `pairs`, whose faces are in the two galleries.
    pub(super) fn array(
        self,
        pairs: &[FacePair],
        snapshot: &Snapshot,
        galleries: [GalleryId; 2],
    ) -> Result<ArrayRef, ReadError> {
        let [gallery, other] = galleries;
        let faces = pairs.iter().map(|pair| pair.face_id);
        let others = pairs.iter().map(|pair| pair.other_face_id);
        Ok(match self {
            Self::FaceId => ids(faces),
            Self::OtherFaceId => ids(others),
            Self::Similarity => {
                let similarities = pairs.iter().map(|pair| Some(pair.similarity));
                Arc::new(similarities.collect::<Float32Array>())
            }
            Self::ExternalFaceId => external_ids(faces, snapshot, gallery)?,
            Self::OtherExternalFaceId => external_ids(others, snapshot, other)?,
        })
    }
}

fn ids(faces: impl Iterator<Item = FaceId>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(faces.map(|face| face.to_string())))
}

fn external_ids(
    faces: impl Iterator<Item = FaceId>,
    snapshot: &Snapshot,
    gallery: GalleryId,
) -> Result<ArrayRef, ReadError> {
    let mut texts = StringBuilder::new();
    for face in faces {
        let row = snapshot.get(gallery, TemplateId::new(face.as_u128()))?;
        texts.append_option(row.and_then(|row| row.external_face_id));
    }
    Ok(Arc::new(texts.finish()))
}

/// The schema of all columns.
pub(super) fn pair_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> =
        LazyLock::new(|| schema_of(PairColumn::ALL.map(PairColumn::field)));
    Arc::clone(&SCHEMA)
}

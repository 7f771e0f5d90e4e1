//! The names that stand in a rewritten statement for operators and functions of ours.

/// Name of the table function that stands for `SEARCH FACES`. Contains a space, so that no text
/// can spell it without quotes; quoted it is refused.
pub(super) const MARKER: &str = "SEARCH FACES";

/// Name of the table function that compares all faces.
pub(super) const SIMILAR_FACES: &str = "similar_faces";

/// Name of the table function that finds the faces of an image.
pub(super) const DETECT_FACES: &str = "detect_faces";

/// Name of the table function that compares two images.
pub(super) const COMPARE_FACES: &str = "compare_faces";

/// The function that `expr::vector` becomes; a second argument is the dimensions in `vector(n)`.
pub(super) const TO_VECTOR: &str = "to_vector";

/// The function that `expr::real[]` becomes.
pub(super) const TO_REAL_ARRAY: &str = "to_real_array";

//! The names of what stands where a table may and is an operator of ours.

/// Name of the table function that stands for `SEARCH FACES`. Contains a space, so that no text
/// can spell it without quotes; quoted it is refused.
pub(super) const MARKER: &str = "SEARCH FACES";

/// Name of the table function that compares all faces.
pub(super) const SIMILAR_FACES: &str = "similar_faces";

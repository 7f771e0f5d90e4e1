//! The name under which a rewritten `SEARCH` travels through the parser.

/// Name of the table function that stands for `SEARCH FACES`. Contains a space, so that no text
/// can spell it without quotes; quoted it is refused.
pub(super) const MARKER: &str = "SEARCH FACES";

//! `SEARCH FACES IN c LIKE ..`: from tokens to a table factor, a logical node and an operator.
//!
//! The parser does not know `SEARCH`, so its tokens are rewritten before parsing into
//! `SELECT * FROM <marker>(..)`, which may stand wherever a query may. Planning turns the marker
//! into a [`FaceSearch`] node, whose parameters can be bound like those of any other node, and
//! execution hands one request to the engine. A statement that is nothing but a search of plain
//! values makes its request without a plan.

mod arguments;
mod cut_off;
mod direct;
mod exec;
mod lateral;
mod node;
mod planner;
mod request;
mod rewrite;

pub(in crate::sql) use direct::DirectSearch;
pub(in crate::sql) use exec::{SearchPlanner, collected, face_ids, write_report};
pub(in crate::sql) use lateral::LateralSearchPlanner;
pub(in crate::sql) use node::relation_of;
pub(in crate::sql) use planner::SearchRelationPlanner;
pub(in crate::sql) use rewrite::rewrite;

/// Candidates wanted when `LIMIT` does not say.
const DEFAULT_LIMIT: usize = 10;

/// What a search starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum ProbeKind {
    /// A face id.
    Face,
    /// An external face id.
    External,
    /// An encoded image.
    Image,
    /// An embedding.
    Embedding,
}

impl ProbeKind {
    const ALL: [Self; 4] = [Self::Face, Self::External, Self::Image, Self::Embedding];

    /// The word in the statement, and in the marker's arguments.
    const fn keyword(self) -> &'static str {
        match self {
            Self::Face => "LIKE",
            Self::External => "EXTERNAL",
            Self::Image => "IMAGE",
            Self::Embedding => "EMBEDDING",
        }
    }
}

/// How a search says which candidates are alike enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum CutKind {
    /// By their similarity.
    Threshold,
    /// By the false match rate of a comparison.
    Fmr,
    /// By the false positive identification rate of the search.
    Fpir,
}

impl CutKind {
    const ALL: [Self; 3] = [Self::Threshold, Self::Fmr, Self::Fpir];

    /// The words in the statement; in the marker they name the argument.
    const fn keyword(self) -> &'static str {
        match self {
            Self::Threshold => "THRESHOLD",
            Self::Fmr => "AT FMR",
            Self::Fpir => "AT FPIR",
        }
    }
}

/// Which candidates are alike enough: the kind, and what it is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Hash)]
struct Cut<T> {
    kind: CutKind,
    value: T,
}

/// The clauses before and behind that; in the marker they are named arguments.
const WHERE: &str = "WHERE";
const LIMIT: &str = "LIMIT";

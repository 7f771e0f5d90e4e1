//! SQL over the galleries of one tenant: parsing, planning and running statements.
//!
//! DataFusion plans and runs queries; this folder gives it the galleries as tables, `SEARCH` and
//! `similar_faces` as operators, and carries out everything that writes by itself. It knows no wire
//! protocol, no image format and no file of the store: what it reads comes from a snapshot, what
//! it writes goes through the engine. Nothing here reads files or opens connections on behalf of
//! a statement.

mod answer;
mod backends;
mod definition;
mod function;
mod grammar;
mod pg_catalog;
mod plan;
mod read;
mod session;
mod session_state;
mod traffic;
mod value;
mod write;

pub use answer::error::{ErrorObject, SqlError};
pub use answer::notice::Notice;
pub use answer::origin::Origin;
pub use answer::outcome::{Description, Outcome, TransactionStatus};
pub use answer::state::SqlState;
pub use backends::{Backends, Signals};
pub use function::scalar::{uuid, uuid_of_bytes};
pub use grammar::statement::Statement;
pub use pg_catalog::{Addresses, function_name};
pub use session::SqlSession;
pub use session_state::prepared::PreparedStatement;
pub use traffic::{SqlDoor, SqlTraffic};
pub use value::infinity::is_infinite;
pub use value::interval::interval;
pub use value::moment::{Moment, WrongMoment, time_of_day};
pub use value::numeric::{NumericError, SCALE as NUMERIC_SCALE, unconstrained as numeric};
pub(crate) use value::output;
pub use value::output::IntervalStyle;
pub use value::types::{
    BINARY_KEY, PG_TYPE_KEY, SqlType, VECTOR_NAME, VECTOR_OID, begins_at_zero, is_json,
    type_modifier,
};
pub use write::copy::{
    CopyColumns, CopyCsv, CopyFormat, CopyHeader, CopyImport, CopyText, WrongRow,
};
pub use write::insert::FaceCell;

#[cfg(test)]
mod tests;

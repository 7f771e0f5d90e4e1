//! SQL over the galleries of one tenant: parsing, planning and running statements.
//!
//! DataFusion plans and runs queries; this folder gives it the galleries as tables, `SEARCH` and
//! `similar_faces` as operators, and carries out everything that writes by itself. It knows no wire
//! protocol, no image format and no file of the store: what it reads comes from a snapshot, what
//! it writes goes through the engine. Nothing here reads files or opens connections on behalf of
//! a statement.

mod access;
mod adapt;
mod aggregate;
mod alter;
mod apply;
mod arithmetic;
mod assignment;
mod audit;
mod call;
mod catalog;
mod changing;
mod collection;
mod collection_options;
mod columns;
mod constant;
mod copy;
mod cursor;
mod delete;
mod dialect;
mod duration;
mod encoding;
mod enrolment;
mod error;
mod expansion;
mod explain;
mod fixed;
mod function;
mod holdings;
mod in_place;
mod inference;
mod insert;
mod interval;
mod keys;
mod kind;
mod lexer;
mod literal;
mod lookup;
mod marker;
mod moment;
mod name;
mod nearest;
mod notice;
mod numeric;
mod operator;
mod outcome;
pub(crate) mod output;
mod parameters;
mod parser;
mod patience;
mod pg_catalog;
mod picture;
mod places;
mod planning;
mod position;
mod prepare;
mod prepared;
mod projection;
mod query;
mod reading;
mod refusal;
mod report;
mod returning;
mod scalar;
mod scan;
mod search;
mod sequence;
mod session;
mod settings;
mod similar;
mod spelling;
mod stack;
mod state;
mod statement;
mod storage;
mod table;
mod target;
mod temporal;
mod thumbnail;
mod traffic;
mod transaction;
mod truncate;
mod types;
mod undefined;
mod update;
mod vector;
mod wanted;
mod whole_row;
mod with;
mod wording;
mod words;
mod yielding;

pub use copy::{CopyColumns, CopyCsv, CopyFormat, CopyHeader, CopyImport, CopyText};
pub use error::{ErrorObject, SqlError};
pub use insert::FaceCell;
pub use interval::interval;
pub use moment::completed;
pub use notice::Notice;
pub use numeric::{NumericError, SCALE as NUMERIC_SCALE, unconstrained as numeric};
pub use outcome::{Description, Outcome, TransactionStatus};
pub use pg_catalog::function_name;
pub use prepared::PreparedStatement;
pub use scalar::{uuid, uuid_of_bytes};
pub use session::SqlSession;
pub use state::SqlState;
pub use statement::Statement;
pub use traffic::{SqlDoor, SqlTraffic};
pub use types::{BINARY_KEY, PG_TYPE_KEY, SqlType, VECTOR_NAME, VECTOR_OID};

#[cfg(test)]
mod tests;

//! What functions may take: their results are made outside the operators, whose memory the planner
//! counts, and a short statement can ask for more than a machine has.
//!
//! Each call of each function is measured. What it is given and what it makes of that have a
//! bound, and large results count towards the memory of queries for as long as anybody holds them.

mod call;
mod joined;
mod pool;
mod rule;
mod size;

use crate::sql::{SqlError, SqlState};

pub(in crate::sql) use rule::MeasuredCalls;
pub(in crate::sql) use size::{bytes_of, bytes_of_rows, bytes_of_value};

/// Most bytes that a call is given and makes, for all rows of its batch; little in tests, which go
/// beyond it.
pub(in crate::sql) const CALL_BYTES_MAX: usize = if cfg!(test) { 8 << 20 } else { 128 << 20 };

/// What a call makes, counted before there is all of it.
#[derive(Debug)]
pub(in crate::sql) struct Made {
    /// The name of the function.
    what: &'static str,
    bytes: usize,
}

impl Made {
    pub(in crate::sql) fn by(what: &'static str) -> Self {
        Self { what, bytes: 0 }
    }

    /// Makes so many bytes more.
    ///
    /// # Errors
    /// 54000 for more than [`CALL_BYTES_MAX`] together.
    pub(in crate::sql) fn add(&mut self, bytes: usize) -> Result<(), SqlError> {
        self.bytes = self.bytes.saturating_add(bytes);
        check(self.what, self.bytes)
    }
}

fn check(what: &str, bytes: usize) -> Result<(), SqlError> {
    if bytes <= CALL_BYTES_MAX {
        return Ok(());
    }
    let message = format!("{what} takes more than {} MiB at once", CALL_BYTES_MAX >> 20);
    Err(SqlError::new(SqlState::ProgramLimitExceeded, message))
}

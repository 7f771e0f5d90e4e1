//! What a subquery answered beside an outer row, kept for further rows with the same values.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::scalar::ScalarValue;

/// Most answers that are kept.
const ANSWERS_MAX: usize = 4096;

/// Bytes of members beyond which older answers are forgotten.
const MEMBER_BYTES_MAX: usize = 16 << 20;

/// What a subquery stands for.
#[derive(Debug)]
pub(super) enum Answer {
    /// A value.
    Value(ScalarValue),
    /// The values among which another is looked for.
    Members(Members),
}

/// Answers by the outer values that they depend on.
#[derive(Debug)]
pub(super) struct Remembered {
    answers: HashMap<Vec<ScalarValue>, Answer>,
    memory: MemoryReservation,
}

impl Remembered {
    pub(super) fn new(pool: &Arc<dyn MemoryPool>) -> Self {
        let memory = MemoryConsumer::new("ForEachRow").register(pool);
        Self { answers: HashMap::new(), memory }
    }

    pub(super) fn get(&self, key: &[ScalarValue]) -> Option<&Answer> {
        self.answers.get(key)
    }

    /// Forgets older answers if there are many.
    pub(super) fn make_room(&mut self) {
        if self.answers.len() >= ANSWERS_MAX || self.memory.size() > MEMBER_BYTES_MAX {
            self.answers.clear();
            self.memory.free();
        }
    }

    /// Counts so many bytes of an answer that comes.
    ///
    /// # Errors
    /// Queries have used up their memory.
    pub(super) fn grow(&self, bytes: usize) -> Result<(), DataFusionError> {
        self.memory.try_grow(bytes)
    }

    pub(super) fn insert(&mut self, key: Vec<ScalarValue>, answer: Answer) {
        self.answers.insert(key, answer);
    }
}

/// The values of a subquery, each once.
#[derive(Debug, Default)]
pub(super) struct Members {
    values: HashSet<ScalarValue>,
    has_null: bool,
}

impl Members {
    /// Adds the values in `column`, and returns how many bytes that took.
    pub(super) fn add(&mut self, column: &ArrayRef) -> Result<usize, DataFusionError> {
        let mut bytes = 0;
        for row in 0..column.len() {
            let value = comparable(ScalarValue::try_from_array(column, row)?);
            if value.is_null() {
                self.has_null = true;
                continue;
            }
            let size = value.size();
            if self.values.insert(value) {
                bytes += size;
            }
        }
        Ok(bytes)
    }

    /// Whether `value` is one of them; what NULLs leave open is NULL.
    pub(super) fn hold(&self, value: ScalarValue) -> Option<bool> {
        if self.values.is_empty() && !self.has_null {
            return Some(false);
        }
        if value.is_null() {
            return None;
        }
        if self.values.contains(&comparable(value)) {
            return Some(true);
        }
        (!self.has_null).then_some(false)
    }
}

/// `value` with zeros of one sign, which are one number.
fn comparable(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Float32(Some(number)) => ScalarValue::Float32(Some(number + 0.0)),
        ScalarValue::Float64(Some(number)) => ScalarValue::Float64(Some(number + 0.0)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(values: Vec<ScalarValue>) -> Members {
        let mut members = Members::default();
        if !values.is_empty() {
            members.add(&ScalarValue::iter_to_array(values).unwrap()).unwrap();
        }
        members
    }

    #[test]
    fn what_nulls_leave_open_is_null() {
        let number = |value: i64| ScalarValue::from(value);
        let null = || ScalarValue::Int64(None);
        assert_eq!(members(vec![number(2), number(1)]).hold(number(1)), Some(true));
        assert_eq!(members(vec![number(2)]).hold(number(1)), Some(false));
        assert_eq!(members(vec![number(2), null()]).hold(number(1)), None);
        assert_eq!(members(vec![number(1), null()]).hold(number(1)), Some(true));
        assert_eq!(members(vec![number(1)]).hold(null()), None);
        assert_eq!(members(vec![null()]).hold(number(1)), None);
        assert_eq!(members(Vec::new()).hold(null()), Some(false));
    }

    #[test]
    fn zeros_are_one_number() {
        assert_eq!(members(vec![0.0.into()]).hold(ScalarValue::from(-0.0)), Some(true));
    }
}

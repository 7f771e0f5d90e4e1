//! What `TABLESAMPLE` compares: the share of rows that is taken, and where a row is among all.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::error::DataFusionError;
use sha2::{Digest, Sha256};

use super::{Function, arity};
use crate::sql::grammar::marker::{SAMPLE_PLACE, SAMPLE_SHARE};
use crate::sql::{SqlError, SqlState};

pub(super) fn functions() -> [Function; 2] {
    let number = || Field::new("", DataType::Float64, true);
    let text_and_number = [DataType::Utf8, DataType::Float64];
    [
        Function::exact(SAMPLE_SHARE, [DataType::Float64], number(), shares),
        Function::exact(SAMPLE_PLACE, text_and_number, number(), places),
    ]
}

fn shares(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [percentages] = columns else { return Err(arity(SAMPLE_SHARE)) };
    let shares = percentages.as_primitive::<Float64Type>().iter().map(|percentage| {
        let wrong = |message| Err(SqlError::new(SqlState::InvalidTablesampleArgument, message));
        match percentage {
            Some(percentage) if (0.0..=100.0).contains(&percentage) => Ok(percentage / 100.0),
            Some(_) => wrong("sample percentage must be between 0 and 100"),
            None => wrong("TABLESAMPLE parameter cannot be null"),
        }
    });
    Ok(Arc::new(shares.collect::<Result<Float64Array, _>>()?))
}

/// The same row has the same place for the same seed, from zero to below one.
fn places(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [keys, seeds] = columns else { return Err(arity(SAMPLE_PLACE)) };
    let (keys, seeds) = (keys.as_string::<i32>(), seeds.as_primitive::<Float64Type>());
    let places = keys.iter().zip(seeds).map(|(key, seed)| Some(place(key?, seed?)));
    Ok(Arc::new(places.collect::<Float64Array>()))
}

fn place(key: &str, seed: f64) -> f64 {
    let mut digest = Sha256::new();
    digest.update(seed.to_le_bytes());
    digest.update(key);
    let digest = digest.finalize();
    let digits = digest.iter().take(4).fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
    f64::from(digits) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_and_depend_on_the_seed_alone() {
        let keys: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        let below = |seed: f64| keys.iter().filter(|key| place(key, seed) < 0.3).count();
        assert!((250..350).contains(&below(1.0)), "{}", below(1.0));
        assert_ne!(place("a", 1.0).to_bits(), place("a", 2.0).to_bits());
        assert_eq!(place("a", 1.0).to_bits(), place("a", 1.0).to_bits());
    }
}

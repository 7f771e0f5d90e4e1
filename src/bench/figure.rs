//! What a measurement says: medians, percentiles, and how a figure is written.

use std::io::Write;

use likeness_storage::Dim;
use serde_json::{Value, json};

use super::Outcome;

/// Writes one figure: the bench and the figure's name, its numbers, and what was measured.
pub(super) fn write_figure(
    out: &mut (impl Write + ?Sized),
    as_json: bool,
    (bench, figure): (&str, &str),
    dim: Dim,
    numbers: &Value,
) -> Outcome {
    let dim = dim.get();
    if as_json {
        let mut object = json!({ "bench": bench, "figure": figure, "dimensions": dim });
        if let (Some(object), Some(numbers)) = (object.as_object_mut(), numbers.as_object()) {
            object.extend(numbers.clone());
        }
        writeln!(out, "{object}")?;
    } else {
        let numbers = numbers.as_object().into_iter().flatten();
        let words: Vec<String> = numbers.map(|(name, value)| format!("{name} {value}")).collect();
        writeln!(out, "{bench} {figure} ({dim} dimensions): {}", words.join(", "))?;
    }
    Ok(out.flush()?)
}

/// The middle one of some numbers.
pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// The least of some numbers that `percent` of them do not exceed (nearest rank), 0 of none.
pub(super) fn percentile(mut numbers: Vec<f64>, percent: usize) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let rank = (numbers.len() * percent).div_ceil(100).max(1);
    numbers.get(rank - 1).copied().unwrap_or_default()
}

/// A number with three decimals, which is more than a measurement is worth.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let numbers: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        for (percent, value) in [(0, 1.0), (50, 100.0), (99, 198.0), (100, 200.0)] {
            let found = percentile(numbers.clone(), percent);
            assert!((found - value).abs() < 1e-9, "{percent}: {found}");
        }
        assert!((percentile(vec![3.0], 99) - 3.0).abs() < 1e-9);
        assert!(percentile(vec![], 50).abs() < 1e-9);
        assert!((median(vec![5.0, 1.0, 3.0]) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_figure_is_an_object_or_a_line() {
        let mut out = Vec::new();
        let dim = Dim::new(8).unwrap();
        let numbers = json!({ "p50_ms": rounded(1.23456) });
        write_figure(&mut out, true, ("search", "top_10"), dim, &numbers).unwrap();
        write_figure(&mut out, false, ("search", "top_10"), dim, &numbers).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (first, second) = text.trim_end().split_once('\n').unwrap();
        let object: Value = serde_json::from_str(first).unwrap();
        assert_eq!(
            object,
            json!({ "bench": "search", "figure": "top_10", "dimensions": 8, "p50_ms": 1.235 })
        );
        assert_eq!(second, "search top_10 (8 dimensions): p50_ms 1.235");
    }
}

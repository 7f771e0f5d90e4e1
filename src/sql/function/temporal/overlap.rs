//! `(start, end) OVERLAPS (start, end)`; an end may be a length.

use std::mem::swap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, IntervalMonthDayNanoType, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::internal_err;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ReturnFieldArgs, ScalarUDF};

use super::function::{INTERVAL, Kind, TimeFunction, moments, out_of_range, types, undefined};
use super::later::later;

const DAY_US: i64 = 86_400_000_000;

pub(super) fn function() -> ScalarUDF {
    TimeFunction::of("overlaps", &[4], truth, overlaps)
}

fn truth(arguments: &ReturnFieldArgs<'_>) -> Result<DataType, DataFusionError> {
    let kinds: Vec<_> = types(arguments).into_iter().map(Kind::of).collect();
    let is_time = |kind: &Option<Kind>| matches!(kind, Some(Kind::Time));
    let fits = match kinds.as_slice() {
        [start, end, other_start, other_end] => {
            let starts = [start, other_start];
            let ends = [end, other_end];
            let of_one_kind = starts.iter().all(|it| is_time(it) == is_time(start))
                && ends
                    .iter()
                    .all(|it| **it == Some(Kind::Interval) || is_time(it) == is_time(start));
            let known = kinds.iter().all(Option::is_some)
                && starts.iter().all(|it| **it != Some(Kind::Interval));
            of_one_kind && known
        }
        _ => false,
    };
    if fits { Ok(DataType::Boolean) } else { Err(undefined("overlaps", arguments)) }
}

fn overlaps(columns: &[ArrayRef], _returns: &DataType) -> Result<ArrayRef, DataFusionError> {
    let [start, end, other_start, other_end] = columns else {
        return internal_err!("two spans of time");
    };
    let (starts, other_starts) = (points(start)?, points(other_start)?);
    let ends = ends_of(&starts, end, start)?;
    let other_ends = ends_of(&other_starts, other_end, other_start)?;
    let spans = starts.into_iter().zip(ends);
    let others = other_starts.into_iter().zip(other_ends);
    let truths = spans.zip(others).map(|(span, other)| overlap(span, other));
    Ok(Arc::new(truths.collect::<BooleanArray>()))
}

/// Moments, or times of day, in microseconds.
fn points(values: &ArrayRef) -> Result<Vec<Option<i64>>, DataFusionError> {
    if matches!(values.data_type(), DataType::Time64(_) | DataType::Time32(_)) {
        let times = cast(values, &DataType::Time64(TimeUnit::Microsecond))?;
        return Ok(times.as_primitive::<Time64MicrosecondType>().iter().collect());
    }
    Ok(moments(values)?.as_primitive::<TimestampMicrosecondType>().iter().collect())
}

fn ends_of(
    starts: &[Option<i64>],
    ends: &ArrayRef,
    of: &ArrayRef,
) -> Result<Vec<Option<i64>>, DataFusionError> {
    if Kind::of(ends.data_type()) != Some(Kind::Interval) {
        return points(ends);
    }
    let is_time = Kind::of(of.data_type()) == Some(Kind::Time);
    let lengths = cast(ends, &INTERVAL)?;
    let lengths = lengths.as_primitive::<IntervalMonthDayNanoType>().iter();
    let ends = starts.iter().zip(lengths).map(|pair| {
        let (Some(start), Some(length)) = pair else { return Ok(None) };
        if is_time {
            return Ok(Some((start + length.nanoseconds / 1000).rem_euclid(DAY_US)));
        }
        later(*start, length).map(Some).ok_or_else(|| out_of_range("timestamp"))
    });
    Ok(ends.collect::<Result<_, _>>()?)
}

/// Two points between which a span lies, in any order; of one that is not known the other is its
/// start.
type Span = (Option<i64>, Option<i64>);

/// Whether two spans have a moment in common; none where what is not known decides that.
fn overlap(one: Span, other: Span) -> Option<bool> {
    let (mut one, mut other) = (in_order(one)?, in_order(other)?);
    if one.0 > other.0 {
        swap(&mut one, &mut other);
    }
    if one.0 == other.0 {
        return (one.1.is_some() && other.1.is_some()).then_some(true);
    }
    match one.1 {
        None => None,
        Some(end) if other.0 < end => Some(true),
        Some(_) => other.1.map(|_| false),
    }
}

fn in_order((start, end): Span) -> Option<(i64, Option<i64>)> {
    Some(match (start, end) {
        (Some(start), Some(end)) => (start.min(end), Some(start.max(end))),
        (Some(known), None) | (None, Some(known)) => (known, None),
        (None, None) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_overlap_where_they_have_a_moment_in_common() {
        let span = |start, end| (Some(start), Some(end));
        let cases = [
            (span(1, 3), span(2, 4), Some(true)),
            (span(3, 1), span(4, 2), Some(true)),
            (span(1, 2), span(2, 3), Some(false)),
            (span(1, 1), span(1, 2), Some(true)),
            (span(1, 1), span(1, 1), Some(true)),
            ((None, Some(2)), span(1, 3), Some(true)),
            ((None, Some(4)), span(1, 3), None),
            ((Some(1), None), span(1, 3), None),
            ((None, None), span(1, 3), None),
        ];
        for (one, other, expected) in cases {
            assert_eq!(overlap(one, other), expected, "{one:?} {other:?}");
            assert_eq!(overlap(other, one), expected, "{other:?} {one:?}");
        }
    }
}

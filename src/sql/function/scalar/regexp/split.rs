//! `regexp_split_to_array`: what is between the places where something is found.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;

use super::arguments::Arguments;
use super::finder::Finder;
use super::{Function, function};
use crate::sql::function::allowance::Made;

/// The function of one name, and that whose array is unnested for another.
pub(super) fn functions() -> [Function; 1] {
    let arguments = [DataType::Utf8, DataType::Utf8, DataType::Utf8];
    let texts = DataType::new_list(DataType::Utf8, true);
    [function("regexp_split_to_array", &arguments, 2, texts, splits)]
}

fn splits(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let (mut lists, mut last) = (ListBuilder::new(StringBuilder::new()), None);
    let mut made = Made::by("regexp_split_to_array");
    for row in Arguments::new(columns).rows() {
        let Some(row) = row else {
            lists.append_null();
            continue;
        };
        let finder = row.finder(last.take(), 2, "regexp_split_to_array")?;
        for piece in pieces(&finder, row.text(0)) {
            made.add(piece.len() + size_of::<i32>())?;
            lists.values().append_value(piece);
        }
        lists.append(true);
        last = Some(finder);
    }
    Ok(Arc::new(lists.finish()))
}

/// Places without letters count where there is something before and behind them.
fn pieces<'t>(finder: &'t Finder, text: &'t str) -> impl Iterator<Item = &'t str> {
    let (mut begin, mut last_end, mut places) = (0, 0, finder.places(text, 0).fuse());
    let mut rest = Some(());
    std::iter::from_fn(move || {
        for found in places.by_ref() {
            let Some(place) = found.get(0) else { break };
            let ends_piece = place.start() < text.len() && place.end() > last_end;
            last_end = place.end();
            if ends_piece {
                let piece = text.get(begin..place.start());
                begin = place.end();
                return piece;
            }
        }
        rest.take().and_then(|()| text.get(begin..))
    })
}

#[cfg(test)]
mod tests {
    use super::super::finder::Options;
    use super::*;

    #[test]
    fn texts_are_split_as_by_postgresql() {
        let split = |text, pattern| {
            let finder = Finder::new(None, pattern, Options::default()).unwrap();
            pieces(&finder, text).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(split("a, b,c", ",\\s*"), ["a", "b", "c"]);
        assert_eq!(split("hey", ""), ["h", "e", "y"]);
        assert_eq!(split(",a,", ","), ["", "a", ""]);
        assert_eq!(split("axxb", "x*"), ["a", "b"]);
        assert_eq!(split("", ","), [""]);
    }
}

//! `regexp_split_to_array`: what is between the places where something is found.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;

use super::arguments::Arguments;
use super::finder::Finder;
use super::{Function, function};

/// The function of one name, and that whose array is unnested for another.
pub(super) fn functions() -> [Function; 1] {
    let arguments = [DataType::Utf8, DataType::Utf8, DataType::Utf8];
    let texts = DataType::new_list(DataType::Utf8, true);
    [function("regexp_split_to_array", &arguments, 2, texts, splits)]
}

fn splits(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let (mut lists, mut last) = (ListBuilder::new(StringBuilder::new()), None);
    for row in Arguments::new(columns).rows() {
        let Some(row) = row else {
            lists.append_null();
            continue;
        };
        let finder = row.finder(last.take(), 2, "regexp_split_to_array")?;
        lists.append_value(pieces(&finder, row.text(0)).into_iter().map(Some));
        last = Some(finder);
    }
    Ok(Arc::new(lists.finish()))
}

/// Places without letters count where there is something before and behind them.
fn pieces<'t>(finder: &Finder, text: &'t str) -> Vec<&'t str> {
    let (mut pieces, mut begin, mut last_end) = (Vec::new(), 0, 0);
    for found in finder.places(text, 0) {
        let Some(place) = found.get(0) else { break };
        if place.start() < text.len() && place.end() > last_end {
            pieces.extend(text.get(begin..place.start()));
            begin = place.end();
        }
        last_end = place.end();
    }
    pieces.extend(text.get(begin..));
    pieces
}

#[cfg(test)]
mod tests {
    use super::super::finder::Options;
    use super::*;

    #[test]
    fn texts_are_split_as_by_postgresql() {
        let split = |text, pattern| {
            let finder = Finder::new(None, pattern, Options::default()).unwrap();
            pieces(&finder, text)
        };
        assert_eq!(split("a, b,c", ",\\s*"), ["a", "b", "c"]);
        assert_eq!(split("hey", ""), ["h", "e", "y"]);
        assert_eq!(split(",a,", ","), ["", "a", ""]);
        assert_eq!(split("axxb", "x*"), ["a", "b"]);
        assert_eq!(split("", ","), [""]);
    }
}

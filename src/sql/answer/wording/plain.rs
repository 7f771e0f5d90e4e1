//! Texts without the planner's words in them: its names of types, and what it says before a
//! complaint.

/// What stands before a complaint and says nothing to whoever wrote the statement.
const PREFIXES: [&str; 12] = [
    "Arithmetic overflow: ",
    "Arrow error: ",
    "Cast error: ",
    "Compute error: ",
    "Error during planning: ",
    "Execution error: ",
    "External error: ",
    "Internal error: ",
    "Invalid argument error: ",
    "Parser error: ",
    "Schema error: ",
    "This feature is not implemented: ",
];

/// `text` with PostgreSQL's names of types, and without letters that say nothing.
pub(in crate::sql) fn plain(text: &str) -> String {
    let mut rest = without_prefix(text.trim());
    let mut plain = String::with_capacity(rest.len());
    while let Some(start) = rest.find(char::is_alphabetic) {
        let (between, word) = rest.split_at(start);
        plain.push_str(between);
        let end = word.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let (word, behind) = word.split_at(end.unwrap_or(word.len()));
        // What stands in quotes is a name.
        if is_type(word) && !plain.ends_with('"') {
            let arguments = in_parentheses(behind);
            plain.push_str(&shown(&format!("{word}{arguments}")));
            rest = &behind[arguments.len()..];
        } else {
            plain.push_str(word);
            rest = behind;
        }
    }
    plain.push_str(rest);
    plain.replace("DataFusion", "planner").replace(char::is_control, " ")
}

/// The types in a list of them, `Utf8, List(Int32)`.
pub(super) fn type_list(text: &str) -> Vec<String> {
    let (mut types, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let end = rest.find([',', '(']).unwrap_or(rest.len());
        let arguments = in_parentheses(&rest[end..]);
        let (this, behind) = rest.split_at(end + arguments.len());
        types.push(shown(this.trim()));
        rest = behind.trim_start_matches([',', ' ']);
    }
    types
}

fn without_prefix(mut text: &str) -> &str {
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest;
    }
    text
}

/// The parentheses that `text` begins with; empty where it begins with none.
fn in_parentheses(text: &str) -> &str {
    let mut open = 0_usize;
    if !text.starts_with('(') {
        return "";
    }
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return &text[..=at];
        }
    }
    text
}

fn is_type(word: &str) -> bool {
    const NESTED: [&str; 6] = ["Dictionary", "FixedSizeList", "LargeList", "List", "Map", "Struct"];
    let sized = ["Int", "UInt", "Float", "Decimal", "Date", "Time"].iter().any(|name| {
        word.strip_prefix(name).is_some_and(|size| {
            !size.is_empty() && size.bytes().all(|digit| digit.is_ascii_digit())
        })
    });
    let named = [
        "Utf8",
        "LargeUtf8",
        "Utf8View",
        "Binary",
        "LargeBinary",
        "BinaryView",
        "Boolean",
        "Timestamp",
        "Interval",
        "Duration",
        "Null",
    ];
    sized || named.contains(&word) || NESTED.contains(&word)
}

/// PostgreSQL's name of a type as the planner writes it, arrays included.
pub(super) fn shown(arrow: &str) -> String {
    if let Some((name, inside)) = arrow.split_once('(')
        && name.ends_with("List")
    {
        let item = inside.trim_end_matches(')').trim_start_matches("nullable ");
        let end = item.find(", field").unwrap_or(item.len());
        return format!("{}[]", shown(&item[..end]));
    }
    match arrow.split('(').next().unwrap_or_default() {
        "Struct" => "record".to_owned(),
        "Map" | "Dictionary" => "map".to_owned(),
        "Timestamp" if !arrow.contains('"') => "timestamp without time zone".to_owned(),
        _ => type_name(arrow).to_owned(),
    }
}

/// PostgreSQL's name of an Arrow type, as in what it says of values.
pub(in crate::sql) fn type_name(arrow: &str) -> &str {
    match arrow.trim_end_matches(" type") {
        "Int8" | "UInt8" | "Int16" => "smallint",
        "UInt16" | "Int32" => "integer",
        "UInt32" => "oid",
        "Int64" | "UInt64" => "bigint",
        "Float16" | "Float32" => "real",
        "Float64" => "double precision",
        "Boolean" => "boolean",
        "Date32" | "Date64" => "date",
        "Utf8" | "LargeUtf8" | "Utf8View" => "text",
        "Binary" | "LargeBinary" | "BinaryView" => "bytea",
        "Null" => "unknown",
        decimal if decimal.starts_with("Decimal") => "numeric",
        zoned if zoned.starts_with("Timestamp") && zoned.contains('"') => {
            "timestamp with time zone"
        }
        timestamp if timestamp.starts_with("Timestamp") => "timestamp",
        time if time.starts_with("Time") => "time",
        interval if interval.starts_with("Interval") || interval.starts_with("Duration") => {
            "interval"
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types_are_those_of_postgresql() {
        assert_eq!(
            plain("Execution error: cannot make Timestamp(µs, \"UTC\") of List(Int32)\u{1f}1"),
            "cannot make timestamp with time zone of integer[] 1"
        );
        assert_eq!(plain("column \"Int32\" and Decimal128(2, 1)"), "column \"Int32\" and numeric");
        let types = type_list("Utf8, List(Int64), Interval(MonthDayNano)");
        assert_eq!(types, ["text", "bigint[]", "interval"]);
        assert!(type_list("").is_empty());
    }
}

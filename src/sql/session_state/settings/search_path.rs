//! `search_path`: the schemas in which a name is looked for that stands alone.
//!
//! There are three, and no others can be made. As in PostgreSQL, a path may name schemas that there
//! are not, and a collection is found by its name alone while `public` is on the path.

use crate::sql::grammar::schema::{INFORMATION_SCHEMA, PG_CATALOG, SCHEMA};

/// What a path calls the schema that is named like the session's role.
const USER: &str = "$user";

/// A path without those of its schemas that there are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) struct SearchPath(Vec<&'static str>);

impl Default for SearchPath {
    fn default() -> Self {
        Self(vec![SCHEMA])
    }
}

impl SearchPath {
    /// What `text` means for `user`.
    pub(super) fn of(text: &str, user: &str) -> Self {
        let known = [SCHEMA, PG_CATALOG, INFORMATION_SCHEMA];
        let mut path = Vec::new();
        for name in names(text).unwrap_or_default() {
            let name = if name == USER { user } else { &name };
            if let Some(schema) = known.into_iter().find(|schema| *schema == name)
                && !path.contains(&schema)
            {
                path.push(schema);
            }
        }
        Self(path)
    }

    /// Whether `text` is a list of names.
    pub(super) fn is_one(text: &str) -> bool {
        names(text).is_some()
    }

    /// The schemas that are named, in their order.
    pub(in crate::sql) fn schemas(&self) -> &[&'static str] {
        &self.0
    }

    /// The schemas that are looked into: the system's own first, where it is not named.
    pub(in crate::sql) fn with_implicit(&self) -> Vec<&'static str> {
        let implicit = Some(PG_CATALOG).filter(|schema| !self.0.contains(schema));
        implicit.into_iter().chain(self.0.iter().copied()).collect()
    }

    /// Whether names that stand alone are looked for in `schema`.
    pub(in crate::sql) fn reaches(&self, schema: &str) -> bool {
        schema == PG_CATALOG || self.0.contains(&schema)
    }

    /// Whether it leads where it does without SET: to the collections, and to nothing else besides
    /// the system's own.
    pub(in crate::sql) fn is_usual(&self) -> bool {
        self.reaches(SCHEMA) && !self.reaches(INFORMATION_SCHEMA)
    }
}

/// A name as a list has it: in quotes, unless it is one without them.
pub(super) fn written(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// The names of a list, between commas: in quotes as they stand, else in lower case. None where it
/// is no list.
fn names(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    if rest.is_empty() {
        return Some(names);
    }
    loop {
        let (name, behind) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_name(quoted)?
        } else {
            let end = rest.find(|c: char| c == ',' || c.is_whitespace());
            let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
            if name.is_empty() {
                return None;
            }
            (name.to_lowercase(), behind)
        };
        names.push(name);
        rest = match behind.trim_start() {
            "" => return Some(names),
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
}

/// A name behind its opening quote, and what follows its closing one.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, behind) = rest.split_once('"')?;
        name.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_postgresql_reads_them() {
        let read = |text| names(text).map(|names| names.join("|"));
        for (text, names) in [
            ("", Some("")),
            ("Public", Some("public")),
            (r#""$user", public"#, Some("$user|public")),
            (r#" a ,"B ""c""", d "#, Some(r#"a|B "c"|d"#)),
            (r#""""#, Some("")),
            ("a,,b", None),
            ("a,", None),
            ("a b", None),
            (r#""a"#, None),
        ] {
            assert_eq!(read(text).as_deref(), names, "{text}");
        }
    }

    #[test]
    fn a_path_leads_to_the_schemas_that_there_are() {
        let path = SearchPath::of("nothing, \"$user\", pg_catalog, public, public", "tester");
        assert_eq!(path.schemas(), [PG_CATALOG, SCHEMA]);
        assert_eq!(path.with_implicit(), [PG_CATALOG, SCHEMA]);
        assert_eq!(SearchPath::of("\"$user\"", SCHEMA), SearchPath::default());
        assert_eq!(SearchPath::of("", "tester").with_implicit(), [PG_CATALOG]);
        assert!(!SearchPath::of("\"Public\"", "tester").reaches(SCHEMA));
    }
}

//! Settings whose values the client is kept informed of, as PostgreSQL does.

use std::sync::LazyLock;

use super::settings::{Setting, Settings};

/// Those that can change, in the order in which they are told.
const NAMES: [&str; 8] = [
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "IntervalStyle",
    "search_path",
    "standard_conforming_strings",
    "TimeZone",
];

/// The same, found once: every answer asks for them.
static REPORTED: LazyLock<[Option<&Setting>; NAMES.len()]> =
    LazyLock::new(|| NAMES.map(Settings::find));

/// What the client has been told of them.
#[derive(Debug, Default)]
pub(in crate::sql) struct Reported([Option<String>; NAMES.len()]);

impl Reported {
    /// What the client does not know yet; it does then.
    pub(in crate::sql) fn changes(&mut self, settings: &Settings) -> Vec<(&'static str, String)> {
        let mut changes = Vec::new();
        let reported = NAMES.into_iter().zip(&*REPORTED);
        for ((name, setting), known) in reported.zip(&mut self.0) {
            let value = setting.map_or("", |setting| settings.value(setting));
            if known.as_deref() != Some(value) {
                *known = Some(value.to_owned());
                changes.push((name, value.to_owned()));
            }
        }
        changes
    }
}

//! Settings whose values the client is kept informed of, as PostgreSQL does.

use super::settings::Settings;

/// Those that can change, in the order in which they are told.
const REPORTED: [&str; 8] = [
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "IntervalStyle",
    "search_path",
    "standard_conforming_strings",
    "TimeZone",
];

/// What the client has been told of them.
#[derive(Debug, Default)]
pub(in crate::sql) struct Reported([Option<String>; REPORTED.len()]);

impl Reported {
    /// What the client does not know yet; it does then.
    pub(in crate::sql) fn changes(&mut self, settings: &Settings) -> Vec<(&'static str, String)> {
        let mut changes = Vec::new();
        for (name, known) in REPORTED.into_iter().zip(&mut self.0) {
            let value = settings.get(name).unwrap_or_default();
            if known.as_deref() != Some(value) {
                *known = Some(value.to_owned());
                changes.push((name, value.to_owned()));
            }
        }
        changes
    }
}

//! The settings that there are.

use std::sync::LazyLock;

use super::quantity::MILLISECONDS;
use super::setting::{Accepts, SWITCHES, Setting, setting};
use super::{
    CLIENT_MIN_MESSAGES, DEFAULT_ISOLATION, DEFAULT_READ_ONLY, DETERMINISTIC, EXACT,
    EXACT_FAILURE_PROBABILITY, IDLE_IN_TRANSACTION_TIMEOUT, IDLE_TIMEOUT, INTERVAL_STYLE, ISO_8601,
    PURPOSE, READ_ONLY, ROLE, SEARCH_PATH, SERVER_VERSION, SESSION_AUTHORIZATION,
    STATEMENT_TIMEOUT, TIME_ZONE, idle,
};

/// All settings in the order of their names, ignoring case.
pub(super) static SETTINGS: LazyLock<Vec<&Setting>> = LazyLock::new(|| {
    let mut settings: Vec<&Setting> = KEPT.iter().chain(idle::SETTINGS).collect();
    settings.sort_by_cached_key(|setting| setting.name.to_ascii_lowercase());
    settings
});

/// Lengths of time; 0 is for ever.
const TIME: Accepts = Accepts::Quantity(MILLISECONDS, 0, i32::MAX);
const ON: Accepts = Accepts::Spellings(&["true", "yes", "1"]);
const OFF: Accepts = Accepts::Spellings(&["false", "no", "0"]);
const DEFAULT: Accepts = Accepts::Spellings(&[]);
const C: Accepts = Accepts::Spellings(&["POSIX", "C.UTF-8"]);
const LEVELS: Accepts =
    Accepts::Words(&["serializable", "repeatable read", "read committed", "read uncommitted"], &[]);
const MESSAGES: Accepts = Accepts::Words(
    &["debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"],
    &[("debug", "debug2"), ("info", "notice")],
);

/// Those that are kept to: what they accept is done, and what is not done they refuse.
static KEPT: &[Setting] = &[
    setting("application_name", "", Accepts::Text),
    setting("array_nulls", "on", ON),
    setting("backslash_quote", "safe_encoding", DEFAULT),
    setting("block_size", "8192", Accepts::Nothing),
    setting("bytea_output", "hex", DEFAULT),
    setting("client_encoding", "UTF8", Accepts::Encoding),
    setting(CLIENT_MIN_MESSAGES, "notice", MESSAGES),
    setting("DateStyle", "ISO, MDY", Accepts::Spellings(&["ISO", "ISO,MDY"])),
    setting("default_table_access_method", "heap", Accepts::Name("Table access method", &["heap"])),
    setting(
        "default_tablespace",
        "",
        Accepts::Name("Tablespace", &["", "pg_default", "pg_global"]),
    ),
    setting("default_text_search_config", "pg_catalog.simple", Accepts::Spellings(&["simple"])),
    setting(DEFAULT_ISOLATION, "repeatable read", LEVELS),
    setting(DEFAULT_READ_ONLY, "off", Accepts::Boolean),
    setting("default_with_oids", "off", OFF),
    setting("exit_on_error", "off", OFF),
    setting("extra_float_digits", "1", Accepts::Integer(-15, 3)),
    setting(IDLE_IN_TRANSACTION_TIMEOUT, "0", TIME),
    setting(IDLE_TIMEOUT, "0", TIME),
    setting("in_hot_standby", "off", Accepts::Nothing),
    setting("integer_datetimes", "on", Accepts::Nothing),
    setting(INTERVAL_STYLE, "postgres", Accepts::Words(&["postgres", ISO_8601], &[])),
    setting("is_superuser", "off", Accepts::Nothing),
    setting("lc_collate", "C", Accepts::Nothing),
    setting("lc_ctype", "C", Accepts::Nothing),
    setting("lc_messages", "C", C),
    setting("lc_monetary", "C", C),
    setting("lc_numeric", "C", C),
    setting("lc_time", "C", C),
    setting(EXACT, "probable", Accepts::Words(&["probable", DETERMINISTIC], &[])),
    setting(EXACT_FAILURE_PROBABILITY, "1e-9", Accepts::FailureProbability),
    setting(PURPOSE, "", Accepts::Purpose),
    // There are no locks that a statement could wait for.
    setting("lock_timeout", "0", TIME),
    setting("max_identifier_length", "63", Accepts::Nothing),
    setting("max_index_keys", "32", Accepts::Nothing),
    setting("max_prepared_transactions", "0", Accepts::Nothing),
    setting("password_encryption", "scram-sha-256", Accepts::Spellings(&["on", "true"])),
    setting("quote_all_identifiers", "off", OFF),
    setting(ROLE, "none", Accepts::Role),
    setting(SEARCH_PATH, "\"$user\", public", Accepts::SearchPath),
    setting("server_encoding", "UTF8", Accepts::Nothing),
    setting("server_version", SERVER_VERSION, Accepts::Nothing),
    setting("server_version_num", "150000", Accepts::Nothing),
    setting(SESSION_AUTHORIZATION, "", Accepts::Role),
    setting("session_replication_role", "origin", DEFAULT),
    setting("standard_conforming_strings", "on", ON),
    setting(STATEMENT_TIMEOUT, "0", TIME),
    setting("synchronous_commit", "on", COMMITS),
    setting("temp_tablespaces", "", DEFAULT),
    setting(
        TIME_ZONE,
        "UTC",
        Accepts::Spellings(&["GMT", "Etc/UTC", "Etc/GMT", "Z", "+00:00", "0"]),
    ),
    setting("transaction_isolation", "repeatable read", LEVELS),
    setting(READ_ONLY, "off", OFF),
    setting("transform_null_equals", "off", OFF),
];

/// Whatever is said, a commit is durable when it is acknowledged: that is the strongest of them.
const COMMITS: Accepts =
    Accepts::Words(&["local", "remote_write", "remote_apply", "on", "off"], SWITCHES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_accepts_its_default_and_shows_it_so() {
        for setting in SETTINGS.iter() {
            if !matches!(setting.accepts, Accepts::Nothing) {
                let kept = setting.checked(setting.default, "");
                assert_eq!(kept.as_deref(), Ok(setting.default), "{}", setting.name);
            }
        }
    }

    #[test]
    fn no_setting_is_there_twice() {
        let names = SETTINGS.iter().map(|setting| setting.name.to_ascii_lowercase());
        let names: Vec<_> = names.collect();
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    }
}

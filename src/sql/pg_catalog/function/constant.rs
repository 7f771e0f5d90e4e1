//! Functions whose answer hardly depends on their arguments, because the objects that PostgreSQL's
//! would look into do not exist here, or all are visible and readable.

use super::super::relation::Kind;
use super::definition::{Body, Definition};
use super::naming::first;

pub(super) const FUNCTIONS: &[Definition<()>] = &[
    yes("pg_type_is_visible", 1, 1),
    yes("pg_function_is_visible", 1, 1),
    yes("pg_operator_is_visible", 1, 1),
    yes("pg_opclass_is_visible", 1, 1),
    yes("pg_opfamily_is_visible", 1, 1),
    yes("pg_collation_is_visible", 1, 1),
    yes("pg_conversion_is_visible", 1, 1),
    yes("pg_statistics_obj_is_visible", 1, 1),
    yes("pg_ts_config_is_visible", 1, 1),
    yes("pg_ts_dict_is_visible", 1, 1),
    yes("pg_ts_parser_is_visible", 1, 1),
    yes("pg_ts_template_is_visible", 1, 1),
    yes("has_function_privilege", 2, 3),
    yes("has_sequence_privilege", 2, 3),
    yes("has_tablespace_privilege", 2, 3),
    yes("has_type_privilege", 2, 3),
    yes("has_language_privilege", 2, 3),
    yes("pg_has_role", 2, 3),
    no("pg_is_in_recovery", 0, 0),
    no("pg_is_wal_replay_paused", 0, 0),
    no("pg_is_other_temp_schema", 1, 1),
    no("pg_relation_is_publishable", 1, 1),
    // Expressions are kept as they are shown.
    Definition {
        name: "pg_get_expr",
        least: 2,
        most: 3,
        returns: Kind::Text,
        body: |(), arguments| Ok(Some(first(arguments).to_owned())),
    },
    nothing("pg_get_partkeydef", 1, 1),
    nothing("pg_get_viewdef", 1, 2),
    nothing("pg_get_ruledef", 1, 2),
    nothing("pg_get_triggerdef", 1, 2),
    nothing("pg_get_serial_sequence", 2, 2),
    nothing("pg_get_statisticsobjdef_columns", 1, 1),
    nothing("pg_get_function_sqlbody", 1, 1),
    nothing("col_description", 2, 2),
    nothing("shobj_description", 2, 2),
    // Nothing depends on anything that it could be asked for.
    nothing("pg_describe_object", 3, 3),
    // Indexes are not read by themselves.
    Definition {
        name: "pg_stat_get_numscans",
        least: 1,
        most: 1,
        returns: Kind::Int8,
        body: |(), _| Ok(Some("0".to_owned())),
    },
    // Nobody waits for anybody.
    Definition {
        name: "pg_blocking_pids",
        least: 1,
        most: 1,
        returns: Kind::Int4s,
        body: |(), _| Ok(Some(String::new())),
    },
    Definition {
        name: "acldefault",
        least: 2,
        most: 2,
        returns: Kind::Texts,
        body: |(), _| Ok(None),
    },
    Definition {
        name: "pg_tablespace_location",
        least: 1,
        most: 1,
        returns: Kind::Text,
        body: |(), _| Ok(Some(String::new())),
    },
    Definition {
        name: "pg_my_temp_schema",
        least: 0,
        most: 0,
        returns: Kind::Oid,
        body: |(), _| Ok(Some("0".to_owned())),
    },
    Definition {
        name: "pg_char_to_encoding",
        least: 1,
        most: 1,
        returns: Kind::Int4,
        body: |(), arguments| {
            let name = first(arguments).replace(['-', '_'], "").to_ascii_lowercase();
            Ok(Some(if name == "utf8" { "6" } else { "-1" }.to_owned()))
        },
    },
    Definition {
        name: "getdatabaseencoding",
        least: 0,
        most: 0,
        returns: Kind::Name,
        body: |(), _| Ok(Some("UTF8".to_owned())),
    },
    Definition {
        name: "pg_size_pretty",
        least: 1,
        most: 1,
        returns: Kind::Text,
        body: |(), arguments| Ok(first(arguments).parse().ok().map(pretty)),
    },
    Definition {
        name: "pg_encoding_to_char",
        least: 1,
        most: 1,
        returns: Kind::Name,
        body: |(), arguments| {
            let utf8 = first(arguments) == "6";
            Ok(Some(if utf8 { "UTF8" } else { "" }.to_owned()))
        },
    },
];

const fn yes(name: &'static str, least: usize, most: usize) -> Definition<()> {
    Definition { name, least, most, returns: Kind::Bool, body: |(), _| Ok(Some("t".to_owned())) }
}

const fn no(name: &'static str, least: usize, most: usize) -> Definition<()> {
    Definition { name, least, most, returns: Kind::Bool, body: |(), _| Ok(Some("f".to_owned())) }
}

const fn nothing(name: &'static str, least: usize, most: usize) -> Definition<()> {
    const NONE: Body<()> = |(), _| Ok(None);
    Definition { name, least, most, returns: Kind::Text, body: NONE }
}

/// A number of bytes as PostgreSQL shows it: in the first unit of which there are fewer than
/// 10,240, rounded half away from zero.
fn pretty(bytes: i64) -> String {
    let sign = if bytes < 0 { "-" } else { "" };
    let size = bytes.unsigned_abs();
    if size < 10 * 1024 {
        return format!("{sign}{size} bytes");
    }
    let (mut halves, mut unit) = (size / 512, "kB");
    for larger in ["MB", "GB", "TB", "PB"] {
        if halves < 20 * 1024 - 1 {
            break;
        }
        (halves, unit) = (halves / 1024, larger);
    }
    format!("{sign}{} {unit}", halves.div_ceil(2))
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn sizes_are_shown_as_postgresql_shows_them() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (10_239, "10239 bytes"),
            (10_240, "10 kB"),
            (-10_752, "-11 kB"),
            (10_485_247, "10239 kB"),
            (10_485_248, "10 MB"),
            (1_000_000_000, "954 MB"),
            (i64::MAX, "8192 PB"),
        ] {
            assert_eq!(pretty(bytes), shown, "{bytes}");
        }
    }
}

//! Names of types, schemas and functions: from text to OID and back.

use super::super::builtin::{
    namespace_name, namespace_oid, procedure_arguments, procedure_name, procedure_oid, type_oid,
    type_row,
};
use super::super::relation::Kind;
use super::definition::{Body, Definition};
use crate::sql::value::types::VECTOR_OID;
use crate::sql::{SqlError, SqlState};

pub(super) const FUNCTIONS: &[Definition<()>] = &[
    Definition {
        name: "format_type",
        least: 1,
        most: 2,
        returns: Kind::Text,
        body: |(), arguments| {
            let oid = number(first(arguments)).ok_or_else(|| not_an_oid(first(arguments)))?;
            let modifier = arguments.get(1).and_then(|text| text.parse().ok());
            Ok(Some(type_name(oid, modifier)))
        },
    },
    one("regtypeout", Kind::Text, |(), arguments| {
        printed(first(arguments), |oid| type_row(oid).map(|_| type_name(oid, None)))
    }),
    REGPROC_OUT,
    one("regprocedureout", Kind::Text, |(), arguments| printed(first(arguments), signature)),
    one("regnamespaceout", Kind::Text, |(), arguments| {
        printed(first(arguments), |oid| namespace_name(oid).map(str::to_owned))
    }),
    one("char", Kind::Char, |(), arguments| Ok(Some(first(arguments).chars().take(1).collect()))),
    one("xid", Kind::Oid, |(), arguments| match number(first(arguments)) {
        Some(number) => Ok(Some(number.to_string())),
        None => Err(not_an_oid(first(arguments))),
    }),
    one("name", Kind::Name, |(), arguments| Ok(Some(first(arguments).to_owned()))),
    one("oid", Kind::Oid, |(), arguments| match number(first(arguments)) {
        Some(oid) => Ok(Some(oid.to_string())),
        None => Err(not_an_oid(first(arguments))),
    }),
    one("regtype", Kind::Oid, |(), arguments| {
        named(first(arguments), type_named, |name| {
            SqlError::new(SqlState::UndefinedObject, format!("type \"{name}\" does not exist"))
        })
    }),
    one("regproc", Kind::Oid, |(), arguments| {
        named(first(arguments), procedure_oid, |name| {
            let message = format!("function \"{name}\" does not exist");
            SqlError::new(SqlState::UndefinedFunction, message)
        })
    }),
    one("regprocedure", Kind::Oid, |(), arguments| {
        named(first(arguments), procedure_with_arguments, |name| {
            let message = format!("function \"{name}\" does not exist");
            SqlError::new(SqlState::UndefinedFunction, message)
        })
    }),
    one("regoperator", Kind::Oid, |(), arguments| {
        named(
            first(arguments),
            |_| None,
            |name| {
                SqlError::new(
                    SqlState::UndefinedFunction,
                    format!("operator does not exist: {name}"),
                )
            },
        )
    }),
    one("regoperatorout", Kind::Text, |(), arguments| printed(first(arguments), |_| None)),
    one("regnamespace", Kind::Oid, |(), arguments| {
        named(first(arguments), namespace_oid, |name| {
            SqlError::new(SqlState::UndefinedObject, format!("schema \"{name}\" does not exist"))
        })
    }),
    one("to_regtype", Kind::Oid, |(), arguments| {
        Ok(type_named(unqualified(first(arguments))).map(|oid| oid.to_string()))
    }),
    one("oidvectortypes", Kind::Text, |(), arguments| {
        let oids = first(arguments).split(|c: char| !c.is_ascii_digit());
        let names = oids.filter_map(number).map(|oid| type_name(oid, None));
        Ok(Some(names.collect::<Vec<_>>().join(", ")))
    }),
];

/// Prints a function's number as its name.
pub(super) const REGPROC_OUT: Definition<()> = one("regprocout", Kind::Text, |(), arguments| {
    printed(first(arguments), |oid| procedure_name(oid).map(str::to_owned))
});

/// A function as PostgreSQL writes one told by its arguments: `array_in(cstring,oid,integer)`.
fn signature(oid: u32) -> Option<String> {
    let types = procedure_arguments(oid)?.map(|oid| type_name(oid, None)).collect::<Vec<_>>();
    Some(format!("{}({})", procedure_name(oid)?, types.join(",")))
}

/// The OID of the function that is written so.
fn procedure_with_arguments(text: &str) -> Option<u32> {
    let (name, _) = text.split_once('(')?;
    procedure_oid(name.trim()).filter(|oid| {
        let spaceless = |text: &str| text.replace(' ', "");
        signature(*oid).is_some_and(|written| spaceless(&written) == spaceless(text))
    })
}

const fn one(name: &'static str, returns: Kind, body: Body<()>) -> Definition<()> {
    Definition { name, least: 1, most: 1, returns, body }
}

pub(super) fn first<'a>(arguments: &[&'a str]) -> &'a str {
    arguments.first().copied().unwrap_or_default()
}

/// The OID that a text of digits is.
pub(super) fn number(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

pub(super) fn not_an_oid(text: &str) -> SqlError {
    let message = format!("invalid input syntax for type oid: \"{text}\"");
    SqlError::new(SqlState::InvalidTextRepresentation, message)
}

/// A name without the schema that the built-in objects are in, and without quotes.
pub(super) fn unqualified(name: &str) -> &str {
    let name = name.trim();
    let inside = ["pg_catalog.", "\"pg_catalog\"."].iter().find_map(|s| name.strip_prefix(s));
    inside.unwrap_or(name).trim_matches('"')
}

/// The parts of a qualified name as a statement writes it: folded unless quoted, `""` for a quote.
/// None where it is no name.
pub(super) fn name_parts(text: &str) -> Option<Vec<String>> {
    let (mut parts, mut rest) = (Vec::new(), text.trim());
    loop {
        let (part, after) = name_part(rest)?;
        parts.push(part);
        match after.strip_prefix('.') {
            Some(more) => rest = more.trim_start(),
            None => return after.is_empty().then_some(parts),
        }
    }
}

/// The first part of a name, and what is behind it.
fn name_part(text: &str) -> Option<(String, &str)> {
    let Some(mut quoted) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let part = text[..end].trim_end().to_ascii_lowercase();
        return (!part.is_empty()).then_some((part, &text[end..]));
    };
    let mut part = String::new();
    loop {
        let (before, after) = quoted.split_once('"')?;
        part.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => quoted = more,
            None => return Some((part, after.trim_start())),
        }
        part.push('"');
    }
}

/// What names an object, as PostgreSQL prints it: its digits where nothing has that OID.
pub(super) fn printed(
    text: &str,
    name: impl FnOnce(u32) -> Option<String>,
) -> Result<Option<String>, SqlError> {
    match number(text) {
        Some(0) => Ok(Some("-".to_owned())),
        Some(oid) => Ok(Some(name(oid).unwrap_or_else(|| oid.to_string()))),
        None => Err(not_an_oid(text)),
    }
}

fn named(
    text: &str,
    find: fn(&str) -> Option<u32>,
    unknown: fn(&str) -> SqlError,
) -> Result<Option<String>, SqlError> {
    if let Some(oid) = number(text) {
        return Ok(Some(oid.to_string()));
    }
    match find(unqualified(text)) {
        Some(oid) => Ok(Some(oid.to_string())),
        None => Err(unknown(text)),
    }
}

/// The OID of a type by its name in `pg_type` or the one that SQL gives it.
fn type_named(name: &str) -> Option<u32> {
    let lower = name.to_ascii_lowercase();
    if let Some(item) = lower.strip_suffix("[]") {
        return type_row(type_named(item)?)?.get("typarray")?.parse().ok();
    }
    let mut names = SQL_NAMES.iter().chain(&ALIASES);
    let internal = names.find(|(_, sql)| *sql == lower).map(|(internal, _)| *internal);
    type_oid(internal.unwrap_or(&lower))
}

/// Types that SQL calls otherwise than `pg_type` does.
const SQL_NAMES: [(&str, &str); 14] = [
    ("bool", "boolean"),
    ("int2", "smallint"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("float4", "real"),
    ("float8", "double precision"),
    ("bpchar", "character"),
    ("varchar", "character varying"),
    ("varbit", "bit varying"),
    ("time", "time without time zone"),
    ("timetz", "time with time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
    ("char", "\"char\""),
];

/// Their other names, by which they are not shown.
const ALIASES: [(&str, &str); 3] = [("int4", "int"), ("float8", "float"), ("numeric", "decimal")];

/// The type's name as SQL writes it, with its modifier.
pub(in crate::sql::pg_catalog) fn type_name(oid: u32, modifier: Option<i32>) -> String {
    const UNKNOWN: &str = "???";
    /// The one array type that is not among the arrays.
    const RECORDS: u32 = 2287;
    if oid == 0 {
        return "-".to_owned();
    }
    let Some(row) = type_row(oid) else { return UNKNOWN.to_owned() };
    let internal = row.get("typname").unwrap_or(UNKNOWN);
    if (row.get("typcategory") == Some("A") || oid == RECORDS)
        && let Some(item) = row.get("typelem").and_then(number)
    {
        return format!("{}[]", type_name(item, modifier));
    }
    let sql = SQL_NAMES.iter().find(|(name, _)| *name == internal).map(|(_, sql)| *sql);
    let name = sql.unwrap_or(internal);
    match modifier {
        Some(modifier) if modifier >= 0 => format!("{name}{}", modifier_text(oid, modifier)),
        _ => name.to_owned(),
    }
}

/// A type modifier in parentheses; lengths of texts are kept with the four bytes of a header.
fn modifier_text(oid: u32, modifier: i32) -> String {
    const BPCHAR: u32 = 1042;
    const VARCHAR: u32 = 1043;
    const NUMERIC: u32 = 1700;
    match oid {
        VECTOR_OID => format!("({modifier})"),
        BPCHAR | VARCHAR => format!("({})", modifier - 4),
        NUMERIC => format!("({},{})", (modifier - 4) >> 16, (modifier - 4) & 0x7ff),
        _ => String::new(),
    }
}

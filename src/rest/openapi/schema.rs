//! Schemas of values whose bounds stand in constants, or that are words of a short list.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::json;
use utoipa::openapi::schema::{
    Array, ArrayBuilder, KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{OpenApi, Ref, RefOr};

/// A value of this kind.
pub(super) fn of(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(kind))
}

/// A whole number, and the one that is meant where none is given.
pub(crate) fn integer(bounds: &RangeInclusive<usize>, default: usize) -> Object {
    let number = of(Type::Integer).minimum(Some(*bounds.start())).maximum(Some(*bounds.end()));
    number.default(Some(json!(default))).build()
}

/// A text of at most so many characters, or null.
pub(in crate::rest) fn text_or_null(chars_max: usize) -> Object {
    let kinds = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(kinds).max_length(Some(chars_max)).build()
}

/// A text of so many characters.
pub(in crate::rest) fn text(chars: &RangeInclusive<usize>) -> Object {
    bounded(chars).build()
}

/// A text of so many characters, none of them a control character.
pub(in crate::rest) fn plain_text(chars: &RangeInclusive<usize>) -> Object {
    let pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*$";
    bounded(chars).pattern(Some(pattern)).build()
}

fn bounded(chars: &RangeInclusive<usize>) -> ObjectBuilder {
    of(Type::String).min_length(Some(*chars.start())).max_length(Some(*chars.end()))
}

/// One of these words, and the one that is meant where none is given.
pub(in crate::rest) fn word(words: &[&str], default: &str) -> Object {
    let words = Some(words.iter().copied());
    of(Type::String).enum_values(words).default(Some(json!(default))).build()
}

/// A list of some of these words.
pub(in crate::rest) fn words(words: &[&str]) -> Array {
    let word = of(Type::String).enum_values(Some(words.iter().copied()));
    ArrayBuilder::new().items(word).build()
}

/// The bytes of an image.
pub(in crate::rest) fn image() -> Object {
    of(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
        .description(Some("JPEG, PNG or WebP of at most 8 MiB and 64 megapixels"))
        .build()
}

/// How much is asked about each face.
pub(in crate::rest) fn attribute_set() -> Object {
    word(&["none", "default", "all"], "default")
}

/// Least similarity of a match.
pub(in crate::rest) fn threshold() -> Object {
    let about = "Least similarity of a match; the server's `default_threshold` (0.65) unless given";
    of(Type::Number).minimum(Some(0)).maximum(Some(1)).description(Some(about)).build()
}

/// An id that the server gave to a face.
pub(in crate::rest) fn face_id() -> Object {
    let about = "`f_` and a ULID";
    let pattern = "^f_[0-7][0-9A-HJKMNP-TV-Z]{25}$";
    of(Type::String).pattern(Some(pattern)).description(Some(about)).build()
}

/// A text that fits into a header.
pub(super) fn header_text(chars_max: usize) -> Object {
    let pattern = "^[!-~]([ -~]*[!-~])?$";
    of(Type::String).pattern(Some(pattern)).max_length(Some(chars_max)).build()
}

/// Has the object `into` say that it may have the fields of `from` too, as flattened options do.
pub(super) fn repeat_fields(description: &mut OpenApi, from: &str, into: &str) {
    let Some(components) = &mut description.components else { return };
    let fields = fields(&components.schemas, &Ref::from_schema_name(from).into());
    if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(into) {
        object.properties.extend(fields);
    }
}

type Schemas = BTreeMap<String, RefOr<Schema>>;

/// The fields of a schema, those of what it is composed of included.
fn fields(schemas: &Schemas, schema: &RefOr<Schema>) -> Schemas {
    match schema {
        RefOr::Ref(to) => {
            let name = to.ref_location.rsplit('/').next();
            let schema = name.and_then(|name| schemas.get(name));
            schema.map(|schema| fields(schemas, schema)).unwrap_or_default()
        }
        RefOr::T(Schema::Object(object)) => object.properties.clone().into_iter().collect(),
        RefOr::T(Schema::AllOf(all)) => {
            all.items.iter().flat_map(|item| fields(schemas, item)).collect()
        }
        RefOr::T(_) => Schemas::new(),
    }
}

//! The names that stand in a rewritten statement for operators and functions of ours.

/// Name of the table function that stands for `SEARCH FACES`. Contains a space, so that no text
/// can spell it without quotes; quoted it is refused.
pub(super) const MARKER: &str = "SEARCH FACES";

/// Name of the table function that compares all faces.
pub(super) const SIMILAR_FACES: &str = "similar_faces";

/// Name of the table function that finds the faces of an image.
pub(super) const DETECT_FACES: &str = "detect_faces";

/// Name of the table function that compares two images.
pub(super) const COMPARE_FACES: &str = "compare_faces";

/// The function that `expr::vector` becomes; a second argument is the dimensions in `vector(n)`.
pub(super) const TO_VECTOR: &str = "to_vector";

/// What `LIKE ANY (array)` and its like become.
pub(super) const LIKE_ANY: &str = "like any";
pub(super) const LIKE_ALL: &str = "like all";
pub(super) const ILIKE_ANY: &str = "ilike any";
pub(super) const ILIKE_ALL: &str = "ilike all";

/// The function that `expr::real[]` becomes.
pub(super) const TO_REAL_ARRAY: &str = "to_real_array";

/// The function that `expr::jsonb` becomes.
pub(super) const TO_JSONB: &str = "jsonb";

/// The function that marks text as a document without reading it.
pub(super) const AS_JSONB: &str = "as jsonb";

/// The elements, keys and values of a document as arrays.
pub(super) const JSON_ELEMENTS: &str = "jsonb elements array";
pub(super) const JSON_ELEMENTS_TEXT: &str = "jsonb elements text array";
pub(super) const JSON_KEYS: &str = "jsonb keys array";
pub(super) const JSON_VALUES: &str = "jsonb values array";
pub(super) const JSON_VALUES_TEXT: &str = "jsonb values text array";

/// The function that `expr::numeric` becomes.
pub(super) const TO_NUMERIC: &str = "numeric";

/// The function that `expr::uuid` becomes.
pub(super) const TO_UUID: &str = "uuid";

/// The function that marks text as an identifier without reading it.
pub(super) const AS_UUID: &str = "as uuid";

/// The functions that `expr::uuid[]` and `expr::jsonb[]` become.
pub(super) const TO_UUID_ARRAY: &str = "uuid array";
pub(super) const TO_JSONB_ARRAY: &str = "jsonb array";

/// The function that `extract(unit FROM time)` becomes.
pub(super) const EXTRACT: &str = "extract";

/// The function that `time::timestamp(2)` and its like become: seconds have fewer digits.
pub(super) const TO_PRECISION: &str = "time of precision";

/// The function that stands around an expression that chooses one of several values, beside one of
/// these that tells of which type they are: the planner would forget that they are documents.
pub(super) const CHOSEN: &str = "chosen";

/// What a cast to `text` of a value that may be a document becomes: a cast would stay a document.
pub(super) const TO_TEXT: &str = "printed";

/// The function that `expr::char(n)` becomes.
pub(super) const TO_CHARACTERS: &str = "bpchar";

/// The function that `ARRAY(query)` becomes. It is carried out by planning it.
pub(super) const ARRAY_SUBQUERY: &str = "ARRAY subquery";

/// The function that `pattern ESCAPE letter` becomes.
pub(super) const LIKE_ESCAPE: &str = "like_escape";

/// The function that a `SIMILAR TO` pattern becomes.
pub(super) const SIMILAR_PATTERN: &str = "similar_to_escape";

/// The function that the replacement of `regexp_replace` becomes.
pub(super) const REPLACEMENT: &str = "replacement";

/// The whole numbers of `generate_series` as an array.
pub(super) const SERIES: &str = "series array";

/// The subscripts of `generate_subscripts` as an array.
pub(super) const SUBSCRIPTS: &str = "subscripts array";

/// The items of an array with their numbers, as an array.
pub(super) const NUMBERED: &str = "numbered array";

/// The rows of `regexp_matches` as an array of arrays.
pub(super) const ALL_MATCHES: &str = "matches array";

/// Aggregates of values in order; the last four tell where a row would stand among others.
pub(super) const PERCENTILE_DISC: &str = "percentile_disc";
pub(super) const PERCENTILE_CONT: &str = "percentile_cont";
pub(super) const MODE: &str = "mode";
pub(super) const RANK_OF: &str = "rank of";
pub(super) const DENSE_RANK_OF: &str = "dense_rank of";
pub(super) const PERCENT_RANK_OF: &str = "percent_rank of";
pub(super) const CUME_DIST_OF: &str = "cume_dist of";

/// What `TABLESAMPLE` compares: the share that is taken, and where a row is among all.
pub(super) const SAMPLE_SHARE: &str = "sample share";
pub(super) const SAMPLE_PLACE: &str = "sample place";

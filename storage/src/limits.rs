//! Every bound of the store in one place, with the relations between them checked at compile time.
//!
//! Writers are held to these bounds before anything is logged, readers use them to refuse lengths
//! that no writer could have produced before anything is allocated.

/// Most components an embedding may have.
pub const DIM_MAX: usize = 4096;

/// Most operations in one [`WriteBatch`](crate::WriteBatch).
pub const BATCH_OPERATIONS_MAX: usize = 4_000_000;

/// Most bytes one batch may occupy in the WAL, its frame included.
pub const RECORD_BYTES_MAX: usize = 256 << 20;

/// Most characters of an external face or image id.
pub const EXTERNAL_ID_CHARS_MAX: usize = 255;

/// Most characters of a gallery's name.
pub const GALLERY_NAME_CHARS_MAX: usize = 120;

/// Most characters of a tenant's name.
pub const TENANT_CHARS_MAX: usize = 120;

/// Most characters of a gallery's description.
pub const DESCRIPTION_CHARS_MAX: usize = 4096;

/// Most characters of a model's name.
pub const MODEL_CHARS_MAX: usize = 120;

/// Most bytes of one JSON text (attributes, metadata) of a row.
pub const JSON_BYTES_MAX: usize = 64 << 10;

/// Most bytes of the thumbnail of a row.
pub const THUMBNAIL_BYTES_MAX: usize = 8 << 10;

/// Most rows of one segment: what a row ordinal can count.
pub const SEGMENT_ROWS_MAX: usize = 1 << 31;

/// Most bytes one character takes in UTF-8.
pub(crate) const CHAR_BYTES_MAX: usize = 4;

/// Most bytes of any text stored, in whatever field.
pub(crate) const TEXT_BYTES_MAX: usize = JSON_BYTES_MAX;

/// Most bytes of one row in the WAL: its texts, its thumbnail, its embedding and a fixed part.
pub(crate) const ROW_BYTES_MAX: usize = DIM_MAX * size_of::<f32>()
    + 2 * JSON_BYTES_MAX
    + THUMBNAIL_BYTES_MAX
    + (2 * EXTERNAL_ID_CHARS_MAX + MODEL_CHARS_MAX) * CHAR_BYTES_MAX
    + 256;

/// Bytes reserved at a time behind the end of the log. A sync of bytes inside them has no new file
/// length to make durable, which takes about half as long. Tests keep every state of a directory,
/// and want to see many reservations: little room for both.
pub(crate) const LOG_RESERVE_BYTES: usize = if cfg!(test) { 512 } else { 1 << 20 };

/// Memory that the rows of a bulk load may take before they are written to a segment. Tests want to
/// see many segments.
pub(crate) const LOAD_SEGMENT_BYTES: u64 = if cfg!(test) { 1024 } else { 64 << 20 };

/// Rows compared between two looks at the caller's cancellation flag.
pub(crate) const SCAN_BLOCK_ROWS: usize = 1024;

// Any single row fits into a batch, so a caller can always split a batch that is too large.
const _: () = assert!(ROW_BYTES_MAX * 2 < RECORD_BYTES_MAX);
// A record's length is a u32 on disk.
const _: () = assert!(RECORD_BYTES_MAX as u64 <= u32::MAX as u64);
// The model's length is a u16 in a segment's header.
const _: () = assert!(MODEL_CHARS_MAX * CHAR_BYTES_MAX <= u16::MAX as usize);
// A row ordinal is a u32.
const _: () = assert!(SEGMENT_ROWS_MAX as u64 <= u32::MAX as u64);
// One number bounds every text.
const _: () = assert!(EXTERNAL_ID_CHARS_MAX * CHAR_BYTES_MAX <= TEXT_BYTES_MAX);
const _: () = assert!(DESCRIPTION_CHARS_MAX * CHAR_BYTES_MAX <= TEXT_BYTES_MAX);

//! COPY on the wire: the messages around it, and its three formats in both directions.

mod export;
mod fields;
mod import;
mod lines;
mod reader;
mod rows;
mod tuples;

/// What the binary format begins with.
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// The line that ended data before the protocol had a message for it.
const END_OF_DATA: &[u8] = b"\\.";

#[cfg(test)]
mod tests;

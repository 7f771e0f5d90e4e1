//! Rows in, a sealed segment out: written front to back through a small buffer.

use super::format::{
    BLOCK_BYTES, ENDS_BYTES, HAS_BOX, HAS_CONFIDENCE, HAS_QUALITY, HAS_TEXT, HAS_THUMBNAIL,
    SegmentHeader, TEXTS_PER_ROW,
};
use crate::checksum::Checksum;
use crate::code::{EXTENT_ROWS, Encoder, has_codes};
use crate::codec::put_f32s;
use crate::embedding::Dim;
use crate::error::{Corruption, IoFailure};
use crate::gallery::GalleryDescriptor;
use crate::id::SegmentId;
use crate::io::AppendFile;
use crate::precision::Precision;
use crate::row::RowRef;

/// Bytes handed to the file at a time: a whole number of blocks.
const BUFFER_BYTES: usize = 256 * BLOCK_BYTES;

/// Why a segment was not written.
#[derive(Debug)]
pub(crate) enum BuildError {
    /// A row could not be read from where it is.
    Corruption(Corruption),
    /// The file could not be written.
    Io(IoFailure),
}

impl From<Corruption> for BuildError {
    fn from(corruption: Corruption) -> Self {
        Self::Corruption(corruption)
    }
}

impl From<IoFailure> for BuildError {
    fn from(failure: IoFailure) -> Self {
        Self::Io(failure)
    }
}

/// Rows of one gallery that ascend by identity, readable again and again.
pub(crate) trait RowSource {
    /// The number of rows, which fits a row ordinal.
    fn len(&self) -> u32;

    /// The row at a place below the number of rows.
    fn row(&self, at: u32) -> Result<RowRef<'_>, Corruption>;
}

impl RowSource for [RowRef<'_>] {
    fn len(&self) -> u32 {
        <[RowRef<'_>]>::len(self) as u32
    }

    fn row(&self, at: u32) -> Result<RowRef<'_>, Corruption> {
        let missing = || Corruption::new("memory", 0, format!("there is no row {at}"));
        self.get(at as usize).copied().ok_or_else(missing)
    }
}

/// Writes and syncs the segment `id` of the rows given. The rows are gone through once per
/// section, so that no section needs to be held in memory.
pub(crate) fn write_segment(
    file: &mut dyn AppendFile,
    id: SegmentId,
    gallery: &GalleryDescriptor,
    rows: &(impl RowSource + ?Sized),
) -> Result<(), BuildError> {
    let (mut text_bytes, mut thumbnail_bytes) = (0, 0);
    for at in 0..rows.len() {
        let row = rows.row(at)?;
        text_bytes += text_bytes_of(&row);
        thumbnail_bytes += thumbnail_bytes_of(&row)?;
    }
    let header = SegmentHeader::lay_out(id, gallery, rows.len(), text_bytes, thumbnail_bytes);
    let mut blocks = BlockWriter::new(file);
    blocks.put(&header.encode())?;
    let mut starts = header.sections.iter().map(|section| section.offset);
    blocks.pad_to(starts.next().unwrap_or(header.checksums))?;
    if has_codes(header.dim) {
        put_codes(&mut blocks, header.dim, rows)?;
    }
    let mut element = Vec::new();
    let mut section = |put: &mut PutElement<'_>| {
        blocks.pad_to(starts.next().unwrap_or(header.checksums))?;
        for at in 0..rows.len() {
            element.clear();
            put(&mut element, &rows.row(at)?)?;
            blocks.put(&element)?;
        }
        Ok::<_, BuildError>(())
    };
    section(&mut whole(|out, row| match header.precision {
        Precision::Single => row.embedding.put_singles(out),
        Precision::Half => row.embedding.put_halves(out),
    }))?;
    section(&mut whole(|out, row| out.extend_from_slice(&row.id.get().to_le_bytes())))?;
    section(&mut whole(put_fixed))?;
    let mut end = 0;
    section(&mut whole(|out, row| put_ends(out, row, &mut end)))?;
    section(&mut whole(put_texts))?;
    if header.has_thumbnails() {
        let mut end = 0;
        section(&mut |out, row| put_thumbnail_end(out, row, &mut end))?;
        section(&mut put_thumbnail)?;
    }
    blocks.pad_to(header.checksums)?;
    blocks.finish()?;
    Ok(())
}

/// Appends what a section holds of a row.
type PutElement<'a> = dyn FnMut(&mut Vec<u8>, &RowRef<'_>) -> Result<(), Corruption> + 'a;

/// Of what was read with the row.
fn whole(
    mut put: impl FnMut(&mut Vec<u8>, &RowRef<'_>),
) -> impl FnMut(&mut Vec<u8>, &RowRef<'_>) -> Result<(), Corruption> {
    move |out, row| {
        put(out, row);
        Ok(())
    }
}

/// Codes the rows, an extent at a time.
fn put_codes(
    blocks: &mut BlockWriter<'_>,
    dim: Dim,
    rows: &(impl RowSource + ?Sized),
) -> Result<(), BuildError> {
    let (mut encoder, mut extent) = (Encoder::new(dim), Vec::new());
    for first in (0..rows.len()).step_by(EXTENT_ROWS) {
        let count = (rows.len() - first).min(EXTENT_ROWS as u32);
        encoder.begin(count as usize, &mut extent);
        for row in 0..count {
            let embedding = rows.row(first + row)?.embedding;
            encoder.put(&mut extent, count as usize, row as usize, &embedding.components());
        }
        blocks.put(&extent)?;
    }
    Ok(())
}

/// The texts of a row in the order in which they are stored.
fn texts_of<'a>(row: &RowRef<'a>) -> [Option<&'a str>; TEXTS_PER_ROW] {
    [row.external_face_id, row.external_image_id, row.attributes, row.metadata]
}

fn text_bytes_of(row: &RowRef<'_>) -> u64 {
    texts_of(row).into_iter().flatten().map(|text| text.len() as u64).sum()
}

fn thumbnail_bytes_of(row: &RowRef<'_>) -> Result<u64, Corruption> {
    row.thumbnail.map_or(Ok(0), |thumbnail| thumbnail.length().map(|length| length as u64))
}

fn put_fixed(out: &mut Vec<u8>, row: &RowRef<'_>) {
    out.extend_from_slice(&row.lsn.get().to_le_bytes());
    out.extend_from_slice(&row.created_at_us.to_le_bytes());
    put_f32s(out, &row.bounding_box.unwrap_or_default());
    put_f32s(out, &[row.confidence.unwrap_or_default(), row.quality.unwrap_or_default()]);
    let mut presence = 0;
    presence |= if row.bounding_box.is_some() { HAS_BOX } else { 0 };
    presence |= if row.confidence.is_some() { HAS_CONFIDENCE } else { 0 };
    presence |= if row.quality.is_some() { HAS_QUALITY } else { 0 };
    presence |= if row.thumbnail.is_some() { HAS_THUMBNAIL } else { 0 };
    for (at, text) in texts_of(row).iter().enumerate() {
        presence |= if text.is_some() { HAS_TEXT << at } else { 0 };
    }
    out.extend_from_slice(&presence.to_le_bytes());
}

fn put_ends(out: &mut Vec<u8>, row: &RowRef<'_>, end: &mut u64) {
    const { assert!(ENDS_BYTES == TEXTS_PER_ROW * size_of::<u64>()) };
    for text in texts_of(row) {
        *end += text.map_or(0, |text| text.len() as u64);
        out.extend_from_slice(&end.to_le_bytes());
    }
}

fn put_texts(out: &mut Vec<u8>, row: &RowRef<'_>) {
    for text in texts_of(row).into_iter().flatten() {
        out.extend_from_slice(text.as_bytes());
    }
}

fn put_thumbnail_end(out: &mut Vec<u8>, row: &RowRef<'_>, end: &mut u64) -> Result<(), Corruption> {
    *end += thumbnail_bytes_of(row)?;
    out.extend_from_slice(&end.to_le_bytes());
    Ok(())
}

fn put_thumbnail(out: &mut Vec<u8>, row: &RowRef<'_>) -> Result<(), Corruption> {
    if let Some(thumbnail) = row.thumbnail {
        out.extend_from_slice(thumbnail.bytes()?);
    }
    Ok(())
}

/// A file written in blocks whose checksums follow at its end.
struct BlockWriter<'a> {
    file: &'a mut dyn AppendFile,
    /// Bytes not handed to the file yet.
    buffer: Vec<u8>,
    /// Bytes put so far.
    written: u64,
    checksums: Vec<u8>,
}

impl<'a> BlockWriter<'a> {
    fn new(file: &'a mut dyn AppendFile) -> Self {
        let buffer = Vec::with_capacity(2 * BUFFER_BYTES);
        Self { file, buffer, written: 0, checksums: Vec::new() }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), IoFailure> {
        self.buffer.extend_from_slice(bytes);
        self.written += bytes.len() as u64;
        if self.buffer.len() >= BUFFER_BYTES { self.flush_blocks() } else { Ok(()) }
    }

    fn pad_to(&mut self, offset: u64) -> Result<(), IoFailure> {
        let zeros = offset.saturating_sub(self.written);
        self.buffer.resize(self.buffer.len() + zeros as usize, 0);
        self.written += zeros;
        if self.buffer.len() >= BUFFER_BYTES { self.flush_blocks() } else { Ok(()) }
    }

    /// Hands whole blocks to the file and keeps the rest.
    fn flush_blocks(&mut self) -> Result<(), IoFailure> {
        let whole = self.buffer.len() / BLOCK_BYTES * BLOCK_BYTES;
        let (blocks, _) = self.buffer.split_at_checked(whole).unwrap_or_default();
        for block in blocks.chunks_exact(BLOCK_BYTES) {
            self.checksums.extend_from_slice(&Checksum::of(block).get().to_le_bytes());
        }
        self.file.append(blocks)?;
        self.buffer.drain(..whole);
        Ok(())
    }

    fn finish(mut self) -> Result<(), IoFailure> {
        self.flush_blocks()?;
        if !self.buffer.is_empty() {
            self.checksums.extend_from_slice(&Checksum::of(&self.buffer).get().to_le_bytes());
        }
        let sum = Checksum::of(&self.checksums);
        self.buffer.extend_from_slice(&self.checksums);
        self.buffer.extend_from_slice(&sum.get().to_le_bytes());
        self.file.append(&self.buffer)?;
        self.file.sync()
    }
}

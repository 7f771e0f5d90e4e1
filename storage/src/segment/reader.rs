//! A sealed segment: mapped, immutable, and verified block by block as it is read.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::format::{
    BLOCK_BYTES, CHECKSUM_BYTES, ENDS_BYTES, FIXED_BYTES, HAS_BOX, HAS_CONFIDENCE, HAS_QUALITY,
    HAS_TEXT, HAS_THUMBNAIL, ID_BYTES, Section, SectionKind, SegmentHeader, TEXTS_PER_ROW,
};
use crate::checksum::Checksum;
use crate::code::{
    EXTENT_ROWS, Encoder, GROUP_ROWS, PLANES, code_bytes, has_codes, record_bytes, refinement_bytes,
};
use crate::codec::{Cursor, DecodeError};
use crate::embedding::{Dim, EmbeddingRef, is_unit};
use crate::error::Corruption;
use crate::id::{GalleryId, Lsn, RowOrdinal, SegmentId, TemplateId};
use crate::io::Mapping;
use crate::kernel;
use crate::precision::Precision;
use crate::row::{RowRef, TextColumn};
use crate::thumbnail::ThumbnailRef;

/// Rows of one gallery in ascending order of identity.
///
/// Opening checks the header and the list of checksums. A block is compared with its checksum the
/// first time anything in it is read, so a reader gets either what was written or an error that
/// names the place.
#[derive(Debug)]
pub(crate) struct Segment {
    header: SegmentHeader,
    mapping: Mapping,
    /// The file, for messages.
    path: PathBuf,
    /// One bit per block that was found to be as written.
    verified: Box<[AtomicU64]>,
}

impl Segment {
    /// Checks the header, where the sections are, and the list of checksums; not the rows.
    pub(crate) fn open(mapping: Mapping, path: PathBuf) -> Result<Self, Corruption> {
        let fault = |fault: DecodeError| Corruption::new(path.clone(), fault.offset, fault.what);
        let header = SegmentHeader::decode(mapping.bytes()).map_err(fault)?;
        let list = mapping.bytes().get(header.checksums as usize..).unwrap_or_default();
        let sum = list.split_last_chunk::<CHECKSUM_BYTES>();
        if sum.is_none_or(|(list, sum)| Checksum::of(list).get() != u32::from_le_bytes(*sum)) {
            let what = "the checksum of the checksums differs".to_owned();
            return Err(fault(DecodeError { offset: header.checksums, what }));
        }
        let words = header.blocks().div_ceil(64);
        let verified = (0..words).map(|_| AtomicU64::new(0)).collect();
        Ok(Self { header, mapping, path, verified })
    }

    /// Reads every byte: checks all checksums, the order of the rows, each row, and whether the
    /// codes are theirs. Goes on after a fault and hands each to `found`.
    pub(crate) fn verify(&self, mut found: impl FnMut(Corruption)) {
        // What damaged blocks say of rows is no news.
        if self.verify_all_blocks(&mut found) {
            self.verify_rows(&mut found);
            self.verify_codes(found);
        }
    }

    /// Checks a segment whose codes were made a moment ago: the same without making them again,
    /// which takes longest.
    pub(crate) fn verify_written(&self, mut found: impl FnMut(Corruption)) {
        if self.verify_all_blocks(&mut found) {
            self.verify_rows(&mut found);
        }
    }

    /// Compares all blocks with their checksums and says whether they are as written.
    fn verify_all_blocks(&self, found: &mut impl FnMut(Corruption)) -> bool {
        let mut sound = true;
        for block in 0..self.header.blocks() as usize {
            if let Err(corruption) = self.verify_block(block) {
                sound = false;
                found(corruption);
            }
        }
        sound
    }

    /// Codes the rows again and compares.
    fn verify_codes(&self, mut found: impl FnMut(Corruption)) {
        if !self.has_codes() {
            return;
        }
        let (mut encoder, mut expected) = (Encoder::new(self.header.dim), Vec::new());
        let mut start = self.section(SectionKind::Codes).offset as usize;
        for first in (0..self.header.rows).step_by(EXTENT_ROWS) {
            let rows = (self.header.rows - first).min(EXTENT_ROWS as u32);
            encoder.begin(rows as usize, &mut expected);
            for row in 0..rows {
                let embedding = match self.embedding(RowOrdinal::new(first + row)) {
                    Ok(embedding) => embedding.components(),
                    Err(corruption) => return found(corruption),
                };
                encoder.put(&mut expected, rows as usize, row as usize, &embedding);
            }
            let stored = self.mapping.bytes().get(start..start + expected.len());
            if stored != Some(&expected[..]) {
                let what = format!("the codes of the rows from {first} on are not theirs");
                found(Corruption::new(self.path.clone(), start as u64, what));
            }
            start += expected.len();
        }
    }

    fn verify_rows(&self, found: &mut impl FnMut(Corruption)) {
        let mut before = None;
        for at in (0..self.header.rows).map(RowOrdinal::new) {
            let checked = self.row(at).and_then(|row| {
                if before.replace(row.id).is_some_and(|before| before >= row.id) {
                    return Err(self.fault(SectionKind::Ids, at, ID_BYTES, "is out of order"));
                }
                if !is_unit(&row.embedding.components()) {
                    let what = "has an embedding that is not of length 1";
                    let bytes = self.embedding_bytes();
                    return Err(self.fault(SectionKind::Embeddings, at, bytes, what));
                }
                row.thumbnail.map_or(Ok(()), |thumbnail| thumbnail.bytes().map(drop))
            });
            if let Err(corruption) = checked {
                found(corruption);
            }
        }
    }

    /// The segment's number.
    pub(crate) fn id(&self) -> SegmentId {
        self.header.id
    }

    /// Whose rows these are.
    pub(crate) fn gallery(&self) -> GalleryId {
        self.header.gallery
    }

    /// Components of an embedding.
    pub(crate) fn dim(&self) -> Dim {
        self.header.dim
    }

    /// How precisely embeddings are kept.
    pub(crate) fn precision(&self) -> Precision {
        self.header.precision
    }

    /// The model that made the embeddings.
    pub(crate) fn model(&self) -> &str {
        &self.header.model
    }

    /// Where the identity of a row is in the file.
    pub(crate) fn place_of(&self, row: RowOrdinal) -> u64 {
        self.range_of(SectionKind::Ids, row.get()..row.get(), ID_BYTES).start as u64
    }

    /// The number of rows, deleted ones included.
    pub(crate) fn row_count(&self) -> u32 {
        self.header.rows
    }

    /// The checksum of the whole file, which follows from the checksums of its blocks: they alone
    /// are read.
    pub(crate) fn checksum(&self) -> Checksum {
        let (covered, list) = self.split();
        let blocks = covered.len().div_ceil(BLOCK_BYTES);
        let sums = list.as_chunks::<CHECKSUM_BYTES>().0.iter().take(blocks);
        let mut left = covered.len();
        let content = sums.fold(Checksum::of(&[]), |sum, block| {
            let bytes = left.min(BLOCK_BYTES);
            left -= bytes;
            sum.followed_by(Checksum::from_stored(u32::from_le_bytes(*block)), bytes as u64)
        });
        content.followed_by(Checksum::of(list), list.len() as u64)
    }

    /// The blocks, and the checksums behind them.
    fn split(&self) -> (&[u8], &[u8]) {
        let bytes = self.mapping.bytes();
        bytes.split_at_checked(self.header.checksums as usize).unwrap_or_default()
    }

    /// Bytes of the file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.mapping.bytes().len() as u64
    }

    /// Whether there are codes.
    pub(crate) fn has_codes(&self) -> bool {
        self.section(SectionKind::Codes).length > 0
    }

    /// Whether it was written by an earlier release, without what this one would write.
    pub(crate) fn is_outdated(&self) -> bool {
        has_codes(self.header.dim) && !self.has_codes()
    }

    /// Bytes of the codes.
    pub(crate) fn code_bytes(&self) -> u64 {
        self.section(SectionKind::Codes).length
    }

    /// Asks the operating system to read the codes ahead, in its own time.
    pub(crate) fn prefault_codes(&self) {
        let Section { offset, length } = self.section(SectionKind::Codes);
        self.mapping.will_need(offset as usize..(offset + length) as usize);
    }

    /// The records of a plane (0 is the first) from group `first` of an extent on, up to the last
    /// of the groups listed, which are counted from there and ascend: those listed are verified.
    pub(crate) fn codes(
        &self,
        extent: u32,
        plane: usize,
        first: usize,
        groups: &[u32],
    ) -> Result<&[u8], Corruption> {
        let (start, in_extent) = self.extent(extent);
        let end = groups.last().map_or(0, |last| *last as usize + 1);
        if plane >= PLANES || first + end > in_extent || !self.has_codes() {
            return Err(self.no_such_code(extent));
        }
        let record = record_bytes(self.header.dim);
        let start = start + (plane * in_extent + first) * record;
        // As many as there are up to the last one are all of them, and one run.
        let is_whole = groups.len() == end;
        for run in groups.chunk_by(|group, next| is_whole || group + 1 == *next) {
            if let [from, .., to] | [from @ to] = run {
                let range = *from as usize * record..(*to as usize + 1) * record;
                self.ensure(&(start + range.start..start + range.end))?;
            }
        }
        Ok(self.mapping.bytes().get(start..start + end * record).unwrap_or_default())
    }

    /// The refinements of the rows of an extent, back to back.
    pub(crate) fn refinements(&self, extent: u32) -> Result<&[u8], Corruption> {
        let (start, groups) = self.extent(extent);
        if groups == 0 || !self.has_codes() {
            return Err(self.no_such_code(extent));
        }
        let start = start + PLANES * groups * record_bytes(self.header.dim);
        self.bytes(start..start + groups * GROUP_ROWS * refinement_bytes(self.header.dim))
    }

    /// Where an extent's codes begin, and how many groups it has.
    fn extent(&self, extent: u32) -> (usize, usize) {
        let first = extent.saturating_mul(EXTENT_ROWS as u32);
        let rows = (self.header.rows.saturating_sub(first) as usize).min(EXTENT_ROWS);
        let before = code_bytes(self.header.dim, first as usize / GROUP_ROWS);
        (self.section(SectionKind::Codes).offset as usize + before, rows.div_ceil(GROUP_ROWS))
    }

    fn no_such_code(&self, extent: u32) -> Corruption {
        let row = RowOrdinal::new(extent.saturating_mul(EXTENT_ROWS as u32));
        self.fault(SectionKind::Embeddings, row, 0, "has no such code")
    }

    pub(super) fn section(&self, kind: SectionKind) -> Section {
        self.header.sections.get(kind as usize).copied().unwrap_or_default()
    }

    /// The embedding of a row: [`Segment::dim`] components.
    pub(crate) fn embedding(&self, row: RowOrdinal) -> Result<EmbeddingRef<'_>, Corruption> {
        let range = self.range_of_embedding(row);
        self.ensure(&range)?;
        let found = match self.header.precision {
            Precision::Single => self.mapping.f32s(range).map(EmbeddingRef::from),
            Precision::Half => self.mapping.bytes().get(range).map(EmbeddingRef::of_halves),
        };
        found.ok_or_else(|| {
            self.fault(SectionKind::Embeddings, row, self.embedding_bytes(), "is not there")
        })
    }

    /// Bytes of an embedding.
    pub(crate) fn embedding_bytes(&self) -> usize {
        self.header.embedding_bytes()
    }

    /// Asks for an embedding that is about to be read.
    pub(crate) fn prefetch(&self, row: RowOrdinal) {
        let range = self.range_of_embedding(row);
        kernel::prefetch(self.mapping.bytes().get(range).unwrap_or_default());
    }

    fn range_of_embedding(&self, row: RowOrdinal) -> Range<usize> {
        let rows = row.get()..row.get().saturating_add(1);
        self.range_of(SectionKind::Embeddings, rows, self.embedding_bytes())
    }

    /// The identity of a row.
    pub(crate) fn id_at(&self, row: RowOrdinal) -> Result<TemplateId, Corruption> {
        let bytes = self.element::<ID_BYTES>(SectionKind::Ids, row)?;
        Ok(TemplateId::new(u128::from_le_bytes(*bytes)))
    }

    /// The identities of a range of rows, ascending, as little-endian numbers.
    pub(crate) fn ids(&self, rows: Range<u32>) -> Result<&[[u8; ID_BYTES]], Corruption> {
        let range = self.range_of(SectionKind::Ids, rows, ID_BYTES);
        Ok(self.bytes(range)?.as_chunks().0)
    }

    /// The LSN that a row was written with; zero where it is that of the whole segment.
    pub(crate) fn lsn_at(&self, row: RowOrdinal) -> Result<Lsn, Corruption> {
        let fixed = self.element::<FIXED_BYTES>(SectionKind::Fixed, row)?;
        Ok(Lsn::new(fixed.first_chunk().map_or(0, |lsn| u64::from_le_bytes(*lsn))))
    }

    /// The row of this identity.
    pub(crate) fn find(&self, id: TemplateId) -> Result<Option<RowOrdinal>, Corruption> {
        let row = self.first_row_where(0..self.header.rows, |found| found >= id)?;
        let found = row.get() < self.header.rows && self.id_at(row)? == id;
        Ok(found.then_some(row))
    }

    /// The first row behind this identity; the row count where there is none.
    pub(crate) fn first_after(&self, id: Option<TemplateId>) -> Result<RowOrdinal, Corruption> {
        id.map_or(Ok(RowOrdinal::new(0)), |id| {
            self.first_row_where(0..self.header.rows, |found| found > id)
        })
    }

    /// The first row with this identity or a larger one, at `from` or behind; the row count where
    /// there is none. All rows before `from` must have smaller ones. Quick where it is near.
    pub(crate) fn seek(&self, from: RowOrdinal, id: TemplateId) -> Result<RowOrdinal, Corruption> {
        let (mut low, mut high, mut step) = (from.get(), from.get(), 1u32);
        while high < self.header.rows && self.id_at(RowOrdinal::new(high))? < id {
            low = high + 1;
            high = high.saturating_add(step);
            step = step.saturating_mul(2);
        }
        self.first_row_where(low..high.min(self.header.rows), |found| found >= id)
    }

    fn first_row_where(
        &self,
        rows: Range<u32>,
        reached: impl Fn(TemplateId) -> bool,
    ) -> Result<RowOrdinal, Corruption> {
        let (mut low, mut high) = (rows.start, rows.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if reached(self.id_at(RowOrdinal::new(middle))?) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Ok(RowOrdinal::new(low))
    }

    /// A row. Its LSN is zero where it is that of the whole segment.
    pub(crate) fn row(&self, row: RowOrdinal) -> Result<RowRef<'_>, Corruption> {
        let fixed = self.element::<FIXED_BYTES>(SectionKind::Fixed, row)?;
        let decoded = Fixed::decode(&mut Cursor::new(fixed));
        let unreadable = || self.fault(SectionKind::Fixed, row, FIXED_BYTES, "is unreadable");
        let Fixed { lsn, created_at_us, edges, confidence, quality, presence } =
            decoded.map_err(|_| unreadable())?;
        let [external_face_id, external_image_id, attributes, metadata] =
            self.texts(row, presence)?;
        Ok(RowRef {
            id: self.id_at(row)?,
            lsn,
            model: &self.header.model,
            external_face_id,
            external_image_id,
            bounding_box: (presence & HAS_BOX != 0).then_some(edges),
            confidence: (presence & HAS_CONFIDENCE != 0).then_some(confidence),
            quality: (presence & HAS_QUALITY != 0).then_some(quality),
            attributes,
            metadata,
            thumbnail: (presence & HAS_THUMBNAIL != 0).then(|| ThumbnailRef::sealed(self, row)),
            created_at_us,
            embedding: self.embedding(row)?,
        })
    }

    fn texts(
        &self,
        row: RowOrdinal,
        presence: u64,
    ) -> Result<[Option<&str>; TEXTS_PER_ROW], Corruption> {
        let mut start = self.texts_start(row)?;
        let mut texts = [None; TEXTS_PER_ROW];
        for ((at, text), end) in texts.iter_mut().enumerate().zip(self.text_ends(row)?) {
            let content = self.text(start..end).ok_or_else(|| self.no_text(row))??;
            *text = (presence & (HAS_TEXT << at) != 0).then_some(content);
            start = end;
        }
        Ok(texts)
    }

    /// Whether the text of a row in this column is `text`, or is none and `text` is empty. Looks at
    /// nothing else of the row.
    pub(crate) fn may_hold(
        &self,
        row: RowOrdinal,
        column: TextColumn,
        text: &str,
    ) -> Result<bool, Corruption> {
        let [face, image, ..] = self.text_ends(row)?;
        let range = match column {
            TextColumn::ExternalFaceId => self.texts_start(row)?..face,
            TextColumn::ExternalImageId => face..image,
        };
        if range.end.checked_sub(range.start) != Some(text.len() as u64) {
            return Ok(false);
        }
        Ok(self.text(range).ok_or_else(|| self.no_text(row))?? == text)
    }

    /// Where the texts of a row begin in their section.
    fn texts_start(&self, row: RowOrdinal) -> Result<u64, Corruption> {
        let Some(before) = row.get().checked_sub(1) else { return Ok(0) };
        let [.., last] = self.text_ends(RowOrdinal::new(before))?;
        Ok(last)
    }

    /// Where each text of a row ends in their section.
    fn text_ends(&self, row: RowOrdinal) -> Result<[u64; TEXTS_PER_ROW], Corruption> {
        let bytes = self.element::<ENDS_BYTES>(SectionKind::TextEnds, row)?;
        let mut ends = [0; TEXTS_PER_ROW];
        for (end, bytes) in ends.iter_mut().zip(bytes.as_chunks().0) {
            *end = u64::from_le_bytes(*bytes);
        }
        Ok(ends)
    }

    fn no_text(&self, row: RowOrdinal) -> Corruption {
        self.fault(SectionKind::TextEnds, row, ENDS_BYTES, "has a text that is none")
    }

    /// The text at a range of their section; `None` where there can be none.
    fn text(&self, range: Range<u64>) -> Option<Result<&str, Corruption>> {
        let section = self.section(SectionKind::Texts);
        if range.start > range.end || range.end > section.length {
            return None;
        }
        let range = (section.offset + range.start) as usize..(section.offset + range.end) as usize;
        match self.bytes(range) {
            Ok(bytes) => std::str::from_utf8(bytes).ok().map(Ok),
            Err(corruption) => Some(Err(corruption)),
        }
    }

    fn range_of(&self, kind: SectionKind, rows: Range<u32>, bytes: usize) -> Range<usize> {
        let start = self.section(kind).offset;
        let at = |row: u32| (start as usize).saturating_add((row as usize).saturating_mul(bytes));
        at(rows.start)..at(rows.end)
    }

    /// What a section of elements of `N` bytes holds of a row.
    pub(super) fn element<const N: usize>(
        &self,
        kind: SectionKind,
        row: RowOrdinal,
    ) -> Result<&[u8; N], Corruption> {
        let range = self.range_of(kind, row.get()..row.get().saturating_add(1), N);
        let bytes = (row.get() < self.header.rows).then(|| self.bytes(range)).transpose()?;
        let element = bytes.and_then(<[u8]>::first_chunk);
        element.ok_or_else(|| self.fault(kind, row, N, "is not there"))
    }

    pub(super) fn bytes(&self, range: Range<usize>) -> Result<&[u8], Corruption> {
        self.ensure(&range)?;
        Ok(self.mapping.bytes().get(range).unwrap_or_default())
    }

    /// Compares with their checksums those blocks of a range that were not compared before.
    fn ensure(&self, range: &Range<usize>) -> Result<(), Corruption> {
        let (mut block, end) = (range.start / BLOCK_BYTES, range.end.div_ceil(BLOCK_BYTES));
        while block < end {
            let Some(word) = self.verified.get(block / 64) else { break };
            let behind = end.min((block / 64 + 1) * 64);
            // Whole words at a time: this is asked before every read.
            let wanted = u64::MAX >> (64 - (behind - block)) << (block % 64);
            let missing = wanted & !word.load(Ordering::Relaxed);
            if missing != 0 {
                self.verify_blocks(block / 64 * 64, missing)?;
                word.fetch_or(missing, Ordering::Relaxed);
            }
            block = behind;
        }
        Ok(())
    }

    /// Checks the blocks whose bits are set, counted from `first`.
    fn verify_blocks(&self, first: usize, blocks: u64) -> Result<(), Corruption> {
        let set = (0..64).filter(|bit| blocks >> bit & 1 == 1);
        set.map(|bit| first + bit).try_for_each(|block| self.verify_block(block))
    }

    fn verify_block(&self, block: usize) -> Result<(), Corruption> {
        let (covered, list) = self.split();
        let content = covered.chunks(BLOCK_BYTES).nth(block).unwrap_or_default();
        let stored = list.as_chunks::<CHECKSUM_BYTES>().0.get(block).copied().unwrap_or_default();
        if Checksum::of(content) == Checksum::from_stored(u32::from_le_bytes(stored)) {
            return Ok(());
        }
        let what = format!("the checksum of the {} bytes from there differs", content.len());
        Err(Corruption::new(self.path.clone(), (block * BLOCK_BYTES) as u64, what))
    }

    pub(super) fn fault(
        &self,
        kind: SectionKind,
        row: RowOrdinal,
        bytes: usize,
        what: &str,
    ) -> Corruption {
        let offset = self.range_of(kind, row.get()..row.get(), bytes).start;
        Corruption::new(self.path.clone(), offset as u64, format!("row {row} {what}"))
    }
}

/// The fields of a row that are all of one length.
struct Fixed {
    lsn: Lsn,
    created_at_us: i64,
    edges: [f32; 4],
    confidence: f32,
    quality: f32,
    presence: u64,
}

impl Fixed {
    fn decode(cursor: &mut Cursor<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            lsn: Lsn::new(cursor.u64()?),
            created_at_us: cursor.i64()?,
            edges: [cursor.f32()?, cursor.f32()?, cursor.f32()?, cursor.f32()?],
            confidence: cursor.f32()?,
            quality: cursor.f32()?,
            presence: cursor.u64()?,
        })
    }
}

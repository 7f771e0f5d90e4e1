//! Thumbnails: a small picture kept with a row. The store knows its length and nothing else of it.

use std::fmt;
use std::ops::Range;

use crate::error::Corruption;
use crate::id::RowOrdinal;
use crate::limits::THUMBNAIL_BYTES_MAX;

/// An encoded picture of 1 to [`THUMBNAIL_BYTES_MAX`] bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Thumbnail(Box<[u8]>);

impl Thumbnail {
    /// A thumbnail of these bytes; `None` where they are none or too many.
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Option<Self> {
        let bytes = bytes.into();
        (1..=THUMBNAIL_BYTES_MAX).contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The encoded picture.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Thumbnail {
    /// Prints the length only: a picture of a face is biometric data and has no place in logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Thumbnail({} bytes)", self.0.len())
    }
}

/// Where the thumbnails of sealed rows are read.
pub(crate) trait SealedThumbnails: Sync {
    /// Where in the file the thumbnail of a row is that has one.
    fn place(&self, row: RowOrdinal) -> Result<Range<usize>, Corruption>;

    /// What is there.
    fn read(&self, place: Range<usize>) -> Result<&[u8], Corruption>;
}

/// The thumbnail of a stored row. It is read when it is asked for and not with the row: searches
/// and listings go past it.
#[derive(Clone, Copy)]
pub struct ThumbnailRef<'a>(Place<'a>);

#[derive(Clone, Copy)]
enum Place<'a> {
    Memory(&'a Thumbnail),
    Sealed(&'a dyn SealedThumbnails, RowOrdinal),
}

impl<'a> ThumbnailRef<'a> {
    /// That of a row of a segment.
    pub(crate) fn sealed(segment: &'a dyn SealedThumbnails, row: RowOrdinal) -> Self {
        Self(Place::Sealed(segment, row))
    }

    /// The encoded picture.
    ///
    /// # Errors
    /// [`Corruption`] where it cannot be read as it was written.
    pub fn bytes(self) -> Result<&'a [u8], Corruption> {
        match self.0 {
            Place::Memory(thumbnail) => Ok(thumbnail.as_bytes()),
            Place::Sealed(segment, row) => segment.read(segment.place(row)?),
        }
    }

    /// Its length. The picture itself is not read.
    pub(crate) fn length(self) -> Result<usize, Corruption> {
        match self.0 {
            Place::Memory(thumbnail) => Ok(thumbnail.as_bytes().len()),
            Place::Sealed(segment, row) => segment.place(row).map(|place| place.len()),
        }
    }

    /// An owned copy. Nothing of an impossible length gets out of a segment.
    pub(crate) fn to_thumbnail(self) -> Result<Thumbnail, Corruption> {
        self.bytes().map(|bytes| Thumbnail(bytes.into()))
    }
}

impl<'a> From<&'a Thumbnail> for ThumbnailRef<'a> {
    fn from(thumbnail: &'a Thumbnail) -> Self {
        Self(Place::Memory(thumbnail))
    }
}

impl PartialEq for ThumbnailRef<'_> {
    /// What cannot be read equals nothing.
    fn eq(&self, other: &Self) -> bool {
        matches!((self.bytes(), other.bytes()), (Ok(bytes), Ok(others)) if bytes == others)
    }
}

impl fmt::Debug for ThumbnailRef<'_> {
    /// Shows nothing of the picture, as that of [`Thumbnail`].
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ThumbnailRef")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_has_some_bytes_and_no_more_than_allowed() {
        let of = |length| Thumbnail::new(vec![1; length]);
        assert!(of(0).is_none() && of(THUMBNAIL_BYTES_MAX + 1).is_none());
        let most = of(THUMBNAIL_BYTES_MAX).unwrap();
        assert_eq!(most.as_bytes().len(), THUMBNAIL_BYTES_MAX);
        assert_eq!(ThumbnailRef::from(&most).length(), Ok(THUMBNAIL_BYTES_MAX));
        assert_eq!(ThumbnailRef::from(&most).to_thumbnail(), Ok(most));
    }

    #[test]
    fn debug_output_shows_no_picture() {
        let thumbnail = Thumbnail::new(*b"picture").unwrap();
        assert_eq!(format!("{thumbnail:?}"), "Thumbnail(7 bytes)");
        assert_eq!(format!("{:?}", ThumbnailRef::from(&thumbnail)), "ThumbnailRef");
    }
}

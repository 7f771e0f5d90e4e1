//! The bytes of a file at one moment. Zeros at the end take no memory.

use std::sync::Arc;

/// Bytes, and zeros behind them up to a length.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    stored: Arc<Vec<u8>>,
    length: usize,
}

impl Image {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self { length: bytes.len(), stored: Arc::new(bytes) }
    }

    pub(super) fn length(&self) -> usize {
        self.length
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length);
        bytes.extend_from_slice(&self.stored);
        bytes.resize(self.length, 0);
        bytes
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        let stored = Arc::make_mut(&mut self.stored);
        if stored.len() < end {
            stored.resize(end, 0);
        }
        stored[at..end].copy_from_slice(bytes);
        self.length = self.length.max(end);
    }

    pub(super) fn set_length(&mut self, length: usize) {
        if self.stored.len() > length {
            Arc::make_mut(&mut self.stored).truncate(length);
        }
        self.length = length;
    }
}

#[test]
fn what_was_cut_off_reads_as_zeros_when_the_file_grows_again() {
    let mut image = Image::of(b"abcdef".to_vec());
    let before = image.clone();
    image.set_length(2);
    image.set_length(4);
    assert_eq!(image.to_vec(), b"ab\0\0");
    image.write(5, b"x");
    assert_eq!(image.to_vec(), b"ab\0\0\0x");
    assert_eq!(before.to_vec(), b"abcdef");
}

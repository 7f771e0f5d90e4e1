//! Numbers of galleries from which nobody can tell how many others there are.
//!
//! Their identities count the galleries of all tenants in the order of their creation. What a
//! tenant is told is such an identity after a permutation: four rounds of a Feistel network, keyed
//! with the random identity of the store, which no tenant is told. So the number of a gallery stays
//! what it is for as long as the store lives, without being kept anywhere.

use likeness_storage::{GalleryDescriptor, GalleryId, StoreId};
use ring::digest::{Context, SHA256};

use super::TenantSnapshot;

/// Bits of a number, and of either half of it.
const BITS: u32 = 28;
const HALF_BITS: u32 = BITS / 2;
const ROUNDS: u8 = 4;

/// The key of the permutation.
#[derive(Debug, Clone, Copy)]
pub(super) struct GalleryNumbers([u8; 16]);

impl GalleryNumbers {
    pub(super) fn of_store(store: StoreId) -> Self {
        Self(store.get().to_le_bytes())
    }

    fn of(self, gallery: GalleryId) -> Option<u32> {
        let id = u32::try_from(gallery.get()).ok().filter(|id| *id < 1 << BITS)?;
        let (mut left, mut right) = (id >> HALF_BITS, id % (1 << HALF_BITS));
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.mixed(round, right));
        }
        Some((left << HALF_BITS) | right)
    }

    fn mixed(self, round: u8, half: u32) -> u32 {
        let mut hasher = Context::new(&SHA256);
        hasher.update(&self.0);
        hasher.update(&[round]);
        hasher.update(&half.to_le_bytes());
        let hash = hasher.finish();
        let start = hash.as_ref().iter().take(size_of::<u32>());
        start.fold(0, |number, byte| (number << 8) | u32::from(*byte)) % (1 << HALF_BITS)
    }
}

impl TenantSnapshot {
    /// The number of a gallery, below 2^28 and its own for good. None after a quarter of a billion
    /// galleries.
    pub fn number_of(&self, gallery: &GalleryDescriptor) -> Option<u32> {
        self.numbers.of(gallery.id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_identity_has_a_number_of_its_own_that_depends_on_the_store() {
        let numbers = |store| GalleryNumbers::of_store(StoreId::new(store));
        let all: Vec<u32> =
            (0..10_000).map(|id| numbers(7).of(GalleryId::new(id)).unwrap()).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        assert!(all.iter().all(|number| *number < 1 << BITS));
        // Neighbours say nothing: as often the later one has the smaller number.
        let falls = all.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!((4_500..5_500).contains(&falls), "{falls}");
        let first = GalleryId::new(1);
        assert_eq!(numbers(7).of(first), numbers(7).of(first));
        assert_ne!(numbers(7).of(first), numbers(8).of(first));
        assert_eq!(numbers(7).of(GalleryId::new(1 << BITS)), None);
    }
}

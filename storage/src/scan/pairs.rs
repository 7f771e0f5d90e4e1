//! The pairs of a block of a join: the first so many of them in order, whoever finds which when.
//!
//! A pair comes before another whose probe stands further back in the block and, where both have
//! the same probe, before that with the larger template. Once there are as many as may be kept,
//! what comes behind the last need not be looked for any more.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{self, AtomicUsize};

use parking_lot::Mutex;

use super::probe::Probe;
use crate::id::TemplateId;
use crate::topk::Scored;

/// A probe of a join.
#[derive(Clone, Debug)]
pub(crate) struct PairProbe {
    /// What is searched with: every row that reaches its lowest score pairs with it.
    pub(crate) probe: Probe,
    /// Only templates behind this one pair with it.
    pub(crate) behind: Option<TemplateId>,
}

/// A probe of a block and a row alike.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    /// The probe's place in the block.
    pub(crate) place: usize,
    /// The row.
    pub(crate) found: Scored,
}

impl Pair {
    fn key(&self) -> (usize, TemplateId) {
        (self.place, self.found.id)
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Pair {}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Keeps the first pairs of all that are offered, in whatever order they are offered.
#[derive(Debug)]
pub(crate) struct Pairs {
    most: usize,
    /// The last pair on top.
    kept: Mutex<BinaryHeap<Pair>>,
    /// The place of the last pair's probe, once there is no room for another behind it.
    last_place: AtomicUsize,
}

impl Pairs {
    /// Room for so many, at least one.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        let last_place = AtomicUsize::new(usize::MAX);
        Arc::new(Self { most: most.max(1), kept: Mutex::default(), last_place })
    }

    /// The pairs kept, in order; as many as there is room for where there may be more.
    pub(crate) fn take(&self) -> Vec<Pair> {
        std::mem::take(&mut *self.kept.lock()).into_sorted_vec()
    }

    fn offer(&self, pair: Pair) {
        let mut kept = self.kept.lock();
        kept.push(pair);
        if kept.len() > self.most {
            kept.pop();
        }
        if let Some(last) = kept.peek().filter(|_| kept.len() == self.most) {
            self.last_place.store(last.place, atomic::Ordering::Relaxed);
        }
    }

    fn last_place(&self) -> usize {
        self.last_place.load(atomic::Ordering::Relaxed)
    }

    /// The last template that there is room for in pairs with the probe at a place.
    fn until(&self, place: usize) -> Option<TemplateId> {
        if self.last_place() != place {
            return None;
        }
        self.kept.lock().peek().filter(|last| last.place == place).map(|last| last.found.id)
    }
}

/// What makes a search one of a join.
#[derive(Debug)]
pub(crate) struct Side {
    /// The probe's place in the block.
    pub(crate) place: usize,
    /// Only templates behind this one pair with it.
    pub(crate) behind: Option<TemplateId>,
    /// Where pairs go.
    pub(crate) pairs: Arc<Pairs>,
}

impl Side {
    /// Whether there is no room for any pair of the probe any more.
    pub(crate) fn is_full(&self) -> bool {
        self.pairs.last_place() < self.place
    }

    /// The templates that may still pair with the probe.
    pub(crate) fn window(&self) -> Window {
        Window { behind: self.behind, until: self.pairs.until(self.place) }
    }

    pub(crate) fn offer(&self, found: Scored) {
        self.pairs.offer(Pair { place: self.place, found });
    }
}

/// Templates behind one and up to another, that included; no end where none is named.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Window {
    pub(crate) behind: Option<TemplateId>,
    pub(crate) until: Option<TemplateId>,
}

impl Window {
    /// Whether every template is in it.
    pub(crate) fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it begins behind this template.
    pub(crate) fn is_behind(&self, id: TemplateId) -> bool {
        self.behind.is_some_and(|behind| id <= behind)
    }

    /// Whether it ends before this template.
    pub(crate) fn is_before(&self, id: TemplateId) -> bool {
        self.until.is_some_and(|until| id > until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(most: usize, order: &[(usize, u128)]) -> Arc<Pairs> {
        let pairs = Pairs::new(most);
        for &(place, id) in order {
            let side = Side { place, behind: None, pairs: Arc::clone(&pairs) };
            side.offer(Scored { id: TemplateId::new(id), score: 0.5 });
        }
        pairs
    }

    fn keys(pairs: &Pairs) -> Vec<(usize, u128)> {
        pairs.take().into_iter().map(|pair| (pair.place, pair.found.id.get())).collect()
    }

    #[test]
    fn the_first_pairs_are_kept_in_whatever_order_they_come() {
        let order = [(1, 5), (0, 9), (2, 1), (0, 3), (1, 4)];
        let mut reversed = order;
        reversed.reverse();
        for order in [order, reversed] {
            assert_eq!(keys(&offered(3, &order)), [(0, 3), (0, 9), (1, 4)]);
            assert_eq!(keys(&offered(9, &order)).len(), 5);
        }
    }

    #[test]
    fn behind_the_last_pair_there_is_no_room() {
        let pairs = offered(3, &[(1, 5), (0, 9), (2, 1), (1, 4)]);
        let side = |place, behind| Side { place, behind, pairs: Arc::clone(&pairs) };
        let first = Some(TemplateId::new(1));
        assert!(side(0, None).window().is_open() && !side(0, None).is_full());
        let window = side(1, first).window();
        assert_eq!(window, Window { behind: first, until: Some(TemplateId::new(5)) });
        let within =
            |id| !window.is_behind(TemplateId::new(id)) && !window.is_before(TemplateId::new(id));
        assert_eq!([1, 2, 5, 6].map(within), [false, true, true, false]);
        assert!(side(2, None).is_full());
        let roomy = offered(4, &[(1, 5)]);
        assert!(!Side { place: 7, behind: None, pairs: roomy }.is_full());
    }
}

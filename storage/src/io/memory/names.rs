//! The names of a directory: what programs see, what is on disk, and the changes in between.

use std::collections::BTreeMap;

use super::power_cut::PowerCut;
use super::random::Random;
use crate::io::FileName;

/// A change that no sync of the directory has made durable yet.
#[derive(Clone, Copy, Debug)]
enum Change {
    Link(FileName, usize),
    Unlink(FileName),
    /// Atomic: the file loses one name and gets the other.
    Rename(FileName, FileName, usize),
}

impl Change {
    fn apply(self, names: &mut BTreeMap<FileName, usize>) {
        match self {
            Self::Link(name, file) => drop(names.insert(name, file)),
            Self::Unlink(name) => drop(names.remove(&name)),
            Self::Rename(from, to, file) => {
                names.remove(&from);
                names.insert(to, file);
            }
        }
    }
}

/// Names and the numbers of the files that have them.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    seen: BTreeMap<FileName, usize>,
    durable: BTreeMap<FileName, usize>,
    unsynced: Vec<Change>,
}

impl Names {
    pub(super) fn durable(names: BTreeMap<FileName, usize>) -> Self {
        Self { seen: names.clone(), durable: names, unsynced: Vec::new() }
    }

    pub(super) fn get(&self, name: FileName) -> Option<usize> {
        self.seen.get(&name).copied()
    }

    pub(super) fn list(&self) -> Vec<FileName> {
        self.seen.keys().copied().collect()
    }

    /// Gives a name durably, whatever else is not durable.
    pub(super) fn put(&mut self, name: FileName, file: usize) {
        self.seen.insert(name, file);
        self.durable.insert(name, file);
    }

    pub(super) fn link(&mut self, name: FileName, file: usize) {
        self.change(Change::Link(name, file));
    }

    pub(super) fn unlink(&mut self, name: FileName) {
        self.change(Change::Unlink(name));
    }

    pub(super) fn rename(&mut self, from: FileName, to: FileName, file: usize) {
        self.change(Change::Rename(from, to, file));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.durable = self.seen.clone();
        self.unsynced.clear();
    }

    pub(super) fn after(&self, cut: PowerCut, random: &mut Random) -> BTreeMap<FileName, usize> {
        match cut {
            PowerCut::Synced | PowerCut::HalfOfTheBytes => self.durable.clone(),
            PowerCut::Names | PowerCut::OtherHalfOfTheBytes | PowerCut::Zeros => self.seen.clone(),
            PowerCut::Seeded(_) => {
                let mut left = self.durable.clone();
                let kept = self.unsynced.iter().filter(|_| random.one_in(2));
                kept.for_each(|change| change.apply(&mut left));
                left
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::id::LogSeq;

    #[test]
    fn a_power_cut_keeps_any_part_of_what_was_not_synced_and_renames_as_a_whole() {
        let log = FileName::Log(LogSeq::new(1));
        let mut names = Names::default();
        names.link(FileName::Manifest, 0);
        names.link(log, 1);
        names.sync();
        names.unlink(log);
        names.link(FileName::NewManifest, 2);
        names.rename(FileName::NewManifest, FileName::Manifest, 2);
        let left: BTreeSet<Vec<(FileName, usize)>> = (0..200)
            .map(|seed| names.after(PowerCut::Seeded(seed), &mut Random::new(seed)))
            .map(|names| names.into_iter().collect())
            .collect();
        let kept = |with_log: bool| {
            let old = vec![(FileName::Manifest, 0)];
            let made = vec![(FileName::Manifest, 0), (FileName::NewManifest, 2)];
            [old, made, vec![(FileName::Manifest, 2)]].map(|mut names| {
                names.extend(with_log.then_some((log, 1)));
                names
            })
        };
        assert_eq!(left, kept(false).into_iter().chain(kept(true)).collect());
        assert!(names.get(log).is_none());
    }
}

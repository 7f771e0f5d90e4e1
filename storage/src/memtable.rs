//! Recent rows of one gallery in memory, as a persistent value: cloning it is free.

use std::sync::Arc;

use imbl::OrdMap;

use crate::id::{Lsn, TemplateId};
use crate::row::{Row, RowRef};

/// Rows by identity. Removing a row simply takes it out: older clones still have it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memtable {
    /// Each with the LSN of the batch that enrolled it.
    rows: OrdMap<TemplateId, (Lsn, Arc<Row>)>,
    bytes: u64,
}

impl Memtable {
    /// Adds a row.
    pub(crate) fn insert(&mut self, lsn: Lsn, row: Arc<Row>) {
        self.bytes += row.memory_bytes();
        if let Some((_, old)) = self.rows.insert(row.id, (lsn, row)) {
            self.bytes -= old.memory_bytes();
        }
    }

    /// Takes a row out; false where it was not there.
    pub(crate) fn remove(&mut self, id: TemplateId) -> bool {
        let removed = self.rows.remove(&id);
        self.bytes -= removed.as_ref().map_or(0, |(_, old)| old.memory_bytes());
        removed.is_some()
    }

    /// The row of this identity.
    pub(crate) fn get(&self, id: TemplateId) -> Option<RowRef<'_>> {
        self.rows.get(&id).map(|(lsn, row)| Row::as_ref(row, *lsn))
    }

    /// The rows behind `after` in the order of their identities.
    pub(crate) fn rows(&self, after: Option<TemplateId>) -> impl Iterator<Item = RowRef<'_>> {
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let range = self.rows.range((from, std::ops::Bound::Unbounded));
        range.map(|(_, (lsn, row))| Row::as_ref(row, *lsn))
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Memory the rows take, roughly.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::tests::row;

    fn table(ids: &[u128]) -> Memtable {
        let mut table = Memtable::default();
        for &id in ids {
            table.insert(Lsn::new(1), row(id, vec![1.0]).into());
        }
        table
    }

    #[test]
    fn rows_come_in_order_and_only_those_behind() {
        let table = table(&[5, 1, 3]);
        let ids = |after: Option<u128>| -> Vec<u128> {
            table.rows(after.map(TemplateId::new)).map(|row| row.id.get()).collect()
        };
        assert_eq!(ids(None), [1, 3, 5]);
        assert_eq!(ids(Some(1)), [3, 5]);
        assert_eq!(ids(Some(2)), [3, 5]);
        assert_eq!(ids(Some(u128::MAX)), []);
    }

    #[test]
    fn its_size_returns_to_zero_with_its_rows_and_clones_keep_theirs() {
        let mut table = table(&[1, 2]);
        let before = table.clone();
        table.insert(Lsn::new(2), row(2, vec![1.0]).into());
        assert_eq!((table.len(), table.bytes()), (2, before.bytes()));
        assert!(table.remove(TemplateId::new(1)) && table.remove(TemplateId::new(2)));
        assert!(!table.remove(TemplateId::new(1)), "it is not there any more");
        assert_eq!((table.len(), table.bytes()), (0, 0));
        assert_eq!(before.get(TemplateId::new(1)).map(|row| row.lsn), Some(Lsn::new(1)));
    }
}

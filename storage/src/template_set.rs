//! A set of templates: what the rest of a query leaves to be searched.

use crate::id::TemplateId;

/// Identities without duplicates, 16 bytes each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateSet(Box<[TemplateId]>);

impl FromIterator<TemplateId> for TemplateSet {
    fn from_iter<I: IntoIterator<Item = TemplateId>>(ids: I) -> Self {
        let mut ids: Vec<TemplateId> = ids.into_iter().collect();
        // Rows are read in order, so there is hardly ever something to do.
        if !ids.is_sorted_by(|before, after| before < after) {
            ids.sort_unstable();
            ids.dedup();
        }
        Self(ids.into())
    }
}

impl TemplateSet {
    /// The number of templates.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `id` is one of them.
    pub fn contains(&self, id: TemplateId) -> bool {
        self.0.binary_search(&id).is_ok()
    }

    /// Those from `first` to `last`, ascending.
    pub(crate) fn between(&self, first: TemplateId, last: TemplateId) -> &[TemplateId] {
        let start = self.0.partition_point(|&id| id < first);
        let end = self.0.partition_point(|&id| id <= last);
        self.0.get(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u128]) -> TemplateSet {
        ids.iter().copied().map(TemplateId::new).collect()
    }

    #[test]
    fn a_set_is_in_order_and_has_no_duplicates() {
        assert_eq!(set(&[5, 1, 5, 3]), set(&[1, 3, 5]));
        assert_eq!(set(&[1, 1]).len(), 1);
        assert!(set(&[]).is_empty());
        assert!(set(&[1, 3]).contains(TemplateId::new(3)));
        assert!(!set(&[1, 3]).contains(TemplateId::new(2)));
    }

    #[test]
    fn a_range_includes_both_ends() {
        let set = set(&[1, 3, 5, 7]);
        let between = |first, last| -> Vec<u128> {
            let ids = set.between(TemplateId::new(first), TemplateId::new(last));
            ids.iter().map(|id| id.get()).collect()
        };
        assert_eq!(between(3, 5), [3, 5]);
        assert_eq!(between(4, 4), []);
        assert_eq!(between(0, 99), [1, 3, 5, 7]);
        assert_eq!(between(6, 2), []);
    }
}

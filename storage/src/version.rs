//! One immutable state of the store, and how a change makes the next one.

use std::sync::Arc;

use imbl::OrdMap;
use parking_lot::RwLock;

use crate::change::Change;
use crate::gallery::GalleryDescriptor;
use crate::id::{GalleryId, Lsn, RowOrdinal, TemplateId};
use crate::memtable::Memtable;
use crate::row::RowRef;
use crate::segment::{Segment, Tombstones};

/// A segment and which of its rows are deleted.
#[derive(Clone, Debug)]
pub(crate) struct SegmentView {
    pub(crate) segment: Arc<Segment>,
    pub(crate) tombstones: Arc<Tombstones>,
    /// The LSN of the tombstone file that holds exactly these tombstones, where there is one.
    pub(crate) stored: Option<Lsn>,
}

/// A gallery with its rows.
#[derive(Clone, Debug)]
pub(crate) struct GalleryView {
    pub(crate) descriptor: Arc<GalleryDescriptor>,
    pub(crate) segments: Vec<SegmentView>,
    pub(crate) memtable: Memtable,
}

/// The one place where the current version is swapped; readers clone it out.
pub(crate) type Current = Arc<RwLock<Arc<Version>>>;

/// Everything that exists after one batch. Cloning is cheap; clones do not see later changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Version {
    pub(crate) lsn: Lsn,
    pub(crate) next_gallery: GalleryId,
    galleries: OrdMap<GalleryId, Arc<GalleryView>>,
    names: OrdMap<(Box<str>, Box<str>), GalleryId>,
}

impl SegmentView {
    /// The rows that are not deleted, from `start` on, in order.
    pub(crate) fn live_rows(&self, start: RowOrdinal) -> impl Iterator<Item = RowRef<'_>> {
        (start.get()..self.segment.row_count())
            .map(RowOrdinal::new)
            .filter(|row| !self.tombstones.contains(*row))
            .filter_map(|row| self.segment.row(row))
    }

    /// Where the row is, if it is here and not deleted.
    pub(crate) fn find_live(&self, id: TemplateId) -> Option<RowOrdinal> {
        self.segment.find(id).filter(|row| !self.tombstones.contains(*row))
    }
}

impl GalleryView {
    pub(crate) fn new(descriptor: GalleryDescriptor) -> Self {
        let descriptor = Arc::new(descriptor);
        Self { descriptor, segments: Vec::new(), memtable: Memtable::default() }
    }

    /// The number of live rows.
    pub(crate) fn row_count(&self) -> u64 {
        let sealed: u64 = self
            .segments
            .iter()
            .map(|view| u64::from(view.segment.row_count()) - view.tombstones.len())
            .sum();
        sealed + self.memtable.len() as u64
    }

    /// The live row of this identity.
    pub(crate) fn get(&self, id: TemplateId) -> Option<RowRef<'_>> {
        self.memtable
            .get(id)
            .or_else(|| self.segments.iter().find_map(|view| view.segment.row(view.find_live(id)?)))
    }

    pub(crate) fn contains(&self, id: TemplateId) -> bool {
        self.memtable.get(id).is_some()
            || self.segments.iter().any(|view| view.find_live(id).is_some())
    }

    fn remove(&mut self, id: TemplateId) -> bool {
        if self.memtable.remove(id) {
            return true;
        }
        for view in &mut self.segments {
            if let Some(row) = view.find_live(id) {
                Arc::make_mut(&mut view.tombstones).insert(row);
                view.stored = None;
                return true;
            }
        }
        false
    }
}

impl Version {
    /// A version without galleries.
    pub(crate) fn empty(lsn: Lsn, next_gallery: GalleryId) -> Self {
        Self { lsn, next_gallery, ..Self::default() }
    }

    /// The gallery of this identity.
    pub(crate) fn gallery(&self, id: GalleryId) -> Option<&Arc<GalleryView>> {
        self.galleries.get(&id)
    }

    /// The gallery of this name.
    pub(crate) fn gallery_by_name(&self, tenant: &str, name: &str) -> Option<&Arc<GalleryView>> {
        self.galleries.get(self.names.get(&(tenant.into(), name.into()))?)
    }

    /// All galleries in the order of their identities.
    pub(crate) fn galleries(&self) -> impl Iterator<Item = &Arc<GalleryView>> {
        self.galleries.values()
    }

    /// The galleries of a tenant behind the name `after`, in name order.
    pub(crate) fn galleries_of(
        &self,
        tenant: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = &Arc<GalleryView>> + use<'_> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let tenant: Box<str> = tenant.into();
        let from = match after {
            Some(name) => Excluded((tenant.clone(), name.into())),
            None => Included((tenant.clone(), "".into())),
        };
        self.names
            .range((from, Unbounded))
            .take_while(move |((owner, _), _)| *owner == tenant)
            .filter_map(|(_, id)| self.galleries.get(id))
    }

    /// Puts a gallery in its place, new or changed.
    pub(crate) fn put_gallery(&mut self, view: GalleryView) {
        let GalleryDescriptor { id, tenant, name, .. } = &*view.descriptor;
        self.names.insert((tenant.clone(), name.clone()), *id);
        self.galleries.insert(*id, Arc::new(view));
    }

    /// Applies a change known to be applicable; says whether it removed or added anything.
    pub(crate) fn apply(&mut self, lsn: Lsn, change: &Change) -> bool {
        match change {
            Change::CreateGallery(descriptor) => {
                self.next_gallery =
                    self.next_gallery.max(GalleryId::new(descriptor.id.get().saturating_add(1)));
                self.put_gallery(GalleryView::new(descriptor.clone()));
                true
            }
            Change::DropGallery(id) => {
                let Some(view) = self.galleries.remove(id) else { return false };
                let descriptor = &view.descriptor;
                self.names.remove(&(descriptor.tenant.clone(), descriptor.name.clone()));
                true
            }
            Change::Enroll { gallery, row } => {
                let Some(view) = self.galleries.get_mut(gallery) else { return false };
                Arc::make_mut(view).memtable.insert(lsn, row.clone());
                true
            }
            Change::Remove { gallery, template } => {
                let Some(view) = self.galleries.get_mut(gallery) else { return false };
                Arc::make_mut(view).remove(*template)
            }
        }
    }

    /// Bytes of rows in memory.
    pub(crate) fn memtable_bytes(&self) -> u64 {
        self.galleries.values().map(|view| view.memtable.bytes()).sum()
    }
}

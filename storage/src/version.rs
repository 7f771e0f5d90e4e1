//! One immutable state of the store, and how a change makes the next one.

use std::sync::Arc;

use imbl::OrdMap;
use parking_lot::RwLock;

use crate::change::Change;
use crate::error::Corruption;
use crate::gallery::GalleryDescriptor;
use crate::id::{GalleryId, Lsn, RowOrdinal, TemplateId};
use crate::memtable::Memtable;
use crate::row::RowRef;
use crate::segment::{Segment, Tombstones};
use crate::topk::{Hit, Place};

/// A segment and which of its rows are deleted.
#[derive(Clone, Debug)]
pub(crate) struct SegmentView {
    pub(crate) segment: Arc<Segment>,
    pub(crate) tombstones: Arc<Tombstones>,
    /// The LSN of the tombstone file that holds exactly these tombstones, where there is one.
    pub(crate) stored: Option<Lsn>,
    /// Position in commit order at which the segment became live.
    pub(crate) born: Lsn,
}

/// A gallery with its rows.
#[derive(Clone, Debug)]
pub(crate) struct GalleryView {
    pub(crate) descriptor: Arc<GalleryDescriptor>,
    pub(crate) segments: Vec<SegmentView>,
    /// Rows that a checkpoint under way is writing to a segment.
    pub(crate) frozen: Memtable,
    /// Rows enrolled since.
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
    /// The place in commit order of a segment that is not live yet: no batch has it.
    pub(crate) const UNBORN: Lsn = Lsn::new(0);

    /// A segment without deleted rows.
    pub(crate) fn new(segment: impl Into<Arc<Segment>>, born: Lsn) -> Self {
        Self { segment: segment.into(), tombstones: Arc::default(), stored: None, born }
    }

    /// The row at a place.
    pub(crate) fn row(&self, row: RowOrdinal) -> Result<RowRef<'_>, Corruption> {
        let found = self.segment.row(row)?;
        // The rows of a bulk load were written before their batch had its place in the order.
        Ok(if found.lsn == Self::UNBORN { RowRef { lsn: self.born, ..found } } else { found })
    }

    /// The LSN of the batch that enrolled the row at a place.
    pub(crate) fn lsn_at(&self, row: RowOrdinal) -> Result<Lsn, Corruption> {
        let lsn = self.segment.lsn_at(row)?;
        Ok(if lsn == Self::UNBORN { self.born } else { lsn })
    }

    /// The places of rows that are not deleted, from `start` on.
    pub(crate) fn live(&self, start: RowOrdinal) -> impl Iterator<Item = RowOrdinal> + use<'_> {
        (start.get()..self.segment.row_count())
            .map(RowOrdinal::new)
            .filter(|row| !self.tombstones.contains(*row))
    }

    /// Where the row is, if it is here and not deleted.
    pub(crate) fn find_live(&self, id: TemplateId) -> Result<Option<RowOrdinal>, Corruption> {
        Ok(self.segment.find(id)?.filter(|row| !self.tombstones.contains(*row)))
    }

    /// The number of rows that are not deleted.
    pub(crate) fn live_count(&self) -> u64 {
        u64::from(self.segment.row_count()) - self.tombstones.len()
    }
}

impl GalleryView {
    pub(crate) fn new(descriptor: GalleryDescriptor) -> Self {
        Self {
            descriptor: Arc::new(descriptor),
            segments: Vec::new(),
            frozen: Memtable::default(),
            memtable: Memtable::default(),
        }
    }

    /// The number of live rows.
    pub(crate) fn row_count(&self) -> u64 {
        let sealed: u64 = self.segments.iter().map(SegmentView::live_count).sum();
        sealed + (self.frozen.len() + self.memtable.len()) as u64
    }

    /// The tables of rows that are in memory.
    pub(crate) fn tables(&self) -> [&Memtable; 2] {
        [&self.memtable, &self.frozen]
    }

    /// The live row of this identity.
    pub(crate) fn get(&self, id: TemplateId) -> Result<Option<RowRef<'_>>, Corruption> {
        if let Some(row) = self.tables().into_iter().find_map(|table| table.get(id)) {
            return Ok(Some(row));
        }
        for view in &self.segments {
            if let Some(row) = view.find_live(id)? {
                return view.row(row).map(Some);
            }
        }
        Ok(None)
    }

    /// The row that a search of this version found.
    pub(crate) fn row_of(&self, hit: &Hit) -> Result<Option<RowRef<'_>>, Corruption> {
        let id = hit.scored.id;
        match hit.place {
            Place::Memory => Ok(self.tables().into_iter().find_map(|table| table.get(id))),
            Place::Segment(at, row) => {
                self.segments.get(at as usize).map(|view| view.row(row)).transpose()
            }
        }
    }

    pub(crate) fn contains(&self, id: TemplateId) -> Result<bool, Corruption> {
        if self.tables().into_iter().any(|table| table.get(id).is_some()) {
            return Ok(true);
        }
        for view in &self.segments {
            if view.find_live(id)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The LSN of the batch that enrolled the live row of this identity.
    pub(crate) fn lsn_of(&self, id: TemplateId) -> Result<Option<Lsn>, Corruption> {
        if let Some(row) = self.tables().into_iter().find_map(|table| table.get(id)) {
            return Ok(Some(row.lsn));
        }
        for view in &self.segments {
            if let Some(row) = view.find_live(id)? {
                return view.lsn_at(row).map(Some);
            }
        }
        Ok(None)
    }

    fn remove(&mut self, id: TemplateId) -> Result<bool, Corruption> {
        if self.memtable.remove(id) || self.frozen.remove(id) {
            return Ok(true);
        }
        for view in &mut self.segments {
            if let Some(row) = view.find_live(id)? {
                Arc::make_mut(&mut view.tombstones).insert(row);
                view.stored = None;
                return Ok(true);
            }
        }
        Ok(false)
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

    /// Adds a segment to a gallery that is there. None of its rows may be live in it already.
    pub(crate) fn attach(&mut self, gallery: GalleryId, segment: SegmentView) {
        if let Some(view) = self.galleries.get_mut(&gallery) {
            Arc::make_mut(view).segments.push(segment);
        }
    }

    /// Sets the rows in memory aside for a checkpoint; a frozen table must be empty before.
    pub(crate) fn freeze(&mut self) {
        let galleries: Vec<_> = self.galleries.values().cloned().collect();
        for view in galleries.into_iter().filter(|view| view.memtable.len() > 0) {
            let mut view = GalleryView::clone(&view);
            view.frozen = std::mem::take(&mut view.memtable);
            self.put_gallery(view);
        }
    }

    /// Says why a logged change cannot have been made to this version. The checks that keep the
    /// version sound are repeated here; bounds of texts and numbers are not.
    pub(crate) fn check(&self, change: &Change) -> Result<(), Misfit> {
        let gallery = |id| self.gallery(id).ok_or("names a gallery that is not there");
        match change {
            Change::CreateGallery(new) => {
                if self.gallery(new.id).is_some() {
                    return Err("creates a gallery that is there".into());
                }
                match self.gallery_by_name(&new.tenant, &new.name) {
                    Some(_) => Err("creates a gallery whose name is taken".into()),
                    None => Ok(()),
                }
            }
            Change::AlterGallery { gallery: id, name, .. } => {
                let tenant = &gallery(*id)?.descriptor.tenant;
                match self.gallery_by_name(tenant, name) {
                    Some(other) if other.descriptor.id != *id => {
                        Err("gives a gallery a name that is taken".into())
                    }
                    _ => Ok(()),
                }
            }
            Change::DropGallery(id) | Change::Remove { gallery: id, .. } => {
                Ok(gallery(*id).map(drop)?)
            }
            // That its rows are not there yet was found out before the record was written, with
            // more reading than a recovery should do.
            Change::Attach { gallery: id, segment, .. } => {
                match gallery(*id)?.segments.iter().find(|view| view.segment.id() == *segment) {
                    Some(_) => Err("attaches a segment that is there".into()),
                    None => Ok(()),
                }
            }
            Change::Enroll { gallery: id, row } => {
                let view = gallery(*id)?;
                let of_gallery = (&view.descriptor.model, view.descriptor.dim);
                if (&row.model, row.embedding.dim()) != of_gallery {
                    return Err("adds a row of another model or dimension".into());
                }
                if !row.embedding.is_rounded(view.descriptor.precision) {
                    return Err("adds a row of another precision".into());
                }
                if row.thumbnail.is_some() && !view.descriptor.thumbnails {
                    return Err("adds a thumbnail to a gallery that keeps none".into());
                }
                if view.contains(row.id)? { Err("adds a row that is there".into()) } else { Ok(()) }
            }
        }
    }

    /// Applies a change known to be applicable; says whether it removed or added anything. What an
    /// attachment adds is not in the change: see [`Version::attach`].
    pub(crate) fn apply(&mut self, lsn: Lsn, change: &Change) -> Result<bool, Corruption> {
        match change {
            Change::CreateGallery(descriptor) => {
                self.next_gallery =
                    self.next_gallery.max(GalleryId::new(descriptor.id.get().saturating_add(1)));
                self.put_gallery(GalleryView::new(descriptor.clone()));
                Ok(true)
            }
            Change::AlterGallery { gallery, name, description } => {
                let Some(view) = self.galleries.get(gallery) else { return Ok(false) };
                let mut view = GalleryView::clone(view);
                let before = GalleryDescriptor::clone(&view.descriptor);
                self.names.remove(&(before.tenant.clone(), before.name.clone()));
                let (name, description) = (name.clone(), description.clone());
                view.descriptor = Arc::new(GalleryDescriptor { name, description, ..before });
                self.put_gallery(view);
                Ok(true)
            }
            Change::DropGallery(id) => {
                let Some(view) = self.galleries.remove(id) else { return Ok(false) };
                let descriptor = &view.descriptor;
                self.names.remove(&(descriptor.tenant.clone(), descriptor.name.clone()));
                Ok(true)
            }
            Change::Enroll { gallery, row } => {
                let Some(view) = self.galleries.get_mut(gallery) else { return Ok(false) };
                Arc::make_mut(view).memtable.insert(lsn, Arc::clone(row));
                Ok(true)
            }
            Change::Remove { gallery, template } => {
                let Some(view) = self.galleries.get_mut(gallery) else { return Ok(false) };
                Arc::make_mut(view).remove(*template)
            }
            Change::Attach { .. } => Ok(false),
        }
    }
}

/// Why a logged change cannot have been made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Misfit {
    /// It does not fit the state before it.
    State(&'static str),
    /// The state before it is damaged.
    Corruption(Corruption),
}

impl From<&'static str> for Misfit {
    fn from(what: &'static str) -> Self {
        Self::State(what)
    }
}

impl From<Corruption> for Misfit {
    fn from(corruption: Corruption) -> Self {
        Self::Corruption(corruption)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Mapping;
    use crate::precision::Precision;
    use crate::row::Row;
    use crate::row::tests::{descriptor, half_descriptor, pictured, row, with_thumbnail};
    use crate::segment::tests::encode;

    const GALLERY: GalleryId = GalleryId::new(1);

    fn created() -> Version {
        let mut version = Version::empty(Lsn::new(0), GALLERY);
        version.apply(Lsn::new(1), &Change::CreateGallery(descriptor(1, "g", 1))).unwrap();
        version
    }

    fn enroll(id: u128) -> Change {
        Change::Enroll { gallery: GALLERY, row: row(id, vec![1.0]).into() }
    }

    fn remove(id: u128) -> Change {
        Change::Remove { gallery: GALLERY, template: TemplateId::new(id) }
    }

    /// The version with its rows in one more segment.
    fn sealed(version: &Version, id: u64) -> Version {
        let mut view = GalleryView::clone(version.gallery(GALLERY).unwrap());
        let rows: Vec<_> = view.memtable.rows(None).collect();
        let bytes = encode(id.into(), &view.descriptor, &rows);
        let segment = Segment::open(Mapping::of_bytes(&bytes), "s".into()).unwrap();
        view.memtable = Memtable::default();
        view.segments.push(SegmentView::new(segment, version.lsn));
        let mut version = version.clone();
        version.put_gallery(view);
        version
    }

    #[test]
    fn a_row_enrolled_again_is_live_once_wherever_its_older_selves_lie() {
        let mut version = created();
        for round in 1..4u64 {
            assert!(version.apply(Lsn::new(round), &enroll(7)).unwrap());
            version = sealed(&version, round);
            let view = version.gallery(GALLERY).unwrap();
            assert_eq!(
                view.get(TemplateId::new(7)).unwrap().map(|row| row.lsn),
                Some(Lsn::new(round))
            );
            assert_eq!((view.row_count(), view.segments.len() as u64), (1, round));
            assert!(version.check(&enroll(7)).is_err());
            assert!(version.apply(Lsn::new(round), &remove(7)).unwrap());
            assert!(!version.apply(Lsn::new(round), &remove(7)).unwrap(), "it is gone");
            assert_eq!(version.gallery(GALLERY).unwrap().row_count(), 0);
            assert!(!version.gallery(GALLERY).unwrap().contains(TemplateId::new(7)).unwrap());
        }
    }

    #[test]
    fn a_gallery_under_another_name_is_not_found_under_the_old_one() {
        let mut version = created();
        version.apply(Lsn::new(2), &enroll(7)).unwrap();
        let before = version.clone();
        let alter = |name: &str, description: Option<&str>| Change::AlterGallery {
            gallery: GALLERY,
            name: name.into(),
            description: description.map(Into::into),
        };
        version.apply(Lsn::new(3), &alter("h", Some("described"))).unwrap();
        let named = |version: &Version, name| version.gallery_by_name("t", name).cloned();
        assert!(named(&version, "g").is_none() && named(&before, "h").is_none());
        let renamed = named(&version, "h").unwrap();
        assert_eq!(renamed.descriptor.description.as_deref(), Some("described"));
        assert_eq!((renamed.row_count(), version.galleries_of("t", None).count()), (1, 1));
        version.apply(Lsn::new(4), &Change::CreateGallery(descriptor(2, "g", 1))).unwrap();
        assert!(version.check(&alter("h", None)).is_ok(), "its own name");
        assert!(version.check(&alter("g", None)).is_err(), "that of another");
        version.apply(Lsn::new(5), &Change::DropGallery(GALLERY)).unwrap();
        assert!(named(&version, "h").is_none());
        assert!(version.check(&alter("h", None)).is_err());
    }

    #[test]
    fn removing_rows_leaves_older_versions_alone_and_needs_a_new_tombstone_file() {
        let mut old = created();
        for id in 1..4 {
            old.apply(Lsn::new(2), &enroll(id)).unwrap();
        }
        let mut view = GalleryView::clone(sealed(&old, 1).gallery(GALLERY).unwrap());
        view.segments[0].stored = Some(Lsn::new(2));
        old.put_gallery(view);
        let mut new = old.clone();
        new.apply(Lsn::new(3), &remove(1)).unwrap();
        let shared = Arc::as_ptr(&new.gallery(GALLERY).unwrap().segments[0].tombstones);
        new.apply(Lsn::new(3), &remove(2)).unwrap();
        let [before, after] = [&old, &new].map(|version| version.gallery(GALLERY).unwrap());
        assert_eq!((before.row_count(), after.row_count()), (3, 1));
        assert_eq!(before.segments[0].stored, Some(Lsn::new(2)));
        assert_eq!(after.segments[0].stored, None);
        let copied_once = std::ptr::eq(shared, &raw const *after.segments[0].tombstones);
        assert!(copied_once, "a batch copies the tombstones of a segment once");
    }

    #[test]
    fn changes_that_do_not_fit_are_told() {
        let mut version = created();
        version.apply(Lsn::new(2), &enroll(1)).unwrap();
        let elsewhere = GalleryId::new(2);
        let other_dim = Change::Enroll { gallery: GALLERY, row: row(2, vec![1.0, 1.0]).into() };
        for bad in [
            enroll(1),
            other_dim,
            Change::DropGallery(elsewhere),
            Change::Remove { gallery: elsewhere, template: TemplateId::new(1) },
            Change::CreateGallery(descriptor(1, "h", 1)),
            Change::CreateGallery(descriptor(2, "g", 1)),
        ] {
            assert!(version.check(&bad).is_err(), "{bad:?}");
        }
        for good in [enroll(2), remove(9), Change::DropGallery(GALLERY)] {
            assert_eq!(version.check(&good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn a_row_that_a_gallery_of_halves_cannot_keep_does_not_fit() {
        let mut version = Version::empty(Lsn::new(0), GALLERY);
        let create = Change::CreateGallery(half_descriptor(1, "g", 2));
        version.apply(Lsn::new(1), &create).unwrap();
        let row = row(1, vec![1.0, 2.0]);
        let embedding = row.embedding.clone().rounded(Precision::Half);
        let rounded = Row { embedding, ..row.clone() };
        let enroll = |row: Row| Change::Enroll { gallery: GALLERY, row: row.into() };
        assert_eq!(version.check(&enroll(rounded)), Ok(()));
        let misfit = version.check(&enroll(row)).unwrap_err();
        assert_eq!(misfit, Misfit::State("adds a row of another precision"));
    }

    #[test]
    fn a_thumbnail_fits_a_gallery_that_keeps_them_and_no_other() {
        let mut version = created();
        let create = Change::CreateGallery(pictured(descriptor(2, "h", 1)));
        version.apply(Lsn::new(2), &create).unwrap();
        let row = Arc::new(with_thumbnail(row(1, vec![1.0]), 9));
        let enroll = |gallery| Change::Enroll { gallery, row: Arc::clone(&row) };
        assert_eq!(version.check(&enroll(GalleryId::new(2))), Ok(()));
        let misfit = version.check(&enroll(GALLERY)).unwrap_err();
        assert_eq!(misfit, Misfit::State("adds a thumbnail to a gallery that keeps none"));
    }

    #[test]
    fn galleries_of_a_tenant_come_by_name_and_a_name_is_free_after_the_drop() {
        let mut version = created();
        for (id, name) in [(2, "b"), (3, "a")] {
            version.apply(Lsn::new(2), &Change::CreateGallery(descriptor(id, name, 1))).unwrap();
        }
        let mut stranger = descriptor(4, "c", 1);
        stranger.tenant = "u".into();
        version.apply(Lsn::new(2), &Change::CreateGallery(stranger)).unwrap();
        let names = |version: &Version, after| -> Vec<u64> {
            version.galleries_of("t", after).map(|view| view.descriptor.id.get()).collect()
        };
        assert_eq!(names(&version, None), [3, 2, 1]);
        assert_eq!(names(&version, Some("a")), [2, 1]);
        version.apply(Lsn::new(3), &Change::DropGallery(GalleryId::new(2))).unwrap();
        version.apply(Lsn::new(3), &Change::CreateGallery(descriptor(9, "b", 1))).unwrap();
        assert_eq!(names(&version, None), [3, 9, 1]);
        assert_eq!(version.next_gallery, GalleryId::new(10));
    }
}

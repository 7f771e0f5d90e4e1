//! What a store should show after each batch, kept in maps that cannot be wrong; and the one place
//! where these tests read a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::batch::{Operation, WriteBatch};
use crate::gallery::GalleryDescriptor;
use crate::id::{GalleryId, Lsn, TemplateId};
use crate::row::{Row, RowRef};
use crate::snapshot::Snapshot;
use crate::store::Store;

/// A row and the batch that enrolled it.
type Enrolled = (Lsn, Row);

/// A gallery and its rows; shared by the states in which it is the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Gallery {
    pub(super) descriptor: Arc<GalleryDescriptor>,
    pub(super) rows: BTreeMap<TemplateId, Enrolled>,
}

/// Everything a store shows at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct World {
    pub(super) galleries: BTreeMap<GalleryId, Arc<Gallery>>,
}

impl World {
    /// A template of some gallery, where there is one.
    pub(super) fn some_row(&self) -> Option<(GalleryId, TemplateId)> {
        let mut rows = self.galleries.iter().filter_map(|(gallery, content)| {
            content.rows.keys().next().map(|template| (*gallery, *template))
        });
        rows.next()
    }
}

/// The states of a store: entry `n` is the one at LSN `n`.
#[derive(Clone, Debug)]
pub(super) struct Oracle {
    states: Vec<World>,
    /// The identity that the next gallery gets, at each state.
    next_gallery: Vec<GalleryId>,
}

impl Oracle {
    /// Of a new store.
    pub(super) fn new() -> Self {
        Self { states: vec![World::default()], next_gallery: vec![GalleryId::new(1)] }
    }

    /// The LSN of the newest state.
    pub(super) fn lsn(&self) -> u64 {
        self.states.len() as u64 - 1
    }

    /// The newest state.
    pub(super) fn world(&self) -> &World {
        self.states.last().unwrap()
    }

    /// The state at an LSN, where there was one.
    pub(super) fn at(&self, lsn: u64) -> Option<&World> {
        self.states.get(lsn as usize)
    }

    /// Adds the state after a batch that is not refused; returns the galleries it creates.
    pub(super) fn apply(&mut self, batch: &WriteBatch) -> Vec<GalleryId> {
        let lsn = Lsn::new(self.lsn() + 1);
        let mut world = self.world().clone();
        let mut next = *self.next_gallery.last().unwrap();
        let mut created = Vec::new();
        for operation in batch.operations() {
            match operation {
                Operation::CreateGallery(draft) => {
                    let descriptor = GalleryDescriptor::from_draft(next, draft.clone());
                    let descriptor = Arc::new(descriptor);
                    let gallery = Gallery { descriptor, rows: BTreeMap::new() };
                    world.galleries.insert(next, Arc::new(gallery));
                    created.push(next);
                    next = GalleryId::new(next.get() + 1);
                }
                Operation::AlterGallery { gallery, name, description } => {
                    let gallery = Arc::make_mut(world.galleries.get_mut(gallery).unwrap());
                    let descriptor = Arc::make_mut(&mut gallery.descriptor);
                    (descriptor.name, descriptor.description) = (name.clone(), description.clone());
                }
                Operation::DropGallery(id) => drop(world.galleries.remove(id)),
                Operation::Enroll { gallery, row } => {
                    let gallery = Arc::make_mut(world.galleries.get_mut(gallery).unwrap());
                    let embedding = row.embedding.clone().rounded(gallery.descriptor.precision);
                    let pictured = gallery.descriptor.thumbnails;
                    let thumbnail = row.thumbnail.clone().filter(|_| pictured);
                    let kept = Row { thumbnail, embedding, ..row.clone() };
                    let before = gallery.rows.insert(row.id, (lsn, kept));
                    assert!(before.is_none(), "the workload enrols {} twice", row.id);
                }
                Operation::Remove { gallery, template } => {
                    let gallery = Arc::make_mut(world.galleries.get_mut(gallery).unwrap());
                    gallery.rows.remove(template);
                }
            }
        }
        self.states.push(world);
        self.next_gallery.push(next);
        created
    }

    /// Forgets the states behind an LSN: what was written there is lost.
    pub(super) fn cut(&mut self, lsn: u64) {
        self.states.truncate(lsn as usize + 1);
        self.next_gallery.truncate(lsn as usize + 1);
    }
}

/// Everything a store shows, in as many ways as it can be asked for, which must agree.
pub(super) fn read(store: &Store) -> Result<World, String> {
    show(&store.snapshot())
}

/// Everything a snapshot shows; see [`read`].
pub(super) fn show(snapshot: &Snapshot) -> Result<World, String> {
    let mut world = World::default();
    for descriptor in snapshot.galleries("t", None) {
        let id = descriptor.id;
        let named = snapshot.gallery_by_name("t", &descriptor.name);
        let agree = named == Some(descriptor) && snapshot.gallery(id) == Some(descriptor);
        let mut rows = BTreeMap::new();
        for row in rows_of(snapshot, id)? {
            let in_order = rows.last_key_value().is_none_or(|(last, _)| *last < row.1.id);
            if !in_order || row_of(snapshot, id, row.1.id)?.as_ref() != Some(&row) {
                return Err(format!("gallery {id} does not show row {} one way only", row.1.id));
            }
            rows.insert(row.1.id, row);
        }
        if !agree || snapshot.row_count(id) != rows.len() as u64 {
            return Err(format!("gallery {id} is not shown one way only"));
        }
        let gallery = Gallery { descriptor: Arc::clone(descriptor), rows };
        world.galleries.insert(id, Arc::new(gallery));
    }
    Ok(world)
}

fn rows_of(snapshot: &Snapshot, gallery: GalleryId) -> Result<Vec<Enrolled>, String> {
    let rows = snapshot.rows(gallery, None);
    rows.map(|row| enrolled(row.map_err(|error| error.to_string())?)).collect()
}

fn row_of(
    snapshot: &Snapshot,
    gallery: GalleryId,
    template: TemplateId,
) -> Result<Option<Enrolled>, String> {
    let row = snapshot.get(gallery, template).map_err(|error| error.to_string())?;
    row.map(enrolled).transpose()
}

fn enrolled(row: RowRef<'_>) -> Result<Enrolled, String> {
    Ok((row.lsn, row.to_row().map_err(|error| error.to_string())?))
}

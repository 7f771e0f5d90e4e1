//! Faces on their way from a statement into a collection, however many: all of them or none.

use likeness_storage::Row;

use super::insert::ProposedFace;
use super::transaction::Writer;
use crate::engine::{Changes, EngineError, Import};
use crate::sql::read::catalog::GalleryCatalog;
use crate::sql::{SqlError, SqlState};

/// The new faces of a statement. Dropping it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Enrolment {
    collection: String,
    import: Import,
    writer: Writer,
    /// Whether many faces may take the way of a load, which commits by itself.
    commits: bool,
}

impl Enrolment {
    /// None yet. A statement that `commits` is all that there is to commit.
    ///
    /// # Errors
    /// 42P01.
    pub(super) fn new(
        catalog: &GalleryCatalog,
        collection: &str,
        writer: &Writer,
        commits: bool,
    ) -> Result<Self, SqlError> {
        let import = catalog.tenant().import(catalog.snapshot(), collection)?;
        let (collection, writer) = (collection.to_owned(), writer.clone());
        Ok(Self { collection, import, writer, commits })
    }

    pub(super) fn collection(&self) -> &str {
        &self.collection
    }

    /// Adds a face, and returns it as it will be kept.
    ///
    /// # Errors
    /// When it is no face; the enrolment is of no use then.
    pub(super) async fn push(&mut self, face: ProposedFace) -> Result<&[Row], EngineError> {
        let (draft, given) = face;
        self.import.push(draft, given).await
    }

    /// The face as it would be kept. It is not added.
    ///
    /// # Errors
    /// When it is no face.
    pub(super) async fn look_at(&self, face: ProposedFace) -> Result<Vec<Row>, SqlError> {
        let (draft, given) = face;
        Ok(self.import.look_at(draft, given).await?)
    }

    /// What has gathered, to be written by [`Enrolment::apply`].
    pub(super) fn take(&mut self) -> Changes {
        self.import.take()
    }

    /// Makes changes durable and visible, in a block with its COMMIT.
    ///
    /// # Errors
    /// As [`Enrolment::pass_on`]; nothing has happened then.
    pub(super) async fn apply(&self, changes: Changes) -> Result<(), SqlError> {
        let applied = self.writer.apply(changes).await;
        applied.map(drop).map_err(|error| of_collection(error, &self.collection))
    }

    /// Hands on what has gathered, if that is much. Nobody else sees it yet.
    ///
    /// # Errors
    /// 23505 for a face that is there, and what the store says.
    pub(super) async fn pass_on(&mut self) -> Result<(), SqlError> {
        if !self.import.is_full() {
            return Ok(());
        }
        if self.commits {
            let loaded = self.import.load().await;
            return loaded.map_err(|error| of_collection(error.into(), &self.collection));
        }
        let gathered = self.import.take();
        self.apply(gathered).await
    }

    /// Makes all faces durable and visible, in a block with its COMMIT, and counts them.
    ///
    /// # Errors
    /// As [`Enrolment::pass_on`]; nothing has happened then.
    pub(super) async fn finish(mut self) -> Result<u64, SqlError> {
        let faces = self.import.faces();
        if self.import.is_loading() {
            let committed = self.import.commit().await;
            committed.map_err(|error| of_collection(error.into(), &self.collection))?;
        } else {
            let gathered = self.import.take();
            self.apply(gathered).await?;
        }
        Ok(faces)
    }
}

/// That a face is there already, with the name of the constraint that it breaks.
fn of_collection(error: SqlError, collection: &str) -> SqlError {
    if error.state == SqlState::UniqueViolation {
        return error.duplicate_key(collection);
    }
    error
}

//! Carrying out an INSERT: rows are read, enrolled and forgotten, in memory that does not grow
//! with their number.

use datafusion::scalar::ScalarValue;

use super::Insert;
use super::conflict::{ConflictUpdate, OnConflict};
use super::faces::Faces;
use super::returned::Returned;
use super::upsert::{Meetings, Met, Upsert};
use crate::engine::{EngineError, Interrupt};
use crate::sql::plan::query::QueryContext;
use crate::sql::write::enrolment::Enrolment;
use crate::sql::write::transaction::Writer;
use crate::sql::{Outcome, SqlError, SqlState};

impl Insert {
    /// Enrols all rows.
    pub(in crate::sql) async fn run(
        &self,
        context: &QueryContext,
        writer: &Writer,
        parameters: &[ScalarValue],
    ) -> Result<Outcome, SqlError> {
        let run = Run { insert: self, context, writer, parameters };
        // Boxed: these futures are large, and whatever runs statements would carry them.
        let outcome = match &self.on_conflict {
            Some(OnConflict::Update(update)) => Box::pin(run.upsert(update)).await,
            Some(OnConflict::Nothing) => Box::pin(run.enroll(true)).await,
            None => return Box::pin(run.enroll(false)).await,
        };
        outcome.map_err(|error| match error.state {
            // Of what was there when the statement began nothing is in the way: others came first.
            SqlState::UniqueViolation => EngineError::Conflict.into(),
            _ => error,
        })
    }
}

/// One execution of an INSERT.
struct Run<'a> {
    insert: &'a Insert,
    context: &'a QueryContext,
    writer: &'a Writer,
    parameters: &'a [ScalarValue],
}

impl Run<'_> {
    /// Enrols the rows, or those of them whose face is not there yet.
    async fn enroll(self, passes_over: bool) -> Result<Outcome, SqlError> {
        let (collection, mut enrolment) = self.begin()?;
        let mut meetings = passes_over.then(|| Meetings::of(self.context, collection));
        let mut returned = self.returned();
        let mut faces = self.faces().await?;
        while let Some(some) = faces.next().await? {
            for face in some {
                still_wanted().await?;
                if let Some(meetings) = &mut meetings
                    && meetings.of_face(&face)? != Met::Nobody
                {
                    continue;
                }
                returned.note(enrolment.push(face).await?);
                enrolment.pass_on().await?;
            }
            returned.keep().await?;
        }
        // Also where there was none.
        returned.keep().await?;
        let rows = enrolment.finish().await?;
        Ok(returned.outcome(rows))
    }

    /// Enrols the rows, and changes the faces that are there.
    async fn upsert(self, update: &ConflictUpdate) -> Result<Outcome, SqlError> {
        let (collection, mut enrolment) = self.begin()?;
        let mut upsert = Upsert::of(update, self.context, collection);
        let mut faces = self.faces().await?;
        while let Some(some) = faces.next().await? {
            for face in some {
                still_wanted().await?;
                upsert.push(face, &mut enrolment).await?;
            }
        }
        let mut returned = self.returned();
        let rows = upsert.finish(enrolment, self.parameters, &mut returned).await?;
        Ok(returned.outcome(rows))
    }

    fn begin(&self) -> Result<(&str, Enrolment), SqlError> {
        let catalog = self.context.catalog();
        let collection = catalog.written(&self.insert.name)?;
        let commits = self.writer.is_autocommit();
        Ok((collection, Enrolment::new(catalog, collection, self.writer, commits)?))
    }

    fn returned(&self) -> Returned<'_> {
        Returned::of(self.insert, self.context, self.parameters)
    }

    async fn faces(&self) -> Result<Faces<'_>, SqlError> {
        Faces::of(self.insert, self.context, self.parameters).await
    }
}

/// Looks whether the statement is given up, between two faces: no more than one is worked on then,
/// and one from a large photo takes its time.
async fn still_wanted() -> Result<(), SqlError> {
    // Faces from embeddings come without anything to wait for.
    tokio::task::consume_budget().await;
    Ok(Interrupt::check()?)
}

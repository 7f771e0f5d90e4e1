//! Carrying out INSERT .. ON CONFLICT: which rows meet a face that is there, and what it becomes.

use std::collections::{HashMap, HashSet};

use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::LogicalPlan;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use likeness_storage::{Lsn, Row, RowRef};

use super::ProposedFace;
use super::conflict::{ConflictUpdate, ENROLLED, PROPOSED};
use super::returned::Returned;
use crate::biometric::FaceId;
use crate::engine::{EngineError, FaceUpdate, TenantSnapshot};
use crate::sql::plan::query::QueryContext;
use crate::sql::read::search::face_ids;
use crate::sql::write::enrolment::Enrolment;
use crate::sql::write::returning::table;
use crate::sql::{SqlError, SqlState};

/// Bytes that remembering a face id takes, roughly.
const ID_BYTES: usize = 64;

/// What a proposed face meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Met {
    Nobody,
    /// A face that was there before the statement.
    Enrolled(FaceId),
    /// Another row of the statement.
    Proposed,
}

/// Tells which of the faces that a statement proposes are there already.
pub(super) struct Meetings<'a> {
    at: &'a TenantSnapshot,
    collection: &'a str,
    /// Ids that the statement has given so far.
    given: HashSet<FaceId>,
    /// Counts them towards the memory of queries.
    memory: MemoryReservation,
}

impl<'a> Meetings<'a> {
    pub(super) fn of(context: &'a QueryContext, collection: &'a str) -> Self {
        let (at, memory) = (context.catalog().snapshot(), context.memory("ON CONFLICT"));
        Self { at, collection, given: HashSet::new(), memory }
    }

    /// What `face` meets; from here on it is there itself.
    ///
    /// # Errors
    /// 53200 when the ids given are too many.
    pub(super) fn of_face(&mut self, face: &ProposedFace) -> Result<Met, SqlError> {
        let (_, given) = face;
        let Some(face_id) = given.face_id else { return Ok(Met::Nobody) };
        if !self.given.insert(face_id) {
            return Ok(Met::Proposed);
        }
        self.memory.try_grow(ID_BYTES)?;
        let is_enrolled = self.is_enrolled(face)?;
        Ok(if is_enrolled { Met::Enrolled(face_id) } else { Met::Nobody })
    }

    /// Whether `face` was there before the statement.
    fn is_enrolled(&self, (_, given): &ProposedFace) -> Result<bool, SqlError> {
        match given.face_id {
            Some(face_id) => Ok(self.at.has_face(self.collection, face_id)?),
            None => Ok(false),
        }
    }
}

/// The rows of INSERT .. ON CONFLICT DO UPDATE: all of them are kept until the end, because new and
/// changed faces are written together.
pub(super) struct Upsert<'a> {
    update: &'a ConflictUpdate,
    context: &'a QueryContext,
    meetings: Meetings<'a>,
    /// Rows that met a face.
    proposed: Vec<Row>,
    /// The faces in the order of their rows.
    order: Vec<FaceId>,
    memory: MemoryReservation,
}

impl<'a> Upsert<'a> {
    pub(super) fn of(
        update: &'a ConflictUpdate,
        context: &'a QueryContext,
        collection: &'a str,
    ) -> Self {
        let meetings = Meetings::of(context, collection);
        let memory = context.memory("ON CONFLICT DO UPDATE");
        Self { update, context, meetings, proposed: Vec::new(), order: Vec::new(), memory }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// 21000 where the statement has made a face of the same id, and what is wrong with the row.
    pub(super) async fn push(
        &mut self,
        face: ProposedFace,
        enrolment: &mut Enrolment,
    ) -> Result<(), SqlError> {
        let met = self.meetings.of_face(&face)?;
        let rows = match met {
            Met::Nobody => enrolment.push(face).await?.to_vec(),
            Met::Proposed if !self.meetings.is_enrolled(&face)? => return Err(twice()),
            Met::Enrolled(_) | Met::Proposed => {
                let rows = enrolment.look_at(face).await?;
                self.proposed.extend_from_slice(&rows);
                rows
            }
        };
        for row in rows {
            self.memory.try_grow(size_of::<Row>() + size_of_val(row.embedding.as_slice()))?;
            // A face that is proposed again is in the order already.
            if met != Met::Proposed {
                self.order.push(FaceId::from_u128(row.id.get()));
            }
        }
        Ok(())
    }

    /// Writes everything, and tells how many faces are new or changed. These are returned as they
    /// are then, in the order of their rows.
    ///
    /// # Errors
    /// What the assignments and RETURNING say, 21000 where a face is changed twice, and the store;
    /// nothing has happened then.
    pub(super) async fn finish(
        self,
        mut enrolment: Enrolment,
        parameters: &[ScalarValue],
        returned: &mut Returned<'_>,
    ) -> Result<u64, SqlError> {
        let (catalog, collection) = (self.context.catalog(), self.meetings.collection);
        let updates = self.updates(parameters).await?;
        let mut changes = catalog.tenant().update(catalog.snapshot(), collection, updates).await?;
        changes.append(enrolment.take());
        let mut written: HashMap<FaceId, Row> =
            changes.rows().map(|row| (FaceId::from_u128(row.id.get()), row.clone())).collect();
        let rows: Vec<Row> =
            self.order.iter().filter_map(|face_id| written.remove(face_id)).collect();
        returned.note(&rows);
        returned.keep().await?;
        enrolment.apply(changes).await?;
        Ok(rows.len() as u64)
    }

    /// What the faces that were met become.
    async fn updates(&self, parameters: &[ScalarValue]) -> Result<Vec<FaceUpdate>, SqlError> {
        if self.proposed.is_empty() {
            return Ok(Vec::new());
        }
        let proposed: Vec<_> = self.proposed.iter().map(|row| row.as_ref(Lsn::default())).collect();
        let at = self.meetings.at;
        let gallery = at.descriptor(self.meetings.collection)?.id;
        let mut seen = HashSet::new();
        let met = proposed.iter().filter(|row| seen.insert(row.id));
        let enrolled = met.filter_map(|row| at.storage().get(gallery, row.id).transpose());
        let enrolled: Vec<RowRef<'_>> =
            enrolled.collect::<Result<_, _>>().map_err(EngineError::from)?;
        let tables = [(ENROLLED, table(&enrolled)?), (PROPOSED, table(&proposed)?)];
        let context = self.context.with_tables(tables, None);
        let plan = context.plan(&self.update.query).await?;
        let mut batches = context.stream(plan, parameters.to_vec()).await?;
        let (mut updates, mut changed) = (Vec::new(), HashSet::new());
        while let Some(batch) = batches.try_next().await? {
            for (row, face_id) in face_ids(&batch)?.into_iter().enumerate() {
                if !changed.insert(face_id) {
                    return Err(twice());
                }
                let assignments = &self.update.assignments;
                updates.push(assignments.update(self.meetings.collection, face_id, &batch, row)?);
            }
        }
        Ok(updates)
    }
}

impl ConflictUpdate {
    /// The plan of its query over no faces, to learn the types of its parameters.
    pub(super) async fn plan(&self, context: &QueryContext) -> Result<LogicalPlan, SqlError> {
        let tables = [(ENROLLED, table(&[])?), (PROPOSED, table(&[])?)];
        context.with_tables(tables, None).plan(&self.query).await
    }
}

fn twice() -> SqlError {
    let message = "ON CONFLICT DO UPDATE command cannot affect row a second time";
    SqlError::new(SqlState::CardinalityViolation, message).with_hint(
        "Ensure that no rows proposed for insertion within the same command have duplicate \
         constrained values.",
    )
}

//! `SELECT .. FOR UPDATE` of a session: in a block, COMMIT watches what it has read.

use datafusion::arrow::array::AsArray;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;

use super::SqlSession;
use crate::biometric::FaceId;
use crate::sql::read::locking::Locking;
use crate::sql::{SqlError, SqlState, Statement};

impl SqlSession {
    /// Watches the faces that `locking` finds. Outside a block nothing is to do: the statement is
    /// its own transaction, which ends with it.
    ///
    /// # Errors
    /// Those of the query, and where too much is watched.
    pub(super) async fn lock_rows(
        &self,
        statement: &Statement,
        locking: &Locking,
        parameters: Vec<ScalarValue>,
    ) -> Result<(), SqlError> {
        if self.writer.is_autocommit() {
            return Ok(());
        }
        let context = self.context_of(statement)?;
        let plan = context.plan(&locking.query).await.map_err(without_aggregates)?;
        let mut rows = statement.depth().stream(context.stream(plan, parameters).await?);
        while let Some(batch) = rows.try_next().await? {
            let first = batch.num_columns().saturating_sub(locking.collections.len());
            for (collection, ids) in locking.collections.iter().zip(&batch.columns()[first..]) {
                let name = context.catalog().written(collection)?;
                let ids = ids.as_string::<i32>().iter().flatten();
                let faces: Vec<FaceId> = ids.filter_map(|id| id.parse().ok()).collect();
                self.writer.watch(name, &faces)?;
            }
        }
        Ok(())
    }
}

/// A face stands beside no aggregate, and a relation of the system has none.
fn without_aggregates(error: SqlError) -> SqlError {
    match error.state {
        SqlState::GroupingError => {
            let message = "FOR UPDATE is not allowed with aggregate functions";
            SqlError::new(SqlState::FeatureNotSupported, message)
        }
        SqlState::UndefinedColumn if error.message.contains("face_id") => {
            SqlError::unsupported("FOR UPDATE of anything but a collection")
        }
        _ => error,
    }
}

//! Enrolled faces by their ids.

use std::sync::Arc;

use likeness_storage::{RowRef, TemplateId};

use super::identify::scanning;
use super::{EngineError, TenantSnapshot};
use crate::biometric::FaceId;

impl TenantSnapshot {
    /// Hands the faces of `gallery` with these ids, as far as there are any, to `read`: in the
    /// order of the ids given. Runs on a thread for blocking work, or on the caller's in the scope
    /// of an [`Interrupt`](super::Interrupt).
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], [`EngineError::Damaged`].
    pub async fn look_up<T: Send + 'static>(
        &self,
        gallery: &str,
        ids: Vec<FaceId>,
        read: impl FnOnce(&[RowRef<'_>]) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let (snapshot, gallery) = (self.clone(), Arc::clone(self.descriptor(gallery)?));
        scanning(move |_| {
            let row = |id: &FaceId| {
                let id = TemplateId::new(id.as_u128());
                snapshot.storage().get(gallery.id, id).transpose()
            };
            Ok(read(&ids.iter().filter_map(row).collect::<Result<Vec<_>, _>>()?))
        })
        .await
    }
}

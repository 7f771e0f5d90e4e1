//! Finding the faces of one image. Touches no store.

use bytes::Bytes;

use super::{EngineError, Tenant};
use crate::biometric::AttributeSet;
use crate::vision::Detection;

impl Tenant {
    /// Every face of `image`, largest first, with the attributes asked for.
    ///
    /// # Errors
    /// [`EngineError::Image`] for bytes that are no usable image,
    /// [`EngineError::ModelUnavailable`].
    pub async fn detect(
        &self,
        image: Bytes,
        attributes: AttributeSet,
    ) -> Result<Detection, EngineError> {
        self.engine.inference.run(move |pipeline| pipeline.detect(&image, attributes)).await
    }
}

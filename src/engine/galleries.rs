//! Creating, dropping and describing the galleries of a tenant.

use std::sync::Arc;

use likeness_storage::{Dim, GalleryDescriptor, GalleryDraft, Precision};

use super::{Changes, EngineError, Tenant, TenantSnapshot, now_us};

/// Longest gallery name in characters.
pub const GALLERY_NAME_CHARS_MAX: usize = 120;
/// Longest gallery description in characters.
pub const GALLERY_DESCRIPTION_CHARS_MAX: usize = 1000;
/// The model id of galleries whose templates are made by the caller.
pub const EXTERNAL_MODEL: &str = "external";

/// Where the templates of a gallery come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GalleryModel {
    /// The server reads images with the loaded model pack.
    Default,
    /// The caller brings embeddings of this many dimensions.
    External(usize),
}

/// A gallery to be created.
#[derive(Debug, Clone)]
pub struct GalleryRequest {
    /// Unique within the tenant; 1..=120 characters, none of them control characters; neither `.`
    /// nor `..`.
    pub name: String,
    /// Free text, at most 1000 characters, no control characters but tabs and line breaks.
    pub description: Option<String>,
    /// Where its templates come from.
    pub model: GalleryModel,
    /// How precisely it keeps them.
    pub precision: Precision,
    /// Whether it keeps a small picture of each face that is read from an image.
    pub thumbnails: bool,
}

/// A gallery as its tenant sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gallery {
    /// Unique within the tenant.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Model that makes its templates, or `external`.
    pub model: String,
    /// Dimensions of its templates.
    pub dimensions: usize,
    /// How precisely it keeps them.
    pub precision: Precision,
    /// Whether it keeps a small picture of each face that is read from an image.
    pub thumbnails: bool,
    /// Creation time in microseconds since the Unix epoch.
    pub created_at_us: i64,
    /// Faces enrolled now.
    pub face_count: u64,
}

impl Tenant {
    /// Creates an empty gallery; durable when this returns.
    ///
    /// # Errors
    /// [`EngineError::GalleryExists`], [`EngineError::InvalidValue`] for a bad name, description
    /// or dimension count and for thumbnails of embeddings, [`EngineError::ModelUnavailable`] when
    /// the default model is asked for and none is loaded.
    pub async fn create_gallery(&self, request: GalleryRequest) -> Result<Gallery, EngineError> {
        let name = request.name.clone();
        self.write(self.creation(&self.snapshot(), request)?).await?;
        self.snapshot().gallery(&name)
    }

    /// What creating a gallery would change.
    ///
    /// # Errors
    /// As [`Tenant::create_gallery`]; that the name is taken shows when the changes are written.
    pub fn creation(
        &self,
        at: &TenantSnapshot,
        request: GalleryRequest,
    ) -> Result<Changes, EngineError> {
        let mut changes = Changes::new(at);
        changes.create_gallery(self.draft(request)?);
        Ok(changes)
    }

    /// Drops a gallery and all its faces; durable when this returns.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`].
    pub async fn drop_gallery(&self, name: &str) -> Result<(), EngineError> {
        match self.write(self.snapshot().drop_of(name)?).await {
            Ok(_) => Ok(()),
            Err(EngineError::Conflict) => Err(EngineError::GalleryNotFound(name.to_owned())),
            Err(error) => Err(error),
        }
    }

    fn draft(&self, request: GalleryRequest) -> Result<GalleryDraft, EngineError> {
        check_name(&request.name)?;
        check_description(request.description.as_deref())?;
        let (model, dim): (Arc<str>, Dim) = match request.model {
            GalleryModel::Default => {
                let pipeline = self.engine.inference.pipeline()?;
                (pipeline.model().into(), pipeline.dim())
            }
            GalleryModel::External(_) if request.thumbnails => {
                let why = "are cut from images, and this collection gets embeddings only";
                return Err(EngineError::invalid("thumbnails", why));
            }
            GalleryModel::External(dimensions) => {
                let dim = Dim::new(dimensions).ok_or_else(|| {
                    let why = format!("must be between 1 and 4096, got {dimensions}");
                    EngineError::invalid("dimensions", why)
                })?;
                (EXTERNAL_MODEL.into(), dim)
            }
        };
        Ok(GalleryDraft {
            tenant: self.name.as_str().into(),
            name: request.name.into(),
            description: request.description.map(Into::into),
            model,
            dim,
            precision: request.precision,
            thumbnails: request.thumbnails,
            created_at_us: now_us(),
        })
    }
}

impl TenantSnapshot {
    /// The gallery called `name`.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`].
    pub fn gallery(&self, name: &str) -> Result<Gallery, EngineError> {
        self.descriptor(name).map(|descriptor| self.describe(descriptor))
    }

    /// At most `limit` galleries in name order, starting behind the name `after`.
    pub fn galleries(&self, after: Option<&str>, limit: usize) -> Vec<Gallery> {
        self.snapshot
            .galleries(self.tenant.as_str(), after)
            .take(limit)
            .map(|descriptor| self.describe(descriptor))
            .collect()
    }

    /// The stored description of the gallery called `name`.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`].
    pub fn descriptor(&self, name: &str) -> Result<&Arc<GalleryDescriptor>, EngineError> {
        self.snapshot
            .gallery_by_name(self.tenant.as_str(), name)
            .ok_or_else(|| EngineError::GalleryNotFound(name.to_owned()))
    }

    /// What dropping the gallery called `name` would change.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`].
    pub fn drop_of(&self, name: &str) -> Result<Changes, EngineError> {
        let mut changes = Changes::new(self);
        changes.drop_gallery(self.descriptor(name)?);
        Ok(changes)
    }

    /// What emptying galleries would change: each gives way to one that is the same but for its
    /// faces.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`].
    pub fn truncation<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Changes, EngineError> {
        let mut changes = Changes::new(self);
        for name in names {
            let gallery = self.descriptor(name)?;
            changes.drop_gallery(gallery);
            changes.create_gallery(GalleryDraft {
                tenant: gallery.tenant.clone(),
                name: gallery.name.clone(),
                description: gallery.description.clone(),
                model: Arc::clone(&gallery.model),
                dim: gallery.dim,
                precision: gallery.precision,
                thumbnails: gallery.thumbnails,
                created_at_us: gallery.created_at_us,
            });
        }
        Ok(changes)
    }

    /// What giving the gallery called `name` another name would change.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], [`EngineError::InvalidValue`]; that the new name is taken
    /// shows when the changes are written.
    pub fn renaming(&self, name: &str, new_name: &str) -> Result<Changes, EngineError> {
        check_name(new_name)?;
        let gallery = self.descriptor(name)?;
        if name == new_name {
            return Err(EngineError::GalleryExists(name.to_owned()));
        }
        let mut changes = Changes::new(self);
        changes.alter_gallery(gallery, new_name.into(), gallery.description.clone());
        Ok(changes)
    }

    /// What giving the gallery called `name` another description, or none, would change.
    ///
    /// # Errors
    /// [`EngineError::GalleryNotFound`], [`EngineError::InvalidValue`].
    pub fn redescription(
        &self,
        name: &str,
        description: Option<&str>,
    ) -> Result<Changes, EngineError> {
        check_description(description)?;
        let gallery = self.descriptor(name)?;
        let mut changes = Changes::new(self);
        changes.alter_gallery(gallery, gallery.name.clone(), description.map(Into::into));
        Ok(changes)
    }

    fn describe(&self, descriptor: &GalleryDescriptor) -> Gallery {
        Gallery {
            name: descriptor.name.to_string(),
            description: descriptor.description.as_deref().map(str::to_owned),
            model: descriptor.model.to_string(),
            dimensions: descriptor.dim.get(),
            precision: descriptor.precision,
            thumbnails: descriptor.thumbnails,
            created_at_us: descriptor.created_at_us,
            face_count: self.snapshot.row_count(descriptor.id),
        }
    }
}

fn check_name(name: &str) -> Result<(), EngineError> {
    let chars = name.chars().count();
    if chars == 0 || chars > GALLERY_NAME_CHARS_MAX {
        let why = format!("must have 1 to {GALLERY_NAME_CHARS_MAX} characters, got {chars}");
        return Err(EngineError::invalid("external_id", why));
    }
    if name.chars().any(char::is_control) {
        return Err(EngineError::invalid("external_id", "must not contain control characters"));
    }
    // Every client that follows the rules for URLs takes them out of a path, escaped or not.
    if matches!(name, "." | "..") {
        let why = format!("must not be {name:?}, which paths cannot name");
        return Err(EngineError::invalid("external_id", why));
    }
    Ok(())
}

fn check_description(description: Option<&str>) -> Result<(), EngineError> {
    let chars = description.map_or(0, |text| text.chars().count());
    if chars > GALLERY_DESCRIPTION_CHARS_MAX {
        let why =
            format!("must have at most {GALLERY_DESCRIPTION_CHARS_MAX} characters, got {chars}");
        return Err(EngineError::invalid("description", why));
    }
    // No text of PostgreSQL holds a NUL, and terminals obey the others.
    let is_odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if description.is_some_and(|text| text.chars().any(is_odd)) {
        let why = "must not contain control characters other than tabs and line breaks";
        return Err(EngineError::invalid("description", why));
    }
    Ok(())
}

//! The demonstration: sample photos (or synthetic faces) in a collection, and lines to paste.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::biometric::{AttributeSet, FaceId, SyntheticFaces};
use crate::engine::keyring::{KeyDraft, KeySecret, KeyringError, Tier};
use crate::engine::{
    EngineError, EnrollmentDraft, Exactness, GalleryModel, GalleryRequest, IdentifyRequest,
    Precision, ProbeSource, QualityFilter, Role, TemplateSource, Tenant, TenantNameError,
};
use crate::server::{Server, ServerError};

/// The collection that the demonstration fills.
const COLLECTION: &str = "people";
/// The key that the demonstration makes anew at each start, because old secrets cannot be shown.
const KEY_NAME: &str = "demo";
/// People and photos per person of the synthetic collection.
const SYNTHETIC_PEOPLE: usize = 250;
const SYNTHETIC_PER_PERSON: usize = 4;
const SYNTHETIC_DIMENSIONS: usize = 128;

/// Why the demonstration could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The server failed.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The key could not be made.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// The tenant's name was refused.
    #[error(transparent)]
    Tenant(#[from] TenantNameError),
    /// The collection could not be filled.
    #[error("cannot fill the demo collection")]
    Engine(#[from] EngineError),
    /// A sample photo could not be read, or the result not be shown.
    #[error("cannot read or show the demo")]
    Io(#[from] io::Error),
}

/// Everything a visitor needs to look around.
struct Tour {
    secret: KeySecret,
    faces: u64,
    synthetic: bool,
    probe: FaceId,
}

/// Fills the demo collection of `server` unless it is filled, and writes the lines to paste.
///
/// # Errors
/// When the key, the collection or the output fails.
pub async fn present(
    server: &Server,
    photos: &[PathBuf],
    out: &mut impl Write,
) -> Result<(), DemoError> {
    let tenant = server.engine().tenant("default".parse()?);
    let secret = renew_key(server, &tenant)?;
    match tenant.snapshot().gallery(COLLECTION) {
        Ok(gallery) if gallery.face_count > 0 => {}
        // An empty one is what a start that was stopped in the middle leaves.
        Ok(_) => {
            tenant.drop_gallery(COLLECTION).await?;
            fill(&tenant, photos).await?;
        }
        Err(_) => fill(&tenant, photos).await?,
    }
    let gallery = tenant.snapshot().gallery(COLLECTION)?;
    let probe = best_probe(&tenant).await?;
    let synthetic = gallery.model == crate::engine::EXTERNAL_MODEL;
    let tour = Tour { secret, faces: gallery.face_count, synthetic, probe };
    tour.write(server, out)?;
    Ok(())
}

fn renew_key(server: &Server, tenant: &Tenant) -> Result<KeySecret, DemoError> {
    let keyring = server.keyring();
    if let Some(old) = keyring.find(tenant.name().as_str(), KEY_NAME)? {
        keyring.revoke(&old.id)?;
    }
    let draft = KeyDraft {
        tenant: tenant.name().clone(),
        name: KEY_NAME.to_owned(),
        role: Role::Admin,
        tier: Tier::Standard,
        expires_at_us: None,
    };
    Ok(keyring.create(draft)?.1)
}

async fn fill(tenant: &Tenant, photos: &[PathBuf]) -> Result<(), DemoError> {
    let request = |model, description: &str| GalleryRequest {
        name: COLLECTION.to_owned(),
        description: Some(description.to_owned()),
        precision: Precision::default(),
        // What was read from photos is looked at in the console.
        thumbnails: model == GalleryModel::Default,
        model,
    };
    if tenant.reads_images() && !photos.is_empty() {
        tenant.create_gallery(request(GalleryModel::Default, "Sample photos")).await?;
        return enroll_photos(tenant, photos).await;
    }
    let model = GalleryModel::External(SYNTHETIC_DIMENSIONS);
    tenant.create_gallery(request(model, "Synthetic faces")).await?;
    enroll_synthetic(tenant).await
}

/// Enrols all photos or none, so that a start that is stopped leaves no half of them.
async fn enroll_photos(tenant: &Tenant, photos: &[PathBuf]) -> Result<(), DemoError> {
    let mut drafts = Vec::with_capacity(photos.len());
    for photo in photos {
        drafts.push(EnrollmentDraft {
            source: TemplateSource::Image {
                image: fs::read(photo)?.into(),
                attributes: AttributeSet::Default,
                max_faces: 100,
                quality_filter: QualityFilter::None,
            },
            external_face_id: None,
            external_image_id: photo.file_name().map(|name| name.to_string_lossy().into_owned()),
            metadata: None,
        });
    }
    tenant.enroll(COLLECTION, drafts).await?;
    Ok(())
}

async fn enroll_synthetic(tenant: &Tenant) -> Result<(), DemoError> {
    let mut faces = SyntheticFaces::new(1, SYNTHETIC_DIMENSIONS);
    let mut drafts = Vec::new();
    for person in 0..SYNTHETIC_PEOPLE {
        for (photo, values) in faces.identity(SYNTHETIC_PER_PERSON).into_iter().enumerate() {
            drafts.push(EnrollmentDraft {
                source: TemplateSource::Embedding(values),
                external_face_id: Some(format!("person-{person:04}")),
                external_image_id: Some(format!("synthetic-{person:04}-{photo}")),
                metadata: None,
            });
        }
    }
    tenant.enroll(COLLECTION, drafts).await?;
    Ok(())
}

/// Of the first hundred faces, the one that resembles another the most: it shows a search best.
async fn best_probe(tenant: &Tenant) -> Result<FaceId, DemoError> {
    let page = tenant.face_page(COLLECTION.to_owned(), None, None, 100).await?;
    let mut best: Option<(f32, FaceId)> = None;
    for face in page.faces {
        let request = IdentifyRequest {
            probe: ProbeSource::Face(face.face_id),
            limit: 1,
            threshold: None,
            only: None,
            exactness: Exactness::default(),
        };
        let found = tenant.identify(COLLECTION, request).await?;
        let similarity = found.matches.first().map_or(0.0, |first| first.similarity);
        if best.is_none_or(|(most, _)| similarity > most) {
            best = Some((similarity, face.face_id));
        }
    }
    let (_, face_id) = best.ok_or(EngineError::NoFace)?;
    Ok(face_id)
}

impl Tour {
    fn why_synthetic(server: &Server) -> &'static str {
        match server.engine().inference().pipeline() {
            Err(_) => "no model pack could be installed (see above)",
            Ok(_) => "there were no photos when they were made; delete the data directory to retry",
        }
    }

    fn write(&self, server: &Server, out: &mut impl Write) -> io::Result<()> {
        let (pg, http) = (server.pg_address()?, server.http_address()?);
        let scheme = server.http_scheme();
        let (key, probe) = (self.secret.reveal(), self.probe);
        writeln!(out, "collection \"{COLLECTION}\" holds {} faces", self.faces)?;
        if self.synthetic {
            writeln!(out, "They are synthetic: {}.", Self::why_synthetic(server))?;
        }
        writeln!(out, "\nSearch with SQL, here with psql:\n")?;
        writeln!(
            out,
            "PGPASSWORD={key} psql -h {} -p {} -U {KEY_NAME} -d default -c \"SELECT rank, \
             similarity, external_image_id, face_id FROM (SEARCH FACES IN {COLLECTION} \
             LIKE '{probe}' LIMIT 5) s ORDER BY rank\"",
            pg.ip(),
            pg.port()
        )?;
        writeln!(out, "\nSearch with REST, here with curl:\n")?;
        writeln!(
            out,
            "curl -sS -X POST -H 'Authorization: Bearer {key}' '{scheme}://{http}/api/v2/collections/\
             {COLLECTION}/search-by-face/{probe}?max_results=5&threshold=0.4'"
        )?;
        writeln!(out, "\nLook around in a browser:\n\n{scheme}://{http}/console")?;
        writeln!(out, "\nAPI key of tenant \"default\" (a new one at each start of the demo):\n")?;
        writeln!(out, "{key}\n")
    }
}

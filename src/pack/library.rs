//! The models directory: which packs and which runtime are in it.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::catalogue::{self, CATALOGUE};
use super::digest::sha256_file;
use super::install::{self, MANIFEST};
use super::lock::InstallLock;
use super::manifest::{PackManifest, is_name};
use super::progress::NumberedSteps;
use super::{PackError, Progress, runtime};
use crate::causes::with_causes;
use crate::onnx::OnnxRuntime;

/// A directory of model packs, with the inference runtime beside them.
///
/// Nothing is created before something is installed; reading works on a read-only directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelLibrary {
    root: PathBuf,
}

/// An installed pack whose manifest is valid and whose files have the recorded sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    /// Where its files are.
    pub dir: PathBuf,
    /// What they are.
    pub manifest: PackManifest,
}

/// A pack that is installed or can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackListing {
    /// The pack's id.
    pub id: String,
    /// The installed version, or the one that would be installed; empty if the manifest of an
    /// installed pack cannot be read.
    pub version: String,
    /// For people: the models in one line; empty as the version is.
    pub name: String,
    /// Whether it is installed.
    pub installed: bool,
    /// Why it cannot be used although it is installed. Hashes are not compared for this.
    pub problem: Option<String>,
}

impl Default for ModelLibrary {
    /// The directory named by the environment variable `LIKENESS_MODELS`, or else that of
    /// [`at_default_root`](Self::at_default_root).
    fn default() -> Self {
        env::var_os("LIKENESS_MODELS")
            .filter(|path| !path.is_empty())
            .map_or_else(Self::at_default_root, |path| Self::new(path.into()))
    }
}

impl ModelLibrary {
    /// The library in this directory, which need not exist yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The library in the user's cache directory: `likeness/models` in `$XDG_CACHE_HOME` or
    /// `~/.cache`, on macOS in `~/Library/Caches`.
    pub fn at_default_root() -> Self {
        let from = |name: &str| env::var_os(name).filter(|path| !path.is_empty());
        let home = || PathBuf::from(from("HOME").unwrap_or_default());
        let caches = if cfg!(target_os = "macos") {
            home().join("Library/Caches")
        } else {
            from("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from)
        };
        Self::new(caches.join("likeness").join("models"))
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All packs that are installed or can be: first those of the catalogue, then the others by id.
    ///
    /// An installed pack that cannot be used is listed with its problem.
    ///
    /// # Errors
    /// [`PackError`] if the directory cannot be read.
    pub fn list(&self) -> Result<Vec<PackListing>, PackError> {
        let mut listed = Vec::new();
        let mut installed = self.installed_ids()?;
        for recipe in &CATALOGUE {
            if let Some(at) = installed.iter().position(|id| id == recipe.id) {
                listed.push(self.listing(&installed.remove(at)));
            } else {
                listed.push(PackListing {
                    id: recipe.id.to_owned(),
                    version: recipe.version.to_owned(),
                    name: recipe.name.to_owned(),
                    installed: false,
                    problem: None,
                });
            }
        }
        listed.extend(installed.iter().map(|id| self.listing(id)));
        Ok(listed)
    }

    fn listing(&self, id: &str) -> PackListing {
        let problem = self.open(id).err().map(|error| with_causes(&error));
        let known = self.manifest(id).map(|manifest| (manifest.version, manifest.name));
        let (version, name) = known.unwrap_or_default();
        PackListing { id: id.to_owned(), version, name, installed: true, problem }
    }

    /// Directories with a manifest, in order of their names.
    fn installed_ids(&self) -> Result<Vec<String>, PackError> {
        let packs = self.root.join("packs");
        let entries = match fs::read_dir(&packs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(PackError::io("read", &packs)(error)),
        };
        let mut ids = Vec::new();
        for entry in entries {
            let name = entry.map_err(PackError::io("read", &packs))?.file_name();
            let id = name.to_string_lossy().into_owned();
            if is_name(&id) && packs.join(&id).join(MANIFEST).is_file() {
                ids.push(id);
            }
        }
        ids.sort();
        Ok(ids)
    }

    fn folder(&self, id: &str) -> PathBuf {
        self.root.join("packs").join(id)
    }

    /// An installed pack.
    ///
    /// Hashes are compared only by [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`PackError::NotInstalled`] if it could be installed, [`PackError::Unknown`] if not even
    /// that, otherwise what is wrong with it.
    pub fn open(&self, id: &str) -> Result<Pack, PackError> {
        let manifest = self.manifest(id)?;
        let dir = self.folder(id);
        for file in &manifest.files {
            let path = dir.join(&file.path);
            let actual = fs::metadata(&path).map_err(PackError::io("find", &path))?.len();
            if actual != file.bytes {
                let expected = format!("{} bytes", file.bytes);
                return Err(damaged(id, &path, expected, format!("{actual} bytes")));
            }
        }
        Ok(Pack { dir, manifest })
    }

    fn manifest(&self, id: &str) -> Result<PackManifest, PackError> {
        let path = self.folder(id).join(MANIFEST);
        if !is_name(id) || !path.is_file() {
            return Err(self.absent(id));
        }
        let text = fs::read_to_string(&path).map_err(PackError::io("read", &path))?;
        let mut manifest = PackManifest::parse(&text)
            .map_err(|source| PackError::Manifest { path: path.clone(), source })?;
        if manifest.id != id {
            return Err(PackError::Misplaced { path, found: manifest.id });
        }
        if manifest.false_match_rates.is_none() {
            manifest.false_match_rates = catalogue::false_match_rates(&manifest);
        }
        Ok(manifest)
    }

    fn absent(&self, id: &str) -> PackError {
        if catalogue::recipe(id).is_some() {
            return PackError::NotInstalled { id: id.to_owned() };
        }
        let known: Vec<_> = CATALOGUE.iter().map(|recipe| recipe.id).collect();
        PackError::Unknown { id: id.to_owned(), root: self.root.clone(), known: known.join(", ") }
    }

    /// An installed pack; one of the catalogue is installed first where it is missing.
    ///
    /// # Errors
    /// [`PackError`].
    pub fn open_or_install(&self, id: &str, progress: &dyn Progress) -> Result<Pack, PackError> {
        match self.open(id) {
            Err(PackError::NotInstalled { .. }) => self.install(id, progress),
            opened => opened,
        }
    }

    /// Installs a pack of the catalogue, and the runtime to try it out with.
    ///
    /// One that is installed already is only verified, and installed anew where it is damaged or of
    /// another version. Processes that install into the same directory wait for each other.
    ///
    /// # Errors
    /// [`PackError`]; what was installed before is then untouched.
    pub fn install(&self, id: &str, progress: &dyn Progress) -> Result<Pack, PackError> {
        let Some(recipe) = catalogue::recipe(id) else {
            return self.open(id);
        };
        let lock = InstallLock::acquire(&self.root, progress)?;
        let current = self.verify(id).is_ok_and(|pack| pack.manifest.version == recipe.version);
        if !current {
            let library = self.runtime_library();
            let steps = install::steps(recipe) + usize::from(library.is_none());
            let progress = NumberedSteps::new(progress, steps);
            let library = match library {
                Some(library) => library,
                None => runtime::install(&self.root, &lock, &progress)?,
            };
            let runtime = OnnxRuntime::load(&library)?;
            install::install(recipe, &self.root, &runtime, &lock, &progress)?;
        }
        self.open(id)
    }

    /// Compares the files of an installed pack with their recorded hashes.
    ///
    /// # Errors
    /// [`PackError::Damaged`] at the first file that differs, or as [`open`](Self::open).
    pub fn verify(&self, id: &str) -> Result<Pack, PackError> {
        let pack = self.open(id)?;
        for file in &pack.manifest.files {
            let path = pack.dir.join(&file.path);
            let actual = sha256_file(&path).map_err(PackError::io("read", &path))?;
            if actual != file.sha256 {
                let expected = format!("SHA-256 {}", file.sha256);
                return Err(damaged(id, &path, expected, format!("SHA-256 {actual}")));
            }
        }
        Ok(pack)
    }

    /// The photos that an installed pack brings for trying it out; none where there are none.
    pub fn sample_photos(&self, id: &str) -> Vec<PathBuf> {
        let Ok(pack) = self.open(id) else { return Vec::new() };
        let files = pack.manifest.files.iter();
        let mut photos: Vec<_> = files
            .filter(|file| file.path.starts_with("samples/"))
            .map(|file| pack.dir.join(&file.path))
            .collect();
        photos.sort();
        photos
    }

    /// The runtime library to load: the one named by the environment variable
    /// `LIKENESS_ONNXRUNTIME`, or else the installed one, if there is one.
    pub fn runtime_library(&self) -> Option<PathBuf> {
        runtime::installed(&self.root)
    }

    /// Compares the installed runtime library with its published hash and returns where it is.
    ///
    /// There is nothing to compare, and `None` is the answer, where none is installed or
    /// `LIKENESS_ONNXRUNTIME` names another.
    ///
    /// # Errors
    /// [`PackError::Damaged`], or [`PackError::Io`] if it cannot be read.
    pub fn verify_runtime(&self) -> Result<Option<PathBuf>, PackError> {
        runtime::verify(&self.root)
    }

    /// The runtime library to load, which is installed first where it is missing.
    ///
    /// # Errors
    /// [`PackError`], also where none is published for this kind of machine.
    pub fn runtime_or_install(&self, progress: &dyn Progress) -> Result<PathBuf, PackError> {
        if let Some(library) = self.runtime_library() {
            return Ok(library);
        }
        let lock = InstallLock::acquire(&self.root, progress)?;
        // Another process may have installed it meanwhile.
        match self.runtime_library() {
            Some(library) => Ok(library),
            None => runtime::install(&self.root, &lock, progress),
        }
    }
}

fn damaged(id: &str, path: &Path, expected: String, actual: String) -> PackError {
    let advice = if catalogue::recipe(id).is_some() {
        format!("; `likeness models install {id}` installs it anew")
    } else {
        String::new()
    };
    PackError::Damaged { file: path.display().to_string(), expected, actual, advice }
}

#[cfg(test)]
mod tests;

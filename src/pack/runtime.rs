//! The ONNX Runtime library: which one fits this machine and how it gets here.

use std::env;
use std::path::{Path, PathBuf};

use super::digest::sha256_file;
use super::install::{checked, temporary};
use super::lock::InstallLock;
use super::staging::Staging;
use super::{PackError, Progress, fetch};
use crate::pack::archive::{ArchiveKind, Wanted, read_members};
use crate::pack::catalogue::SourceFile;

/// Names a library that is used instead of the installed one.
const OVERRIDE: &str = "LIKENESS_ONNXRUNTIME";
const PACKAGE: &str = "onnxruntime";
const VERSION: &str = "1.32.0";

/// The library for one kind of machine.
#[derive(Debug, Clone, Copy)]
struct Release {
    os: &'static str,
    arch: &'static str,
    /// The platform tag of the wheel.
    platform: &'static str,
    /// About how long the wheel is; only shown.
    wheel_bytes: u64,
    library: SourceFile,
}

const RELEASES: [Release; 3] = [
    Release {
        os: "linux",
        arch: "x86_64",
        platform: "manylinux_2_28_x86_64",
        wheel_bytes: 27_773_237,
        library: SourceFile {
            path: "onnxruntime/capi/libonnxruntime.so.1.32.0",
            bytes: 34_824_680,
            sha256: "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f",
        },
    },
    Release {
        os: "linux",
        arch: "aarch64",
        platform: "manylinux_2_28_aarch64",
        wheel_bytes: 23_195_811,
        library: SourceFile {
            path: "onnxruntime/capi/libonnxruntime.so.1.32.0",
            bytes: 27_165_936,
            sha256: "49852228a93995158b2a813d4df487d47a1b76b0eaa894507ef49e91b6d7954a",
        },
    },
    Release {
        os: "macos",
        arch: "aarch64",
        platform: "macosx_14_0_arm64",
        wheel_bytes: 22_518_865,
        library: SourceFile {
            path: "onnxruntime/capi/libonnxruntime.1.32.0.dylib",
            bytes: 35_272_344,
            sha256: "fa585fabbea65b823b9a8f7e27d46aee3989d1be7e36b528203d3a1fd613aae7",
        },
    },
];

/// The library to load: the one named by `LIKENESS_ONNXRUNTIME`, or else the installed one.
pub(super) fn installed(root: &Path) -> Option<PathBuf> {
    if let Some(named) = overriding() {
        return Some(named);
    }
    let library = release(env::consts::OS, env::consts::ARCH)?.location(root);
    library.is_file().then_some(library)
}

/// Compares the installed library with its published hash; none where another one is used.
///
/// # Errors
/// [`PackError::Damaged`], [`PackError::Io`].
pub(super) fn verify(root: &Path) -> Result<Option<PathBuf>, PackError> {
    match release(env::consts::OS, env::consts::ARCH) {
        Some(release) if overriding().is_none() => release.verify(root),
        _ => Ok(None),
    }
}

fn overriding() -> Option<PathBuf> {
    env::var_os(OVERRIDE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Installs the library for this machine; the lock shows that nobody else does.
///
/// # Errors
/// [`PackError`], also where none is published for this machine.
pub(super) fn install(
    root: &Path,
    _lock: &InstallLock,
    progress: &dyn Progress,
) -> Result<PathBuf, PackError> {
    let (os, arch) = (env::consts::OS, env::consts::ARCH);
    let Some(release) = release(os, arch) else {
        return Err(PackError::Platform { platform: format!("{os} {arch}") });
    };
    let folder = temporary(root, PACKAGE)?;
    let what = || format!("{PACKAGE} {VERSION}");
    let wheel = fetch::Package { name: PACKAGE, version: VERSION, bytes: release.wheel_bytes };
    let wheel = fetch::pip::download(wheel, Some(release.platform), folder.path(), progress)
        .map_err(|source| PackError::Fetch { what: what(), source })?;
    let SourceFile { path, bytes, .. } = release.library;
    let mut members = read_members(ArchiveKind::Zip, &wheel, &[Wanted { member: path, bytes }])
        .map_err(|source| PackError::Archive { what: what(), source })?;
    let contents = checked(&release.library, members.remove(path).unwrap_or_default())?;
    let library = release.location(root);
    let (target, name) = (release.folder(root), release.file_name());
    let staging = Staging::create(target.parent().unwrap_or(root), PACKAGE)?;
    staging.write(name, &contents)?;
    staging.publish(&target)?;
    Ok(library)
}

fn release(os: &str, arch: &str) -> Option<Release> {
    RELEASES.into_iter().find(|release| (release.os, release.arch) == (os, arch))
}

impl Release {
    fn folder(&self, root: &Path) -> PathBuf {
        root.join("runtime").join(format!("{PACKAGE}-{VERSION}-{}-{}", self.os, self.arch))
    }

    fn file_name(&self) -> &'static str {
        self.library.path.rsplit('/').next().unwrap_or(self.library.path)
    }

    fn location(&self, root: &Path) -> PathBuf {
        self.folder(root).join(self.file_name())
    }

    fn verify(&self, root: &Path) -> Result<Option<PathBuf>, PackError> {
        let library = self.location(root);
        if !library.is_file() {
            return Ok(None);
        }
        let actual = sha256_file(&library).map_err(PackError::io("read", &library))?;
        if actual == self.library.sha256 {
            return Ok(Some(library));
        }
        Err(PackError::Damaged {
            file: library.display().to_string(),
            expected: format!("SHA-256 {}", self.library.sha256),
            actual: format!("SHA-256 {actual}"),
            advice: "; delete it, and `likeness models install` installs it anew".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_different_kinds_do_not_share_a_library() {
        let root = Path::new("models");
        let x86 = release("linux", "x86_64").unwrap().location(root);
        let arm = release("linux", "aarch64").unwrap().location(root);
        assert_ne!(x86, arm);
        assert!(x86.ends_with("libonnxruntime.so.1.32.0"), "{}", x86.display());
        assert!(release("plan9", "x86_64").is_none());
    }

    #[test]
    fn a_library_that_is_not_the_published_one_is_named() {
        let root = tempfile::TempDir::new().unwrap();
        let release = release("linux", "x86_64").unwrap();
        assert_eq!(release.verify(root.path()).unwrap(), None);
        std::fs::create_dir_all(release.folder(root.path())).unwrap();
        std::fs::write(release.location(root.path()), "other").unwrap();
        let error = release.verify(root.path()).unwrap_err();
        assert!(error.to_string().contains("libonnxruntime.so.1.32.0 is damaged"), "{error}");
    }

    #[test]
    fn the_error_for_other_machines_says_what_to_do() {
        let error = PackError::Platform { platform: "plan9 mips".to_owned() };
        assert!(error.to_string().contains(OVERRIDE), "{error}");
    }
}

//! The modules of a kernel, decompressed once for all who read them.
//!
//! depmod and the programs that make an initramfs decompress modules each time they look at them, one after the other.
//! So they are decompressed on all processors into a file system in memory, where each keeps its name: who reads a
//! module goes by its first bytes. Only these programs see them in the place of what the package ships, and what they
//! copy of them gives way to that (`mkinitramfs.sh`).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dib_archive::Compression;
use dib_sys::command::Bind;
use dib_sys::mounts::{self, MountError};
use dib_sys::{FileKind, Metadata, TargetError, TargetPath, TargetRoot, WalkStep};

use super::super::{OURS, path};

/// The ending of the names of compressed modules. Others are not worth it.
const COMPRESSED: &str = ".ko.xz";
/// How many times larger modules become at most: what becomes larger than that is left alone.
const GROWTH: u64 = 8;
/// Where Linux says how much memory is to be had (proc(5)).
const MEMORY: &str = "/proc/meminfo";

/// A kernel's modules, decompressed, until this is dropped.
pub(in crate::configure) struct Plain<'t> {
    target: &'t TargetRoot,
    version: String,
    /// What was decompressed: paths, times and sizes.
    files: BTreeSet<(String, i64, u64)>,
}

/// Why modules are not decompressed.
#[derive(Debug, thiserror::Error)]
pub(in crate::configure) enum PlainError {
    #[error(transparent)]
    Mount(#[from] MountError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("failed to decompress the module {module}")]
    Module { module: TargetPath, source: io::Error },
}

impl<'t> Plain<'t> {
    /// Decompresses the modules of a kernel; `None` where none is compressed, or memory is short.
    pub(super) fn make(target: &'t TargetRoot, version: &str) -> Result<Option<Self>, PlainError> {
        let modules = directory(version);
        let from = TargetRoot::from(target.open_directory(&modules)?);
        let entries = entries(&from)?;
        let packed: u64 = entries
            .iter()
            .filter(|(path, metadata)| is_compressed(path, metadata))
            .map(|(_, metadata)| metadata.size)
            .sum();
        let size = packed * GROWTH;
        // As much again stays for the others.
        if packed == 0 || available_memory().is_none_or(|available| available < size * 2) {
            return Ok(None);
        }
        let files = files(target, &modules)?;
        for place in [place(version), place_of_packed(version)] {
            target.create_directory_all(&place, 0o755)?;
        }
        mounts::tmpfs_in_target(target, &place(version), size)?;
        let plain = Self {
            target,
            version: version.to_owned(),
            files,
        };
        let to = TargetRoot::from(target.open_directory(&plain.place())?);
        fill(&from, &to, &entries)?;
        Ok(Some(plain))
    }

    /// Returns whether these are the kernel's modules as they are now.
    pub(in crate::configure) fn fits(&self) -> Result<bool, TargetError> {
        Ok(files(self.target, &directory(&self.version))? == self.files)
    }

    /// Returns the kernel's version.
    pub(in crate::configure) fn version(&self) -> &str {
        &self.version
    }

    /// Returns what a program is to see elsewhere, that it may find these modules in their place.
    pub(in crate::configure) fn binds(&self) -> [Bind; 2] {
        let modules = directory(&self.version);
        [
            Bind {
                source: modules.clone(),
                at: place_of_packed(&self.version),
            },
            Bind {
                source: self.place(),
                at: modules,
            },
        ]
    }

    /// Returns where these modules are for everyone else.
    pub(super) fn place(&self) -> TargetPath {
        place(&self.version)
    }
}

/// Returns everything below a root.
fn entries(root: &TargetRoot) -> Result<Vec<(TargetPath, Metadata)>, TargetError> {
    let mut entries = Vec::new();
    root.walk(&TargetPath::root(), &mut |path, metadata| {
        entries.push((path.clone(), *metadata));
        WalkStep::Descend
    })?;
    Ok(entries)
}

/// Makes directories and links as they are elsewhere, then on all processors the files.
fn fill(from: &TargetRoot, to: &TargetRoot, entries: &[(TargetPath, Metadata)]) -> Result<(), PlainError> {
    let mut to_copy = Vec::new();
    for (path, metadata) in entries {
        match metadata.kind {
            FileKind::Directory => to.create_directory_all(path, metadata.mode)?,
            FileKind::Symlink => to.symlink(&from.read_link(path)?, path)?,
            FileKind::Regular => to_copy.push((path, metadata)),
            _ => {}
        }
    }
    let next = AtomicUsize::new(0);
    let copy_some = || {
        while let Some((path, metadata)) = to_copy.get(next.fetch_add(1, Ordering::Relaxed)) {
            copy(from, to, path, metadata)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(copy_some)).collect();
        threads.into_iter().try_for_each(|thread| {
            let copied = thread.join();
            copied.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

/// Returns the files below a directory of modules, but for their indexes: paths, times and sizes.
pub(in crate::configure) fn files(
    target: &TargetRoot,
    directory: &TargetPath,
) -> Result<BTreeSet<(String, i64, u64)>, TargetError> {
    let mut found = BTreeSet::new();
    target.walk(directory, &mut |entry, metadata| {
        let is_index = entry.parent().as_ref() == Some(directory)
            && entry.file_name().is_some_and(|name| name.starts_with("modules."));
        if metadata.kind != FileKind::Directory && !is_index {
            found.insert((entry.to_string(), metadata.mtime, metadata.size));
        }
        WalkStep::Descend
    })?;
    Ok(found)
}

impl Drop for Plain<'_> {
    fn drop(&mut self) {
        // The memory is given back with the build's end in any case.
        let _ = mounts::unmount(self.target, &self.place());
    }
}

fn place(version: &str) -> TargetPath {
    path(&format!("{OURS}/plain-{version}"))
}

/// Returns where those who see decompressed modules find what the package ships.
fn place_of_packed(version: &str) -> TargetPath {
    path(&format!("{OURS}/packed-{version}"))
}

fn directory(version: &str) -> TargetPath {
    path(&format!("{}/{version}", super::MODULES))
}

fn is_compressed(path: &TargetPath, metadata: &Metadata) -> bool {
    metadata.kind == FileKind::Regular && path.file_name().is_some_and(|name| name.ends_with(COMPRESSED))
}

/// Copies a file with its mode and time, a compressed module as what comes out of it.
fn copy(
    from: &TargetRoot,
    to: &TargetRoot,
    path: &TargetPath,
    metadata: &Metadata,
) -> Result<(), PlainError> {
    let failed = |source| PlainError::Module {
        module: path.clone(),
        source,
    };
    let contents = if is_compressed(path, metadata) {
        decompress(from.open_file(path)?).map_err(failed)?
    } else {
        from.read(path)?
    };
    to.write(path, &contents, metadata.mode)?;
    let time = u64::try_from(metadata.mtime).unwrap_or_default();
    let time: SystemTime = UNIX_EPOCH + Duration::from_secs(time);
    to.open_file(path)?.set_modified(time).map_err(failed)
}

/// Decompresses a module, which is no larger than there was found to be room for.
fn decompress(file: File) -> io::Result<Vec<u8>> {
    let limit = file.metadata()?.len().saturating_mul(GROWTH);
    let mut contents = Vec::new();
    let decoder = dib_archive::decoder(BufReader::new(file), Compression::Xz)?;
    decoder.take(limit + 1).read_to_end(&mut contents)?;
    if contents.len() as u64 > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(contents)
}

/// Returns how much memory is to be had without swapping, in bytes.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string(MEMORY).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    #[test]
    fn modules_are_decompressed_and_the_rest_is_copied() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let open = |name: &str| {
            std::fs::create_dir(root.join(name)).unwrap();
            TargetRoot::open(&root.join(name)).unwrap()
        };
        let (from, to) = (open("from"), open("to"));
        from.create_directory_all(&path("/kernel/net"), 0o750).unwrap();
        let module = b"a module, a module, a module";
        let packed = liblzma::encode_all(&module[..], 6).unwrap();
        from.write(&path("/kernel/net/a.ko.xz"), &packed, 0o640).unwrap();
        from.write(&path("/kernel/b.ko"), b"plain", 0o644).unwrap();
        from.write(&path("/modules.order"), b"list.ko.xz", 0o644).unwrap();
        from.symlink("/usr/src", &path("/build")).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(1000);
        let file = from.open_file(&path("/modules.order")).unwrap();
        file.set_modified(time).unwrap();

        let listed = entries(&from).unwrap();
        fill(&from, &to, &listed).unwrap();
        assert_eq!(to.read(&path("/kernel/net/a.ko.xz")).unwrap(), module);
        assert_eq!(to.read(&path("/kernel/b.ko")).unwrap(), b"plain");
        assert_eq!(to.read_link(&path("/build")).unwrap(), "/usr/src");
        for (entry, expected) in &listed {
            let made = to.metadata(entry).unwrap().unwrap();
            assert_eq!((made.kind, made.mode), (expected.kind, expected.mode), "{entry}");
            if made.kind == FileKind::Regular {
                assert_eq!(made.mtime, expected.mtime, "{entry}");
            }
        }

        from.write(&path("/kernel/b.ko.xz"), b"damaged", 0o644).unwrap();
        let message = fill(&from, &to, &entries(&from).unwrap())
            .unwrap_err()
            .to_string();
        assert_eq!(message, "failed to decompress the module /kernel/b.ko.xz");
    }

    #[test]
    fn other_modules_are_noticed_but_not_their_index() {
        let directory = tempfile::tempdir().unwrap();
        let target = TargetRoot::open(Utf8Path::from_path(directory.path()).unwrap()).unwrap();
        let modules = path("/modules");
        target
            .create_directory_all(&path("/modules/kernel"), 0o755)
            .unwrap();
        target.write(&path("/modules/kernel/a.ko"), b"", 0o644).unwrap();
        let before = files(&target, &modules).unwrap();
        target.write(&path("/modules/modules.dep"), b"", 0o644).unwrap();
        assert_eq!(files(&target, &modules).unwrap(), before);
        target
            .write(&path("/modules/kernel/modules.ko"), b"", 0o644)
            .unwrap();
        assert_ne!(files(&target, &modules).unwrap(), before);
    }

    #[test]
    fn the_kernel_tells_how_much_memory_there_is() {
        assert!(available_memory().is_some_and(|bytes| bytes > 0));
    }
}

//! How large an image a tree needs.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use camino::Utf8Path;

use crate::{ByteSize, DiskSpec, ImageSize};

/// Image sizes are multiples of this, as upstream's are.
pub(crate) const GRANULE: ByteSize = ByteSize::from_kib(64);

/// Measuring a tree failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("failed to measure {path:?}")]
pub struct TreeSizeError {
    path: PathBuf,
    source: io::Error,
}

/// Returns the size of an image for `tree` when the user names none.
///
/// It is upstream's rule: what `du -x` counts, divided by 0.6, the journal added, rounded up to a multiple of 64 KiB. It
/// is never less than two and a half times the journal: mke2fs wants the journal to be less than half of what its
/// tables leave, and a tiny tree asks for no more.
///
/// # Errors
/// When a part of the tree can't be read.
pub fn default_image_size(tree: &Utf8Path, journal: ByteSize) -> Result<ByteSize, TreeSizeError> {
    Ok(with_journal(used_kib(tree)?.saturating_mul(10) / 6, journal))
}

/// Returns the size of the disk that `spec` wants for `tree`, in bytes.
pub(crate) fn disk_size(tree: &Utf8Path, spec: &DiskSpec) -> Result<ByteSize, TreeSizeError> {
    let journal = spec.root.journal;
    match spec.size {
        ImageSize::Exact(size) => Ok(size.rounded_up_to(GRANULE)),
        ImageSize::Fitting => default_image_size(tree, journal),
        ImageSize::FittingWithExtra(extra) => {
            Ok(with_journal(used_kib(tree)? + extra.bytes() / 1024, journal))
        }
    }
}

fn with_journal(kib: u64, journal: ByteSize) -> ByteSize {
    let size = ByteSize::from_bytes(ByteSize::from_kib(kib).bytes().saturating_add(journal.bytes()));
    size.max(ByteSize::from_bytes(journal.bytes().saturating_mul(5) / 2))
        .rounded_up_to(GRANULE)
}

/// Returns what the tree occupies in KiB as `du -x` counts: allocated blocks, a hard-linked file once.
fn used_kib(tree: &Utf8Path) -> Result<u64, TreeSizeError> {
    let root = measure(tree.as_std_path(), fs::symlink_metadata(tree))?;
    let device = root.dev();
    let mut blocks = root.blocks();
    let mut linked = HashSet::new();
    let mut pending = vec![tree.as_std_path().to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in measure(&directory, fs::read_dir(&directory))? {
            let path = measure(&directory, entry)?.path();
            let metadata = measure(&path, fs::symlink_metadata(&path))?;
            if metadata.is_dir() {
                if metadata.dev() != device {
                    continue;
                }
                pending.push(path);
            } else if metadata.nlink() > 1 && !linked.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            blocks += metadata.blocks();
        }
    }
    Ok(blocks.div_ceil(2))
}

fn measure<T>(path: &Path, result: io::Result<T>) -> Result<T, TreeSizeError> {
    result.map_err(|source| TreeSizeError {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileSystemSpec;

    fn tree() -> (tempfile::TempDir, camino::Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        fs::create_dir(path.join("sub")).unwrap();
        fs::write(path.join("sub/large"), vec![7; 3_000_000]).unwrap();
        fs::write(path.join("small"), "x").unwrap();
        fs::hard_link(path.join("sub/large"), path.join("again")).unwrap();
        std::os::unix::fs::symlink("/", path.join("outside")).unwrap();
        (directory, path)
    }

    #[test]
    fn counts_as_du_does() {
        let (_guard, path) = tree();
        let du = std::process::Command::new("du")
            .args(["-s", "-x", "-k"])
            .arg(&path)
            .output()
            .unwrap();
        let du: u64 = String::from_utf8(du.stdout)
            .unwrap()
            .split('\t')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(used_kib(&path).unwrap(), du);
    }

    #[test]
    fn follows_the_rule() {
        let (_guard, path) = tree();
        let used = used_kib(&path).unwrap();
        let size = default_image_size(&path, ByteSize::from_mib(1)).unwrap();
        let expected = ByteSize::from_kib(used * 10 / 6 + 1024)
            .bytes()
            .next_multiple_of(65_536);
        assert_eq!(size.bytes(), expected);
        assert_eq!(
            default_image_size(&path, ByteSize::from_mib(64)).unwrap(),
            ByteSize::from_mib(160)
        );
    }

    #[test]
    fn an_exact_size_is_rounded_and_an_extra_added() {
        let (_guard, path) = tree();
        let root = FileSystemSpec {
            journal: ByteSize::from_mib(4),
            ..FileSystemSpec::default()
        };
        let size = |size| {
            disk_size(
                &path,
                &DiskSpec {
                    size,
                    root: root.clone(),
                },
            )
            .unwrap()
        };
        assert_eq!(
            size(ImageSize::Exact(ByteSize::from_bytes(100_000))).bytes(),
            131_072
        );
        let used = ByteSize::from_kib(used_kib(&path).unwrap());
        let extra = size(ImageSize::FittingWithExtra(ByteSize::from_mib(10)));
        let expected = ByteSize::from_bytes(used.bytes() + ByteSize::from_mib(14).bytes());
        assert_eq!(extra, expected.rounded_up_to(GRANULE));
    }

    #[test]
    fn a_tree_that_is_missing_is_named() {
        let error = default_image_size("nowhere".into(), ByteSize::from_mib(1)).unwrap_err();
        assert_eq!(error.to_string(), r#"failed to measure "nowhere""#);
    }
}

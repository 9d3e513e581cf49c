//! Temporary files whose writer was killed.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::{OutputError, PARTIAL};

/// Removes the temporary files in `directory` that no living process writes, and returns their paths in order.
///
/// A directory that does not exist has none.
///
/// # Errors
/// When the directory can't be read, or a leftover can't be removed.
pub fn remove_leftovers(directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, OutputError> {
    let list = |source| OutputError::List {
        path: directory.to_owned(),
        source,
    };
    let entries = match directory.read_dir_utf8() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(list)?,
    };
    let mut removed = Vec::new();
    for entry in entries {
        // A name that is not UTF-8 is none of ours.
        let Ok(entry) = entry else { continue };
        let is_partial = entry.file_name().starts_with('.') && entry.file_name().contains(PARTIAL);
        if is_partial && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let path = directory.join(entry.file_name());
            if remove_if_left(&path).map_err(|source| OutputError::Remove {
                path: path.clone(),
                source,
            })? {
                removed.push(path);
            }
        }
    }
    removed.sort();
    Ok(removed)
}

fn remove_if_left(path: &Utf8Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(false),
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    // The lock is held while removing: a writer that comes between creation and lock waits, and then sees it gone.
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        result => result.map(|()| true),
    }
}

/// Returns whether `path` still names `file`.
pub(super) fn is_named(file: &File, path: &Utf8Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

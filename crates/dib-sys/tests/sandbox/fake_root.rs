//! Directories to work in, and a target made of the host's programs.

use std::fs;
use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::mounts::{bind_read_only_recursive, tmpfs};
use dib_sys::{TargetPath, TargetRoot};

/// Makes a directory that goes with the guard.
pub(crate) fn temporary_directory() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    (guard, path)
}

pub(crate) fn path(text: &str) -> TargetPath {
    text.parse().unwrap()
}

/// Makes a target on a tmpfs at `directory`, with the host's programs bound into it. Only for the sandbox.
pub(crate) fn fake_root(directory: &Utf8Path) -> TargetRoot {
    tmpfs(directory, Some("16m")).unwrap();
    let root = TargetRoot::open(directory).unwrap();
    for name in ["usr", "bin", "sbin", "lib", "lib32", "lib64"] {
        let host = Utf8Path::new("/").join(name);
        if let Ok(link) = fs::read_link(&host) {
            symlink(link, directory.join(name)).unwrap();
        } else if host.is_dir() {
            fs::create_dir(directory.join(name)).unwrap();
            bind_read_only_recursive(&host, &root, &path(name)).unwrap();
        }
    }
    root
}

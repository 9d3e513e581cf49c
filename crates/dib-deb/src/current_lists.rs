//! A mark in the target: its lists of packages, and its packages, are as new as its sources, by this very build.
//!
//! Whoever has just made a system of what the archives hold marks it so; `apt-get update` and an upgrade have nothing to
//! do then, until what apt asks changes: a source, an architecture, a preference. The mark belongs to the build and is
//! removed at its end, since lists grow old.

use dib_cache::Sha256;
use dib_sys::{TargetError, TargetPath, TargetRoot};

/// Where the mark stands, as an absolute path of the target.
///
/// It holds the SHA-256 sum, in hexadecimal digits, of the files by which apt knows what to fetch and what to prefer: of each
/// file's path, a zero byte and what the file holds.
pub const MARK: &str = "/var/lib/apt/lists/dib-current";

/// Sources, preferences (`apt_preferences(5)`) and the architectures beside the target's own (dpkg(1)).
const FILES: [&str; 3] = [
    "/etc/apt/sources.list",
    "/etc/apt/preferences",
    "/var/lib/dpkg/arch",
];
/// The directories of more such files.
const DIRECTORIES: [&str; 2] = ["/etc/apt/sources.list.d", "/etc/apt/preferences.d"];

/// Marks lists and packages as those of the sources, preferences and architectures that the target has now.
///
/// # Errors
/// When one of their files can't be read or the mark can't be written, for instance since there are no lists.
pub fn mark(target: &TargetRoot) -> Result<(), TargetError> {
    target.write(&path(MARK), digest(target)?.to_string().as_bytes(), 0o644)
}

/// Returns whether lists and packages are marked, and what apt asks has not changed since.
///
/// # Errors
/// When the mark or one of those files can't be read.
pub fn are_current(target: &TargetRoot) -> Result<bool, TargetError> {
    match target.read(&path(MARK)) {
        Ok(marked) => Ok(marked == digest(target)?.to_string().as_bytes()),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

fn digest(target: &TargetRoot) -> Result<Sha256, TargetError> {
    let mut paths: Vec<TargetPath> = FILES.map(path).into();
    for directory in DIRECTORIES.map(path) {
        match target.list(&directory) {
            // A name in a directory can always stand in a path.
            Ok(names) => paths.extend(names.iter().filter_map(|name| directory.join(name).ok())),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    let mut text = Vec::new();
    for path in paths {
        match target.read(&path) {
            Ok(contents) => {
                text.extend_from_slice(path.to_string().as_bytes());
                text.push(0);
                text.extend_from_slice(&contents);
            }
            // Apt passes over what is no file as well: a directory, a link to nowhere.
            Err(TargetError::NotRegular { .. }) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Sha256::of(&text))
}

fn path(text: &str) -> TargetPath {
    text.parse().expect("the path stands above")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use camino::Utf8Path;

    use super::*;

    /// A target with one source and lists.
    fn target() -> (tempfile::TempDir, TargetRoot) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("var/lib/apt/lists")).unwrap();
        fs::create_dir_all(root.join("etc/apt")).unwrap();
        fs::write(
            root.join("etc/apt/sources.list"),
            "deb http://a.example.org x main\n",
        )
        .unwrap();
        let target = TargetRoot::open(Utf8Path::from_path(root).unwrap()).unwrap();
        (directory, target)
    }

    #[test]
    fn the_mark_holds_until_a_source_changes() {
        let (directory, target) = target();
        let root = directory.path();
        assert!(!are_current(&target).unwrap());
        mark(&target).unwrap();
        assert!(are_current(&target).unwrap());

        let more = root.join("etc/apt/sources.list.d");
        fs::create_dir(&more).unwrap();
        assert!(are_current(&target).unwrap(), "an empty directory is no source");
        fs::create_dir(more.join("a-directory")).unwrap();
        std::os::unix::fs::symlink("nowhere", more.join("a-link")).unwrap();
        assert!(are_current(&target).unwrap(), "nor is what can't be read");
        fs::write(more.join("b.list"), "").unwrap();
        assert!(!are_current(&target).unwrap(), "another source");

        mark(&target).unwrap();
        fs::rename(more.join("b.list"), more.join("c.list")).unwrap();
        assert!(!are_current(&target).unwrap(), "the source's name counts");
        mark(&target).unwrap();
        fs::remove_file(root.join("etc/apt/sources.list")).unwrap();
        assert!(!are_current(&target).unwrap(), "a source less");
    }

    #[test]
    fn preferences_and_architectures_count() {
        let (directory, target) = target();
        for name in [
            "etc/apt/preferences",
            "etc/apt/preferences.d/pin",
            "var/lib/dpkg/arch",
        ] {
            mark(&target).unwrap();
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            assert!(are_current(&target).unwrap());
            fs::write(path, "amd64\ni386\n").unwrap();
            assert!(!are_current(&target).unwrap(), "{name}");
        }
    }

    #[test]
    fn the_mark_is_the_sum_of_paths_and_contents() {
        let (directory, target) = target();
        mark(&target).unwrap();
        let sum = Sha256::of(b"/etc/apt/sources.list\0deb http://a.example.org x main\n");
        let marked = fs::read_to_string(directory.path().join("var/lib/apt/lists/dib-current")).unwrap();
        assert_eq!(marked, sum.to_string());
    }

    #[test]
    fn without_lists_there_is_no_mark() {
        let (directory, target) = target();
        fs::remove_dir(directory.path().join("var/lib/apt/lists")).unwrap();
        let error = mark(&target).unwrap_err();
        assert!(error.to_string().contains(MARK), "{error}");
        assert!(!are_current(&target).unwrap());
    }
}

//! Files that are made while packages are configured, kept in the image cache for later builds.

use std::fs;
use std::io::{self, Write as _};
use std::time::{Duration, SystemTime};

use camino::Utf8Path;

/// What a file is called before it is complete, and how long one may be there: after that, its build was killed.
const PARTIAL: &str = ".partial-";
const PARTIAL_AT_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// Writes a file whole or not at all, also where other builds write the same, and removes the oldest ones beside it above
/// `most`.
pub(super) fn write(directory: &Utf8Path, name: &str, contents: &[u8], most: usize) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut file = tempfile::Builder::new().prefix(PARTIAL).tempfile_in(directory)?;
    file.write_all(contents)?;
    file.persist(directory.join(name))?;
    remove_oldest(directory, most)
}

/// Notes that a file was used: the last ones used are those that stay.
pub(super) fn note_use(path: &Utf8Path) {
    // A cache that can't be written is still good to read.
    let _ = fs::File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
}

fn remove_oldest(directory: &Utf8Path, most: usize) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in directory.read_dir_utf8()? {
        let entry = entry?;
        // Another build may have removed it meanwhile.
        let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else {
            continue;
        };
        if !entry.file_name().starts_with(PARTIAL) {
            files.push((modified, entry.into_path()));
        } else if modified.elapsed().is_ok_and(|age| age > PARTIAL_AT_MOST) {
            let _ = fs::remove_file(entry.path());
        }
    }
    files.sort_unstable();
    let surplus = files.len().saturating_sub(most);
    for (_, path) in files.into_iter().take(surplus) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_used_stay_and_nothing_else_does() {
        let directory = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(directory.path()).unwrap();
        let at = |name: &str, seconds| {
            let file = fs::File::options()
                .append(true)
                .open(directory.join(name))
                .unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
                .unwrap();
        };
        for (name, seconds) in [("a", 1), ("b", 2), ("c", 3)] {
            write(directory, name, name.as_bytes(), 9).unwrap();
            at(name, seconds);
        }
        fs::write(directory.join(".partial-killed"), "").unwrap();
        at(".partial-killed", 4);
        fs::write(directory.join(".partial-other"), "").unwrap();
        note_use(&directory.join("a"));
        write(directory, "d", b"d", 3).unwrap();
        let mut names: Vec<_> = directory
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, [".partial-other", "a", "c", "d"]);
        assert_eq!(fs::read(directory.join("d")).unwrap(), b"d");
    }
}

//! Directories that are costly to make: made whole, put in place at once, and kept while what goes into them is the same.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use camino::Utf8Path;

use crate::progress;
use crate::task_error::TaskError;

/// The name of the file that holds what the directory was made from.
const INPUTS: &str = "inputs.txt";

/// Makes a directory unless it was made from the same inputs; an older one is replaced at the end.
///
/// `make` gets a directory for its work, which is removed afterwards, and the directory to fill. Says whether it was
/// made now.
pub(crate) fn make_unless_current(
    directory: &Utf8Path,
    what: &str,
    inputs: &str,
    make: impl FnOnce(&Utf8Path, &Utf8Path) -> Result<(), TaskError>,
) -> Result<bool, TaskError> {
    if fs::read_to_string(directory.join(INPUTS)).is_ok_and(|text| text == inputs) {
        progress::step(format!("the {what} in {directory} is up to date"));
        return Ok(false);
    }
    let start = Instant::now();
    let parent = match directory.parent() {
        Some(parent) if parent != "" => parent,
        _ => Utf8Path::new("."),
    };
    fs::create_dir_all(parent).map_err(TaskError::file("create", parent))?;
    let work = tempfile::Builder::new()
        .prefix(".making-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(parent)
        .map_err(TaskError::file("create a directory in", parent))?;
    let work_path = Utf8Path::from_path(work.path()).expect("a plain name in a UTF-8 directory is UTF-8");
    let new = work_path.join("new");
    fs::create_dir(&new).map_err(TaskError::file("create", &new))?;
    make(work_path, &new)?;
    let list = new.join(INPUTS);
    fs::write(&list, inputs).map_err(TaskError::file("write", &list))?;

    // A directory can't be renamed onto a full one: the old goes aside first, and away with the temporary directory.
    if directory.exists() {
        fs::rename(directory, work_path.join("old")).map_err(TaskError::file("put aside", directory))?;
    }
    fs::rename(&new, directory).map_err(TaskError::file("put into place", directory))?;
    progress::step(format!(
        "the {what} in {directory} is made ({})",
        progress::seconds(start.elapsed())
    ));
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_for_each_input() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(scratch.path()).unwrap().join("a/made");
        let make = |inputs: &str| {
            make_unless_current(&directory, "thing", inputs, |work, new| {
                assert_ne!(work, new);
                fs::write(new.join("content"), inputs).map_err(TaskError::file("write", new))
            })
            .unwrap()
        };
        assert!(make("one"));
        assert!(!make("one"));
        assert!(make("two"));
        assert_eq!(fs::read_to_string(directory.join("content")).unwrap(), "two");
        let beside: Vec<_> = fs::read_dir(directory.parent().unwrap()).unwrap().collect();
        assert_eq!(beside.len(), 1, "{beside:?}");
    }
}

//! What becomes of an older file of the same name, and the files beside an output.

use std::fs::{self, File};
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{ToSpan, ZonedDateTime};

use super::OutputError;

/// What becomes of an older file under the output's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// It is renamed to `<base>-<year>.<month>.<day>-<hour>.<minute>.<second>.<extension>` in local time, and its
    /// checksum files with it, as upstream does.
    #[default]
    Rename,
    /// It is replaced, and its checksum files are replaced or removed (`OVERWRITE_OLD_IMAGE`).
    Overwrite,
}

const CHECKSUM_EXTENSIONS: [&str; 2] = ["md5", "sha256"];

/// Makes way for a new file at `path`, and returns the name that an older one has been given.
pub(super) fn make_way(path: &Utf8Path, existing: Existing) -> Result<Option<Utf8PathBuf>, OutputError> {
    if existing == Existing::Overwrite || !path.is_file() {
        // Sums without their file, or of the file that is about to be replaced, would belie the new one.
        for extension in CHECKSUM_EXTENSIONS {
            remove_if_there(&checksum_path(path, extension))?;
        }
        return Ok(None);
    }
    let aside = free_name(path, &ZonedDateTime::now());
    rename(path, &aside)?;
    for extension in CHECKSUM_EXTENSIONS {
        let checksum = checksum_path(path, extension);
        if checksum.is_file() {
            rename(&checksum, &checksum_path(&aside, extension))?;
        }
    }
    Ok(Some(aside))
}

/// Returns the name with a time stamp, a second or more ahead when builds came so fast that it is taken.
fn free_name(path: &Utf8Path, now: &ZonedDateTime) -> Utf8PathBuf {
    let stem = path.file_stem().unwrap_or_default();
    let mut time = now.clone();
    loop {
        let stamp = time.strftime("%Y.%m.%d-%H.%M.%S");
        let name = match path.extension() {
            Some(extension) => format!("{stem}-{stamp}.{extension}"),
            None => format!("{stem}-{stamp}"),
        };
        let aside = path.with_file_name(name);
        if fs::symlink_metadata(&aside).is_err() {
            return aside;
        }
        time = time.saturating_add(1.second());
    }
}

/// Returns the path of a checksum file: the image's with the digest's name appended.
pub(super) fn checksum_path(path: &Utf8Path, extension: &str) -> Utf8PathBuf {
    format!("{path}.{extension}").into()
}

/// Returns a line as `md5sum` and `sha256sum` of GNU coreutils print it, which mark a name they had to escape.
pub(super) fn checksum_line(sum: &str, path: &Utf8Path) -> String {
    let escaped = path
        .as_str()
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r");
    let mark = if escaped == path.as_str() { "" } else { "\\" };
    format!("{mark}{sum}  {escaped}\n")
}

pub(super) fn rename(from: &Utf8Path, to: &Utf8Path) -> Result<(), OutputError> {
    fs::rename(from, to).map_err(|source| OutputError::Rename {
        from: from.to_owned(),
        to: to.to_owned(),
        source,
    })
}

/// Brings the names in the directory of `path` to the disk.
pub(super) fn sync_directory(path: &Utf8Path) -> Result<(), OutputError> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_str().is_empty())
        .unwrap_or(".".into());
    let result = File::open(directory).and_then(|directory| directory.sync_all());
    result.map_err(|source| OutputError::Write {
        path: path.to_owned(),
        source,
    })
}

fn remove_if_there(path: &Utf8Path) -> Result<(), OutputError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(OutputError::Remove {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_file_is_set_aside_under_a_free_name() {
        let directory = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(directory.path()).unwrap();
        let now: ZonedDateTime = "2026-11-24T03:05:59[UTC]".parse().unwrap();
        let name = |file: &str| {
            free_name(&directory.join(file), &now)
                .file_name()
                .unwrap()
                .to_owned()
        };
        assert_eq!(name("image.qcow2"), "image-2026.11.24-03.05.59.qcow2");
        assert_eq!(name("image"), "image-2026.11.24-03.05.59");
        assert_eq!(name("a.b.tar"), "a.b-2026.11.24-03.05.59.tar");
        fs::write(directory.join("image-2026.11.24-03.05.59"), "").unwrap();
        assert_eq!(name("image"), "image-2026.11.24-03.06.00");
    }

    #[test]
    fn a_name_is_escaped_as_coreutils_do() {
        assert_eq!(checksum_line("00", "out/a b.raw".into()), "00  out/a b.raw\n");
        assert_eq!(checksum_line("00", "a\\b\nc".into()), "\\00  a\\\\b\\nc\n");
    }
}

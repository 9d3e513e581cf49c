//! Images as YAML: files with lists of images, each of which becomes a command line of `disk-image-create`.
//!
//! Source: the program `diskimage-builder` of upstream's package of that name, and its help.
//!
//! In reading order:
//! - `keys`: what may be said of an image, and which option each key stands for; `schema` says so as a JSON schema;
//! - `document`: a file becomes entries, or a list of all that is wrong with it (`error`);
//! - `merge`: the entries of all files become images;
//! - `command`: an image becomes a command line.

mod command;
mod document;
mod error;
mod keys;
mod merge;
mod schema;

use std::fs;

use camino::Utf8PathBuf;

pub(crate) use command::ImageCommand;
pub(crate) use error::ImageFileError;
pub(crate) use schema::schema_text;

use error::FileFault;

/// Reads the images of files, and returns how each is built, in the order in which they are first named.
///
/// # Errors
/// When a file can't be read, and when any says what makes no sense: the error tells all that is wrong in any of them.
pub(crate) fn read(paths: &[Utf8PathBuf]) -> Result<Vec<ImageCommand>, ImageFileError> {
    let mut entries = Vec::new();
    let mut faults = Vec::new();
    for path in paths {
        let text = fs::read_to_string(path).map_err(|source| ImageFileError::Read {
            path: path.clone(),
            source,
        })?;
        let (read, misplaced) = document::entries(&text);
        entries.extend(read);
        faults.extend(misplaced.into_iter().map(|misplaced| FileFault {
            path: path.clone(),
            place: misplaced.place,
            fault: misplaced.fault,
        }));
    }
    if faults.is_empty() {
        Ok(merge::images(entries).iter().map(ImageCommand::of).collect())
    } else {
        Err(ImageFileError::Faults(faults))
    }
}

#[cfg(test)]
mod tests;

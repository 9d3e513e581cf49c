//! All elements of the directories on a path.

use std::error::Error;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{Element, ElementName};

use crate::error::ElementsPathError;
use crate::load_element;

/// Reads the elements in these directories, by name; of elements of one name, the first directory's is taken.
///
/// Every directory in one of them is an element, and a symbolic link is what it leads to, its name included. Names
/// that no element can have are passed over. An element whose files say what makes no sense is
/// [unusable](Element::unusable), so that it is an error only to those who use it.
///
/// Source: `_find_all_elements` in diskimage-builder's `element_dependencies.py`.
///
/// ```
/// let directory = tempfile::tempdir().unwrap();
/// let path = camino::Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
/// std::fs::create_dir(path.join("my-element")).unwrap();
/// std::fs::write(path.join("my-element/package-installs.yaml"), "vim:\n").unwrap();
///
/// let elements = dib_script::load_elements_path(&[path]).unwrap();
/// assert_eq!(elements[0].name().as_str(), "my-element");
/// assert_eq!(elements[0].package_rules()[0].name(), "vim");
/// ```
///
/// # Errors
/// When one of them is no directory or can't be listed.
pub fn load_elements_path(directories: &[Utf8PathBuf]) -> Result<Vec<Element>, ElementsPathError> {
    let mut elements: Vec<Element> = Vec::new();
    for directory in directories {
        for path in element_directories(directory)? {
            let Some(name) = path.file_name().and_then(|name| name.parse::<ElementName>().ok()) else {
                continue;
            };
            if !elements.iter().any(|element| *element.name() == name) {
                elements.push(load_or_mark(&path, &name));
            }
        }
    }
    elements.sort_by(|left, right| left.name().cmp(right.name()));
    Ok(elements)
}

/// Lists the directories in a directory, sorted, with symbolic links resolved.
fn element_directories(directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, ElementsPathError> {
    if !directory.is_dir() {
        return Err(ElementsPathError::NoDirectory {
            directory: directory.to_owned(),
        });
    }
    let list = || -> std::io::Result<Vec<Utf8PathBuf>> {
        let mut paths = Vec::new();
        for entry in directory.read_dir_utf8()? {
            // Its name is not UTF-8, or it is gone already: no element either way.
            let Ok(entry) = entry else { continue };
            if let Ok(path) = entry.path().canonicalize_utf8()
                && path.is_dir()
            {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    };
    list().map_err(|source| ElementsPathError::List {
        directory: directory.to_owned(),
        source,
    })
}

fn load_or_mark(directory: &Utf8Path, name: &ElementName) -> Element {
    load_element(directory).unwrap_or_else(|error| {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            reason = format!("{reason}: {source}");
            cause = source.source();
        }
        Element::new(name.as_str())
            .of_directory(directory)
            .unusable(&reason)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn directories(elements: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(parent.path().canonicalize().unwrap()).unwrap();
        for element in elements {
            fs::create_dir_all(path.join(element)).unwrap();
        }
        (parent, path)
    }

    fn loaded(path: &Utf8Path, directories: &[&str]) -> Vec<String> {
        let directories: Vec<_> = directories.iter().map(|name| path.join(name)).collect();
        let elements = load_elements_path(&directories).unwrap();
        let directories = elements.iter().map(|element| {
            element
                .directory()
                .unwrap()
                .strip_prefix(path)
                .unwrap()
                .to_string()
        });
        directories.collect()
    }

    #[test]
    fn the_first_directory_wins() {
        let (_parent, path) = directories(&["one/b", "one/c", "two/a", "two/b"]);
        assert_eq!(loaded(&path, &["one", "two"]), ["two/a", "one/b", "one/c"]);
        assert_eq!(loaded(&path, &["two", "one"]), ["two/a", "two/b", "one/c"]);
    }

    #[test]
    fn links_are_what_they_lead_to_and_files_are_nothing() {
        let (_parent, path) = directories(&["one/.git", "one/a b", "elsewhere/real"]);
        fs::write(path.join("one/README.rst"), "Elements.").unwrap();
        symlink("../elsewhere/real", path.join("one/linked")).unwrap();
        symlink("nowhere", path.join("one/dangling")).unwrap();
        assert_eq!(loaded(&path, &["one"]), ["elsewhere/real"]);
    }

    #[test]
    fn a_faulty_element_is_marked_with_its_fault() {
        let (_parent, path) = directories(&["good", "bad"]);
        fs::write(path.join("bad/package-installs.yaml"), "x: [").unwrap();
        fs::create_dir_all(path.join("worse/element-deps")).unwrap();
        let elements = load_elements_path(std::slice::from_ref(&path)).unwrap();
        let reasons: Vec<_> = elements
            .iter()
            .map(|element| element.why_unusable().unwrap_or("none").to_owned())
            .collect();
        let bad = format!("{path}/bad/package-installs.yaml:1:4: unclosed bracket '['");
        let worse = format!("{path}/worse/element-deps is not a file");
        assert_eq!(reasons, [bad.as_str(), "none", worse.as_str()]);
    }

    #[test]
    fn what_is_no_directory_is_an_error() {
        let (_parent, path) = directories(&[]);
        let error = load_elements_path(&[path.join("missing")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{path}/missing, on ELEMENTS_PATH, is not a directory")
        );
    }
}

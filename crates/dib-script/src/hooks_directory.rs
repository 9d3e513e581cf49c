//! `$TMP_HOOKS_PATH`: the files of all elements of a build that are directories, in one directory.
//!
//! Source: `generate_hooks` of diskimage-builder. Every file at the top of an element is there, the last one's where
//! several have it; what stands in a directory of an element stands in the directory of that name, and a file that
//! two elements have there is an error.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::install_type::install_type;
use dib_core::{ElementName, Plan};

use crate::error::FilesError;
use crate::hooks;

/// Directories of elements that no hook looks into.
const LEFT_OUT: [&str; 3] = ["tests", "__pycache__", ".git"];

/// Makes sure that no two elements of a plan have a file of one name in a directory of one name, nor one a file where
/// the other has a directory.
///
/// # Errors
/// When two have, or a directory can't be listed.
pub fn check_files(plan: &Plan<'_>) -> Result<(), FilesError> {
    let mut seen = BTreeMap::new();
    for (element, directory) in directories(plan) {
        for name in hooks::names(directory)? {
            let top = directory.join(&name);
            if LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            remember(&mut seen, name.clone(), &top, element)?;
            if top.is_dir() {
                for inside in hooks::names(&top)? {
                    remember(&mut seen, format!("{name}/{inside}"), &top.join(&inside), element)?;
                }
            }
        }
    }
    Ok(())
}

/// What stands at a place, and of which element it is.
type Seen = BTreeMap<String, (bool, ElementName)>;

fn remember(
    seen: &mut Seen,
    place: String,
    path: &Utf8Path,
    element: &ElementName,
) -> Result<(), FilesError> {
    let is_file = path.is_file();
    if !is_file && !path.is_dir() {
        return Ok(());
    }
    match seen.get(&place) {
        Some((true, first)) if !is_file => Err(FilesError::FileAndDirectory {
            place,
            file: first.clone(),
            directory: element.clone(),
        }),
        Some((false, first)) if is_file => Err(FilesError::FileAndDirectory {
            place,
            file: element.clone(),
            directory: first.clone(),
        }),
        // At the top each element has files like element-deps, and directories are merged everywhere.
        Some((true, first)) if place.contains('/') => Err(FilesError::Duplicate {
            file: place,
            first: first.clone(),
            second: element.clone(),
        }),
        _ => {
            seen.insert(place, (is_file, element.clone()));
            Ok(())
        }
    }
}

/// Fills the hooks' directory with the files of the plan's elements, whatever bytes their names are made of.
///
/// # Errors
/// When one can't be copied.
pub fn write_files(plan: &Plan<'_>, hooks_directory: &Utf8Path) -> Result<(), FilesError> {
    for (_, directory) in directories(plan) {
        let element = directory.as_std_path();
        for name in names(element)? {
            let (from, to) = (element.join(&name), hooks_directory.as_std_path().join(&name));
            // Upstream follows links here, and only here.
            let Ok(metadata) = fs::metadata(&from) else {
                continue;
            };
            if metadata.is_dir() && !LEFT_OUT.iter().any(|left_out| name == *left_out) {
                copy_tree(&from, &to, element)?;
            } else if metadata.is_file() && from.extension() != Some("pyc".as_ref()) {
                copy_file(&from, &to)?;
            }
        }
    }
    if !plan.elements().iter().any(|planned| {
        planned.element.name().as_str() == "install-types" && planned.element.directory().is_some()
    }) {
        enable_install_types(plan, hooks_directory)?;
    }
    Ok(())
}

/// Does what upstream's element `install-types` does: puts the files of the install types that were chosen, hooks and what
/// they look for beside themselves, among the others.
fn enable_install_types(plan: &Plan<'_>, hooks_directory: &Utf8Path) -> Result<(), FilesError> {
    let install = hooks_directory.join("install.d");
    for name in hooks::names(&install)? {
        let chosen = hooks::install_type_of_directory(&name)
            .is_some_and(|wanted| wanted.name == install_type(&wanted.of, plan.variables()));
        if !chosen {
            continue;
        }
        for file in hooks::names(&install.join(&name))? {
            let link = install.join(&file);
            remove(link.as_std_path())
                .and_then(|()| symlink(format!("{name}/{file}"), &link))
                .map_err(failed(link.as_std_path()))?;
        }
    }
    Ok(())
}

/// Visits the elements that are directories, by name.
pub(crate) fn directories<'p>(plan: &'p Plan<'_>) -> impl Iterator<Item = (&'p ElementName, &'p Utf8Path)> {
    plan.elements()
        .iter()
        .filter_map(|planned| Some((planned.element.name(), planned.element.directory()?)))
}

fn names(directory: &Path) -> Result<Vec<OsString>, FilesError> {
    let list = || -> io::Result<Vec<OsString>> {
        fs::read_dir(directory)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    };
    let mut names = list().map_err(failed(directory))?;
    names.sort();
    Ok(names)
}

fn copy_tree(from: &Path, to: &Path, element: &Path) -> Result<(), FilesError> {
    fs::create_dir_all(to).map_err(failed(from))?;
    let metadata = fs::metadata(from).map_err(failed(from))?;
    for name in names(from)? {
        if name == "__pycache__" {
            continue;
        }
        let (from, to) = (from.join(&name), to.join(&name));
        let Ok(kind) = fs::symlink_metadata(&from).map(|metadata| metadata.file_type()) else {
            continue;
        };
        if kind.is_dir() {
            copy_tree(&from, &to, element)?;
        } else if kind.is_symlink() {
            copy_link(&from, &to, element)?;
        } else if kind.is_file() {
            copy_file(&from, &to)?;
        }
    }
    // A directory that is closed to its owner would be so for the files above.
    fs::set_permissions(to, metadata.permissions()).map_err(failed(from))
}

/// Copies a link as it is, unless it leads out of its element to a file: that would be lost in the target.
fn copy_link(from: &Path, to: &Path, element: &Path) -> Result<(), FilesError> {
    let points_to = from.read_link().map_err(failed(from))?;
    let stays = points_to.is_relative()
        && from.canonicalize().is_ok_and(|path| {
            element
                .canonicalize()
                .is_ok_and(|element| path.starts_with(element))
        });
    if !stays && from.is_file() {
        return copy_file(from, to);
    }
    remove(to)
        .and_then(|()| symlink(points_to, to))
        .map_err(failed(from))
}

fn copy_file(from: &Path, to: &Path) -> Result<(), FilesError> {
    // What stands there may be a link, and what it leads to is not ours.
    remove(to)
        .and_then(|()| fs::copy(from, to).map(drop))
        .map_err(failed(from))
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the error of a path that can't be copied.
fn failed(path: &Path) -> impl Fn(io::Error) -> FilesError {
    let path = Utf8PathBuf::from(path.to_string_lossy().into_owned());
    move |source| FilesError::Copy {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests;

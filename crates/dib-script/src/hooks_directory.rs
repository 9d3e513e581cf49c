//! `$TMP_HOOKS_PATH`: the files of all elements of a build that are directories, in one directory.
//!
//! Source: `generate_hooks` of diskimage-builder. Every file at the top of an element is there, the last one's where
//! several have it; what stands in a directory of an element stands in the directory of that name, and a file that
//! two elements have there is an error.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::install_type::install_type;
use dib_core::{ElementName, Plan};

use crate::error::FilesError;
use crate::hooks;

/// Directories of elements that no hook looks into.
const LEFT_OUT: [&str; 3] = ["tests", "__pycache__", ".git"];

/// Makes sure that no two elements of a plan have a file of one name in a directory of one name.
///
/// # Errors
/// When two have, or a directory can't be listed.
pub fn check_files(plan: &Plan<'_>) -> Result<(), FilesError> {
    let mut seen: BTreeMap<String, ElementName> = BTreeMap::new();
    for (element, directory) in directories(plan) {
        for place in top_directories(directory)? {
            for name in hooks::names(&directory.join(&place))? {
                if !directory.join(&place).join(&name).is_file() {
                    continue;
                }
                if let Some(first) = seen.insert(format!("{place}/{name}"), element.clone()) {
                    return Err(FilesError::Duplicate {
                        file: format!("{place}/{name}"),
                        first,
                        second: element.clone(),
                    });
                }
            }
        }
    }
    Ok(())
}

/// Fills the hooks' directory with the files of the plan's elements.
///
/// # Errors
/// When one can't be copied.
pub fn write_files(plan: &Plan<'_>, hooks_directory: &Utf8Path) -> Result<(), FilesError> {
    for (_, directory) in directories(plan) {
        for name in hooks::names(directory)? {
            let (from, to) = (directory.join(&name), hooks_directory.join(&name));
            // Upstream follows links here, and only here.
            let Ok(metadata) = fs::metadata(&from) else {
                continue;
            };
            if metadata.is_file() && !has_suffix(&name, "pyc") {
                copy_file(&from, &to)?;
            }
        }
        for name in top_directories(directory)? {
            copy_tree(&directory.join(&name), &hooks_directory.join(&name), directory)?;
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
            let made = match fs::remove_file(&link) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => symlink(format!("{name}/{file}"), &link),
            };
            made.map_err(|source| FilesError::Copy { path: link, source })?;
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

fn top_directories(directory: &Utf8Path) -> Result<Vec<String>, FilesError> {
    let mut names = hooks::names(directory)?;
    names.retain(|name| !LEFT_OUT.contains(&name.as_str()) && directory.join(name).is_dir());
    Ok(names)
}

fn has_suffix(name: &str, suffix: &str) -> bool {
    Utf8Path::new(name).extension() == Some(suffix)
}

fn copy_tree(from: &Utf8Path, to: &Utf8Path, element: &Utf8Path) -> Result<(), FilesError> {
    let failed = |source| FilesError::Copy {
        path: from.to_owned(),
        source,
    };
    fs::create_dir_all(to).map_err(failed)?;
    let metadata = fs::metadata(from).map_err(failed)?;
    for name in hooks::names(from)? {
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
    fs::set_permissions(to, metadata.permissions()).map_err(failed)
}

/// Copies a link as it is, unless it leads out of its element to a file: that would be lost in the target.
fn copy_link(from: &Utf8Path, to: &Utf8Path, element: &Utf8Path) -> Result<(), FilesError> {
    let failed = |source| FilesError::Copy {
        path: from.to_owned(),
        source,
    };
    let points_to: Utf8PathBuf = from.read_link_utf8().map_err(failed)?;
    let stays = points_to.is_relative()
        && from.canonicalize_utf8().is_ok_and(|path| {
            element
                .canonicalize_utf8()
                .is_ok_and(|element| path.starts_with(element))
        });
    if !stays && from.is_file() {
        return copy_file(from, to);
    }
    match fs::remove_file(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    symlink(points_to, to).map_err(failed)
}

fn copy_file(from: &Utf8Path, to: &Utf8Path) -> Result<(), FilesError> {
    let copy = || {
        // What stands there may be a link, and what it leads to is not ours.
        match fs::remove_file(to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::copy(from, to).map(drop)
    };
    copy().map_err(|source| FilesError::Copy {
        path: from.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;

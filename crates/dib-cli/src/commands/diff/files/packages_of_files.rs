//! Which package a file belongs to, by dpkg's lists.

use std::collections::HashMap;

use super::{Source, Tree, is_package_list};
use crate::commands::diff::nodes::{NodeKind, resolved};
use crate::error::{CliError, ErrorKind};

/// The packages of a tree's files.
pub(super) struct PackagesOfFiles {
    by_path: HashMap<Vec<u8>, String>,
}

impl PackagesOfFiles {
    /// Reads the lists of a tree.
    ///
    /// # Errors
    /// When one can't be read.
    pub(super) fn of(tree: &Tree<'_>) -> Result<Self, CliError> {
        let mut packages = Self {
            by_path: HashMap::new(),
        };
        match &tree.source {
            Source::Archive(lists) => {
                for (path, list) in lists {
                    packages.add(tree, path, list);
                }
            }
            Source::Layers(layers) => {
                let paths = tree.nodes.keys().map(Vec::as_slice);
                let paths: Vec<&[u8]> = paths.filter(|path| is_package_list(path)).collect();
                let lists = layers
                    .read(paths.iter().copied())
                    .map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
                for (path, list) in paths.into_iter().zip(lists) {
                    packages.add(tree, path, &list.unwrap_or_default());
                }
            }
        }
        Ok(packages)
    }

    /// Returns the package of a file, by its path relative to the root.
    pub(super) fn package_of(&self, path: &[u8]) -> Option<String> {
        self.by_path.get(path).cloned()
    }

    fn add(&mut self, tree: &Tree<'_>, path: &[u8], list: &[u8]) {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let name = String::from_utf8_lossy(name);
        let package = name.trim_end_matches(".list");
        for line in list.split(|byte| *byte == b'\n') {
            let file = line.strip_prefix(b"/").unwrap_or_default();
            // A list may name a file by a directory that is a link by now, as /bin is.
            let file = match tree.nodes.get(file) {
                Some(_) => file.to_vec(),
                None => resolved(&tree.nodes, file),
            };
            let node = tree.nodes.get(&file);
            // Directories are everybody's.
            if node.is_some_and(|node| node.kind != NodeKind::Directory) {
                self.by_path.insert(file, package.to_owned());
            }
        }
        self.by_path.insert(path.to_vec(), package.to_owned());
    }
}

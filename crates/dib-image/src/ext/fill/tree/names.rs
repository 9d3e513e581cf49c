//! What stands where in a tree, in the order of the names.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dib_sys::DeviceNode;

use super::super::super::ExtError;
use super::{Request, at};

/// A path that is to be in the file system.
pub(super) struct Found<'f> {
    /// Where it stands on the host.
    pub(super) path: PathBuf,
    /// Below the root.
    pub(super) relative: Vec<u8>,
    /// Which of those found is its directory, if that is not the root.
    pub(super) parent: Option<usize>,
    /// The device node of the list that belongs there.
    pub(super) listed: Option<&'f DeviceNode>,
}

impl Found<'_> {
    pub(super) fn name(&self) -> &[u8] {
        split(&self.relative).1
    }
}

/// Finds all that is below the root and all device nodes, each directory before what it holds.
pub(super) fn find<'r>(request: &Request<'r>) -> Result<Vec<Found<'r>>, ExtError> {
    let mut search = Search {
        added: BTreeMap::new(),
        pending: Vec::new(),
    };
    for node in request.device_nodes {
        let (directory, name) = split(node.path.as_relative().as_bytes());
        // The last of several for one path: a directory can't hold a name twice.
        search.added.entry(directory).or_default().insert(name, node);
    }
    search.enter(request.root, &[], None)?;
    let mut found = Vec::new();
    while let Some((next, is_directory)) = search.pending.pop() {
        if is_directory {
            search.enter(&next.path, &next.relative, Some(found.len()))?;
        }
        found.push(next);
    }
    Ok(found)
}

struct Search<'r> {
    /// The device nodes of the list by their directories and their names.
    added: BTreeMap<&'r [u8], BTreeMap<&'r [u8], &'r DeviceNode>>,
    /// What comes next, the first at the end, and whether it is a directory.
    pending: Vec<(Found<'r>, bool)>,
}

impl Search<'_> {
    fn enter(&mut self, path: &Path, relative: &[u8], parent: Option<usize>) -> Result<(), ExtError> {
        let mut names: BTreeMap<OsString, bool> = BTreeMap::new();
        for entry in fs::read_dir(path).map_err(|source| at(path, source))? {
            let entry = entry.map_err(|source| at(path, source))?;
            let kind = entry.file_type().map_err(|source| at(&entry.path(), source))?;
            names.insert(entry.file_name(), kind.is_dir());
        }
        let added = self.added.get(relative);
        for name in added.into_iter().flat_map(BTreeMap::keys) {
            names.insert(OsStr::from_bytes(name).to_owned(), false);
        }
        for (name, is_directory) in names.into_iter().rev() {
            let found = Found {
                path: path.join(&name),
                relative: join(relative, name.as_bytes()),
                parent,
                listed: added.and_then(|added| added.get(name.as_bytes())).copied(),
            };
            self.pending.push((found, is_directory));
        }
        Ok(())
    }
}

/// Splits a path into its directory and its name.
fn split(relative: &[u8]) -> (&[u8], &[u8]) {
    let slash = relative.iter().rposition(|byte| *byte == b'/');
    slash.map_or((&[], relative), |slash| {
        (&relative[..slash], &relative[slash + 1..])
    })
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        name.to_owned()
    } else {
        [directory, name].join(&b'/')
    }
}

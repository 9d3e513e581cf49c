//! Device nodes by the directory they belong into.

use std::collections::BTreeMap;

use dib_sys::DeviceNode;

/// A directory's device nodes by their names.
pub(super) type DirectoryNodes<'a> = BTreeMap<Vec<u8>, &'a DeviceNode>;

/// The device nodes whose directory has not been met yet.
pub(super) struct Nodes<'a>(BTreeMap<Vec<u8>, DirectoryNodes<'a>>);

impl<'a> Nodes<'a> {
    pub(super) fn new(nodes: &'a [DeviceNode]) -> Self {
        let mut directories: BTreeMap<Vec<u8>, DirectoryNodes<'a>> = BTreeMap::new();
        for node in nodes {
            let relative = node.path.as_relative();
            let (directory, name) = relative.rsplit_once('/').unwrap_or(("", relative));
            directories
                .entry(directory.into())
                .or_default()
                .insert(name.into(), node);
        }
        Self(directories)
    }

    /// Takes those of the directory at `path`, which is relative to the tree.
    pub(super) fn take(&mut self, path: &[u8]) -> DirectoryNodes<'a> {
        self.0.remove(path).unwrap_or_default()
    }

    /// Returns one whose directory was never met.
    pub(super) fn first_unused(&self) -> Option<&'a DeviceNode> {
        self.0.values().flat_map(BTreeMap::values).next().copied()
    }
}

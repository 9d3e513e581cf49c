//! The tree and the device nodes as what shall be in the file system, in an order that follows from their names alone.

mod node;

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;
use dib_sys::DeviceNode;

use super::super::ExtError;
pub(super) use node::{Entry, Kind, Node};

/// The root directory among the nodes, and the directory into which a check puts what has lost its name.
pub(super) const ROOT: usize = 0;
pub(super) const LOST_AND_FOUND: usize = 1;
const LOST_AND_FOUND_NAME: &[u8] = b"lost+found";

/// All that gets an inode, in the order in which the inodes are numbered.
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
}

/// What is asked of a walk beside the tree itself.
pub(super) struct Request<'r> {
    pub(super) root: &'r Path,
    pub(super) device_nodes: &'r [DeviceNode],
    /// A block's length in bytes.
    pub(super) block: u64,
    /// The time of what the tree does not say, in seconds since 1970.
    pub(super) now: i64,
}

/// Reads a tree; nothing is returned when something in it is of a kind that we don't know.
pub(super) fn read(request: &Request<'_>) -> Result<Option<Tree>, ExtError> {
    let mut walk = Walk {
        request,
        added: BTreeMap::new(),
        nodes: Vec::new(),
        linked: HashMap::new(),
        pending: Vec::new(),
    };
    for node in request.device_nodes {
        let (directory, name) = node
            .path
            .as_relative()
            .rsplit_once('/')
            .unwrap_or(("", node.path.as_relative()));
        let names = walk.added.entry(directory.as_bytes()).or_default();
        // The last of several for one path: a directory can't hold a name twice.
        names.insert(name.as_bytes(), node);
    }
    walk.run()
}

struct Walk<'w> {
    request: &'w Request<'w>,
    /// The device nodes of the list by their directories and their names.
    added: BTreeMap<&'w [u8], BTreeMap<&'w [u8], &'w DeviceNode>>,
    nodes: Vec<Node>,
    /// Files with several names by device and number.
    linked: HashMap<(u64, u64), usize>,
    /// What has yet to be looked at, the next at the end.
    pending: Vec<Pending>,
}

struct Pending {
    path: PathBuf,
    /// Below the root.
    relative: Vec<u8>,
    name: Vec<u8>,
    parent: usize,
}

impl Walk<'_> {
    fn run(mut self) -> Result<Option<Tree>, ExtError> {
        let root = self.request.root.to_owned();
        let metadata = fs::metadata(&root).map_err(|source| at(&root, source))?;
        let Some(mut node) = Node::of_file(root.clone(), &[], &metadata, Kind::directory_in(ROOT))
            .map_err(|source| at(&root, source))?
        else {
            return Ok(None);
        };
        // What mke2fs and debugfs make of the root directory: nothing of when it was read or its attributes changed.
        (node.read_at, node.changed_at) = (self.request.now, self.request.now);
        self.nodes = vec![node, Node::lost_and_found(self.request.now)];
        self.enter(ROOT, &[])?;
        while let Some(pending) = self.pending.pop() {
            if self.visit(pending)?.is_none() {
                return Ok(None);
            }
        }
        Ok(self.complete().then_some(Tree { nodes: self.nodes }))
    }

    /// Enters the names, and adds the directory for lost files where the tree has none.
    fn complete(&mut self) -> bool {
        let Kind::Directory { entries, .. } = &mut self.nodes[ROOT].kind else {
            return false;
        };
        match entries.binary_search_by(|entry| entry.name.as_slice().cmp(LOST_AND_FOUND_NAME)) {
            Ok(found) => return entries[found].node == LOST_AND_FOUND,
            Err(place) => entries.insert(
                place,
                Entry {
                    name: LOST_AND_FOUND_NAME.to_owned(),
                    node: LOST_AND_FOUND,
                },
            ),
        }
        true
    }

    /// Looks at what stands at a path; nothing is returned when we don't know its kind.
    fn visit(&mut self, pending: Pending) -> Result<Option<()>, ExtError> {
        let Pending {
            path,
            relative,
            name,
            parent,
        } = pending;
        let (directory, _) = split(&relative);
        if let Some(listed) = self
            .added
            .get(directory)
            .and_then(|names| names.get(name.as_slice()))
        {
            let node = Node::of_device_node(listed, self.request.now);
            self.add(node, parent, name);
            return Ok(Some(()));
        }
        let metadata = fs::symlink_metadata(&path).map_err(|source| at(&path, source))?;
        let identity = (metadata.dev(), metadata.ino());
        if let Some(node) = self.linked.get(&identity).copied() {
            self.enter_name(parent, name, node);
            return Ok(Some(()));
        }
        let Some(kind) =
            Kind::of(&path, &metadata, parent, self.request.block).map_err(|source| at(&path, source))?
        else {
            return Ok(None);
        };
        let is_directory = matches!(kind, Kind::Directory { .. });
        let Some(node) =
            Node::of_file(path.clone(), &relative, &metadata, kind).map_err(|source| at(&path, source))?
        else {
            return Ok(None);
        };
        let index = if is_directory && relative == LOST_AND_FOUND_NAME {
            self.nodes[LOST_AND_FOUND] = node;
            self.enter_name(parent, name, LOST_AND_FOUND);
            LOST_AND_FOUND
        } else {
            self.add(node, parent, name)
        };
        if is_directory {
            self.enter(index, &relative)?;
        } else if metadata.nlink() > 1 {
            self.linked.insert(identity, index);
        }
        Ok(Some(()))
    }

    fn add(&mut self, node: Node, parent: usize, name: Vec<u8>) -> usize {
        let index = self.nodes.len();
        self.nodes.push(node);
        self.enter_name(parent, name, index);
        index
    }

    fn enter_name(&mut self, parent: usize, name: Vec<u8>, node: usize) {
        self.nodes[node].names += 1;
        if let Kind::Directory { entries, .. } = &mut self.nodes[parent].kind {
            entries.push(Entry { name, node });
        }
    }

    /// Has what a directory holds looked at next.
    fn enter(&mut self, index: usize, relative: &[u8]) -> Result<(), ExtError> {
        let path = self.nodes[index].path.clone();
        let names: io::Result<Vec<OsString>> =
            fs::read_dir(&path).and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect());
        let mut names = names.map_err(|source| at(&path, source))?;
        if let Some(added) = self.added.get(relative) {
            names.extend(added.keys().map(|name| OsStr::from_bytes(name).to_owned()));
        }
        // The first comes last, from where it is taken.
        names.sort_unstable_by(|one, other| other.cmp(one));
        names.dedup();
        self.pending.extend(names.into_iter().map(|name| Pending {
            path: path.join(&name),
            relative: join(relative, name.as_bytes()),
            name: name.into_vec(),
            parent: index,
        }));
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

pub(super) fn at(path: &Path, source: io::Error) -> ExtError {
    ExtError::Io {
        path: Utf8PathBuf::from(path.to_string_lossy().into_owned()),
        source,
    }
}

//! The tree and the device nodes as what shall be in the file system, in an order that follows from their names alone.

mod names;
mod node;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use camino::Utf8PathBuf;
use dib_sys::DeviceNode;

use super::super::ExtError;
use crate::in_order::in_order;
use names::Found;
pub(super) use node::{Entry, Kind, Node};

/// The root directory among the nodes, and the directory into which a check puts what has lost its name.
pub(super) const ROOT: usize = 0;
pub(super) const LOST_AND_FOUND: usize = 1;
const LOST_AND_FOUND_NAME: &[u8] = b"lost+found";
/// So many paths are looked at by one thread.
const AT_ONCE: usize = 256;

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
    let root = request.root;
    let metadata = fs::metadata(root).map_err(|source| at(root, source))?;
    let Some(mut node) = Node::of_file(root.to_owned(), &[], &metadata, Kind::directory_in(ROOT))
        .map_err(|source| at(root, source))?
    else {
        return Ok(None);
    };
    // What mke2fs and debugfs make of the root directory: nothing of when it was read or its attributes changed.
    (node.read_at, node.changed_at) = (request.now, request.now);
    let mut assembly = Assembly {
        nodes: vec![node, Node::lost_and_found(request.now)],
        places: Vec::new(),
        linked: HashMap::new(),
    };
    let found = names::find(request)?;
    let start_worker = || |found: &[Found<'_>]| found.iter().map(|found| look_at(found, request)).collect();
    let mut remaining = found.iter();
    let mut is_known = true;
    in_order(
        found.chunks(AT_ONCE),
        start_worker,
        |looked: Vec<Result<Option<Looked>, ExtError>>| {
            for (looked, found) in looked.into_iter().zip(&mut remaining) {
                match looked? {
                    Some(looked) if is_known => assembly.add(looked, found),
                    _ => is_known = false,
                }
            }
            Ok::<(), ExtError>(())
        },
    )?;
    let is_complete = is_known && assembly.complete();
    Ok(is_complete.then_some(Tree {
        nodes: assembly.nodes,
    }))
}

/// What stands at a path, and its device and number if it may stand elsewhere, too.
struct Looked {
    node: Node,
    identity: Option<(u64, u64)>,
}

/// Looks at what stands at a path; nothing is returned when it is of a kind that we don't know.
fn look_at(found: &Found<'_>, request: &Request<'_>) -> Result<Option<Looked>, ExtError> {
    if let Some(listed) = found.listed {
        return Ok(Some(Looked {
            node: Node::of_device_node(listed, request.now),
            identity: None,
        }));
    }
    let path = &found.path;
    let look = || {
        let metadata = fs::symlink_metadata(path)?;
        let Some(kind) = Kind::of(path, &metadata, request.block)? else {
            return Ok(None);
        };
        let is_linked = !metadata.is_dir() && metadata.nlink() > 1;
        let node = Node::of_file(path.clone(), &found.relative, &metadata, kind)?;
        Ok(node.map(|node| Looked {
            node,
            identity: is_linked.then(|| (metadata.dev(), metadata.ino())),
        }))
    };
    look().map_err(|source| at(path, source))
}

/// Puts together what was found.
struct Assembly {
    nodes: Vec<Node>,
    /// The node of each path that was found, in their order.
    places: Vec<usize>,
    /// Files with several names by device and number.
    linked: HashMap<(u64, u64), usize>,
}

impl Assembly {
    fn add(&mut self, looked: Looked, found: &Found<'_>) {
        let parent = found.parent.map_or(ROOT, |parent| self.places[parent]);
        let Looked { mut node, identity } = looked;
        let linked = identity.and_then(|identity| self.linked.get(&identity).copied());
        if let Kind::Directory { parent: own, .. } = &mut node.kind {
            *own = parent;
        }
        let index = if let Some(linked) = linked {
            linked
        } else if node.is_directory() && found.relative == LOST_AND_FOUND_NAME {
            self.nodes[LOST_AND_FOUND] = node;
            LOST_AND_FOUND
        } else {
            self.nodes.push(node);
            self.nodes.len() - 1
        };
        if let Some(identity) = identity {
            self.linked.insert(identity, index);
        }
        self.places.push(index);
        self.nodes[index].names += 1;
        if let Kind::Directory { entries, .. } = &mut self.nodes[parent].kind {
            entries.push(Entry {
                name: found.name().to_owned(),
                node: index,
            });
        }
    }

    /// Adds the directory for lost files where the tree has none; returns whether it is one where the tree has it.
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
}

pub(super) fn at(path: &Path, source: io::Error) -> ExtError {
    ExtError::Io {
        path: Utf8PathBuf::from(path.to_string_lossy().into_owned()),
        source,
    }
}

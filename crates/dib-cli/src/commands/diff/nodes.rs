//! A tree as far as it is known, without what its files hold.

use std::collections::BTreeMap;

use dib_layers::{LayeredTree, TreeKind};

/// What stands in a tree, by paths relative to its root.
pub(super) type Nodes = BTreeMap<Vec<u8>, Node>;

/// How many symbolic links a path may lead through, as in the kernel.
const LINKS_AT_MOST: usize = 40;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
    /// The permission bits, where they are known.
    pub(super) mode: Option<u32>,
    /// The numbers of the owner and the group, where they are known.
    pub(super) owner: Option<(u64, u64)>,
    /// The names and values of extended attributes, in order of the names.
    pub(super) extended: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Who wrote it last, where that is known.
    pub(super) by: Option<String>,
}

/// What something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NodeKind {
    Directory,
    File {
        size: u64,
        contents: Contents,
    },
    Symlink {
        target: Vec<u8>,
    },
    /// A pipe, a socket or a device, in words.
    Other(String),
}

/// Where one learns what a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contents {
    /// In the layers, at this path.
    InLayers(Vec<u8>),
    /// Their SHA-256 sum is this.
    Sum([u8; 32]),
    /// Nowhere.
    Unknown,
}

/// Returns what stands in a tree of layers; `names` says whose each layer is.
pub(super) fn of_layers(tree: &LayeredTree<'_>, names: &[String]) -> Nodes {
    let node = |(path, entry): (&[u8], dib_layers::TreeEntry)| {
        let node = Node {
            kind: match entry.kind {
                TreeKind::Directory => NodeKind::Directory,
                TreeKind::File { size } => NodeKind::File {
                    size,
                    contents: Contents::InLayers(path.to_vec()),
                },
                TreeKind::Symlink { target } => NodeKind::Symlink { target },
                TreeKind::Fifo => NodeKind::Other("named pipe".to_owned()),
                TreeKind::Socket => NodeKind::Other("socket".to_owned()),
                TreeKind::Character { major, minor } => {
                    NodeKind::Other(format!("character device {major}:{minor}"))
                }
                TreeKind::Block { major, minor } => NodeKind::Other(format!("block device {major}:{minor}")),
                _ => NodeKind::Other("something".to_owned()),
            },
            mode: Some(entry.mode.into()),
            owner: Some((entry.uid.into(), entry.gid.into())),
            extended: entry.extended.into_iter().collect(),
            by: names.get(entry.layer).cloned(),
        };
        (path.to_vec(), node)
    };
    tree.entries().map(node).collect()
}

/// Returns the path in a tree that an absolute path leads to; links on the way are followed, and one at its end is not.
pub(super) fn resolved(nodes: &Nodes, path: &[u8]) -> Vec<u8> {
    let mut done: Vec<u8> = Vec::new();
    let mut left: Vec<Vec<u8>> = components(path);
    let mut links = 0;
    while let Some(name) = left.pop() {
        match name.as_slice() {
            b"" | b"." => continue,
            b".." => {
                let end = done.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                done.truncate(end);
                continue;
            }
            _ => {}
        }
        let parent = done.len();
        if parent > 0 {
            done.push(b'/');
        }
        done.extend_from_slice(&name);
        let is_last = left.is_empty();
        if is_last || links == LINKS_AT_MOST {
            continue;
        }
        if let Some(NodeKind::Symlink { target }) = nodes.get(&done).map(|node| &node.kind) {
            links += 1;
            done.truncate(if target.starts_with(b"/") { 0 } else { parent });
            left.extend(components(target));
        }
    }
    done
}

/// Returns the names in a path, the last one first.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.rsplit(|byte| *byte == b'/').map(<[u8]>::to_vec).collect()
}

/// Takes what stands below a directory out of a tree, with the paths below that directory.
pub(super) fn take_below(nodes: &mut Nodes, directory: &[u8]) -> Vec<(Vec<u8>, Node)> {
    let mut prefix = directory.to_vec();
    if !prefix.is_empty() {
        prefix.push(b'/');
    }
    let below: Vec<Vec<u8>> = nodes
        .range(prefix.clone()..)
        .map(|(path, _)| path)
        .take_while(|path| path.starts_with(&prefix))
        .cloned()
        .collect();
    let taken = below.into_iter().filter_map(|path| {
        let node = nodes.remove(&path)?;
        Some((path[prefix.len()..].to_vec(), node))
    });
    taken.collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns a tree with a directory `usr/bin`, which `bin` points to, and a file in it.
    pub(in super::super) fn small_tree() -> Nodes {
        let node = |kind| Node {
            kind,
            mode: Some(0o755),
            owner: Some((0, 0)),
            extended: BTreeMap::new(),
            by: Some("root.d/10-a of mine".to_owned()),
        };
        let link = |target: &str| NodeKind::Symlink {
            target: target.as_bytes().to_vec(),
        };
        let file = NodeKind::File {
            size: 3,
            contents: Contents::Sum([1; 32]),
        };
        let nodes = [
            ("usr", NodeKind::Directory),
            ("usr/bin", NodeKind::Directory),
            ("usr/bin/ls", file),
            ("bin", link("usr/bin")),
            ("absolute", link("/bin")),
            ("loop", link("loop")),
        ];
        nodes
            .map(|(path, kind)| (path.as_bytes().to_vec(), node(kind)))
            .into()
    }

    #[test]
    fn paths_lead_through_links() {
        let nodes = small_tree();
        for (path, expected) in [
            ("/bin/ls", "usr/bin/ls"),
            ("/absolute/ls", "usr/bin/ls"),
            ("/bin", "bin"),
            ("/usr/../bin/./ls", "usr/bin/ls"),
            ("/none/x", "none/x"),
            ("/../x", "x"),
        ] {
            assert_eq!(resolved(&nodes, path.as_bytes()), expected.as_bytes(), "{path}");
        }
        // It ends.
        resolved(&nodes, b"/loop/x");
    }
}

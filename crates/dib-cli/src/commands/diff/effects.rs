//! What a journal tells of the tree beyond the layers.

use dib_core::{Effect, Entry};

use super::nodes::{Contents, Node, NodeKind, Nodes, resolved, take_below};
use crate::built_image::name_of;

/// Does to a tree what an entry of the journal tells.
pub(super) fn apply(nodes: &mut Nodes, entry: &Entry) {
    let resolve = |path: &String| resolved(nodes, path.as_bytes());
    match &entry.effect {
        Effect::Write { path, mode, bytes } => {
            let file = NodeKind::File {
                size: *bytes,
                contents: Contents::Unknown,
            };
            put(nodes, resolve(path), file, Some(*mode), entry);
        }
        Effect::Truncate { path } => {
            let path = resolve(path);
            let mode = nodes.get(&path).and_then(|node| node.mode);
            let empty = NodeKind::File {
                size: 0,
                contents: Contents::Unknown,
            };
            put(nodes, path, empty, mode, entry);
        }
        Effect::Symlink { path, points_to } => {
            let link = NodeKind::Symlink {
                target: points_to.clone().into_bytes(),
            };
            put(nodes, resolve(path), link, None, entry);
        }
        Effect::CreateDirectory { path } => {
            let path = resolve(path);
            if !nodes.contains_key(&path) {
                put(nodes, path, NodeKind::Directory, None, entry);
            }
        }
        Effect::Remove { path } => {
            let path = resolve(path);
            take_below(nodes, &path);
            nodes.remove(&path);
        }
        Effect::RemoveContents { path } => {
            let path = resolve(path);
            take_below(nodes, &path);
        }
        Effect::Rename { from, to } => {
            let (from, to) = (resolve(from), resolve(to));
            let below = take_below(nodes, &from);
            if let Some(node) = nodes.remove(&from) {
                take_below(nodes, &to);
                nodes.insert(to.clone(), node);
            }
            for (path, node) in below {
                nodes.insert([to.as_slice(), b"/", &path].concat(), node);
            }
        }
        _ => {}
    }
}

/// Puts something in a tree; whoever owned what was there owns it.
fn put(nodes: &mut Nodes, path: Vec<u8>, kind: NodeKind, mode: Option<u32>, entry: &Entry) {
    let owner = nodes.get(&path).and_then(|node| node.owner);
    let node = Node {
        kind,
        mode,
        owner,
        extended: std::collections::BTreeMap::new(),
        by: Some(name_of(&entry.actor)),
    };
    nodes.insert(path, node);
}

/// Returns whether an effect is one on the tree that the journal does not tell file by file.
pub(super) fn is_untold(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Extract { .. }
            | Effect::Unpack { .. }
            | Effect::Configure { .. }
            | Effect::Run { .. }
            | Effect::RunOnHost { .. }
    )
}

#[cfg(test)]
mod tests {
    use dib_core::Phase;
    use dib_core::journal::Actor;

    use super::super::nodes::tests::small_tree;
    use super::*;

    #[test]
    fn a_tree_follows_the_journal() {
        let mut nodes = small_tree();
        let original = nodes[b"usr/bin/ls".as_slice()].clone();
        let mut after = |effect| {
            let actor = Actor::Hook {
                phase: Phase::Finalise,
                hook: "10-b".to_owned(),
                element: "mine".parse().unwrap(),
            };
            apply(&mut nodes, &Entry { actor, effect });
        };
        // A program is put aside and put back.
        let (path, aside) = ("/bin/ls".to_owned(), "/bin/ls.real".to_owned());
        after(Effect::Rename {
            from: path.clone(),
            to: aside.clone(),
        });
        after(Effect::Write {
            path: path.clone(),
            mode: 0o755,
            bytes: 10,
        });
        after(Effect::Rename {
            from: aside,
            to: path,
        });
        after(Effect::Write {
            path: "/etc/x".to_owned(),
            mode: 0o600,
            bytes: 1,
        });
        after(Effect::Rename {
            from: "/usr".to_owned(),
            to: "/moved".to_owned(),
        });
        after(Effect::Remove {
            path: "/loop".to_owned(),
        });
        let paths: Vec<_> = nodes
            .keys()
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect();
        assert_eq!(
            paths,
            ["absolute", "bin", "etc/x", "moved", "moved/bin", "moved/bin/ls"]
        );
        assert_eq!(nodes[b"moved/bin/ls".as_slice()], original);
        let written = &nodes[b"etc/x".as_slice()];
        assert_eq!(written.by.as_deref(), Some("finalise.d/10-b of mine"));
        assert_eq!(written.mode, Some(0o600));
    }
}

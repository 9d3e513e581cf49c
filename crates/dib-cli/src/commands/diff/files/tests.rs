//! Trees that are compared.

use super::*;
use crate::commands::diff::nodes::tests::small_tree;

fn tree(nodes: Nodes, lists: &[(&str, &str)]) -> Tree<'static> {
    let lists = lists
        .iter()
        .map(|(path, text)| (path.as_bytes().to_vec(), text.as_bytes().to_vec()));
    Tree {
        nodes,
        source: Source::Archive(lists.collect()),
    }
}

/// Returns the changes as lines, and the notes.
fn compared(old: Nodes, new: Nodes) -> (Vec<String>, Vec<String>) {
    let list = "var/lib/dpkg/info/coreutils.list";
    let lists = [(list, "/.\n/bin\n/bin/ls\n")];
    let with_list = |mut nodes: Nodes| {
        let node = small_tree()[b"usr/bin/ls".as_slice()].clone();
        nodes.insert(list.as_bytes().to_vec(), node);
        tree(nodes, &lists)
    };
    let mut notes = Vec::new();
    let changes = changes(&with_list(old), &with_list(new), &mut notes).unwrap();
    let line = |change: FileChange| {
        let what: Vec<String> = change
            .what
            .iter()
            .map(|what| format!("{} {} {}", what.of, what.old, what.new))
            .collect();
        let package = change.package.unwrap_or_default();
        format!(
            "{:?} {} [{package}] {}",
            change.change,
            change.path,
            what.join(", ")
        )
    };
    (changes.into_iter().map(line).collect(), notes)
}

#[test]
fn equal_trees_have_no_changes() {
    assert_eq!(compared(small_tree(), small_tree()), (vec![], vec![]));
}

#[test]
fn what_differs_is_told() {
    let mut new = small_tree();
    let file = new.get_mut(b"usr/bin/ls".as_slice()).unwrap();
    file.kind = NodeKind::File {
        size: 3,
        contents: Contents::Sum([2; 32]),
    };
    file.mode = Some(0o4755);
    file.owner = Some((1, 0));
    let mut link = new.remove(b"loop".as_slice()).unwrap();
    link.by = None;
    new.insert(b"link".to_vec(), link.clone());
    new.insert(b"absolute".to_vec(), link);
    new.get_mut(b"usr".as_slice()).unwrap().kind = NodeKind::Other("socket".to_owned());
    let (lines, notes) = compared(small_tree(), new);
    assert!(notes.is_empty());
    assert_eq!(
        lines,
        [
            "Changed /absolute [] target /bin loop",
            "Added /link [] ",
            "Removed /loop [] ",
            "Changed /usr [] kind directory socket",
            "Changed /usr/bin/ls [coreutils] contents 3 bytes 3 bytes, mode 0755 4755, owner 0:0 1:0",
        ]
    );
}

#[test]
fn what_is_not_known_is_no_change() {
    let mut new = small_tree();
    let file = new.get_mut(b"usr/bin/ls".as_slice()).unwrap();
    file.kind = NodeKind::File {
        size: 3,
        contents: Contents::Unknown,
    };
    (file.mode, file.owner) = (None, None);
    let (lines, notes) = compared(small_tree(), new);
    assert!(lines.is_empty(), "{lines:?}");
    assert_eq!(notes.len(), 1);
}

//! A directory tree as data, and the difference of two.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use camino::Utf8Path;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    /// The mode and, unless it is the current user's, the owner: `0644` or `0644 0:42`.
    attributes: String,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Directory,
    File(Vec<u8>),
    Symlink(String),
    Special(&'static str),
}

/// A directory tree as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree(BTreeMap<String, Node>);

impl Tree {
    /// Reads a directory of the host, whatever its symbolic links say.
    pub(crate) fn of(directory: &Utf8Path) -> Self {
        let mut nodes = BTreeMap::new();
        read(directory, "", &mut nodes);
        Self(nodes)
    }

    /// Tells what is different in `later`: `+` for what came, `-` for what went, `~` for what changed.
    pub(crate) fn difference(&self, later: &Self) -> String {
        let mut text = String::new();
        let paths: std::collections::BTreeSet<_> = self.0.keys().chain(later.0.keys()).collect();
        for path in paths {
            match (self.0.get(path), later.0.get(path)) {
                (None, Some(node)) => describe(&mut text, '+', path, node),
                (Some(node), None) => line(&mut text, '-', path, node),
                (Some(before), Some(after)) if before != after => describe(&mut text, '~', path, after),
                _ => {}
            }
        }
        text
    }
}

fn read(directory: &Utf8Path, prefix: &str, nodes: &mut BTreeMap<String, Node>) {
    for entry in directory
        .read_dir_utf8()
        .expect("the fixture's directories are ours to read")
    {
        let entry = entry.expect("the fixture's directories are ours to read");
        let path = format!("{prefix}/{}", entry.file_name());
        let metadata = fs::symlink_metadata(entry.path()).expect("what was just listed is there");
        let content = if metadata.is_dir() {
            Content::Directory
        } else if metadata.is_symlink() {
            Content::Symlink(
                entry
                    .path()
                    .read_link_utf8()
                    .expect("a link can be read")
                    .into_string(),
            )
        } else if metadata.is_file() {
            Content::File(fs::read(entry.path()).unwrap_or_default())
        } else if metadata.file_type().is_fifo() {
            Content::Special("fifo")
        } else {
            Content::Special("special file")
        };
        let is_directory = content == Content::Directory;
        nodes.insert(
            path.clone(),
            Node {
                attributes: attributes(&metadata),
                content,
            },
        );
        if is_directory {
            read(entry.path(), &path, nodes);
        }
    }
}

fn attributes(metadata: &fs::Metadata) -> String {
    let mut text = format!("{:04o}", metadata.mode() & 0o7777);
    let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    if (metadata.uid(), metadata.gid()) != (uid, gid) {
        let _ = write!(text, " {}:{}", metadata.uid(), metadata.gid());
    }
    text
}

fn line(text: &mut String, sign: char, path: &str, node: &Node) {
    let _ = match &node.content {
        Content::Directory => writeln!(text, "  {sign} {path}/ {}", node.attributes),
        Content::Symlink(points_to) => writeln!(text, "  {sign} {path} -> {points_to}"),
        Content::Special(kind) => writeln!(text, "  {sign} {path} {} ({kind})", node.attributes),
        Content::File(_) => writeln!(text, "  {sign} {path} {}", node.attributes),
    };
}

fn describe(text: &mut String, sign: char, path: &str, node: &Node) {
    line(text, sign, path, node);
    if let Content::File(contents) = &node.content {
        match std::str::from_utf8(contents) {
            Ok(contents) => {
                for line in contents.lines() {
                    let _ = writeln!(text, "    | {line}");
                }
            }
            Err(_) => {
                let _ = writeln!(text, "    | ({} bytes that are no text)", contents.len());
            }
        }
    }
}

//! The tree in an image's archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use camino::Utf8Path;
use dib_cache::{HashingReader, Sha256};
use tar::{Archive, Entry, EntryType};

use super::files::is_package_list;
use super::nodes::{Contents, Node, NodeKind, Nodes};

/// What the name of an extended attribute stands behind in the archive.
const ATTRIBUTE: &str = "SCHILY.xattr.";

/// What an archive holds.
pub(super) struct ArchivedTree {
    pub(super) nodes: Nodes,
    /// The lists of packages' files, by their paths.
    pub(super) package_lists: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Reads an archive whole.
pub(super) fn read(path: &Utf8Path) -> io::Result<ArchivedTree> {
    let mut tree = ArchivedTree {
        nodes: Nodes::new(),
        package_lists: BTreeMap::new(),
    };
    let mut archive = Archive::new(File::open(path)?);
    for entry in archive.entries()? {
        tree.add(&mut entry?)?;
    }
    Ok(tree)
}

impl ArchivedTree {
    fn add(&mut self, entry: &mut Entry<'_, impl Read>) -> io::Result<()> {
        let path = relative(&entry.path_bytes());
        if path.is_empty() {
            return Ok(());
        }
        let kind = match entry.header().entry_type() {
            EntryType::Link => {
                let first = relative(&entry.link_name_bytes().unwrap_or_default());
                let Some(node) = self.nodes.get(&first).cloned() else {
                    return Err(io::Error::other("a link in the archive leads nowhere"));
                };
                self.nodes.insert(path, node);
                return Ok(());
            }
            EntryType::Directory => NodeKind::Directory,
            EntryType::Symlink => NodeKind::Symlink {
                target: entry.link_name_bytes().unwrap_or_default().into_owned(),
            },
            EntryType::Fifo => NodeKind::Other("named pipe".to_owned()),
            kind @ (EntryType::Char | EntryType::Block) => {
                let number = |number: Option<u32>| number.unwrap_or_default();
                let what = if kind == EntryType::Char {
                    "character"
                } else {
                    "block"
                };
                let major = number(entry.header().device_major()?);
                let minor = number(entry.header().device_minor()?);
                NodeKind::Other(format!("{what} device {major}:{minor}"))
            }
            _ => NodeKind::File {
                size: entry.size(),
                contents: Contents::Sum(self.sum(entry, &path)?),
            },
        };
        let header = entry.header();
        let node = Node {
            kind,
            mode: Some(header.mode()? & 0o7777),
            owner: Some((header.uid()?, header.gid()?)),
            extended: attributes(entry)?,
            by: None,
        };
        self.nodes.insert(path, node);
        Ok(())
    }

    /// Returns the checksum of what an entry holds, and keeps what is needed later.
    fn sum(&mut self, entry: &mut impl Read, path: &[u8]) -> io::Result<[u8; 32]> {
        if is_package_list(path) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            let sum = *Sha256::of(&bytes).as_bytes();
            self.package_lists.insert(path.to_vec(), bytes);
            return Ok(sum);
        }
        let (sum, _) = HashingReader::new(entry).finish()?;
        Ok(*sum.as_bytes())
    }
}

fn attributes(entry: &mut Entry<'_, impl Read>) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut attributes = BTreeMap::new();
    for record in entry.pax_extensions()?.into_iter().flatten() {
        let record = record?;
        if let Some(name) = record.key_bytes().strip_prefix(ATTRIBUTE.as_bytes()) {
            attributes.insert(name.to_vec(), record.value_bytes().to_vec());
        }
    }
    Ok(attributes)
}

/// Returns a path as one relative to the root.
fn relative(path: &[u8]) -> Vec<u8> {
    let names = path.split(|byte| *byte == b'/');
    let names: Vec<&[u8]> = names.filter(|name| !matches!(*name, b"" | b".")).collect();
    names.join(&b'/')
}

#[cfg(test)]
mod tests {
    use tar::{Builder, Header};

    use super::*;

    #[test]
    fn an_archive_is_a_tree() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("image.tar");
        let mut archive = Builder::new(File::create(&path).unwrap());
        let mut add = |path: &str, kind, link: &str, contents: &str| {
            let mut header = Header::new_ustar();
            header.set_entry_type(kind);
            header.set_mode(0o4755);
            header.set_uid(1);
            header.set_gid(2);
            header.set_size(contents.len() as u64);
            if link.is_empty() {
                archive
                    .append_data(&mut header, path, contents.as_bytes())
                    .unwrap();
            } else {
                archive.append_link(&mut header, path, link).unwrap();
            }
        };
        let list = "var/lib/dpkg/info/hello.list";
        add("./", EntryType::Directory, "", "");
        add("./a", EntryType::Regular, "", "one");
        add("./b", EntryType::Link, "./a", "");
        add("./c", EntryType::Symlink, "a", "");
        add(list, EntryType::Regular, "", "/a\n");
        archive.into_inner().unwrap();

        let tree = read(&path).unwrap();
        let paths: Vec<&[u8]> = tree.nodes.keys().map(Vec::as_slice).collect();
        assert_eq!(paths, [b"a".as_slice(), b"b", b"c", list.as_bytes()]);
        let file = &tree.nodes[b"a".as_slice()];
        let contents = Contents::Sum(*Sha256::of(b"one").as_bytes());
        assert_eq!(file.kind, NodeKind::File { size: 3, contents });
        assert_eq!((file.mode, file.owner), (Some(0o4755), Some((1, 2))));
        assert_eq!(tree.nodes[b"b".as_slice()], *file);
        let target = b"a".to_vec();
        assert_eq!(tree.nodes[b"c".as_slice()].kind, NodeKind::Symlink { target });
        assert_eq!(tree.package_lists[list.as_bytes()], b"/a\n");
    }
}

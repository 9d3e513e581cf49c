//! The tree as a tar archive.

mod entry;
mod nodes;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use dib_sys::{DeviceNode, TargetPath};
use tar::EntryType;

use entry::Entry;
use nodes::Nodes;

use crate::gzip::{GzipError, write_gzip};
use crate::in_order::ThreadError;

/// Directories of the tree's top whose content is the kernel's.
const EMPTIED: [&[u8]; 2] = [b"proc", b"sys"];
/// GNU tar ends an archive at a multiple of this, in bytes.
const RECORD: u64 = 10_240;

/// Writing an archive failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// A part of the tree could not be read.
    #[error("failed to read {path:?}")]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file became shorter while it was read.
    #[error("{0:?} shrank while it was being read")]
    Shrank(PathBuf),
    /// The archive could not be written.
    #[error("failed to write the archive")]
    Write(#[source] io::Error),
    /// The compressing threads could not be started.
    #[error(transparent)]
    Thread(#[from] ThreadError),
    /// A device node's directory is not in the tree.
    #[error("the device node {0} belongs into a directory that the tree does not have")]
    NoDirectory(TargetPath),
    /// A directory stands where a device node belongs.
    #[error("a directory stands where the device node {0} belongs")]
    InTheWay(TargetPath),
}

/// What was left out of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TarReport {
    /// Sockets, which an archive can't hold.
    pub skipped_sockets: Vec<PathBuf>,
}

/// Writes the tree as a tar archive in the PAX format (POSIX.1-2017, `pax`, "ustar Interchange Format").
///
/// Names begin with `./` and are sorted by their bytes within each directory, so the same tree gives the same bytes.
/// Owners are numbers. Extended attributes, `security.capability` among them, are `SCHILY.xattr.` records as GNU tar
/// writes them (`--xattrs --xattrs-include=*`). A hard-linked file is written once and linked to from then on. The device
/// nodes of the list come where their names sort, in place of what the tree has there.
///
/// Unlike upstream, which leaves out `./proc` and `./sys` altogether, the two directories are in the archive, without
/// their content: a system that is booted from it needs them to mount on. Sockets are skipped and reported.
///
/// # Errors
/// When the tree can't be read, the archive can't be written, or a device node's directory is not in the tree.
pub fn write_tar(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    out: &mut dyn Write,
) -> Result<TarReport, TarError> {
    let mut out = Counted { out, written: 0 };
    let mut walk = Walk {
        tree: tree.as_std_path(),
        nodes: Nodes::new(device_nodes),
        links: HashMap::new(),
        report: TarReport::default(),
        out: &mut out,
    };
    let root = read(walk.tree, fs::metadata(walk.tree))?;
    walk.directory(&[], &root)?;
    let Walk { nodes, report, .. } = walk;
    if let Some(node) = nodes.first_unused() {
        return Err(TarError::NoDirectory(node.path.clone()));
    }
    // Two blocks of zeros end an archive.
    let end = (out.written + 1024).next_multiple_of(RECORD) - out.written;
    io::copy(&mut io::repeat(0).take(end), &mut out).map_err(TarError::Write)?;
    out.flush().map_err(TarError::Write)?;
    Ok(report)
}

impl From<GzipError> for TarError {
    fn from(error: GzipError) -> Self {
        match error {
            GzipError::Write(source) => Self::Write(source),
            GzipError::Thread(error) => Self::Thread(error),
        }
    }
}

/// Writes the tree as [`write_tar`] does, compressed with gzip by all cores; the result depends on the tree alone.
///
/// # Errors
/// As [`write_tar`] has them.
pub fn write_tgz(
    tree: &Utf8Path,
    device_nodes: &[DeviceNode],
    out: &mut dyn Write,
) -> Result<TarReport, TarError> {
    write_gzip(out, |writer| write_tar(tree, device_nodes, writer))?
}

struct Counted<'a> {
    out: &'a mut dyn Write,
    written: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Walk<'a, 'b> {
    tree: &'a Path,
    nodes: Nodes<'a>,
    /// The first name in the archive of each file with several.
    links: HashMap<(u64, u64), Vec<u8>>,
    report: TarReport,
    out: &'a mut Counted<'b>,
}

impl Walk<'_, '_> {
    /// Writes a directory and what is in it; `path` is relative to the tree, empty for its root.
    fn directory(&mut self, path: &[u8], metadata: &Metadata) -> Result<(), TarError> {
        self.entry(path, metadata, EntryType::Directory)?
            .write_to(self.out)
            .map_err(TarError::Write)?;
        if EMPTIED.contains(&path) {
            return Ok(());
        }
        let host_path = self.host_path(path);
        let mut names: Vec<OsString> = Vec::new();
        for entry in read(&host_path, fs::read_dir(&host_path))? {
            names.push(read(&host_path, entry)?.file_name());
        }
        let mut nodes = self.nodes.take(path);
        names.extend(nodes.keys().map(|name| OsString::from_vec(name.clone())));
        names.sort_unstable();
        names.dedup();
        for name in names {
            let child = join(path, name.as_bytes());
            match nodes.remove(name.as_bytes()) {
                Some(node) => self.device_node(&child, node)?,
                None => self.child(&child)?,
            }
        }
        Ok(())
    }

    fn child(&mut self, path: &[u8]) -> Result<(), TarError> {
        let host_path = self.host_path(path);
        let metadata = read(&host_path, fs::symlink_metadata(&host_path))?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            return self.directory(path, &metadata);
        }
        if kind.is_socket() {
            self.report.skipped_sockets.push(host_path);
            return Ok(());
        }
        if metadata.nlink() > 1 {
            let file = (metadata.dev(), metadata.ino());
            if let Some(first) = self.links.get(&file) {
                let first = first.clone();
                let mut entry = Entry::new(path, &metadata, EntryType::Link);
                entry.set_link(&first);
                return entry.write_to(self.out).map_err(TarError::Write);
            }
            self.links.insert(file, [b"./", path].concat());
        }
        if kind.is_file() {
            return self.file(path, &metadata, &host_path);
        }
        let entry = if kind.is_symlink() {
            let mut entry = self.entry(path, &metadata, EntryType::Symlink)?;
            entry.set_link(
                read(&host_path, fs::read_link(&host_path))?
                    .as_os_str()
                    .as_bytes(),
            );
            entry
        } else if kind.is_fifo() {
            self.entry(path, &metadata, EntryType::Fifo)?
        } else {
            let block = kind.is_block_device();
            let mut entry = self.entry(
                path,
                &metadata,
                if block { EntryType::Block } else { EntryType::Char },
            )?;
            entry.set_device(metadata.rdev());
            entry
        };
        entry.write_to(self.out).map_err(TarError::Write)
    }

    fn file(&mut self, path: &[u8], metadata: &Metadata, host_path: &Path) -> Result<(), TarError> {
        let size = metadata.len();
        let mut entry = self.entry(path, metadata, EntryType::Regular)?;
        entry.set_size(size);
        entry.write_to(self.out).map_err(TarError::Write)?;
        let mut content = read(host_path, File::open(host_path))?.take(size);
        let mut buffer = vec![0; 1 << 18];
        let mut left = size;
        while left > 0 {
            let length = read(host_path, content.read(&mut buffer))?;
            if length == 0 {
                return Err(TarError::Shrank(host_path.to_owned()));
            }
            self.out.write_all(&buffer[..length]).map_err(TarError::Write)?;
            left -= length as u64;
        }
        entry::pad(self.out, size).map_err(TarError::Write)
    }

    fn device_node(&mut self, path: &[u8], node: &DeviceNode) -> Result<(), TarError> {
        if fs::symlink_metadata(self.host_path(path)).is_ok_and(|metadata| metadata.is_dir()) {
            return Err(TarError::InTheWay(node.path.clone()));
        }
        Entry::of_device_node(path, node)
            .write_to(self.out)
            .map_err(TarError::Write)
    }

    /// Returns an entry with the extended attributes of what stands at `path`.
    fn entry(&self, path: &[u8], metadata: &Metadata, kind: EntryType) -> Result<Entry, TarError> {
        let host_path = self.host_path(path);
        let mut entry = Entry::new(path, metadata, kind);
        let mut names: Vec<OsString> = match xattr::list(&host_path) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(entry),
            names => read(&host_path, names)?.collect(),
        };
        names.sort_unstable();
        for name in names {
            if let Some(value) = read(&host_path, xattr::get(&host_path, &name))? {
                entry.add_extended_attribute(name.as_bytes(), &value);
            }
        }
        Ok(entry)
    }

    fn host_path(&self, path: &[u8]) -> PathBuf {
        self.tree.join(Path::new(std::ffi::OsStr::from_bytes(path)))
    }
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        name.to_owned()
    } else {
        [directory, name].join(&b'/')
    }
}

fn read<T>(path: &Path, result: io::Result<T>) -> Result<T, TarError> {
    result.map_err(|source| TarError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;

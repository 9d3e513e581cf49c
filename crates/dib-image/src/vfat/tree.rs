//! The files of a directory, and where each of them lies in a FAT.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};

use super::VfatError;
use super::entry::{DIRECTORY, FILE, Facts, Name, Namer, short_entry};
use super::geometry::ENTRY;

/// A directory.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) entries: Vec<Entry>,
    pub(super) time: i64,
    /// Where it lies; of no number for the root of a FAT12 or FAT16.
    pub(super) run: Run,
}

/// A file or directory of a directory.
#[derive(Debug)]
pub(super) struct Entry {
    name: Name,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Directory(Directory),
    File {
        path: Utf8PathBuf,
        size: u32,
        time: i64,
        run: Run,
    },
}

/// Clusters in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// 0 when there are none.
    pub(super) first: u64,
    pub(super) count: u64,
}

/// Reads what is below a directory, sorted by name.
pub(super) fn read(directory: &Utf8Path) -> Result<Directory, VfatError> {
    let failed = |path: &Utf8Path| {
        let path = path.to_owned();
        move |source| VfatError::Read { path, source }
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed(directory))? {
        let name = entry.map_err(failed(directory))?.file_name();
        let name = name.into_string().map_err(|name| VfatError::Name {
            path: directory.join(name.to_string_lossy().as_ref()),
        })?;
        names.push(name);
    }
    names.sort();
    let mut given = Namer::default();
    let mut entries = Vec::new();
    for name in names {
        let path = directory.join(&name);
        let metadata = fs::symlink_metadata(&path).map_err(failed(&path))?;
        let Some(name) = given.name(&name) else {
            return Err(VfatError::Name { path });
        };
        let what = if metadata.is_dir() {
            What::Directory(read(&path)?)
        } else if metadata.is_file() {
            let too_large = |_| VfatError::Read {
                path: path.clone(),
                source: io::ErrorKind::FileTooLarge.into(),
            };
            let size = u32::try_from(metadata.len()).map_err(too_large)?;
            What::File {
                size,
                time: metadata.mtime(),
                run: Run::default(),
                path,
            }
        } else {
            return Err(VfatError::Kind { path });
        };
        entries.push(Entry { name, what });
    }
    let time = fs::metadata(directory).map_err(failed(directory))?.mtime();
    Ok(Directory {
        entries,
        time,
        run: Run::default(),
    })
}

impl Directory {
    /// Returns the bytes of its entries, without those of its label or its own.
    pub(super) fn size(&self) -> u64 {
        self.entries.iter().map(|entry| entry.name.entries()).sum::<u64>() * ENTRY
    }

    /// Gives every directory and file below this one its clusters, from `next` on, and returns the first that is left.
    pub(super) fn place(&mut self, cluster: u64, mut next: u64) -> u64 {
        for entry in &mut self.entries {
            let (run, size) = match &mut entry.what {
                What::Directory(directory) => {
                    // Two entries are for itself and its parent.
                    let size = directory.size() + 2 * ENTRY;
                    (&mut directory.run, size)
                }
                What::File { run, size, .. } => (run, u64::from(*size)),
            };
            let count = size.div_ceil(cluster);
            let first = if count == 0 { 0 } else { next };
            *run = Run { first, count };
            next += count;
            if let What::Directory(directory) = &mut entry.what {
                next = directory.place(cluster, next);
            }
        }
        next
    }

    /// Returns its entries, without those of its label or its own.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let entry_bytes = |entry: &Entry| {
            let facts = match &entry.what {
                What::Directory(directory) => directory.facts(),
                What::File { size, time, run, .. } => Facts {
                    attributes: FILE,
                    time: *time,
                    first_cluster: run.first,
                    size: *size,
                },
            };
            entry.name.bytes(facts)
        };
        self.entries.iter().flat_map(entry_bytes).collect()
    }

    /// Returns the two entries with which a directory begins that is not the root. `parent` is 0 for the root.
    pub(super) fn own_entries(&self, parent: u64) -> Vec<u8> {
        let own = self.facts();
        let above = Facts {
            first_cluster: parent,
            ..own
        };
        [
            short_entry(b".          ", own),
            short_entry(b"..         ", above),
        ]
        .concat()
    }

    fn facts(&self) -> Facts {
        Facts {
            attributes: DIRECTORY,
            time: self.time,
            first_cluster: self.run.first,
            size: 0,
        }
    }
}

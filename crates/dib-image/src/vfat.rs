//! A directory as a FAT file system.
//!
//! It is written here, and in one go: every file lies in a row behind the one before it. The crates that know FAT write
//! directories that `fsck.fat` objects to, and programs would be two more that have to be installed.

mod entry;
mod geometry;
mod tree;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::disk_spec::FileSystem;
use crate::identifier::FileSystemIdentifier;
use crate::room::Room;
use entry::{Facts, VOLUME_LABEL, short_entry};
use geometry::{ENTRY, Geometry, ROOT_ENTRIES, TABLES, Width};
use tree::{Directory, Run, What};

/// Making a FAT file system failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VfatError {
    /// The room is none that a FAT with these options can have.
    #[error("no FAT file system with these options can have {size} bytes")]
    Size {
        /// The room in bytes.
        size: u64,
    },
    /// The files don't fit.
    #[error("the files in {directory} do not fit into a FAT file system of {size} bytes")]
    TooSmall {
        /// The directory.
        directory: Utf8PathBuf,
        /// The room in bytes.
        size: u64,
    },
    /// The file system could not be written.
    #[error("failed to make a FAT file system in {image}")]
    Write {
        /// The disk's file.
        image: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("failed to read {path} for a FAT file system")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something stands in the directory that no FAT can hold.
    #[error("a FAT file system can't hold {path}, which is neither a file nor a directory")]
    Kind {
        /// Its path.
        path: Utf8PathBuf,
    },
    /// A name is one that no FAT can hold, or differs from another's by case alone.
    #[error("a FAT file system can't hold the name of {path}")]
    Name {
        /// The file.
        path: Utf8PathBuf,
    },
}

/// What `mkfs.vfat`'s options say, those that are honoured.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct VfatOptions {
    width: Option<Width>,
    sectors_per_cluster: Option<u64>,
}

impl VfatOptions {
    /// Reads `-F 12|16|32` and `-s SECTORS`, or returns the first option that is another.
    pub(crate) fn parse(options: &[String]) -> Result<Self, &str> {
        let mut parsed = Self::default();
        let mut words = options.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let value = match word {
                "-F" | "-s" => words.next().ok_or(word)?,
                _ => word.get(2..).filter(|value| !value.is_empty()).ok_or(word)?,
            };
            match (word.get(..2), value) {
                (Some("-F"), "12") => parsed.width = Some(Width::Twelve),
                (Some("-F"), "16") => parsed.width = Some(Width::Sixteen),
                (Some("-F"), "32") => parsed.width = Some(Width::ThirtyTwo),
                (Some("-s"), sectors) => {
                    let is_allowed = |sectors: &u64| sectors.is_power_of_two() && *sectors <= 128;
                    parsed.sectors_per_cluster = Some(sectors.parse().ok().filter(is_allowed).ok_or(word)?);
                }
                _ => return Err(word),
            }
        }
        Ok(parsed)
    }
}

/// Makes a FAT file system of the files in `directory`, in a room that is all holes.
///
/// Files bear the time of the tree's, in UTC. Owners and modes have no place in a FAT, and are left out.
///
/// # Errors
/// When the files don't fit, one can't be read, or there is something that no FAT can hold.
pub(crate) fn make_vfat(
    directory: &Utf8Path,
    room: Room<'_>,
    file_system: &FileSystem,
) -> Result<(), VfatError> {
    let size = room.extent.length;
    let options = VfatOptions::parse(&file_system.options).expect("the options were read before");
    let geometry = Geometry::of(size, room.sector_size, &options).ok_or(VfatError::Size { size })?;
    let mut top = tree::read(directory)?;
    // The label's entry is the root directory's first.
    let root_size = ENTRY + top.size();
    let mut next = 2;
    if geometry.width == Width::ThirtyTwo {
        top.run = Run {
            first: 2,
            count: root_size.div_ceil(geometry.cluster()),
        };
        next += top.run.count;
    }
    let end = top.place(geometry.cluster(), next);
    let is_root_too_large = geometry.width != Width::ThirtyTwo && root_size > ROOT_ENTRIES * ENTRY;
    if end > geometry.clusters + 2 || is_root_too_large {
        let directory = directory.to_owned();
        return Err(VfatError::TooSmall { directory, size });
    }
    let mut label = [b' '; 11];
    label[..file_system.label().len()].copy_from_slice(file_system.label().as_bytes());
    let volume_id = match file_system.identifier() {
        FileSystemIdentifier::VolumeId(id) => id,
        FileSystemIdentifier::Uuid(_) => 0,
    };
    let writer = Writer { room, geometry };
    let written = writer
        .boot_sectors(&label, volume_id, end)
        .and_then(|()| writer.root(&top, &label));
    written.map_err(|source| VfatError::Write {
        image: room.image.to_owned(),
        source,
    })?;
    let mut table = vec![0; usize::try_from(end).expect("28 bits number a cluster")];
    chain(top.run, &mut table);
    writer.directory(&top, &mut table)?;
    writer.tables(&table).map_err(|source| VfatError::Write {
        image: room.image.to_owned(),
        source,
    })
}

/// The end of a chain, before it is cut to the table's width.
const END: u32 = 0x0fff_ffff;

/// Chains the clusters of a run.
fn chain(run: Run, table: &mut [u32]) {
    for cluster in run.first..run.first + run.count {
        let is_last = cluster + 1 == run.first + run.count;
        let next = if is_last { END } else { number(cluster + 1) };
        table[usize::try_from(cluster).expect("28 bits number a cluster")] = next;
    }
}

fn number(value: u64) -> u32 {
    u32::try_from(value).expect("28 bits number a cluster, and 32 a sector")
}

struct Writer<'r> {
    room: Room<'r>,
    geometry: Geometry,
}

impl Writer<'_> {
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.room
            .file
            .write_all_at(bytes, self.room.extent.start + offset)
    }

    /// Writes the sectors that say what the file system is like.
    fn boot_sectors(&self, label: &[u8; 11], volume_id: u32, end: u64) -> io::Result<()> {
        let geometry = &self.geometry;
        let hidden = u32::try_from(self.room.extent.start / geometry.sector).unwrap_or(0);
        let boot = boot_sector(geometry, label, volume_id, hidden);
        self.write(&boot, 0)?;
        if geometry.width == Width::ThirtyTwo {
            let mut information = [0; 512];
            information[..4].copy_from_slice(b"RRaA");
            information[484..488].copy_from_slice(b"rrAa");
            let free = number(geometry.clusters + 2 - end);
            information[488..492].copy_from_slice(&free.to_le_bytes());
            let last_used = number(end - 1);
            information[492..496].copy_from_slice(&last_used.to_le_bytes());
            information[510..].copy_from_slice(&SIGNATURE);
            self.write(&information, INFORMATION * geometry.sector)?;
            self.write(&boot, BACKUP * geometry.sector)?;
            self.write(&information, (BACKUP + INFORMATION) * geometry.sector)?;
        }
        Ok(())
    }

    /// Writes the root directory.
    fn root(&self, root: &Directory, label: &[u8; 11]) -> io::Result<()> {
        let facts = Facts {
            attributes: VOLUME_LABEL,
            time: root.time,
            first_cluster: 0,
            size: 0,
        };
        let mut bytes = short_entry(label, facts).to_vec();
        bytes.extend(root.bytes());
        let offset = match self.geometry.width {
            Width::ThirtyTwo => self.geometry.cluster_offset(root.run.first),
            Width::Twelve | Width::Sixteen => self.geometry.root_offset(),
        };
        self.write(&bytes, offset)
    }

    /// Writes what is in a directory.
    fn directory(&self, directory: &Directory, table: &mut [u32]) -> Result<(), VfatError> {
        let write = |source| VfatError::Write {
            image: self.room.image.to_owned(),
            source,
        };
        for entry in &directory.entries {
            match &entry.what {
                What::Directory(inner) => {
                    // The root directory has the number 0 here, wherever it is.
                    let parent = if directory.run.first == 2 && self.geometry.width == Width::ThirtyTwo {
                        0
                    } else {
                        directory.run.first
                    };
                    let mut bytes = inner.own_entries(parent);
                    bytes.extend(inner.bytes());
                    self.write(&bytes, self.geometry.cluster_offset(inner.run.first))
                        .map_err(write)?;
                    chain(inner.run, table);
                    self.directory(inner, table)?;
                }
                What::File { path, size, run, .. } => {
                    self.file(path, *size, *run)?;
                    chain(*run, table);
                }
            }
        }
        Ok(())
    }

    fn file(&self, path: &Utf8Path, size: u32, run: Run) -> Result<(), VfatError> {
        let read = |source| VfatError::Read {
            path: path.to_owned(),
            source,
        };
        let mut from = File::open(path).map_err(read)?.take(u64::from(size));
        let mut buffer = vec![0; 1 << 20];
        let mut done = 0;
        while done < u64::from(size) {
            let count = from.read(&mut buffer).map_err(read)?;
            if count == 0 {
                return Err(read(io::ErrorKind::UnexpectedEof.into()));
            }
            let offset = self.geometry.cluster_offset(run.first) + done;
            let written = self.write(&buffer[..count], offset);
            written.map_err(|source| VfatError::Write {
                image: self.room.image.to_owned(),
                source,
            })?;
            done += u64::try_from(count).expect("no more than the buffer");
        }
        Ok(())
    }

    /// Writes the tables, of which the first two numbers stand for no cluster.
    fn tables(&self, table: &[u32]) -> io::Result<()> {
        let mut table = table.to_vec();
        table[0] = END & !0xff | u32::from(MEDIA);
        table[1] = END;
        let bytes: Vec<u8> = match self.geometry.width {
            Width::ThirtyTwo => table.iter().flat_map(|next| next.to_le_bytes()).collect(),
            Width::Sixteen => table
                .iter()
                .flat_map(|next| [next.to_le_bytes()[0], next.to_le_bytes()[1]])
                .collect(),
            Width::Twelve => table.chunks(2).flat_map(twelve_bits).collect(),
        };
        (0..TABLES).try_for_each(|copy| {
            let sector = self.geometry.reserved + copy * self.geometry.table;
            self.write(&bytes, sector * self.geometry.sector)
        })
    }
}

/// Packs two numbers of twelve bits into three bytes.
fn twelve_bits(pair: &[u32]) -> [u8; 3] {
    let first = pair[0] & 0xfff;
    let second = pair.get(1).map_or(0, |next| next & 0xfff);
    let [a, b, c, _] = (first | second << 12).to_le_bytes();
    [a, b, c]
}

const SIGNATURE: [u8; 2] = [0x55, 0xaa];
/// The number of a disk that is not removable.
const MEDIA: u8 = 0xf8;
/// The sectors of a FAT32 that count what is free, and that repeat the first ones.
const INFORMATION: u64 = 1;
const BACKUP: u64 = 6;
/// Has the BIOS try the next disk, or stops: `int 0x18`, then a jump to itself.
const NO_BOOT: [u8; 4] = [0xcd, 0x18, 0xeb, 0xfe];

fn boot_sector(geometry: &Geometry, label: &[u8; 11], volume_id: u32, hidden: u32) -> [u8; 512] {
    let mut bytes = [0; 512];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    let short = |value: u64| u16::try_from(value).unwrap_or(0).to_le_bytes();
    let is_large = geometry.width == Width::ThirtyTwo;
    put(3, b"dib     ");
    put(11, &short(geometry.sector));
    put(13, &short(geometry.sectors_per_cluster)[..1]);
    put(14, &short(geometry.reserved));
    put(16, &short(TABLES)[..1]);
    put(21, &[MEDIA]);
    // What a BIOS makes of any disk: 63 sectors to a track, 255 heads.
    put(24, &63_u16.to_le_bytes());
    put(26, &255_u16.to_le_bytes());
    put(28, &hidden.to_le_bytes());
    // A number that fits stands in the older, smaller field; 0 there points to the larger one.
    let sectors = number(geometry.sectors);
    let fits = u16::try_from(sectors).ok().filter(|_| !is_large);
    put(19, &fits.unwrap_or(0).to_le_bytes());
    put(32, &(if fits.is_some() { 0 } else { sectors }).to_le_bytes());
    let (rest, kind): (usize, &[u8; 8]) = match geometry.width {
        Width::Twelve => (36, b"FAT12   "),
        Width::Sixteen => (36, b"FAT16   "),
        Width::ThirtyTwo => (64, b"FAT32   "),
    };
    if is_large {
        put(36, &number(geometry.table).to_le_bytes());
        put(44, &2_u32.to_le_bytes());
        put(48, &short(INFORMATION));
        put(50, &short(BACKUP));
        put(0, &[0xeb, 0x58, 0x90]);
        put(90, &NO_BOOT);
    } else {
        put(17, &short(ROOT_ENTRIES));
        put(22, &short(geometry.table));
        put(0, &[0xeb, 0x3c, 0x90]);
        put(62, &NO_BOOT);
    }
    put(rest, &[0x80, 0, 0x29]);
    put(rest + 3, &volume_id.to_le_bytes());
    put(rest + 7, label);
    put(rest + 18, kind);
    put(510, &SIGNATURE);
    bytes
}

#[cfg(test)]
mod tests;

//! A directory as a FAT file system.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use fatfs::{Date, DateTime, Dir, FatType, FormatVolumeOptions, FsOptions, Time, TimeProvider};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::disk_spec::FileSystem;
use crate::identifier::FileSystemIdentifier;
use crate::room::{Room, RoomStream};

/// Making a FAT file system failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VfatError {
    /// The file system could not be written.
    #[error("failed to make a FAT file system in {image}")]
    Write {
        /// The disk's file.
        image: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be read, or not be written into the file system.
    #[error("failed to copy {path} into a FAT file system")]
    Copy {
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
    /// A name is not Unicode.
    #[error("a FAT file system can't hold a name that is not Unicode, in {directory}")]
    Name {
        /// The directory it stands in.
        directory: Utf8PathBuf,
    },
}

/// What `mkfs.vfat`'s options say, those that are honoured.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct VfatOptions {
    fat_type: Option<FatWidth>,
    sectors_per_cluster: Option<u32>,
}

/// How many bits number a cluster.
#[derive(Debug, Clone, Copy, PartialEq)]
enum FatWidth {
    Twelve,
    Sixteen,
    ThirtyTwo,
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
                (Some("-F"), "12") => parsed.fat_type = Some(FatWidth::Twelve),
                (Some("-F"), "16") => parsed.fat_type = Some(FatWidth::Sixteen),
                (Some("-F"), "32") => parsed.fat_type = Some(FatWidth::ThirtyTwo),
                (Some("-s"), sectors) => {
                    let is_allowed = |sectors: &u32| sectors.is_power_of_two() && *sectors <= 128;
                    parsed.sectors_per_cluster = Some(sectors.parse().ok().filter(is_allowed).ok_or(word)?);
                }
                _ => return Err(word),
            }
        }
        Ok(parsed)
    }
}

thread_local! {
    /// The time, in seconds since 1970, of what is being written: fatfs asks for it in a way that knows no file.
    static TIME: Cell<i64> = const { Cell::new(0) };
}

/// Gives fatfs the time of what is being written.
#[derive(Debug)]
struct TimeOfTree;

impl TimeProvider for TimeOfTree {
    fn get_current_date(&self) -> Date {
        self.get_current_date_time().date
    }

    fn get_current_date_time(&self) -> DateTime {
        date_time(TIME.get())
    }
}

/// Makes a FAT file system of the files in `directory`.
///
/// Files bear the time of the tree's, in UTC. Owners and modes have no place in a FAT, and are left out.
///
/// # Errors
/// When there is not enough room, a file can't be read, or something stands there that is neither file nor directory.
pub(crate) fn make_vfat(
    directory: &Utf8Path,
    room: Room<'_>,
    file_system: &FileSystem,
) -> Result<(), VfatError> {
    let write = |source| VfatError::Write {
        image: room.image.to_owned(),
        source,
    };
    let options = VfatOptions::parse(&file_system.options).expect("the options were read before");
    let invalid = |_| write(io::ErrorKind::InvalidInput.into());
    let sector = u16::try_from(room.sector_size).map_err(invalid)?;
    let sectors = u32::try_from(room.extent.length / room.sector_size).map_err(invalid)?;
    let mut label = [b' '; 11];
    label[..file_system.label().len()].copy_from_slice(file_system.label().as_bytes());
    let mut format = FormatVolumeOptions::new()
        .bytes_per_sector(sector)
        .total_sectors(sectors)
        .volume_label(label);
    if let FileSystemIdentifier::VolumeId(id) = file_system.identifier() {
        format = format.volume_id(id);
    }
    if let Some(sectors) = options.sectors_per_cluster {
        format = format.bytes_per_cluster(sectors * u32::from(sector));
    }
    if let Some(fat_type) = options.fat_type {
        format = format.fat_type(match fat_type {
            FatWidth::Twelve => FatType::Fat12,
            FatWidth::Sixteen => FatType::Fat16,
            FatWidth::ThirtyTwo => FatType::Fat32,
        });
    }
    fatfs::format_volume(room.stream(), format).map_err(write)?;
    let options = FsOptions::new()
        .update_accessed_date(false)
        .time_provider(&TimeOfTree);
    let volume = fatfs::FileSystem::new(room.stream(), options).map_err(write)?;
    copy_directory(directory, &volume.root_dir())?;
    volume.unmount().map_err(write)
}

fn copy_directory(from: &Utf8Path, to: &Dir<'_, RoomStream<'_>>) -> Result<(), VfatError> {
    let copy = |path: &Utf8Path| {
        let path = path.to_owned();
        move |source| VfatError::Copy { path, source }
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(from).map_err(copy(from))? {
        let name = entry.map_err(copy(from))?.file_name().into_string();
        names.push(name.map_err(|_| VfatError::Name {
            directory: from.to_owned(),
        })?);
    }
    names.sort();
    for name in names {
        let path = from.join(&name);
        let metadata = fs::symlink_metadata(&path).map_err(copy(&path))?;
        TIME.set(metadata.mtime());
        if metadata.is_dir() {
            let directory = to.create_dir(&name).map_err(copy(&path))?;
            copy_directory(&path, &directory)?;
        } else if metadata.is_file() {
            copy_file(&path, &name, to).map_err(copy(&path))?;
        } else {
            return Err(VfatError::Kind { path });
        }
    }
    Ok(())
}

fn copy_file(path: &Utf8Path, name: &str, to: &Dir<'_, RoomStream<'_>>) -> io::Result<()> {
    let mut from = BufReader::with_capacity(1 << 20, File::open(path)?);
    let mut file = to.create_file(name)?;
    io::copy(&mut from, &mut file)?;
    file.flush()
}

/// Returns a time as a FAT has it, the nearest that it knows.
fn date_time(seconds: i64) -> DateTime {
    let time = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    let time = TimeZone::UTC.to_datetime(time);
    let Some(year) = u16::try_from(time.year())
        .ok()
        .filter(|year| (1980..=2107).contains(year))
    else {
        let date = Date {
            year: 1980,
            month: 1,
            day: 1,
        };
        return DateTime {
            date,
            time: Time {
                hour: 0,
                min: 0,
                sec: 0,
                millis: 0,
            },
        };
    };
    let number = |number: i8| u16::from(number.unsigned_abs());
    DateTime {
        date: Date {
            year,
            month: number(time.month()),
            day: number(time.day()),
        },
        time: Time {
            hour: number(time.hour()),
            min: number(time.minute()),
            sec: number(time.second()).min(59),
            millis: 0,
        },
    }
}

#[cfg(test)]
mod tests;

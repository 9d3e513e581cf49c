//! The directory that takes what is written to the tree.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, FileTimes};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use camino::{Utf8Path, Utf8PathBuf};
use xattr::FileExt;

use super::LayersError;

/// The directory itself, in the place that it shares with the directory the kernel works in.
const UPPER: &str = "upper";
const WORK: &str = "work";

/// An upper directory, and what its root was when it was made.
#[derive(Debug)]
pub(super) struct Upper {
    place: Utf8PathBuf,
    directory: Utf8PathBuf,
    fresh: RootAttributes,
}

/// What a tree's root has besides its entries and times.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RootAttributes {
    mode: u32,
    owner: (u32, u32),
    /// Without those that belong to the overlay.
    extended: BTreeMap<OsString, Vec<u8>>,
}

impl Upper {
    /// Makes an empty one in the new directory `place`, whose root is as `model` is.
    pub(super) fn make(place: &Utf8Path, model: &Utf8Path) -> Result<Self, LayersError> {
        let opened = File::open(model).map_err(LayersError::prepare(model))?;
        let of_model = RootAttributes::of(&opened).map_err(LayersError::prepare(model))?;
        let metadata = opened.metadata().map_err(LayersError::prepare(model))?;
        let times = FileTimes::new()
            .set_accessed(metadata.accessed().map_err(LayersError::prepare(model))?)
            .set_modified(metadata.modified().map_err(LayersError::prepare(model))?);
        let upper = Self::make_with(place, of_model)?;
        File::open(&upper.directory)
            .and_then(|file| file.set_times(times))
            .map_err(LayersError::prepare(&upper.directory))?;
        Ok(upper)
    }

    /// Makes one as this one was when it was made.
    pub(super) fn make_again(&self, place: &Utf8Path) -> Result<Self, LayersError> {
        Self::make_with(place, self.fresh.clone())
    }

    fn make_with(place: &Utf8Path, fresh: RootAttributes) -> Result<Self, LayersError> {
        let directory = directory_in(place);
        for path in [place, &directory] {
            fs::create_dir(path).map_err(LayersError::prepare(path))?;
        }
        File::open(&directory)
            .and_then(|file| fresh.give(&file))
            .map_err(LayersError::prepare(&directory))?;
        Ok(Self {
            place: place.to_owned(),
            directory,
            fresh,
        })
    }

    pub(super) fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// Makes the directory in which the kernel prepares entries, a fresh one for each mount.
    pub(super) fn make_work_directory(&self) -> Result<Utf8PathBuf, LayersError> {
        let work = self.place.join(WORK);
        match fs::remove_dir_all(&work) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(LayersError::prepare(&work)(error));
            }
            _ => {}
        }
        fs::create_dir(&work).map_err(LayersError::prepare(&work))?;
        Ok(work)
    }

    /// Returns whether something was written since it was made. The root's times don't count: an entry that was made
    /// and removed again changes nothing else.
    pub(super) fn is_changed(&self) -> Result<bool, LayersError> {
        let look = || -> io::Result<bool> {
            if fs::read_dir(&self.directory)?.next().is_some() {
                return Ok(true);
            }
            Ok(RootAttributes::of(&File::open(&self.directory)?)? != self.fresh)
        };
        look().map_err(LayersError::prepare(&self.directory))
    }

    pub(super) fn remove(self) -> Result<(), LayersError> {
        fs::remove_dir_all(&self.place).map_err(|source| LayersError::Remove {
            path: self.place,
            source,
        })
    }
}

impl RootAttributes {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let mut extended = BTreeMap::new();
        for name in file.list_xattr()? {
            if !is_of_overlay(&name)
                && let Some(value) = file.get_xattr(&name)?
            {
                extended.insert(name, value);
            }
        }
        Ok(Self {
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid(), metadata.gid()),
            extended,
        })
    }

    fn give(&self, file: &File) -> io::Result<()> {
        fchown(file, Some(self.owner.0), Some(self.owner.1))?;
        file.set_permissions(fs::Permissions::from_mode(self.mode))?;
        for (name, value) in &self.extended {
            // Some, as SELinux's label, are there already and may not be written.
            if file.get_xattr(name)?.as_ref() != Some(value) {
                file.set_xattr(name, value)?;
            }
        }
        Ok(())
    }
}

/// Returns the upper directory in a place.
pub(super) fn directory_in(place: &Utf8Path) -> Utf8PathBuf {
    place.join(UPPER)
}

/// Removes the kernel's directory beside a sealed upper directory. It holds nothing, and may stay where it is held on to.
pub(super) fn remove_work_beside(upper: &Utf8Path) {
    if let Some(place) = upper.parent() {
        let _ = fs::remove_dir_all(place.join(WORK));
    }
}

/// Returns the number of the file system that a directory is on.
pub(super) fn device_of(directory: &Utf8Path) -> Result<u64, LayersError> {
    let metadata = fs::metadata(directory).map_err(LayersError::prepare(directory))?;
    Ok(metadata.dev())
}

fn is_of_overlay(name: &OsString) -> bool {
    [&b"trusted.overlay."[..], b"user.overlay."]
        .iter()
        .any(|prefix| name.as_bytes().starts_with(prefix))
}

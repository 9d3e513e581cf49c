//! Parts of the tree that are file systems of their own, put beside the tree for the time in which the others are made.

use std::fs::{self, File, FileTimes, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::time::{Duration, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::mounts::{MountError, plain_bind_recursive, unmount_host};

/// A part of the tree could not be put aside, or not be put back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AsideError {
    /// What leads to a mount point is no directory.
    #[error("{path}, on the way to the mount point {mount_point}, is not a directory")]
    NoDirectory {
        /// What stands there instead.
        path: Utf8PathBuf,
        /// Where the file system would be mounted.
        mount_point: Utf8PathBuf,
    },
    /// A directory could not be moved, or its attributes not be set.
    #[error("failed to put {path} aside, or back")]
    Io {
        /// The directory.
        path: Utf8PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory that can't be moved could not be covered, or not be uncovered.
    #[error("failed to cover a part of the tree, or to uncover it")]
    Mount(#[from] MountError),
}

/// Parts of a tree that stand beside it, an empty directory in the place of each. Dropping it puts them back.
#[derive(Debug)]
pub(crate) struct Aside {
    /// The directory that holds the parts.
    holder: tempfile::TempDir,
    /// What is to be undone, the last first.
    undo: Vec<Undo>,
    parts: Vec<Part>,
    empty: Utf8PathBuf,
}

#[derive(Debug)]
struct Part {
    /// Relative to the tree.
    mount_point: Utf8PathBuf,
    now_at: Utf8PathBuf,
}

#[derive(Debug)]
enum Undo {
    /// The part stands at `now_at`, and an empty directory in its place.
    Move { place: Utf8PathBuf, now_at: Utf8PathBuf },
    /// The part is bound at `now_at`, and its place covered by an empty directory.
    Uncover { place: Utf8PathBuf, now_at: Utf8PathBuf },
    /// The directory was not there.
    Remove(Utf8PathBuf),
    /// The directory had other times.
    SetTimes(Utf8PathBuf, FileTimes),
}

impl Aside {
    /// Puts the parts of `tree` below these paths, which are relative to it, beside the tree; those that are not there are
    /// made. Where one is within another, the outer one holds an empty directory in its place, too.
    ///
    /// `seed` is the time of what has to be made, in seconds since 1970, where it matters.
    pub(crate) fn put<'p>(
        tree: &Utf8Path,
        mount_points: impl IntoIterator<Item = &'p Utf8Path>,
        seed: Option<u64>,
    ) -> Result<Self, AsideError> {
        let beside = tree
            .parent()
            .filter(|parent| *parent != "")
            .unwrap_or(Utf8Path::new("."));
        let mut mount_points: Vec<&Utf8Path> = mount_points.into_iter().collect();
        // Only what is moved must stay on its file system; else the tree's own directory is left alone.
        let mut builder = tempfile::Builder::new();
        let builder = builder.prefix(".dib-mount-points-");
        let holder = if mount_points.is_empty() {
            builder.tempdir()
        } else {
            builder.tempdir_in(beside)
        };
        let holder = holder.map_err(|source| AsideError::Io {
            path: beside.to_owned(),
            source,
        })?;
        let path = Utf8Path::from_path(holder.path()).ok_or_else(|| AsideError::Io {
            path: beside.to_owned(),
            source: io::ErrorKind::InvalidFilename.into(),
        })?;
        let empty = path.join("empty");
        make_directory(&empty, seed).map_err(at(&empty))?;
        let mut aside = Self {
            holder,
            undo: Vec::new(),
            parts: Vec::new(),
            empty,
        };
        // The inner ones first.
        mount_points.sort_by(|one, other| other.cmp(one));
        for mount_point in mount_points {
            aside.make_directories(tree, mount_point, seed)?;
            aside.put_one(tree, mount_point)?;
        }
        Ok(aside)
    }

    /// Returns where the part that belongs there is now.
    pub(crate) fn path_of(&self, mount_point: &Utf8Path) -> Option<&Utf8Path> {
        let part = self.parts.iter().find(|part| part.mount_point == mount_point)?;
        Some(&part.now_at)
    }

    /// Returns a directory that holds nothing.
    pub(crate) fn empty(&self) -> &Utf8Path {
        &self.empty
    }

    /// Puts everything back.
    pub(crate) fn put_back(mut self) -> Result<(), AsideError> {
        self.undo_all()
    }

    fn make_directories(
        &mut self,
        tree: &Utf8Path,
        mount_point: &Utf8Path,
        seed: Option<u64>,
    ) -> Result<(), AsideError> {
        let mut path = tree.to_owned();
        for name in mount_point {
            let parent = path.clone();
            path.push(name);
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => {
                    let mount_point = Utf8Path::new("/").join(mount_point);
                    return Err(AsideError::NoDirectory { path, mount_point });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.keep_times(&parent)?;
                    make_directory(&path, seed).map_err(at(&path))?;
                    self.undo.push(Undo::Remove(path.clone()));
                    self.set_kept_times(&parent)?;
                }
                Err(source) => return Err(AsideError::Io { path, source }),
            }
        }
        Ok(())
    }

    fn put_one(&mut self, tree: &Utf8Path, mount_point: &Utf8Path) -> Result<(), AsideError> {
        let place = tree.join(mount_point);
        let now_at = self.empty.with_file_name(self.parts.len().to_string());
        let metadata = fs::symlink_metadata(&place).map_err(at(&place))?;
        let times = times_of(&metadata).map_err(at(&place))?;
        if let Some(parent) = place.parent() {
            self.keep_times(parent)?;
        }
        match fs::rename(&place, &now_at) {
            Ok(()) => {
                self.undo.push(Undo::Move {
                    place: place.clone(),
                    now_at: now_at.clone(),
                });
                set_times(&now_at, times).map_err(at(&now_at))?;
                make_like(&place, &metadata, times).map_err(at(&place))?;
            }
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                self.cover(&place, &now_at, &metadata, times)?;
            }
            Err(source) => return Err(AsideError::Io { path: place, source }),
        }
        if let Some(parent) = place.parent() {
            self.set_kept_times(parent)?;
        }
        self.parts.push(Part {
            mount_point: mount_point.to_owned(),
            now_at,
        });
        Ok(())
    }

    /// Does by mounts what a move does elsewhere: a tree of layers is a mount, out of which nothing can be moved.
    fn cover(
        &mut self,
        place: &Utf8Path,
        now_at: &Utf8Path,
        metadata: &Metadata,
        times: FileTimes,
    ) -> Result<(), AsideError> {
        fs::create_dir(now_at).map_err(at(now_at))?;
        let cover = self.empty.with_file_name(format!("cover-{}", self.parts.len()));
        make_like(&cover, metadata, times).map_err(at(&cover))?;
        // With the covers of the parts in it.
        plain_bind_recursive(place, now_at)?;
        if let Err(error) = plain_bind_recursive(&cover, place) {
            // What is bound in the holder would go with it.
            self.holder.disable_cleanup(unmount_host(now_at).is_err());
            return Err(error.into());
        }
        self.undo.push(Undo::Uncover {
            place: place.to_owned(),
            now_at: now_at.to_owned(),
        });
        Ok(())
    }

    fn keep_times(&mut self, path: &Utf8Path) -> Result<(), AsideError> {
        let times = fs::symlink_metadata(path).and_then(|metadata| times_of(&metadata));
        self.undo
            .push(Undo::SetTimes(path.to_owned(), times.map_err(at(path))?));
        Ok(())
    }

    /// Sets a directory's times as they were last kept: the tree without its parts looks as the tree with them does.
    fn set_kept_times(&self, path: &Utf8Path) -> Result<(), AsideError> {
        let kept = self.undo.iter().rev().find_map(|undo| match undo {
            Undo::SetTimes(other, times) if other == path => Some(*times),
            _ => None,
        });
        kept.map_or(Ok(()), |times| set_times(path, times).map_err(at(path)))
    }

    /// Undoes all that can be, and returns the first error.
    fn undo_all(&mut self) -> Result<(), AsideError> {
        let mut result = Ok(());
        while let Some(undo) = self.undo.pop() {
            let undone = match &undo {
                Undo::Move { place, now_at } => match fs::remove_dir(place) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                    _ => fs::rename(now_at, place),
                }
                .map_err(at(place)),
                Undo::Uncover { place, now_at } => unmount_host(place)
                    .and_then(|()| unmount_host(now_at))
                    .map_err(AsideError::from),
                Undo::Remove(path) => fs::remove_dir(path).map_err(at(path)),
                Undo::SetTimes(path, times) => set_times(path, *times).map_err(at(path)),
            };
            result = result.and(undone);
        }
        if result.is_err() {
            // What could not be put back must not be lost with its holder.
            self.holder.disable_cleanup(true);
        }
        result
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // There is an error already where this matters: a way without one goes through `put_back`.
        let _ = self.undo_all();
    }
}

fn at(path: &Utf8Path) -> impl FnOnce(io::Error) -> AsideError {
    let path = path.to_owned();
    move |source| AsideError::Io { path, source }
}

/// Makes a directory as upstream makes those to mount something at.
fn make_directory(path: &Utf8Path, seed: Option<u64>) -> io::Result<()> {
    fs::create_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))?;
    let Some(seed) = seed else {
        return Ok(());
    };
    let time = UNIX_EPOCH + Duration::from_secs(seed);
    set_times(path, FileTimes::new().set_accessed(time).set_modified(time))
}

/// Makes an empty directory that looks as another did.
fn make_like(path: &Utf8Path, other: &Metadata, times: FileTimes) -> io::Result<()> {
    fs::create_dir(path)?;
    let own = fs::symlink_metadata(path)?;
    if (own.uid(), own.gid()) != (other.uid(), other.gid()) {
        chown(path, Some(other.uid()), Some(other.gid()))?;
    }
    fs::set_permissions(path, Permissions::from_mode(other.mode() & 0o7777))?;
    set_times(path, times)
}

fn times_of(metadata: &Metadata) -> io::Result<FileTimes> {
    Ok(FileTimes::new()
        .set_accessed(metadata.accessed()?)
        .set_modified(metadata.modified()?))
}

fn set_times(path: &Utf8Path, times: FileTimes) -> io::Result<()> {
    File::open(path)?.set_times(times)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::fixture::fixture;

    fn modified(path: &Utf8Path) -> SystemTime {
        fs::symlink_metadata(path).unwrap().modified().unwrap()
    }

    /// Lists everything in a tree, with what is visible of it.
    fn list(tree: &Utf8Path) -> Vec<String> {
        let mut lines = Vec::new();
        let mut pending = vec![tree.to_owned()];
        while let Some(path) = pending.pop() {
            let metadata = fs::symlink_metadata(&path).unwrap();
            let time = metadata.modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
            lines.push(format!(
                "{path} {:o} {time:?} {}",
                metadata.mode(),
                metadata.ino()
            ));
            if metadata.is_dir() {
                let entries = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
                pending.extend(entries.filter_map(|path| Utf8PathBuf::from_path_buf(path).ok()));
            }
        }
        lines.sort();
        lines
    }

    #[test]
    fn parts_stand_beside_the_tree_and_come_back() {
        let fixture = fixture();
        let tree = &fixture.tree;
        fs::write(tree.join("var/mail/mbox"), "x").unwrap();
        let old = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for path in ["var/mail", "var", ""] {
            set_times(&tree.join(path), FileTimes::new().set_modified(old)).unwrap();
        }
        let before = list(tree);
        let parts = ["var", "var/mail", "boot/efi"].map(Utf8Path::new);
        let aside = Aside::put(tree, parts, Some(77)).unwrap();
        let [var, mail, efi] = parts.map(|part| aside.path_of(part).unwrap().to_owned());
        assert!(mail.join("mbox").is_file() && efi.is_dir());
        assert_eq!(fs::read_dir(var.join("mail")).unwrap().count(), 0);
        assert_eq!(fs::read_dir(tree.join("var")).unwrap().count(), 0);
        assert_eq!(fs::metadata(var.join("mail")).unwrap().mode() & 0o7777, 0o2775);
        for path in [&var, &mail, &var.join("mail"), &tree.join("var"), tree] {
            assert_eq!(modified(path), old, "{path}");
        }
        assert_eq!(modified(&efi), UNIX_EPOCH + Duration::from_secs(77));
        aside.put_back().unwrap();
        assert_eq!(list(tree), before);
        assert_eq!(
            fs::read_dir(&fixture.scratch).unwrap().count(),
            1,
            "the holder is gone"
        );
    }

    #[test]
    fn nothing_stands_beside_a_tree_of_one_part() {
        let fixture = fixture();
        let aside = Aside::put(&fixture.tree, [], None).unwrap();
        assert!(aside.empty().is_dir());
        assert_eq!(fs::read_dir(&fixture.scratch).unwrap().count(), 1);
        aside.put_back().unwrap();
    }

    #[test]
    fn a_mount_point_is_a_directory_of_the_tree() {
        let fixture = fixture();
        let before = list(&fixture.tree);
        for (part, wrong) in [("bin/x", "bin"), ("etc/hostname", "etc/hostname")] {
            let parts = ["var", part].map(Utf8Path::new);
            let error = Aside::put(&fixture.tree, parts, None).unwrap_err();
            let wrong = fixture.tree.join(wrong);
            let expected = format!("{wrong}, on the way to the mount point /{part}, is not a directory");
            assert_eq!(error.to_string(), expected);
            assert_eq!(list(&fixture.tree), before);
        }
    }
}

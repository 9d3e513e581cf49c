//! The tree as a stack of layers: what was changed since the last one was sealed is a directory of its own.
//!
//! The kernel's overlay file system does it. A *sealed* layer is an upper directory that nothing writes to any more; the
//! *current* upper directory takes what is written to the tree now. As long as nothing is sealed there is no overlay: the
//! current directory is bound plainly where the tree is, so that a system is unpacked at full speed.
//!
//! An upper directory is a complete description of what changed, which means the same on any layers with the same
//! contents: directories are not renamed by reference (`redirect_dir`), and no inode stands for data in a lower layer
//! (`metacopy`). What is in it that an ordinary tree does not have:
//!
//! - a character device 0/0: the name is not there any more (a *whiteout*);
//! - a directory with the attribute `trusted.overlay.opaque` = `y`: nothing of the layers below shows in it;
//! - other attributes `trusted.overlay.*`, of which `origin`, `impure` and `uuid` are the kernel's notes about this very
//!   mount, and are to be dropped when the layer is kept.
//!
//! In a user namespace the attributes are called `user.overlay.*`.
//!
//! For programs in the tree an overlay differs from an ordinary file system in three things. Renaming a directory that
//! comes from a layer below fails with `EXDEV`; `mv` and `dpkg` copy then, as between file systems. Of several hard
//! links to a file of a layer below, the one that is written through becomes a file of its own. And who has opened such
//! a file to read goes on reading the old one when it is written. `fsync` does nothing (`volatile`): the tree lives no
//! longer than the build.
//!
//! All of this needs the sandbox (or root). [`probe`] says whether the kernel and the file system can do it.

mod carried;
mod error;
mod mounting;
mod probe;
mod upper;

use std::fs;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

pub use self::error::LayersError;
pub use self::probe::probe;

use self::carried::MountsOfTree;
use self::mounting::{Attributes, MOST_LAYERS, Writable};
use self::upper::Upper;
use crate::TargetRoot;

/// How often a tree that is still written to is tried again, and how long after the last time.
const PATIENCE: (u32, Duration) = (20, Duration::from_millis(5));

/// A tree whose changes are kept apart in layers.
///
/// A method that fails may have left the tree half taken apart. Nothing but the end of the build follows.
#[derive(Debug)]
pub struct LayerStack {
    /// Where the tree is: its whole path, without links.
    mount_point: Utf8PathBuf,
    /// Holds the upper directories, those for restored layers and what is needed to change mounts.
    layers: Utf8PathBuf,
    attributes: Attributes,
    /// Oldest first.
    sealed: Vec<Utf8PathBuf>,
    /// How many of the sealed layers the tree shows.
    shown: usize,
    current: Upper,
    /// The number of the next directory in `layers`.
    next: u32,
}

/// What became of the changes since the last layer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seal {
    /// They are a layer now: this upper directory.
    Sealed(Utf8PathBuf),
    /// There are none.
    Unchanged,
    /// They can't be separated from what comes now, and will be a layer together with it.
    Kept(KeptReason),
}

/// Why a layer can't end yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeptReason {
    /// A program still has a file of the tree open to write.
    InUse,
    /// A part of the tree is mounted in another place too, whose writers would go on writing to the layer.
    Bound {
        /// That place.
        at: String,
    },
    /// There are as many layers as the kernel takes.
    Full,
}

impl LayerStack {
    /// Puts an empty tree on the directory `mount_point`, with that directory's mode, owner, attributes and times.
    ///
    /// `layers` is an existing empty directory, in which all layers will be; it must not be in the tree. A
    /// [`TargetRoot`] of the tree must be opened (or reopened) after this.
    ///
    /// # Errors
    /// When one of the directories is absent, or the kernel refuses.
    pub fn begin(mount_point: &Utf8Path, layers: &Utf8Path) -> Result<Self, LayersError> {
        let whole = |path: &Utf8Path| path.canonicalize_utf8().map_err(LayersError::prepare(path));
        let (mount_point, layers) = (whole(mount_point)?, whole(layers)?);
        for name in ["parked", "held"] {
            let path = layers.join(name);
            fs::create_dir(&path).map_err(LayersError::prepare(&path))?;
        }
        let attributes = Attributes::of_this_namespace(&layers)?;
        let current = Upper::make(&layers.join("0"), &mount_point)?;
        mounting::bind_first(current.directory(), &mount_point)?;
        Ok(Self {
            mount_point,
            layers,
            attributes,
            sealed: Vec::new(),
            shown: 0,
            current,
            next: 1,
        })
    }

    /// Makes an empty directory into which a layer can be restored, for [`LayerStack::push_restored`].
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn directory_to_restore(&mut self) -> Result<Utf8PathBuf, LayersError> {
        let place = self.next_place();
        for path in [&place, &upper::directory_in(&place)] {
            fs::create_dir(path).map_err(LayersError::prepare(path))?;
        }
        Ok(upper::directory_in(&place))
    }

    /// Makes an upper directory that was kept the newest sealed layer. The tree shows it after
    /// [`LayerStack::show_restored`].
    ///
    /// # Errors
    /// When something was written to the tree since the last layer, `directory` is on another file system than the
    /// layers, or there are too many.
    pub fn push_restored(&mut self, directory: &Utf8Path) -> Result<(), LayersError> {
        let whole = directory
            .canonicalize_utf8()
            .map_err(LayersError::prepare(directory))?;
        if self.current.is_changed()? {
            return Err(LayersError::Changed {
                tree: self.mount_point.clone(),
            });
        }
        if upper::device_of(&whole)? != upper::device_of(&self.layers)? {
            return Err(LayersError::OtherFileSystem { path: whole });
        }
        if self.sealed.len() >= MOST_LAYERS {
            return Err(LayersError::TooMany { most: MOST_LAYERS });
        }
        self.sealed.push(whole);
        Ok(())
    }

    /// Has the tree show all layers that were restored, and `root` stand for it; does nothing when it does already.
    ///
    /// # Errors
    /// When something was written to the tree in between, or the kernel refuses.
    pub fn show_restored(&mut self, root: &TargetRoot) -> Result<(), LayersError> {
        if self.shown == self.sealed.len() {
            return Ok(());
        }
        if self.current.is_changed()? {
            return Err(LayersError::Changed {
                tree: self.mount_point.clone(),
            });
        }
        let mounts = MountsOfTree::find(&self.mount_point)?;
        let place = self.next_place();
        // The tree's root is as the newest layer has it.
        let newest = self
            .sealed
            .last()
            .map_or(self.current.directory(), Utf8PathBuf::as_path);
        let fresh = Upper::make(&place, newest)?;
        let replaced = std::mem::replace(&mut self.current, fresh);
        self.renew(root, &mounts)?;
        replaced.remove()
    }

    /// Ends the current layer, and begins the next one on top. What is mounted in the tree stays mounted.
    ///
    /// `root`, which stands for the tree, is reopened. What has the tree open by another way (a second handle, a
    /// program's working directory) keeps seeing it as it is now, and can't write to it any more. Where the layer can't
    /// be ended it goes on, and the answer says why.
    ///
    /// # Errors
    /// When the kernel refuses, or restored layers are not shown yet.
    pub fn seal(&mut self, root: &TargetRoot) -> Result<Seal, LayersError> {
        self.show_restored(root)?;
        if !self.current.is_changed()? {
            return Ok(Seal::Unchanged);
        }
        if self.sealed.len() >= MOST_LAYERS {
            return Ok(Seal::Kept(KeptReason::Full));
        }
        let mounts = MountsOfTree::find(&self.mount_point)?;
        if let Some(at) = mounts.another_view() {
            let at = at.display().to_string();
            return Ok(Seal::Kept(KeptReason::Bound { at }));
        }
        if let Writable::Still = self.end_writing()? {
            return Ok(Seal::Kept(KeptReason::InUse));
        }
        let sealed = self.current.directory().to_owned();
        self.current = Upper::make(&self.next_place(), &sealed)?;
        self.sealed.push(sealed.clone());
        self.renew(root, &mounts)?;
        upper::remove_work_beside(&sealed);
        Ok(Seal::Sealed(sealed))
    }

    /// Throws away what was written since the last layer, and has `root` stand for the tree as it was then.
    ///
    /// What is mounted in the tree stays where its mount point was not thrown away, and is unmounted elsewhere, as are
    /// all other views of the tree.
    ///
    /// # Errors
    /// When the kernel refuses, or something cannot be removed.
    pub fn discard(&mut self, root: &TargetRoot) -> Result<(), LayersError> {
        let mounts = MountsOfTree::find(&self.mount_point)?;
        mounts.unmount_other_views()?;
        let mounts = MountsOfTree::find(&self.mount_point)?;
        let place = self.next_place();
        let fresh = self.current.make_again(&place)?;
        let discarded = std::mem::replace(&mut self.current, fresh);
        self.renew(root, &mounts)?;
        discarded.remove()
    }

    /// Returns the sealed layers' upper directories, oldest first, restored ones among them.
    #[must_use]
    pub fn sealed(&self) -> &[Utf8PathBuf] {
        &self.sealed
    }

    /// Unmounts the tree with all that is mounted in it. The layers stay.
    ///
    /// Needed where the build's directory is removed before the sandbox ends, which else does it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn unmount(self) -> Result<(), LayersError> {
        mounting::detach(&self.mount_point)
    }

    fn next_place(&mut self) -> Utf8PathBuf {
        let place = self.layers.join(self.next.to_string());
        self.next += 1;
        place
    }

    /// Makes the tree read-only, if nothing writes to it any more.
    fn end_writing(&self) -> Result<Writable, LayersError> {
        let (times, pause) = PATIENCE;
        for _ in 1..times {
            if let Writable::NoMore = self.try_to_end_writing()? {
                return Ok(Writable::NoMore);
            }
            // What a program had open may be closed a moment after it was waited for.
            std::thread::sleep(pause);
        }
        self.try_to_end_writing()
    }

    fn try_to_end_writing(&self) -> Result<Writable, LayersError> {
        if self.shown == 0 {
            mounting::make_mount_read_only(&self.mount_point)
        } else {
            mounting::make_overlay_read_only(&self.mount_point)
        }
    }

    /// Puts an overlay of all sealed layers and the current directory in the place of what is mounted.
    fn renew(&mut self, root: &TargetRoot, mounts: &MountsOfTree) -> Result<(), LayersError> {
        // The kernel warns of a directory that is an upper one still, and so do we of what can't be: what was the tree
        // has to be gone before it becomes a part of the new one.
        root.reopen(&self.layers.join("parked"))?;
        let held = mounts.hold(&self.mount_point, &self.layers.join("held"))?;
        mounting::detach(&self.mount_point)?;
        if self.sealed.is_empty() {
            mounting::bind_first(self.current.directory(), &self.mount_point)?;
        } else {
            mounting::mount_overlay(&self.mount_point, &self.sealed, &self.current, self.attributes)?;
        }
        self.shown = self.sealed.len();
        held.put_back(&self.mount_point)?;
        root.reopen(&self.mount_point)?;
        Ok(())
    }
}

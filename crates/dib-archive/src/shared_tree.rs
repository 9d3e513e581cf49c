//! Many archives into one tree, at the same time.

use std::io::BufRead;

use dib_sys::TargetRoot;

use crate::tree::{SharedDirectories, Tree};
use crate::{Entry, ExtractError, Extracted, tar};

/// A tree into which threads extract tar archives side by side, as a package manager unpacks packages.
///
/// A directory that is there, or a symbolic link to one, stays as it is. One that the archives make gets its owner,
/// mode and time at the end, from the archive of the lowest rank that holds it, so that the outcome does not depend
/// on which thread came first. Everything else replaces what stands in its place, except that a symbolic link does
/// not replace a directory.
pub struct SharedTree<'target> {
    target: &'target TargetRoot,
    directories: SharedDirectories,
}

impl<'target> SharedTree<'target> {
    /// Begins with the tree as it is.
    #[must_use]
    pub fn new(target: &'target TargetRoot) -> Self {
        Self {
            target,
            directories: SharedDirectories::default(),
        }
    }

    /// Extracts one archive, a tar stream that is not compressed, and returns what was made.
    ///
    /// `admit` is shown every entry before it is made, and says whether it is to be made.
    ///
    /// # Errors
    /// As [`extract`](crate::extract).
    pub fn extract(
        &self,
        rank: usize,
        tar: &mut dyn BufRead,
        admit: &mut dyn FnMut(&Entry<'_>) -> bool,
    ) -> Result<Extracted, ExtractError> {
        let mut tree = Tree::new_shared(self.target, &self.directories, rank);
        tar::extract(tar, &mut tree, admit)?;
        tree.finish()
    }

    /// Gives the directories their owners, modes and times.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn finish(self) -> Result<(), ExtractError> {
        self.directories.finish(self.target)
    }
}

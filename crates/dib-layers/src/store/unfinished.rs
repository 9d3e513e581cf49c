//! Packs that are being written.

use std::fs::File;
use std::io;
use std::sync::Arc;

use camino::Utf8PathBuf;
use nix::fcntl::{OFlag, renameat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::LayerStore;
use super::directory::{Directory, UNFINISHED_BEGINNING};
use crate::error::ReserveError;
use crate::{PackName, StoreError};

impl LayerStore {
    /// Makes a file that counts as `size` bytes already, having removed layers until it fits.
    pub(crate) fn reserve(&self, size: u64) -> Result<Unfinished, ReserveError> {
        let no_room = || ReserveError::NoRoom {
            size,
            limit: self.limit,
        };
        if size > self.limit {
            return Err(no_room());
        }
        let lock = self.directory.lock()?;
        let unfinished = self.create_unfinished()?;
        let path = unfinished.path();
        unfinished
            .file
            .set_len(size)
            .map_err(StoreError::system("set the size of", &path))?;
        if lock.make_room(self.limit)? > self.limit {
            return Err(no_room());
        }
        Ok(unfinished)
    }

    fn create_unfinished(&self) -> Result<Unfinished, StoreError> {
        let number = getrandom::u64()
            .map_err(io::Error::other)
            .map_err(StoreError::system("choose a name in", &self.directory.path))?;
        let name = format!("{UNFINISHED_BEGINNING}{number:016x}");
        let path = self.directory.path.join(&name);
        let file = self
            .directory
            .open_file(&name, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL)
            .map_err(StoreError::system("create", &path))?;
        let unfinished = Unfinished {
            directory: Arc::clone(&self.directory),
            name,
            file,
            has_its_name: false,
        };
        unfinished
            .file
            .lock()
            .map_err(StoreError::system("lock", &path))?;
        Ok(unfinished)
    }
}

/// A pack that is being written, and is removed unless it is finished.
pub(crate) struct Unfinished {
    directory: Arc<Directory>,
    name: String,
    pub(crate) file: File,
    has_its_name: bool,
}

impl Unfinished {
    pub(crate) fn path(&self) -> Utf8PathBuf {
        self.directory.path.join(&self.name)
    }

    /// Gives the pack its final name, and returns it locked as one in use.
    pub(crate) fn finish(mut self, pack: PackName) -> Result<File, StoreError> {
        let name = pack.file_name();
        let path = self.directory.path.join(&name);
        let file = self
            .file
            .try_clone()
            .map_err(StoreError::system("keep open", &path))?;
        let _lock = self.directory.lock()?;
        renameat(&self.directory.fd, &*self.name, &self.directory.fd, &*name)
            .map_err(StoreError::system("give its name to", &path))?;
        self.has_its_name = true;
        // The change is not atomic, but who would remove the pack in between waits for the store's lock.
        file.lock_shared().map_err(StoreError::system("lock", &path))?;
        Ok(file)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.has_its_name {
            // Should this fail, the next who opens the store tries again.
            let _ = unlinkat(&self.directory.fd, &*self.name, UnlinkatFlags::NoRemoveDir);
        }
    }
}

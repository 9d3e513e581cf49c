//! The files that scripts find beside the hooks.

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};

use camino::Utf8Path;
use dib_core::Plan;

use super::{ScriptWorld, variables};
use crate::error::FilesError;
use crate::hooks_directory;
use crate::shell_library::{self, Kind};

/// The names under which this program is what scripts call.
const PROGRAMS: [&str; 4] = ["dib-run-parts", "disk-image-create", "element-info", "cache-url"];

impl ScriptWorld {
    /// Writes what scripts find: the elements' files, the shell library and programs. `program` is the one that goes by
    /// the names of upstream's. Nothing is written where no element is a directory.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn write(&self, plan: &Plan<'_>, program: &Utf8Path) -> Result<(), FilesError> {
        if !self.is_needed {
            return Ok(());
        }
        let (library, programs) = (self.places.library(), self.places.programs());
        for directory in [&library, &programs, &self.places.image()] {
            fs::create_dir_all(directory).map_err(failed(directory))?;
        }
        for file in shell_library::files() {
            let directory = match file.kind {
                Kind::Library => &library,
                Kind::Program => &programs,
            };
            let path = directory.join(file.name);
            write(&path, file.bytes, file.mode).map_err(failed(&path))?;
        }
        for name in PROGRAMS {
            let path = programs.join(name);
            if !path.exists() {
                symlink(program, &path).map_err(failed(&path))?;
            }
        }
        for (_, directory) in variables::element_paths(plan, &self.places.build) {
            if directory.starts_with(&self.places.build) {
                fs::create_dir_all(&directory).map_err(failed(&directory))?;
            }
        }
        hooks_directory::write_files(plan, &self.places.hooks)
    }
}

fn write(path: &Utf8Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = fs::File::options()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    io::Write::write_all(&mut file, bytes)
}

fn failed(path: &Utf8Path) -> impl FnOnce(io::Error) -> FilesError {
    let path = path.to_owned();
    move |source| FilesError::Copy { path, source }
}

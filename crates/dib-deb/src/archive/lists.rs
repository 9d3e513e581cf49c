//! The lists as apt keeps them, so that apt in the target has no need to fetch them again.

use dib_sys::target_root::TargetError;
use dib_sys::{TargetPath, TargetRoot};

use super::Archive;
use crate::list_name::mangled;

impl Archive {
    /// Writes the signed releases and the indexes into `/var/lib/apt/lists` of the target under the names that apt
    /// gives them, after which apt there knows all packages without `apt-get update`.
    ///
    /// The target's sources must name the same archives, suites and components.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn write_apt_lists(&self, target: &TargetRoot) -> Result<(), TargetError> {
        target.create_directory_all(&list_path(""), 0o755)?;
        let write = |url: &str, bytes: &[u8]| target.write(&list_path(&mangled(url)), bytes, 0o644);
        for suite in &self.suites {
            for (name, bytes) in &suite.release.files {
                write(&suite.release.url_of(name), bytes)?;
            }
            for index in &suite.indexes {
                write(&suite.release.url_of(&index.path), index.text.as_bytes())?;
            }
        }
        Ok(())
    }
}

fn list_path(name: &str) -> TargetPath {
    format!("/var/lib/apt/lists/{name}")
        .parse()
        .expect("a mangled URL has neither slashes nor NUL")
}

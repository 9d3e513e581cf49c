//! The lists as apt keeps them, so that apt in the target has no need to fetch them again.

use std::collections::{HashMap, HashSet};

use dib_sys::target_root::TargetError;
use dib_sys::{TargetPath, TargetRoot};

use super::{Archive, Index};
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
        let directory = lists_directory();
        self.write_lists(target, &directory, |index| &index.text)
    }

    /// Writes them into another directory, and into the indexes only packages of these names.
    pub(crate) fn write_apt_lists_of(
        &self,
        names: &HashSet<&str>,
        target: &TargetRoot,
        directory: &TargetPath,
    ) -> Result<(), TargetError> {
        // By the index that the packages share.
        let mut texts: HashMap<*const u8, String> = HashMap::new();
        for package in &self.packages {
            if names.contains(package.name()) {
                let text = texts.entry(package.index().as_ptr()).or_default();
                text.push_str(package.stanza().trim_end());
                text.push_str("\n\n");
            }
        }
        self.write_lists(target, directory, |index| {
            let text = texts.get(&index.text.as_ptr());
            text.map(String::as_str).unwrap_or_default()
        })
    }

    fn write_lists<'t>(
        &'t self,
        target: &TargetRoot,
        directory: &TargetPath,
        text_of: impl Fn(&'t Index) -> &'t str,
    ) -> Result<(), TargetError> {
        target.create_directory_all(directory, 0o755)?;
        let write = |url: &str, bytes: &[u8]| {
            let list = directory.join(&mangled(url));
            target.write(
                &list.expect("a mangled URL has neither slashes nor NUL"),
                bytes,
                0o644,
            )
        };
        for suite in &self.suites {
            for (name, bytes) in &suite.release.files {
                write(&suite.release.url_of(name), bytes)?;
            }
            for index in &suite.indexes {
                write(&suite.release.url_of(&index.path), text_of(index).as_bytes())?;
            }
        }
        Ok(())
    }
}

fn lists_directory() -> TargetPath {
    "/var/lib/apt/lists"
        .parse()
        .expect("a constant path is well-formed")
}

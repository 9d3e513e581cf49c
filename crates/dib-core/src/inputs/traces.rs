//! What a script leaves that is no part of the tree, and would not be there where its work is taken from a build before.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::digest;
use crate::{HookContext, Variables};

/// Variables that say where the results of a build are: whoever names one leaves something there.
const OF_RESULTS: [&str; 2] = ["IMAGE_NAME", "DIB_MANIFEST_SAVE_DIR"];
/// The directories in the build's own where changes are kept apart; they change with the tree.
const OF_LAYERS: [&str; 2] = ["layers", "empty"];

/// What scripts may have left up to now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Traces {
    files: String,
    mounts: String,
}

impl Traces {
    /// Looks what there is now.
    ///
    /// # Errors
    /// When the list of mounts can't be read.
    pub(super) fn now(ctx: &HookContext<'_>) -> io::Result<Self> {
        let variables = &ctx.build().variables;
        let directory = variables.get("TMP_BUILD_DIR").unwrap_or_default();
        let left_out: Vec<&str> = ["TMP_MOUNT_PATH", "TMP_HOOKS_PATH"]
            .iter()
            .filter_map(|name| variables.get(name))
            .collect();
        let files = if directory.is_empty() {
            String::new()
        } else {
            digest_of_what_stands_below(directory.into(), &left_out)
        };
        Ok(Self {
            files,
            mounts: fs::read_to_string("/proc/self/mountinfo")?,
        })
    }

    /// Says what was left since then, if anything was.
    pub(super) fn left_until(&self, later: &Self) -> Option<&'static str> {
        if self.mounts != later.mounts {
            return Some("what it mounted or unmounted");
        }
        (self.files != later.files).then_some("what it left in the build's directory beside the tree")
    }
}

/// Returns whether a script names the place of a build's results.
pub(super) fn names_results(script: &[u8]) -> bool {
    let text = String::from_utf8_lossy(script);
    let words: BTreeSet<&str> = text
        .split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .collect();
    OF_RESULTS.iter().any(|name| words.contains(name))
}

/// Returns the paths of the host that a script names: `/etc/x`, `$HOME/x` or `~/x`, whatever is there.
pub(super) fn named_paths(script: &[u8], variables: &Variables) -> BTreeSet<Utf8PathBuf> {
    let text = String::from_utf8_lossy(script);
    let ends = |character: char| character.is_whitespace() || "\"'`;|&<>()=:,".contains(character);
    let words = text.split(ends);
    let paths = words.filter_map(|word| {
        let word = word
            .strip_prefix('~')
            .map_or_else(|| word.to_owned(), |rest| format!("$HOME{rest}"));
        let path = match word.strip_prefix('$') {
            None => word,
            Some(reference) => {
                let bare = reference.strip_prefix('{').unwrap_or(reference);
                let after = |character: char| !(character.is_ascii_alphanumeric() || character == '_');
                let (name, rest) = bare.split_at(bare.find(after).unwrap_or(bare.len()));
                format!(
                    "{}{}",
                    variables.get(name)?,
                    rest.strip_prefix('}').unwrap_or(rest)
                )
            }
        };
        // What the kernel tells there is another thing each time.
        let lasts = !["/proc/", "/sys/", "/dev/"]
            .iter()
            .any(|of_kernel| path.starts_with(of_kernel));
        (path.starts_with('/') && lasts).then(|| path.into())
    });
    paths.collect()
}

/// Returns the digest of the names, kinds, sizes and times of what stands below a directory, but below those left out.
fn digest_of_what_stands_below(directory: &Utf8Path, left_out: &[&str]) -> String {
    let of_layers = OF_LAYERS.map(|name| directory.join(name));
    let mut lines = BTreeSet::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in next.read_dir_utf8().into_iter().flatten().flatten() {
            let path = entry.path();
            if left_out.iter().any(|left_out| path == *left_out) || of_layers.iter().any(|of| path == of) {
                continue;
            }
            let Ok(metadata) = path.symlink_metadata() else {
                continue;
            };
            let mut line = format!("{path} {:o}", metadata.mode());
            if metadata.is_dir() {
                open.push(path.to_owned());
            } else {
                let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
                write!(
                    line,
                    " {} {} {seconds} {nanoseconds}",
                    metadata.ino(),
                    metadata.len()
                )
                .expect("writing to a string");
            }
            lines.insert(line);
        }
    }
    digest(lines.into_iter().collect::<Vec<_>>().join("\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variables::Origin;

    #[test]
    fn what_stands_beside_the_tree_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        let (tree, image) = (path.join("mnt"), path.join("image"));
        for made in [&tree, &image, &path.join("layers")] {
            fs::create_dir(made).unwrap();
        }
        let seen = || digest_of_what_stands_below(path, &[tree.as_str()]);
        let before = seen();
        fs::write(tree.join("in-the-tree"), "a").unwrap();
        fs::write(path.join("layers/1"), "a").unwrap();
        assert_eq!(seen(), before);
        fs::write(image.join("note"), "a").unwrap();
        let with_note = seen();
        assert_ne!(with_note, before);
        fs::write(image.join("note"), "ab").unwrap();
        assert_ne!(seen(), with_note);
    }

    #[test]
    fn paths_are_named_in_the_ways_of_the_shell() {
        let mut variables = Variables::default();
        for (name, value) in [("HOME", "/home/me"), ("MINE", "/srv/mine")] {
            variables.set(name, value, Origin::User);
        }
        let script =
            b"#!/bin/bash\ncp ~/.keys \"$MINE/a\" ${MINE}/b /etc/x $OTHER/c relative /proc/mounts >/d";
        let paths: Vec<_> = named_paths(script, &variables).into_iter().collect();
        assert_eq!(
            paths,
            ["/d", "/etc/x", "/home/me/.keys", "/srv/mine/a", "/srv/mine/b"]
        );
    }

    #[test]
    fn scripts_that_name_the_results_are_told() {
        assert!(names_results(b"cp vmlinuz \"${IMAGE_NAME}.vmlinuz\""));
        assert!(!names_results(b"echo $MY_IMAGE_NAME $IMAGE_NAMES"));
    }
}

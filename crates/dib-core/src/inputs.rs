//! What a hook has looked at: its inputs, by which it is known later whether it would do the same again.
//!
//! They are recorded as the hook reads them, so nothing needs to be declared. The target's own files are none of them:
//! they come of the hooks before.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::HookContext;
use crate::journal::Actor;

mod mentions;
mod scripts;
mod traces;

/// What stands for the build's own directory in recorded paths: its name is another in each build.
const BUILD_DIRECTORY: &str = "$TMP_BUILD_DIR";
/// Variables that name places of the build, and nothing that an image depends on.
pub(crate) const PLACES: [&str; 6] = [
    "TARGET_ROOT",
    "TMP_BUILD_DIR",
    "TMP_HOOKS_PATH",
    "TMP_IMAGE_DIR",
    "TMP_MOUNT_PATH",
    "_LIB",
];

/// Something that a hook has looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "kebab-case")]
pub enum Source {
    /// A variable of that name.
    Variable(String),
    /// A file of the host.
    HostFile(Utf8PathBuf),
    /// Which files there are below a directory of the host.
    HostFiles(Utf8PathBuf),
    /// A script in the directory of hooks, its bytes and mode, such as `install.d/50-site`.
    Script(String),
    /// All in the directory of hooks but the hooks.
    HooksDirectory,
    /// All variables that a script sees.
    Environment(String),
    /// A part of the plan.
    Plan(PlanPart),
    /// Something that the hook's element knows of, such as an archive's index.
    Named(String),
    /// Something that can't be known again, such as what a program of the host did.
    Unknown(String),
}

/// A part of the plan that hooks look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanPart {
    /// The elements, by name and directory.
    Elements,
    /// The packages.
    Packages,
    /// What services are called.
    Services,
    /// The disk.
    Disk,
    /// The variables of DIB as a text.
    DibEnvironment,
    /// Whether cached files are taken as they are.
    Freshness,
}

/// What a hook has looked at, and what it has found: a text, or none where nothing was there.
pub type Found = BTreeMap<Source, Option<String>>;

/// Collects what a hook looks at.
#[derive(Debug, Default)]
pub(crate) struct Inputs(Mutex<Found>);

impl Inputs {
    pub(crate) fn record(&self, source: Source, found: Option<String>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(source)
            .or_insert(found);
    }

    pub(crate) fn found(&self) -> Found {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HookContext<'_> {
    /// Returns what the hook has looked at so far.
    #[must_use]
    pub fn inputs(&self) -> Found {
        self.inputs.found()
    }

    /// Records that the hook has looked at something that nobody can know again, so that it is run in every build.
    pub fn depends_on_unknown(&self, what: impl Into<String>) {
        self.inputs.record(Source::Unknown(what.into()), None);
    }

    /// Returns what is found now where a hook has looked before, or `None` where nothing is there.
    ///
    /// # Errors
    /// When a file of the host can't be read. What is unknown is an error as well.
    pub fn find_again(&self, source: &Source) -> io::Result<Option<String>> {
        match source {
            Source::Variable(name) => Ok(self.value_of(name)),
            Source::HostFile(path) => digest_of_file(&self.expanded(path)),
            Source::HostFiles(path) => Ok(Some(digest_of_names(&self.expanded(path)))),
            Source::Script(inside) => self.digest_of_script(inside),
            Source::HooksDirectory => self.digest_of_hooks_directory().map(Some),
            Source::Environment(inside) => Ok(Some(self.seen_environment(inside))),
            Source::Plan(part) => Ok(Some(self.digest_of_plan(*part))),
            Source::Named(name) | Source::Unknown(name) => Err(io::Error::other(name.clone())),
        }
    }

    pub(crate) fn saw_variable(&self, name: &str) {
        if !PLACES.contains(&name) {
            self.inputs
                .record(Source::Variable(name.to_owned()), self.value_of(name));
        }
    }

    /// Records a download, unless the hook's element can tell by itself whether what is there has changed.
    pub(crate) fn saw_download(&self, what: &str) {
        if !self.knows_downloads {
            self.depends_on_unknown(format!("{what}, which may have changed"));
        }
    }

    /// Returns whether the hook's element declares a variable.
    pub(crate) fn element_declares(&self, variable: &str) -> bool {
        let Actor::Hook { element, .. } = &self.actor else {
            return true;
        };
        let of_hook = self
            .build()
            .plan
            .elements()
            .iter()
            .find(|planned| planned.element.name() == element);
        of_hook.is_some_and(|planned| {
            planned
                .element
                .variables()
                .iter()
                .any(|declared| declared.name == variable)
        })
    }

    pub(crate) fn saw_plan(&self, part: PlanPart) {
        // Its digest is worked out where somebody wants to know it.
        if self.build().layering.is_interested() {
            self.inputs
                .record(Source::Plan(part), Some(self.digest_of_plan(part)));
        }
    }

    pub(crate) fn saw_host_file(&self, path: &Utf8Path) {
        if self.build().layering.is_interested() {
            // A file that can't be read is the hook's own error, or nothing to it.
            let found = digest_of_file(path).unwrap_or_default();
            self.inputs.record(Source::HostFile(self.placed(path)), found);
        }
    }

    pub(crate) fn saw_host_files(&self, directory: &Utf8Path) {
        if self.build().layering.is_interested() {
            self.inputs.record(
                Source::HostFiles(self.placed(directory)),
                Some(digest_of_names(directory)),
            );
        }
    }

    pub(crate) fn value_of(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| self.placed_text(value))
    }

    /// Returns a text in which the build's own directory has a name that lasts.
    pub(crate) fn placed_text(&self, text: &str) -> String {
        match self.variables.get("TMP_BUILD_DIR") {
            Some(directory) if !directory.is_empty() => text.replace(directory, BUILD_DIRECTORY),
            _ => text.to_owned(),
        }
    }

    fn placed(&self, path: &Utf8Path) -> Utf8PathBuf {
        self.placed_text(path.as_str()).into()
    }

    fn expanded(&self, path: &Utf8Path) -> Utf8PathBuf {
        let directory = self.variables.get("TMP_BUILD_DIR").unwrap_or_default();
        path.as_str().replace(BUILD_DIRECTORY, directory).into()
    }

    fn digest_of_plan(&self, part: PlanPart) -> String {
        let plan = self.build().plan;
        let mut text = String::new();
        match part {
            PlanPart::Elements => {
                for planned in plan.elements() {
                    let directory = planned.element.directory().unwrap_or(Utf8Path::new("-"));
                    writeln!(text, "{} {directory}", planned.element.name()).expect("writing to a string");
                }
            }
            PlanPart::Packages => {
                write!(text, "{:?} {:?}", plan.packages(), plan.spec().packages)
                    .expect("writing to a string");
            }
            PlanPart::Services => write!(text, "{:?}", plan.services()).expect("writing to a string"),
            PlanPart::Disk => write!(text, "{:?}", plan.disk()).expect("writing to a string"),
            PlanPart::DibEnvironment => text = self.placed_text(&self.variables.dib_environment()),
            PlanPart::Freshness => write!(text, "{:?}", plan.spec().freshness).expect("writing to a string"),
        }
        digest(text.as_bytes())
    }
}

/// Returns the SHA-256 of some bytes, in hexadecimal digits.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    in_hexadecimal(Sha256::digest(bytes).as_slice())
}

fn in_hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}

/// Returns the digest of a file's bytes, or `None` where there is no file.
pub(crate) fn digest_of_file(path: &Utf8Path) -> io::Result<Option<String>> {
    // A device may have no end, and a pipe nobody who writes.
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return Ok(Some("no file".to_owned()));
    }
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(Some(in_hexadecimal(hasher.finalize().as_slice())))
}

/// Returns the digest of the names and modes of the files below a directory.
fn digest_of_names(directory: &Utf8Path) -> String {
    use std::os::unix::fs::MetadataExt as _;

    let mut names = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        for entry in next.read_dir_utf8().into_iter().flatten().flatten() {
            let path = entry.path();
            let Ok(metadata) = path.symlink_metadata() else {
                continue;
            };
            if metadata.is_dir() {
                open.push(path.to_owned());
            }
            let inside = path.strip_prefix(directory).unwrap_or(path);
            names.push(format!("{inside} {:o}", metadata.mode()));
        }
    }
    names.sort();
    digest(names.join("\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_first_counts() {
        let inputs = Inputs::default();
        let source = Source::Variable("A".to_owned());
        inputs.record(source.clone(), Some("1".to_owned()));
        inputs.record(source.clone(), Some("2".to_owned()));
        assert_eq!(inputs.found()[&source].as_deref(), Some("1"));
    }

    #[test]
    fn files_and_names_have_digests() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        assert_eq!(digest_of_file(&path.join("a")).unwrap(), None);
        let empty = digest_of_names(path);
        fs::write(path.join("a"), "abc").unwrap();
        assert_eq!(
            digest_of_file(&path.join("a")).unwrap().as_deref(),
            Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
        assert_ne!(digest_of_names(path), empty);
    }

    #[test]
    fn found_can_be_kept_as_json() {
        let found: Vec<(Source, Option<String>)> = vec![
            (Source::Variable("A".to_owned()), None),
            (Source::Plan(PlanPart::Packages), Some("x".to_owned())),
        ];
        let text = serde_json::to_string(&found).unwrap();
        let read: Vec<(Source, Option<String>)> = serde_json::from_str(&text).unwrap();
        assert_eq!(read, found);
    }
}

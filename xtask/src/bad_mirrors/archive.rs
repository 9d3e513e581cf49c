//! The archive of `ubuntu-archive`, served with faults, and with a few packages more among its updates.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use super::made_packages;
use crate::local_mirror::LocalMirror;
use crate::scratch_build;
use crate::signing_key::SigningKey;
use crate::static_server::{self, Fault};
use crate::task_error::TaskError;
use crate::ubuntu_archive::{self, MakeUbuntuArchive, RELEASE};
use crate::workspace::Workspace;

/// The archive below what is served.
const ARCHIVE: &str = "ubuntu";

/// A fault about one path of the archive.
#[derive(Debug, Clone)]
pub(super) struct PlannedFault {
    /// The path, beginning at the archive.
    pub(super) path: String,
    pub(super) fault: Fault,
    /// Only the first request meets it.
    pub(super) once: bool,
}

/// The archive while it is being served.
pub(super) struct FaultyArchive {
    /// What is served, but for the faults.
    served: Utf8PathBuf,
    arch: String,
    /// What is served instead or in addition.
    own: TempDir,
    /// Signs whatever is changed; builds trust it.
    key: SigningKey,
    mirror: LocalMirror,
    url: String,
    faults: Arc<Mutex<Faults>>,
}

/// By path: the fault, and how often it was met.
type Faults = BTreeMap<String, (PlannedFault, usize)>;

impl FaultyArchive {
    /// Makes the archive, unless it is there, and serves it until the process ends.
    pub(super) fn make(workspace: &Workspace, arch: &str) -> Result<Self, TaskError> {
        let served = workspace.target.join("ubuntu-archive");
        ubuntu_archive::ubuntu_archive(&MakeUbuntuArchive::in_directory(&served))?;
        let own = tempfile::tempdir().map_err(TaskError::file("create", "a directory"))?;
        let directory = path_of(&own);
        let key = SigningKey::make("dib test of faults")?;
        key.export(&directory.join("key.asc"), &directory.join("key.gpg"))?;
        // A keyring is its keys, one after the other.
        let mut keys = read(&served.join("archive-key.gpg"))?;
        keys.extend(read(&directory.join("key.gpg"))?);
        let keyring = write(&directory.join("archive-keys.gpg"), &keys)?;
        publish_own_packages(&served.join(ARCHIVE), &directory.join(ARCHIVE), arch, &key)?;

        let faults = Arc::<Mutex<Faults>>::default();
        let (asked, instead) = (Arc::clone(&faults), directory.to_owned());
        let serving = static_server::start_with_faults(&served, 0, move |path| {
            meet(&mut lock(&asked), path).or_else(|| {
                let own = instead.join(path);
                own.is_file().then_some(Fault::Other(own))
            })
        })?;
        let url = format!("{}/{ARCHIVE}", serving.url());
        Ok(Self {
            mirror: LocalMirror::of_served_packages(&url, &keyring),
            served,
            arch: arch.to_owned(),
            own,
            key,
            url,
            faults,
        })
    }

    pub(super) fn mirror(&self) -> &LocalMirror {
        &self.mirror
    }

    /// The URL of a path that begins at the archive.
    pub(super) fn url_of(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    /// Has these faults from now on, and no others.
    pub(super) fn misbehave(&self, faults: &[PlannedFault]) {
        *lock(&self.faults) = faults
            .iter()
            .map(|fault| (format!("{ARCHIVE}/{}", fault.path), (fault.clone(), 0)))
            .collect();
    }

    /// Says which faults no request has met.
    pub(super) fn faults_not_met(&self) -> Vec<String> {
        lock(&self.faults)
            .iter()
            .filter(|(_, (_, met))| *met == 0)
            .map(|(path, _)| format!("it did not ask for {path}"))
            .collect()
    }

    /// The text of the suite's release file.
    pub(super) fn release(&self) -> Result<String, TaskError> {
        let path = self.served.join(ARCHIVE).join(in_suite("Release"));
        fs::read_to_string(&path).map_err(TaskError::file("read", path))
    }

    /// Makes a file to be served instead of the suite's `InRelease`: a text, signed by the trusted key.
    pub(super) fn signed(&self, name: &str, text: &str) -> Result<Utf8PathBuf, TaskError> {
        self.signed_by(&self.key, name, text)
    }

    /// The same with another key.
    pub(super) fn signed_by(
        &self,
        key: &SigningKey,
        name: &str,
        text: &str,
    ) -> Result<Utf8PathBuf, TaskError> {
        let plain = write(&path_of(&self.own).join(name), text.as_bytes())?;
        let signed = plain.with_extension("signed");
        key.sign_around(&plain, &signed)?;
        Ok(signed)
    }

    /// Makes a copy of a file of the archive in which one byte, in the middle, is another one.
    pub(super) fn damaged(&self, path: &str) -> Result<Utf8PathBuf, TaskError> {
        let mut bytes = read(&self.served.join(ARCHIVE).join(path))?;
        let middle = bytes.len() / 2;
        // In a text this changes letters and digits to others, and a line's end to no line's end.
        bytes[middle] ^= 1;
        let name = format!("damaged-{}", Utf8Path::new(path).file_name().unwrap_or_default());
        write(&path_of(&self.own).join(name), &bytes)
    }

    /// The path of the main component's index by its sum, which is how it is asked for.
    pub(super) fn index(&self) -> Result<String, TaskError> {
        let directory = in_suite(&format!("main/binary-{}", self.arch));
        let listed = format!("main/binary-{}/Packages.xz", self.arch);
        let release = self.release()?;
        let line = release
            .lines()
            .find(|line| line.ends_with(&listed) && line.split_whitespace().next().is_some_and(is_sha256));
        let sum = line
            .and_then(|line| line.split_whitespace().next())
            .ok_or_else(|| TaskError::Check(format!("no SHA-256 sum of {listed} in the release file")))?;
        Ok(format!("{directory}/by-hash/SHA256/{sum}"))
    }

    /// The path of a package's file in the pool of the main component.
    pub(super) fn package(&self, name: &str) -> Result<String, TaskError> {
        let directory = format!("pool/main/{}/{name}", &name[..1]);
        let files = scratch_build::names_in(&self.served.join(ARCHIVE).join(&directory))?;
        match &*files {
            [file] => Ok(format!("{directory}/{file}")),
            _ => Err(TaskError::Check(format!(
                "{directory} holds {files:?}, not one file"
            ))),
        }
    }
}

/// The path of a file of the release's suite, beginning at the archive.
pub(super) fn in_suite(name: &str) -> String {
    format!("dists/{RELEASE}/{name}")
}

fn is_sha256(word: &str) -> bool {
    word.len() == 64
}

/// Notes that a path was asked for, and returns the fault about it.
fn meet(faults: &mut Faults, path: &str) -> Option<Fault> {
    let (planned, met) = faults.get_mut(path)?;
    *met += 1;
    (*met == 1 || !planned.once).then(|| planned.fault.clone())
}

/// Makes the suite of updates once more, with packages of ours beside its own.
fn publish_own_packages(
    served: &Utf8Path,
    own: &Utf8Path,
    arch: &str,
    key: &SigningKey,
) -> Result<(), TaskError> {
    let (from, to) = (
        ubuntu_archive::own_packages(served),
        ubuntu_archive::own_packages(own),
    );
    fs::create_dir_all(&to).map_err(TaskError::file("create", &to))?;
    for name in scratch_build::names_in(&from)? {
        fs::copy(from.join(&name), to.join(&name)).map_err(TaskError::file("copy", from.join(&name)))?;
    }
    made_packages::make_all(&to)?;
    ubuntu_archive::publish_updates(own, arch, key)
}

fn read(path: &Utf8Path) -> Result<Vec<u8>, TaskError> {
    fs::read(path).map_err(TaskError::file("read", path))
}

fn write(path: &Utf8Path, bytes: &[u8]) -> Result<Utf8PathBuf, TaskError> {
    fs::write(path, bytes).map_err(TaskError::file("write", path))?;
    Ok(path.to_owned())
}

fn path_of(directory: &TempDir) -> &Utf8Path {
    Utf8Path::from_path(directory.path()).expect("a plain name in a UTF-8 directory is UTF-8")
}

/// What the lock guards is whole at every moment.
fn lock(faults: &Mutex<Faults>) -> MutexGuard<'_, Faults> {
    faults.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_met_as_often_as_planned() {
        let planned = |path: &str, once| {
            let fault = PlannedFault {
                path: path.to_owned(),
                fault: Fault::Absent,
                once,
            };
            (path.to_owned(), (fault, 0))
        };
        let mut faults = Faults::from([planned("always", false), planned("once", true)]);
        let mut met = |path| meet(&mut faults, path).is_some();
        assert_eq!([met("always"), met("always")], [true, true]);
        assert_eq!([met("once"), met("once")], [true, false]);
        assert!(!met("other"));
    }
}

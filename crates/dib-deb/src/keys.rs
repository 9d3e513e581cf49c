//! The keys that may sign an archive's release: those a source names, or else those the host trusts.
//!
//! Nobody's home directory is looked into.

use std::fs;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use dib_cache::{Keyring, KeyringError};

use crate::sources::{SignedBy, Source};

/// Why no keys are there to check a source with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// A keyring can't be read.
    #[error("failed to read the keyring {path} (is the package with the archive's keys installed?)")]
    Read {
        /// The keyring's path.
        path: Utf8PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Neither the source nor the host has a keyring.
    #[error(
        "no keys are there to check {uri} with: install the package of the distribution's archive keys, or name a \
         keyring with Signed-By in the source"
    )]
    None {
        /// The source's first URI.
        uri: String,
    },
    /// A source names keys by what can't be looked up.
    #[error("{name:?} in Signed-By of {uri} is no absolute path: name the file of a keyring")]
    NotAPath {
        /// The source's first URI.
        uri: String,
        /// What stands there.
        name: String,
    },
    /// What should be keys is none.
    #[error("the keys for {uri} can't be used ({from})")]
    Unusable {
        /// The source's first URI.
        uri: String,
        /// Where they come from.
        from: String,
        /// What is wrong with them.
        source: KeyringError,
    },
}

/// Returns the keys whose signatures count for `source`: those it names, or else all in the files `trusted`.
///
/// # Errors
/// When a keyring can't be read, there is none, or none holds a readable certificate.
pub fn source_keyring(source: &Source, trusted: &[Utf8PathBuf]) -> Result<Keyring, KeysError> {
    let uri = || source.uris.first().cloned().unwrap_or_default();
    let paths = match &source.signed_by {
        Some(SignedBy::Embedded(certificate)) => {
            return Keyring::any_of([certificate]).map_err(|source| KeysError::Unusable {
                uri: uri(),
                from: "the certificate in the source itself".to_owned(),
                source,
            });
        }
        Some(SignedBy::Named(names)) => {
            if let Some(name) = names.iter().find(|name| !name.starts_with('/')) {
                return Err(KeysError::NotAPath {
                    uri: uri(),
                    name: name.clone(),
                });
            }
            source.keyring_paths().map(Utf8Path::to_owned).collect()
        }
        None => trusted.to_vec(),
    };
    if paths.is_empty() {
        return Err(KeysError::None { uri: uri() });
    }
    let mut files = Vec::new();
    for path in &paths {
        files.push(fs::read(path).map_err(|source| KeysError::Read {
            path: path.clone(),
            source,
        })?);
    }
    Keyring::any_of(&files).map_err(|source| KeysError::Unusable {
        uri: uri(),
        from: paths
            .iter()
            .map(|name| name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
        source,
    })
}

/// Returns the keyrings that the host trusts for sources that name none: `trusted.gpg` and `trusted.gpg.d` of apt's
/// directory (mostly `/etc/apt`), and the Debian and Ubuntu archive keyrings in `keyrings` (mostly
/// `/usr/share/keyrings`). What isn't there is left out.
#[must_use]
pub fn host_keyrings(etc_apt: &Utf8Path, keyrings: &Utf8Path) -> Vec<Utf8PathBuf> {
    let mut found: Vec<Utf8PathBuf> = etc_apt
        .join("trusted.gpg.d")
        .read_dir_utf8()
        .map(|entries| {
            entries
                .filter_map(|entry| Some(entry.ok()?.into_path()))
                .filter(|path| matches!(path.extension(), Some("gpg" | "asc")))
                .collect()
        })
        .unwrap_or_default();
    found.push(etc_apt.join("trusted.gpg"));
    found.push(keyrings.join("debian-archive-keyring.gpg"));
    found.push(keyrings.join("ubuntu-archive-keyring.gpg"));
    found.retain(|path| path.is_file());
    found.sort();
    found
}

/// Returns the first of the keyrings that holds the key of this fingerprint (in uppercase hexadecimal digits). Those that
/// can't be read hold none.
#[must_use]
pub fn keyring_with(fingerprint: &str, keyrings: &[Utf8PathBuf]) -> Option<Utf8PathBuf> {
    let holds = |path: &&Utf8PathBuf| {
        let keyring = fs::read(path).ok().and_then(|file| Keyring::any_of([file]).ok());
        keyring.is_some_and(|keyring| keyring.fingerprints().any(|held| held == fingerprint))
    };
    keyrings.iter().find(holds).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::parse_one_line;
    use crate::test_archive::TestArchive;

    fn source(options: &str) -> Source {
        let line = format!("deb {options} http://a.example.org/d x main");
        parse_one_line(&line).expect("a source").remove(0)
    }

    #[test]
    fn a_source_names_its_keys_or_takes_what_the_host_trusts() {
        let directory = tempfile::tempdir().expect("a directory");
        let etc = Utf8Path::from_path(directory.path()).expect("a UTF-8 path");
        fs::create_dir(etc.join("trusted.gpg.d")).expect("a directory");
        assert_eq!(host_keyrings(etc, etc), [""; 0]);
        let (named, trusted) = (etc.join("named.gpg"), etc.join("trusted.gpg.d/a.asc"));
        for path in [&named, &trusted] {
            fs::write(path, TestArchive::start().certificate()).expect("a key");
        }
        fs::write(etc.join("trusted.gpg.d/a.old"), "rubbish").expect("a file");
        let host = host_keyrings(etc, etc);
        assert_eq!(host, std::slice::from_ref(&trusted));

        let keys = |source: &Source| {
            let keyring = source_keyring(source, &host).expect("a key");
            keyring.fingerprints().map(str::to_owned).collect::<Vec<_>>()
        };
        let of_host = keys(&source(""));
        let of_source = keys(&source(&format!("[signed-by={named}]")));
        assert_eq!((of_host.len(), of_source.len()), (1, 1));
        assert_ne!(of_host, of_source);
        let both = [etc.join("a.old"), named, trusted.clone()];
        assert_eq!(keyring_with(&of_host[0], &both), Some(trusted));
        assert_eq!(keyring_with(&of_host[0], &both[..2]), None);
        let mut embedded = source("");
        embedded.signed_by = Some(SignedBy::Embedded(TestArchive::start().certificate()));
        assert_eq!(keys(&embedded).len(), 1);
    }

    #[test]
    fn what_is_no_key_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let rubbish = Utf8Path::from_path(directory.path())
            .expect("a UTF-8 path")
            .join("rubbish.gpg");
        fs::write(&rubbish, "rubbish").expect("a file");
        for (options, expected) in [
            (
                String::new(),
                "no keys are there to check http://a.example.org/d with",
            ),
            (
                "[signed-by=/not/there.gpg]".to_owned(),
                "failed to read the keyring /not/there.gpg",
            ),
            (
                "[signed-by=ABCD]".to_owned(),
                "\"ABCD\" in Signed-By of http://a.example.org/d is no",
            ),
            (
                format!("[signed-by={rubbish}]"),
                "the keys for http://a.example.org/d can't be used",
            ),
        ] {
            let error = source_keyring(&source(&options), &[]).expect_err(expected);
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
}

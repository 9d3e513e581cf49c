//! Throwaway keys that sign what we serve, made and used by gpg.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8Path;
use tempfile::TempDir;
use xshell::{Shell, cmd};

use crate::task_error::TaskError;

/// A key without a passphrase, which is gone with this value.
#[derive(Debug)]
pub(crate) struct SigningKey {
    home: TempDir,
    shell: Shell,
}

impl SigningKey {
    /// Makes a key under a name.
    pub(crate) fn make(name: &str) -> Result<Self, TaskError> {
        // gpg's agent listens in this directory: its path must stay short enough for a socket.
        let home = tempfile::Builder::new()
            .prefix("gpg")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .map_err(TaskError::file("create", "a key directory"))?;
        let key = Self {
            home,
            shell: Shell::new()?,
        };
        key.gpg(&[
            "--pinentry-mode",
            "loopback",
            "--passphrase=",
            "--quick-gen-key",
            name,
            "rsa3072",
            "sign",
            "never",
        ])?;
        Ok(key)
    }

    /// Writes the public key, as text or as a keyring that every version of apt and debootstrap reads.
    pub(crate) fn export(&self, text: &Utf8Path, keyring: &Utf8Path) -> Result<(), TaskError> {
        self.gpg(&["--armor", "--output", text.as_str(), "--export"])?;
        self.gpg(&["--output", keyring.as_str(), "--export"])
    }

    /// Writes a file's signature in text, apart from the file.
    pub(crate) fn sign_detached(&self, file: &Utf8Path, signature: &Utf8Path) -> Result<(), TaskError> {
        self.gpg(&[
            "--armor",
            "--output",
            signature.as_str(),
            "--detach-sign",
            file.as_str(),
        ])
    }

    /// Writes a text within its signature.
    pub(crate) fn sign_around(&self, file: &Utf8Path, signed: &Utf8Path) -> Result<(), TaskError> {
        self.gpg(&["--output", signed.as_str(), "--clear-sign", file.as_str()])
    }

    fn gpg(&self, arguments: &[&str]) -> Result<(), TaskError> {
        let home = self.home.path();
        Ok(cmd!(
            self.shell,
            "gpg --homedir {home} --batch --quiet --digest-algo SHA512 {arguments...}"
        )
        .quiet()
        .ignore_stderr()
        .run()?)
    }
}

/// Ends the agent that gpg started.
impl Drop for SigningKey {
    fn drop(&mut self) {
        let home = self.home.path();
        // An agent that is not there any more is as good as ended.
        drop(
            cmd!(self.shell, "gpgconf --homedir {home} --kill all")
                .quiet()
                .ignore_stderr()
                .run(),
        );
    }
}

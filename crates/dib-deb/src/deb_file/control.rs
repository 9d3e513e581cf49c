//! What a control archive holds.

use std::io::Read;

use super::DebFileError;

/// The control file of a package, and the files that dpkg keeps of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The text of the file `control`: one stanza.
    pub stanza: String,
    /// The other files, such as `postinst` and `md5sums`, in the order of the archive.
    pub files: Vec<ControlFile>,
}

/// A file of a control archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlFile {
    /// Its name, without a slash.
    pub name: String,
    /// Its permission bits.
    pub mode: u32,
    /// What it holds.
    pub contents: Vec<u8>,
}

impl Control {
    /// Returns the file of this name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&ControlFile> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Reads a tar archive.
    pub(super) fn parse(tar: &[u8]) -> Result<Self, DebFileError> {
        let malformed = |reason: &str| DebFileError::Control {
            reason: reason.to_owned(),
        };
        let damaged = |source| super::failed("the control archive", source);
        let (mut stanza, mut files) = (None, Vec::new());
        for entry in tar::Archive::new(tar).entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            if entry.header().entry_type().is_dir() {
                continue;
            }
            let name = String::from_utf8(entry.path_bytes().into_owned())
                .map_err(|_| malformed("holds a file whose name is not UTF-8"))?;
            let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
            let is_plain =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'+');
            // The name becomes part of one in the database.
            if name.is_empty() || !name.bytes().all(is_plain) || !entry.header().entry_type().is_file() {
                let reason = format!("holds {name:?}, which is not a file of a package's control");
                return Err(DebFileError::Control { reason });
            }
            let mut contents = Vec::new();
            entry.read_to_end(&mut contents).map_err(damaged)?;
            if name == "control" {
                let text = String::from_utf8(contents);
                stanza = Some(text.map_err(|_| malformed("holds a control file that is not UTF-8"))?);
            } else {
                let mode = entry.header().mode().map_err(damaged)? & 0o7777;
                files.push(ControlFile { name, mode, contents });
            }
        }
        let stanza = stanza.ok_or_else(|| malformed("holds no control file"))?;
        Ok(Self { stanza, files })
    }
}

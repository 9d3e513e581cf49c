//! Unpacking a package as dpkg does when it was never installed before.
//!
//! One thing is unlike dpkg: a configuration file gets its final name at once, and its sum stands in the status, as
//! if it had been configured already. dpkg would unpack it under a name that ends in `.dpkg-new` and rename it when it
//! configures the package; in a new tree there is no older one to compare with. So a package that others need while
//! nothing is configured yet (debconf, apt) finds its configuration.

mod claims;

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor};

use dib_archive::{Entry, EntryKind, ExtractError, SharedTree};
use dib_sys::{TargetError, TargetPath, TargetRoot};
use md5::{Digest, Md5};

pub(crate) use self::claims::{Claimant, Claims, Contest};
use crate::deb_file::{Control, ControlFile, DebFile, DebFileError};
use crate::dpkg_database::{self, Conffile, StanzaError, database_name, unpacked_stanza};
use crate::package::field;
use crate::relation;

/// How much of a `.deb` is read at once.
pub(crate) const READ_SIZE: usize = 256 << 10;

/// A package whose files are in the target.
#[derive(Debug, Clone)]
pub(crate) struct Unpacked {
    /// Its name in dpkg's database.
    pub(crate) database_name: String,
    pub(crate) name: String,
    pub(crate) architecture: String,
    /// Its stanza for the status file.
    pub(crate) stanza: String,
    /// What it ships, with a slash at the beginning, in the order of the archive.
    pub(crate) paths: Vec<Vec<u8>>,
    pub(crate) has_preinst: bool,
    pub(crate) triggers: Option<String>,
}

/// Why a package can't be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The file is not a `.deb` that can be read.
    #[error("the file can't be read as a .deb")]
    File(#[from] DebFileError),
    /// The file is another package than the index says.
    #[error("the file is {found}, not {expected} as the index says")]
    Other {
        /// The package that the index names.
        expected: String,
        /// The package that it is.
        found: String,
    },
    /// Its control file can't be used.
    #[error("{0}")]
    Control(String),
    /// A file is in another package too, and none of the two says that it may replace the other's files.
    #[error("it ships /{path}, which {other} ships too, and neither replaces the other's files")]
    Conflict {
        /// The file.
        path: String,
        /// The other package.
        other: String,
    },
    /// Its files can't be put into the target.
    #[error("its files can't be unpacked")]
    Extract(#[from] ExtractError),
    /// dpkg's database in the target can't be written, or a configuration file not be read.
    #[error("dpkg's database can't be written")]
    Database(#[from] TargetError),
}

impl From<StanzaError> for UnpackError {
    fn from(error: StanzaError) -> Self {
        let mut message = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            message = format!("{message}: {source}");
        }
        Self::Control(message)
    }
}

/// A package whose control archive has been read.
pub(crate) struct Opened {
    deb: DebFile<BufReader<File>>,
    /// Its files as a tar stream, where they are decompressed already.
    data: Option<Vec<u8>>,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) architecture: String,
    pub(crate) database_name: String,
}

impl Opened {
    /// Reads a package's control archive.
    pub(crate) fn open(file: File) -> Result<Self, UnpackError> {
        let deb = DebFile::open(BufReader::with_capacity(READ_SIZE, file))?;
        let stanza = &deb.control().stanza;
        let required = |name: &str| {
            let value = field(stanza, name).filter(|value| !value.is_empty());
            value
                .map(str::to_owned)
                .ok_or_else(|| UnpackError::Control(format!("its control file has no field {name}")))
        };
        let (name, version, architecture) = (
            required("Package")?,
            required("Version")?,
            required("Architecture")?,
        );
        let is_multi_arch_same = field(stanza, "Multi-Arch") == Some("same");
        let database_name = database_name(&name, &architecture, is_multi_arch_same);
        Ok(Self {
            deb,
            data: None,
            name,
            version,
            architecture,
            database_name,
        })
    }

    /// Takes its files from memory, as they come out of the file.
    pub(crate) fn with_data(self, data: Vec<u8>) -> Self {
        Self {
            data: Some(data),
            ..self
        }
    }

    /// Checks that it is the package that an index names.
    pub(crate) fn require(&self, name: &str, version: &str, architecture: &str) -> Result<(), UnpackError> {
        if (&*self.name, &*self.version, &*self.architecture) == (name, version, architecture) {
            return Ok(());
        }
        Err(UnpackError::Other {
            expected: format!("{name} {version} for {architecture}"),
            found: format!("{} {} for {}", self.name, self.version, self.architecture),
        })
    }

    /// Returns the script that is to run before the package is unpacked.
    pub(crate) fn preinst(&self) -> Option<&ControlFile> {
        self.deb.control().file("preinst")
    }

    /// Returns what its claims on files are judged by.
    pub(crate) fn claimant(&self) -> Result<Claimant, UnpackError> {
        let replaces = field(&self.deb.control().stanza, "Replaces").unwrap_or_default();
        relation::parse(replaces).map_err(|error| UnpackError::Control(error.to_string()))?;
        Ok(Claimant {
            name: self.name.clone(),
            version: self.version.clone(),
            replaces: replaces.to_owned(),
        })
    }

    /// Writes what dpkg keeps of the control archive.
    pub(crate) fn write_info(&self, target: &TargetRoot) -> Result<(), UnpackError> {
        Ok(dpkg_database::write_info(
            target,
            &self.database_name,
            self.deb.control(),
        )?)
    }

    /// Puts the package's files into the target, and returns what is known of it then.
    ///
    /// `rank` is its place among the packages unpacked into this tree, by which it also claims its files.
    pub(crate) fn unpack(
        self,
        target: &TargetRoot,
        tree: &SharedTree<'_>,
        rank: usize,
        claims: &Claims,
    ) -> Result<Unpacked, UnpackError> {
        let mut paths = Vec::new();
        let mut conflict = None;
        let (control, mut data) = parts(self.deb, self.data)?;
        let extracted = tree.extract(rank, &mut data, &mut |entry: &Entry<'_>| {
            let mut path = Vec::with_capacity(entry.name.len() + 2);
            path.push(b'/');
            path.extend_from_slice(if entry.name.is_empty() { b"." } else { entry.name });
            paths.push(path);
            entry.kind == EntryKind::Directory
                || claims.claim(entry.name, rank).unwrap_or_else(|other| {
                    conflict.get_or_insert_with(|| UnpackError::Conflict {
                        path: String::from_utf8_lossy(entry.name).into_owned(),
                        other,
                    });
                    false
                })
        });
        if let Some(conflict) = conflict {
            return Err(conflict);
        }
        extracted?;
        let conffiles = conffiles(target, &control)?;
        Ok(Unpacked {
            stanza: unpacked_stanza(&control.stanza, &conffiles)?,
            database_name: self.database_name,
            name: self.name,
            architecture: self.architecture,
            paths,
            has_preinst: control.file("preinst").is_some(),
            triggers: text_of(&control, "triggers"),
        })
    }

    /// Puts those of the package's files into the target that `wanted` names.
    pub(crate) fn unpack_only(
        self,
        tree: &SharedTree<'_>,
        wanted: &dyn Fn(&[u8]) -> bool,
    ) -> Result<(), UnpackError> {
        let (_, mut data) = parts(self.deb, self.data)?;
        tree.extract(0, &mut data, &mut |entry| {
            entry.kind != EntryKind::Directory && wanted(entry.name)
        })?;
        Ok(())
    }
}

/// Returns what the control archive held, and the package's files as a tar stream.
fn parts(
    deb: DebFile<BufReader<File>>,
    data: Option<Vec<u8>>,
) -> Result<(Control, Box<dyn BufRead + Send>), DebFileError> {
    match data {
        Some(data) => Ok((deb.into_control(), Box::new(Cursor::new(data)))),
        None => deb.into_data(),
    }
}

/// Reads the sums of the configuration files that have just been unpacked.
fn conffiles(target: &TargetRoot, control: &Control) -> Result<Vec<Conffile>, UnpackError> {
    let mut conffiles = Vec::new();
    for line in text_of(control, "conffiles").unwrap_or_default().lines() {
        let line = line.trim_ascii();
        // deb-conffiles(5): flags may stand before the path.
        let (flag, path) = match line.rsplit_once(' ') {
            Some((flag, path)) if !line.starts_with('/') => (flag, path),
            _ => ("", line),
        };
        if !path.starts_with('/') {
            continue;
        }
        let parsed: TargetPath = path.parse().map_err(|_| {
            UnpackError::Control(format!("its list of configuration files has the path {path:?}"))
        })?;
        let mut state = match target.read(&parsed) {
            Ok(contents) if flag.is_empty() => hexadecimal(&Md5::digest(&contents)),
            Ok(_) => "newconffile".to_owned(),
            Err(error) if error.is_not_found() => "newconffile".to_owned(),
            Err(error) => return Err(error.into()),
        };
        if !flag.is_empty() {
            state = format!("{state} {flag}");
        }
        conffiles.push(Conffile {
            path: path.to_owned(),
            state,
        });
    }
    Ok(conffiles)
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn text_of(control: &Control, name: &str) -> Option<String> {
    let file = control.file(name)?;
    Some(String::from_utf8_lossy(&file.contents).into_owned())
}

//! One package as a `Packages` index describes it.
//!
//! An index of a whole distribution has 60,000 stanzas and 50 MB. So a record keeps the index's text, which all
//! records of one index share, and where in it the parts are that nearly every caller asks for; the rest is looked
//! up in the stanza when it is asked for.

mod draft;

use std::fmt;
use std::sync::Arc;

use dib_cache::Sha256;

use draft::Draft;

/// Where an index and the packages it lists come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchiveLocation {
    /// The archive's base URI, such as `http://example.org/debian`, without a slash at its end.
    pub base_uri: String,
    /// The suite as the source names it, such as `stable-updates`.
    pub suite: String,
    /// The component, such as `main`.
    pub component: String,
}

/// Whether packages of one name may be installed for several architectures at once, as the field `Multi-Arch` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MultiArch {
    /// `no`, or no such field.
    #[default]
    No,
    /// `same`: side by side with itself for other architectures; it satisfies only its own architecture.
    Same,
    /// `foreign`: it satisfies dependencies of every architecture.
    Foreign,
    /// `allowed`: it satisfies dependencies of every architecture that ask so with `:any`.
    Allowed,
}

/// A package of an index; cheap to clone.
#[derive(Clone)]
pub struct PackageRecord {
    text: Arc<str>,
    archive: Arc<ArchiveLocation>,
    stanza: Span,
    name: Span,
    version: Span,
    architecture: Span,
    filename: Span,
    size: u64,
    sha256: Sha256,
    essential: bool,
    multi_arch: MultiArch,
}

/// Why a stanza of an index can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// A field that every package has is not there.
    #[error("line {line}: the package {name:?} has no field {field}")]
    NoField {
        /// The line at which its stanza begins, counted from 1.
        line: usize,
        /// The package, as far as it is named.
        name: String,
        /// The field's name.
        field: &'static str,
    },
    /// A field's value is not what its kind must be.
    #[error("line {line}: the package {name:?} has a field {field} that can't be used: {value:?}")]
    BadField {
        /// The line at which its stanza begins, counted from 1.
        line: usize,
        /// The package, as far as it is named.
        name: String,
        /// The field's name.
        field: &'static str,
        /// What it holds, or its beginning.
        value: String,
    },
    /// A line is neither a field nor the continuation of one.
    #[error("line {line} is neither a field nor the continuation of one: {text:?}")]
    BadLine {
        /// The line's number, counted from 1.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// The index is too large to be one.
    #[error("an index of more than 4 GiB can't be used")]
    TooLong,
}

/// A part of an index's text, in bytes.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

impl ArchiveLocation {
    /// Returns the URL of `path`, which is relative to the archive's base.
    #[must_use]
    pub fn url_of(&self, path: &str) -> String {
        format!("{}/{path}", self.base_uri.trim_end_matches('/'))
    }
}

impl PackageRecord {
    /// Reads one stanza.
    ///
    /// # Errors
    /// When a field that every package must have is missing, or one can't be used.
    pub fn parse(stanza: &str, archive: &Arc<ArchiveLocation>) -> Result<Self, PackageError> {
        Self::parse_index(&Arc::from(stanza), archive)?
            .pop()
            .ok_or(PackageError::NoField {
                line: 1,
                name: String::new(),
                field: "Package",
            })
    }

    /// Reads a whole index: stanzas separated by blank lines, in the syntax of deb822(5).
    ///
    /// # Errors
    /// When a line is no field, a field that every package must have is missing, or one can't be used.
    pub fn parse_index(text: &Arc<str>, archive: &Arc<ArchiveLocation>) -> Result<Vec<Self>, PackageError> {
        if u32::try_from(text.len()).is_err() {
            return Err(PackageError::TooLong);
        }
        let mut records = Vec::new();
        let mut draft = Draft::default();
        // Where the stanza begins, and at which line, once it has begun.
        let mut begun: Option<(usize, usize)> = None;
        let (mut position, mut number) = (0, 0);
        for line in text.split_inclusive('\n') {
            let start = position;
            position += line.len();
            number += 1;
            let line = line.trim_end_matches(['\n', '\r']);
            if line.trim_ascii().is_empty() {
                if let Some((stanza, first_line)) = begun.take() {
                    let draft = std::mem::take(&mut draft);
                    records.push(draft.finish(text, Span::new(stanza, start), first_line, archive)?);
                }
            } else if line.starts_with([' ', '\t']) && begun.is_some() {
                // The continuation of a field; none of those kept here may have one.
            } else if let Some((name, value)) =
                line.split_once(':').filter(|_| !line.starts_with([' ', '\t']))
            {
                begun.get_or_insert((start, number));
                let offset = start + name.len() + 1 + (value.len() - value.trim_ascii_start().len());
                draft.note(name, Span::new(offset, offset + value.trim_ascii().len()));
            } else {
                return Err(PackageError::BadLine {
                    line: number,
                    text: beginning(line),
                });
            }
        }
        if let Some((stanza, first_line)) = begun {
            records.push(draft.finish(text, Span::new(stanza, position), first_line, archive)?);
        }
        Ok(records)
    }

    /// Returns the package's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.of(&self.text)
    }

    /// Returns the version.
    #[must_use]
    pub fn version(&self) -> &str {
        self.version.of(&self.text)
    }

    /// Returns the architecture, which may be `all`.
    #[must_use]
    pub fn architecture(&self) -> &str {
        self.architecture.of(&self.text)
    }

    /// Returns the path of the `.deb`, relative to the archive's base and without `..`.
    #[must_use]
    pub fn filename(&self) -> &str {
        self.filename.of(&self.text)
    }

    /// Returns the size of the `.deb` in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the sum of the `.deb`.
    #[must_use]
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// Returns whether the package is marked as essential.
    #[must_use]
    pub fn is_essential(&self) -> bool {
        self.essential
    }

    /// Returns how it gets along with itself for other architectures.
    #[must_use]
    pub fn multi_arch(&self) -> MultiArch {
        self.multi_arch
    }

    /// Returns the stanza's text, ending with a line feed unless it is the last of an index that lacks one.
    #[must_use]
    pub fn stanza(&self) -> &str {
        self.stanza.of(&self.text)
    }

    /// Returns the text that all packages of its index share.
    pub(crate) fn index(&self) -> &Arc<str> {
        &self.text
    }

    /// Returns the value of a field, whatever the case of its name; a longer value has its continuation lines in it.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        field(self.stanza(), name)
    }

    /// Returns where the package comes from.
    #[must_use]
    pub fn archive(&self) -> &ArchiveLocation {
        &self.archive
    }

    /// Returns the URL of the `.deb`.
    #[must_use]
    pub fn url(&self) -> String {
        self.archive.url_of(self.filename())
    }
}

impl fmt::Debug for PackageRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self} from {:?}", self.archive)
    }
}

/// Writes `name:architecture (version)`.
impl fmt::Display for PackageRecord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{} ({})",
            self.name(),
            self.architecture(),
            self.version()
        )
    }
}

impl Span {
    /// Both bounds fit, since no text longer than that is taken.
    fn new(start: usize, end: usize) -> Self {
        let bound = |position| u32::try_from(position).expect("texts of more than 4 GiB are refused");
        Self {
            start: bound(start),
            end: bound(end),
        }
    }

    fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }
}

impl MultiArch {
    fn of(value: &str) -> Option<Self> {
        [
            ("no", Self::No),
            ("same", Self::Same),
            ("foreign", Self::Foreign),
            ("allowed", Self::Allowed),
        ]
        .into_iter()
        .find_map(|(name, kind)| value.eq_ignore_ascii_case(name).then_some(kind))
    }
}

/// Returns the value of a stanza's field with its continuation lines, without blanks around the whole.
pub(crate) fn field<'s>(stanza: &'s str, name: &str) -> Option<&'s str> {
    let mut value: Option<(usize, usize)> = None;
    let mut position = 0;
    for line in stanza.split_inclusive('\n') {
        let start = position;
        position += line.len();
        match &mut value {
            Some((_, end)) if line.starts_with([' ', '\t']) => *end = position,
            Some(_) => break,
            None => {
                let is_wanted = line.as_bytes().get(name.len()).is_some_and(|&byte| byte == b':')
                    && line.as_bytes()[..name.len()].eq_ignore_ascii_case(name.as_bytes());
                if is_wanted {
                    value = Some((start + name.len() + 1, position));
                }
            }
        }
    }
    value.map(|(start, end)| stanza[start..end].trim_ascii())
}

fn beginning(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests;

//! A package's stanza in the status file.

use std::fmt::Write as _;

use crate::relation::{self, RelationError};

/// Why a control file can't become a stanza of the status file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StanzaError {
    #[error("its control file has a line that is neither a field nor the continuation of one: {0:?}")]
    Line(String),
    #[error("its control file has a field {field} that can't be read")]
    Relation { field: String, source: RelationError },
}

/// The fields that dpkg knows, in the order it writes them (`fieldinfos` in its `lib/dpkg/parse.c`).
const ORDER: [(&str, Kind); 26] = [
    ("Package", Kind::Text),
    ("Essential", Kind::YesOnly),
    ("Protected", Kind::YesOnly),
    ("Status", Kind::Written),
    ("Priority", Kind::Text),
    ("Section", Kind::Text),
    ("Installed-Size", Kind::Text),
    ("Origin", Kind::Text),
    ("Maintainer", Kind::Text),
    ("Bugs", Kind::Text),
    ("Architecture", Kind::Text),
    ("Multi-Arch", Kind::NotNo),
    ("Source", Kind::Text),
    ("Version", Kind::Text),
    ("Config-Version", Kind::Written),
    ("Replaces", Kind::Relations),
    ("Provides", Kind::Relations),
    ("Depends", Kind::Relations),
    ("Pre-Depends", Kind::Relations),
    ("Recommends", Kind::Relations),
    ("Suggests", Kind::Relations),
    ("Breaks", Kind::Relations),
    ("Conflicts", Kind::Relations),
    ("Enhances", Kind::Relations),
    ("Conffiles", Kind::Conffiles),
    ("Description", Kind::Text),
];

/// Fields that dpkg keeps of a package that can be installed, but not of one that is.
const NOT_KEPT: [&str; 8] = [
    "Filename",
    "Size",
    "MD5sum",
    "MSDOS-Filename",
    "SHA1",
    "SHA256",
    "Triggers-Pending",
    "Triggers-Awaited",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// Written when it says `yes`.
    YesOnly,
    /// Written unless it says `no`.
    NotNo,
    Relations,
    Conffiles,
    /// Of the status file alone, whatever a package says.
    Written,
}

/// A configuration file of a package and what the status says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conffile {
    /// Its path, with a slash at the beginning.
    pub(crate) path: String,
    /// Its MD5 sum in hexadecimal, with marks such as `remove-on-upgrade` after it.
    pub(crate) state: String,
}

/// Makes the stanza of a package from its control file.
pub(crate) fn unpacked_stanza(control: &str, conffiles: &[Conffile]) -> Result<String, StanzaError> {
    let fields = fields(control)?;
    let mut stanza = String::new();
    for (name, kind) in ORDER {
        let value = fields
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value);
        let value = value.filter(|value| !value.is_empty());
        match (kind, value) {
            (Kind::Written, _) if name == "Status" => push(&mut stanza, name, "install ok unpacked"),
            (Kind::Conffiles, _) if !conffiles.is_empty() => {
                stanza.push_str("Conffiles:\n");
                for Conffile { path, state } in conffiles {
                    // Writing to a string can't fail.
                    let _ = writeln!(stanza, " {path} {state}");
                }
            }
            (Kind::Text, Some(value)) => push(&mut stanza, name, value),
            (Kind::YesOnly, Some(value)) if value.eq_ignore_ascii_case("yes") => {
                push(&mut stanza, name, "yes");
            }
            (Kind::NotNo, Some(value)) if !value.eq_ignore_ascii_case("no") => push(&mut stanza, name, value),
            (Kind::Relations, Some(value)) => push(&mut stanza, name, &relations(name, value)?),
            _ => {}
        }
    }
    for (name, value) in fields {
        let is_known = ORDER.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
            || NOT_KEPT.iter().any(|known| known.eq_ignore_ascii_case(name));
        if !is_known && !value.is_empty() {
            push(&mut stanza, name, value);
        }
    }
    Ok(stanza)
}

/// Returns the fields of a stanza in their order, continuation lines in the values.
fn fields(stanza: &str) -> Result<Vec<(&str, &str)>, StanzaError> {
    let mut fields: Vec<(&str, &str)> = Vec::new();
    let mut position = 0;
    let mut value_start = 0;
    for line in stanza.split_inclusive('\n') {
        let start = position;
        position += line.len();
        if line.trim_ascii().is_empty() {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let last = fields
                .last_mut()
                .ok_or_else(|| StanzaError::Line(line.trim_end().to_owned()))?;
            last.1 = stanza[value_start..position].trim_ascii();
            continue;
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| StanzaError::Line(line.trim_end().to_owned()))?;
        value_start = start + name.len() + 1;
        fields.push((name.trim_ascii_end(), value.trim_ascii()));
    }
    Ok(fields)
}

fn push(stanza: &mut String, name: &str, value: &str) {
    stanza.push_str(name);
    stanza.push_str(": ");
    stanza.push_str(value);
    stanza.push('\n');
}

/// Writes relations the way dpkg does, with its spaces.
fn relations(field: &str, value: &str) -> Result<String, StanzaError> {
    let groups = relation::parse(value).map_err(|source| StanzaError::Relation {
        field: field.to_owned(),
        source,
    })?;
    let mut text = String::new();
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        for (index, relation) in group.iter().enumerate() {
            if index > 0 {
                text.push_str(" | ");
            }
            text.push_str(&relation.to_string());
        }
    }
    Ok(text)
}

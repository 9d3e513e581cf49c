//! What a package's machine-readable copyright file declares.
//!
//! The format is "Machine-readable debian/copyright file", version 1.0 (DEP-5). It describes a source package, file by
//! file; which of these files became part of a binary package it doesn't tell.

mod expression;

use std::collections::BTreeMap;

pub use self::expression::Expression;
use crate::installed::stanzas;
use crate::package::field;

/// The licences that a copyright file declares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declaration {
    /// What holds at once: what the header says of the package as a whole or else each different field `License` of
    /// its files, in their order.
    pub licenses: Vec<DeclaredLicense>,
    /// The texts that stand apart from files, by the licence's name as in [`Declaration::text_of`].
    texts: BTreeMap<String, String>,
}

/// One field `License`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredLicense {
    /// The field's first line, as it stands there.
    pub synopsis: String,
    /// What the first line means.
    pub expression: Expression,
    /// The text in the field itself.
    text: Option<String>,
}

/// Reads a copyright file; `None` when it is not machine-readable.
#[must_use]
pub fn parse_copyright(text: &str) -> Option<Declaration> {
    let mut stanzas = stanzas(text).map(|(_, stanza)| stanza);
    let header = stanzas.next().filter(|header| is_machine_readable(header))?;
    let mut declaration = Declaration::default();
    let mut of_files = Vec::new();
    for stanza in stanzas {
        let Some(license) = field(stanza, "License").map(DeclaredLicense::parse) else {
            continue;
        };
        if let (Some(text), false) = (&license.text, license.synopsis.is_empty()) {
            let texts = declaration.texts.entry(key(&license.synopsis));
            texts.or_insert_with(|| text.clone());
        }
        if field(stanza, "Files").is_some() && !license.is_empty() && !of_files.contains(&license) {
            of_files.push(license);
        }
    }
    let of_all = field(header, "License").map(DeclaredLicense::parse);
    // Some headers tell in prose that each file has its own licence.
    let is_clear = |license: &DeclaredLicense| of_files.is_empty() || !license.expression.is_prose();
    declaration.licenses = match of_all.filter(|license| !license.is_empty() && is_clear(license)) {
        Some(license) => vec![license],
        None => of_files,
    };
    Some(declaration)
}

impl Declaration {
    /// Returns the text of the licence `name`, which is part of `license`: the one in the field itself, or the one that
    /// the file holds under that name.
    #[must_use]
    pub fn text_of<'d>(&'d self, name: &str, license: &'d DeclaredLicense) -> Option<&'d str> {
        let by_name = |name: &str| self.texts.get(&key(name)).map(String::as_str);
        let own = license.text.as_deref();
        if license.synopsis == name {
            return own.or_else(|| by_name(name));
        }
        // An exception may be named where the licence is used and not where its text stands.
        let plain = name.split(" with ").next().unwrap_or(name);
        by_name(name).or(own).or_else(|| by_name(plain))
    }
}

impl DeclaredLicense {
    fn parse(value: &str) -> Self {
        let (synopsis, text) = value.split_once('\n').unwrap_or((value, ""));
        let synopsis = synopsis.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let mut text = formatted(text);
        let expression = Expression::parse(&synopsis);
        if expression.is_prose() && !text.is_empty() {
            // The licence has no name, and its text begins at once.
            text = format!("{synopsis}\n{text}");
        }
        Self {
            expression,
            synopsis,
            text: Some(text).filter(|text| !text.is_empty()),
        }
    }

    fn is_empty(&self) -> bool {
        self.synopsis.is_empty() && self.text.is_none()
    }
}

fn is_machine_readable(header: &str) -> bool {
    // Drafts of the format had the field `Format-Specification` and addresses of Debian's wiki and of DEP-5.
    ["Format", "Format-Specification"]
        .iter()
        .filter_map(|name| field(header, name))
        .map(str::to_ascii_lowercase)
        .any(|format| {
            ["copyright-format", "dep5", "copyrightformat"]
                .iter()
                .any(|part| format.contains(part))
        })
}

/// Returns a formatted text as it was before it became a field: without the blank that begins each line and the full
/// stops that stand for empty lines.
fn formatted(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = line.strip_prefix([' ', '\t']).unwrap_or(line).trim_end();
        lines.push(if line == "." { "" } else { line });
    }
    lines.join("\n").trim_matches('\n').to_owned()
}

/// Names of licences don't depend on case.
fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests;

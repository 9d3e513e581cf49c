//! Declared licences as SPDX's expressions.

use std::collections::{BTreeMap, BTreeSet};

use dib_cache::Sha256;

use super::license_names::spdx_identifier;
use super::naming::identifier;
use crate::copyright::{DeclaredLicense, Expression};
use crate::{Declaration, parse_copyright};

/// The licences that are not on SPDX's list, by their references in the document.
#[derive(Debug, Default)]
pub(super) struct OtherLicenses(pub(super) BTreeMap<String, OtherLicense>);

/// A licence that is not on SPDX's list.
#[derive(Debug)]
pub(super) struct OtherLicense {
    pub(super) name: String,
    pub(super) text: String,
}

/// Returns the expression of what a package's copyright file declares, or why there is none.
pub(super) fn declared_license(
    copyright: Option<&str>,
    source: &str,
    others: &mut OtherLicenses,
) -> Result<String, &'static str> {
    let copyright = copyright.ok_or("there is no copyright file of this package in the image")?;
    let declaration =
        parse_copyright(copyright).ok_or("the package's copyright file is not machine-readable")?;
    let mut parts = BTreeSet::new();
    for license in &declaration.licenses {
        let mut naming = Naming {
            declaration: &declaration,
            license,
            source,
            others,
        };
        let together = match &license.expression {
            Expression::And(together) => together.as_slice(),
            whole => std::slice::from_ref(whole),
        };
        parts.extend(together.iter().map(|part| naming.in_conjunction(part)));
    }
    match parts.len() {
        0 => Err("the package's copyright file names no licence"),
        // Brackets are for alternatives among others.
        1 => Ok(parts.pop_first().map_or_else(String::new, without_brackets)),
        _ => Ok(parts.into_iter().collect::<Vec<_>>().join(" AND ")),
    }
}

/// Where an expression stands, and where its licences are kept that have no name.
struct Naming<'a> {
    declaration: &'a Declaration,
    license: &'a DeclaredLicense,
    source: &'a str,
    others: &'a mut OtherLicenses,
}

impl Naming<'_> {
    /// Writes an expression so that it can stand beside others: `OR` binds less than `AND`.
    fn in_conjunction(&mut self, expression: &Expression) -> String {
        match expression {
            Expression::Or(_) => format!("({})", self.written(expression)),
            _ => self.written(expression),
        }
    }

    fn written(&mut self, expression: &Expression) -> String {
        match expression {
            Expression::License(name) => spdx_identifier(name).unwrap_or_else(|| self.reference(name)),
            Expression::And(parts) => {
                let parts: BTreeSet<_> = parts.iter().map(|part| self.in_conjunction(part)).collect();
                parts.into_iter().collect::<Vec<_>>().join(" AND ")
            }
            Expression::Or(parts) => {
                let parts: BTreeSet<_> = parts.iter().map(|part| self.written(part)).collect();
                parts.into_iter().collect::<Vec<_>>().join(" OR ")
            }
        }
    }

    /// Returns the reference to a licence that is not on the list. The same name with another text is another licence.
    fn reference(&mut self, name: &str) -> String {
        const SHOWN: usize = 40;
        let text = match self.declaration.text_of(name, self.license) {
            Some(text) => text.to_owned(),
            None => format!(
                "The copyright file of the source package {} names the licence {name:?} and doesn't hold its text.",
                self.source
            ),
        };
        let digest = Sha256::of(format!("{name}\0{text}").as_bytes()).to_string();
        let shown = identifier(&name.chars().take(SHOWN).collect::<String>());
        let shown = shown.trim_matches('-');
        let shown = if shown.is_empty() { "unnamed" } else { shown };
        let reference = format!("LicenseRef-{shown}-{}", &digest[..12]);
        let name = if name.is_empty() { "unnamed" } else { name };
        self.others.0.insert(
            reference.clone(),
            OtherLicense {
                name: name.to_owned(),
                text,
            },
        );
        reference
    }
}

fn without_brackets(part: String) -> String {
    match part.strip_prefix('(').and_then(|part| part.strip_suffix(')')) {
        Some(inside) => inside.to_owned(),
        None => part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[&str], expected: &str) -> OtherLicenses {
        let mut others = OtherLicenses::default();
        let files: String = files
            .iter()
            .flat_map(|license| ["\nFiles: *\nLicense: ", license, "\n"])
            .collect();
        let text = format!("Format: copyright-format\n{files}");
        let expression = declared_license(Some(&text), "tool", &mut others);
        assert_eq!(expression.unwrap_or_else(ToOwned::to_owned), expected);
        others
    }

    #[test]
    fn expressions_are_in_order_and_have_the_brackets_they_need() {
        check(&["Expat", "GPL-2+", "Expat"], "GPL-2.0-or-later AND MIT");
        check(&["LGPL-3+ or GPL-2+"], "GPL-2.0-or-later OR LGPL-3.0-or-later");
        check(
            &["GPL-2+ or LGPL-3+", "LGPL-3+ or GPL-2+", "ISC and Expat"],
            "(GPL-2.0-or-later OR LGPL-3.0-or-later) AND ISC AND MIT",
        );
        check(&["ISC or GPL-2 and Expat"], "GPL-2.0-only AND MIT OR ISC");
        check(&["ISC or GPL-2, and Expat"], "(GPL-2.0-only OR ISC) AND MIT");
        check(&[], "the package's copyright file names no licence");
    }

    #[test]
    fn other_licences_are_told_apart_by_name_and_text() {
        let others = check(
            &["permissive++\n One.\n .\n Two.", "permissive++\n Three.", "BSD"],
            "LicenseRef-BSD-8ccf3c601bf3 AND LicenseRef-permissive-da2b6a3f93c2 AND LicenseRef-permissive-e16c6f53fbe0",
        );
        let texts: BTreeSet<_> = others.0.values().map(|other| other.text.as_str()).collect();
        assert_eq!(
            texts.into_iter().collect::<Vec<_>>(),
            [
                "One.\n\nTwo.",
                "The copyright file of the source package tool names the licence \"BSD\" and doesn't hold its text.",
                "Three."
            ]
        );
        check(&["(no name)"], "LicenseRef-no-name-f0ed7430d90e");
        check(&["ä"], "LicenseRef-unnamed-c811c6e5b16b");
    }

    #[test]
    fn what_is_not_declared_is_said() {
        let mut others = OtherLicenses::default();
        for (copyright, expected) in [
            (None, "there is no copyright file of this package in the image"),
            (
                Some("Prose."),
                "the package's copyright file is not machine-readable",
            ),
        ] {
            assert_eq!(declared_license(copyright, "tool", &mut others), Err(expected));
        }
    }
}

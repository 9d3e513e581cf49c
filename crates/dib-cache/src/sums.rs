//! Lists of sums as `sha256sum` writes them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::sha256::Sha256;

/// File names and their sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums(BTreeMap<String, Sha256>);

/// Why a list of sums can't be used; lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SumsError {
    /// The list is not text.
    #[error("the list of sums is not UTF-8 text")]
    NotText,
    /// A line is not a sum and a name.
    #[error("line {line} is not a SHA-256 sum, a blank, a blank or \"*\", and a file name: {text:?}")]
    BadLine {
        /// The line's number.
        line: usize,
        /// The line's beginning.
        text: String,
    },
    /// A name is listed twice with different sums.
    #[error("line {line} gives {name:?} another sum than an earlier line")]
    Contradiction {
        /// The second line's number.
        line: usize,
        /// The name.
        name: String,
    },
    /// Nothing is listed.
    #[error("the list of sums has no line with a sum")]
    Empty,
}

impl Sums {
    /// Parses a list: `sum  name` or `sum *name` a line, with either line ending; blank lines and those that start
    /// with `#` are passed over. The form is that of GNU coreutils' `sha256sum`, without its escaped names.
    ///
    /// # Errors
    /// When the text is not UTF-8, a line is malformed, a name has two different sums, or nothing is listed.
    pub fn parse(text: &[u8]) -> Result<Self, SumsError> {
        let text = std::str::from_utf8(text).map_err(|_| SumsError::NotText)?;
        let mut sums = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line_number = index + 1;
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (sum, name) = parse_line(line).ok_or_else(|| SumsError::BadLine {
                line: line_number,
                text: line.chars().take(120).collect(),
            })?;
            match sums.entry(name.to_owned()) {
                Entry::Vacant(entry) => {
                    entry.insert(sum);
                }
                Entry::Occupied(entry) if *entry.get() == sum => {}
                Entry::Occupied(_) => {
                    return Err(SumsError::Contradiction {
                        line: line_number,
                        name: name.to_owned(),
                    });
                }
            }
        }
        if sums.is_empty() {
            Err(SumsError::Empty)
        } else {
            Ok(Self(sums))
        }
    }

    /// Returns the sum of the file with exactly this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Sha256> {
        self.0.get(name).copied()
    }

    /// Returns the listed file names in order of their bytes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn parse_line(line: &str) -> Option<(Sha256, &str)> {
    let (sum, rest) = line.split_at_checked(64)?;
    let name = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *"))?;
    if name.is_empty() {
        None
    } else {
        Some((sum.parse().ok()?, name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Sums, SumsError};
    use crate::sha256::Sha256;

    const ONE: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const TWO: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn check(text: &str, expected: Result<&[(&str, &str)], SumsError>) {
        let found = Sums::parse(text.as_bytes());
        let expected = expected.map(|pairs| {
            Sums(
                pairs
                    .iter()
                    .map(|(name, sum)| ((*name).to_owned(), sum.parse().expect("a sum")))
                    .collect(),
            )
        });
        assert_eq!(found, expected, "for {text:?}");
    }

    fn bad_line(line: usize, text: &str) -> SumsError {
        SumsError::BadLine {
            line,
            text: text.to_owned(),
        }
    }

    #[test]
    fn both_line_styles_and_line_endings_are_read() {
        check(&format!("{ONE}  a\n{TWO} *b\n"), Ok(&[("a", ONE), ("b", TWO)]));
        check(
            &format!("# made by hand\r\n\r\n{ONE} *a b\r\n"),
            Ok(&[("a b", ONE)]),
        );
        check(&format!("{ONE}   leading blank"), Ok(&[(" leading blank", ONE)]));
        check(&format!("{ONE}  a\n{ONE} *a\n"), Ok(&[("a", ONE)]));
    }

    #[test]
    fn malformed_lists_are_refused_with_the_line() {
        check("", Err(SumsError::Empty));
        check("# nothing\n", Err(SumsError::Empty));
        check(&format!("{ONE}  a\nnonsense\n"), Err(bad_line(2, "nonsense")));
        check(&format!("{ONE} a\n"), Err(bad_line(1, &format!("{ONE} a"))));
        check(&format!("{ONE}  \n"), Err(bad_line(1, &format!("{ONE}  "))));
        check(
            &format!("{ONE}  a\n{TWO}  a\n"),
            Err(SumsError::Contradiction {
                line: 2,
                name: "a".to_owned(),
            }),
        );
        assert_eq!(Sums::parse(b"\xff"), Err(SumsError::NotText));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(names in prop::collection::btree_set("[^\r\n\\p{C}]{1,20}", 1..8), binary: bool) {
            let line = |name| format!("{}{}{name}\n", Sha256::of(str::as_bytes(name)), if binary { " *" } else { "  " });
            let text: String = names.iter().map(|name| line(name.as_str())).collect();
            let sums = Sums::parse(text.as_bytes()).expect("a list");
            prop_assert!(sums.names().eq(names.iter()));
            for name in &names {
                prop_assert_eq!(sums.get(name), Some(Sha256::of(name.as_bytes())));
            }
        }

        #[test]
        fn any_bytes_are_taken_for_a_list(bytes: Vec<u8>) {
            let _ = Sums::parse(&bytes);
        }
    }

    #[test]
    fn a_name_is_matched_whole() {
        let sums = Sums::parse(format!("{ONE}  noble-root.tar.xz.zsync\n").as_bytes()).expect("a list");
        assert_eq!(sums.get("noble-root.tar.xz"), None);
        assert_eq!(sums.get("root.tar.xz.zsync"), None);
        assert_eq!(sums.get("noble-root.tar.xz.zsync"), Some(Sha256::of(b"abc")));
    }
}

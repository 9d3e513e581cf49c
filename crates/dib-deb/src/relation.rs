//! Relations between packages: the fields `Depends`, `Conflicts`, `Provides` and their like, as
//! deb-control(5) and Debian Policy, chapter 7, define them.

use std::fmt;

use crate::version;

/// One group of alternatives, any of which will do.
pub type Alternatives<'t> = Vec<Relation<'t>>;

/// A package that is asked for, or provided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation<'t> {
    /// The package's name.
    pub name: &'t str,
    /// What stands after a colon at the name: `any`, `native` or an architecture.
    pub qualifier: Option<&'t str>,
    /// Which versions will do.
    pub version: Option<(Comparison, &'t str)>,
    /// The architectures in brackets, to which the relation is limited.
    architectures: Vec<&'t str>,
    /// The groups of build profiles in angle brackets.
    profiles: Vec<Vec<&'t str>>,
}

/// How a version must compare with the one that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

/// Why a field of relations can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("{relation:?} is not a relation between packages: {problem}")]
pub struct RelationError {
    /// The relation as it stands there, or its beginning.
    pub relation: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// Reads a field: groups separated by commas, alternatives within one by bars. An empty group is passed over.
///
/// # Errors
/// When a relation is malformed.
pub fn parse(field: &str) -> Result<Vec<Alternatives<'_>>, RelationError> {
    field
        .split(',')
        .map(str::trim_ascii)
        .filter(|group| !group.is_empty())
        .map(|group| group.split('|').map(Relation::parse).collect())
        .collect()
}

impl<'t> Relation<'t> {
    /// Reads one relation, such as `libc6:any (>= 2.36) [linux-any]`.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn parse(text: &'t str) -> Result<Self, RelationError> {
        let text = text.trim_ascii();
        parse_relation(text).map_err(|problem| RelationError {
            relation: text.chars().take(120).collect(),
            problem,
        })
    }

    /// Returns whether the relation counts on `arch`, with no build profile active.
    #[must_use]
    pub fn applies_to(&self, arch: &str) -> bool {
        let mut named = self
            .architectures
            .iter()
            .map(|name| match name.strip_prefix('!') {
                Some(name) => (false, fits_architecture(name, arch)),
                None => (true, fits_architecture(name, arch)),
            });
        let for_arch = match self.architectures.first() {
            None => true,
            Some(first) if first.starts_with('!') => !named.any(|(_, fits)| fits),
            Some(_) => named.any(|(wanted, fits)| wanted && fits),
        };
        let for_profiles = self.profiles.is_empty()
            || self
                .profiles
                .iter()
                .any(|group| group.iter().all(|profile| profile.starts_with('!')));
        for_arch && for_profiles
    }

    /// Returns whether `found` is a version that will do.
    #[must_use]
    pub fn admits(&self, found: &str) -> bool {
        let Some((comparison, wanted)) = self.version else {
            return true;
        };
        let order = version::compare(found, wanted);
        match comparison {
            Comparison::Earlier => order.is_lt(),
            Comparison::EarlierOrEqual => order.is_le(),
            Comparison::Equal => order.is_eq(),
            Comparison::LaterOrEqual => order.is_ge(),
            Comparison::Later => order.is_gt(),
        }
    }

    /// Returns whether a package that provides `provided` satisfies this: a version is only admitted where one is
    /// provided.
    #[must_use]
    pub fn admits_provided(&self, provided: &Relation<'_>) -> bool {
        self.name == provided.name
            && match (self.version, provided.version) {
                (None, _) => true,
                (Some(_), Some((Comparison::Equal, version))) => self.admits(version),
                (Some(_), _) => false,
            }
    }
}

/// Writes the relation without architectures and profiles.
impl fmt::Display for Relation<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)?;
        if let Some(qualifier) = self.qualifier {
            write!(formatter, ":{qualifier}")?;
        }
        if let Some((comparison, version)) = self.version {
            write!(formatter, " ({comparison} {version})")?;
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

fn parse_relation(text: &str) -> Result<Relation<'_>, &'static str> {
    let end = text
        .find(|c: char| c.is_ascii_whitespace() || "([<".contains(c))
        .unwrap_or(text.len());
    let (whole_name, mut rest) = text.split_at(end);
    let (name, qualifier) = match whole_name.split_once(':') {
        Some((name, qualifier)) => (name, Some(qualifier)),
        None => (whole_name, None),
    };
    if name.is_empty() || !name.bytes().all(is_of_name) {
        return Err("it doesn't begin with a package's name");
    }
    if qualifier.is_some_and(|qualifier| qualifier.is_empty() || !qualifier.bytes().all(is_of_name)) {
        return Err("what stands after the colon is no architecture");
    }
    let mut relation = Relation {
        name,
        qualifier,
        version: None,
        architectures: Vec::new(),
        profiles: Vec::new(),
    };
    loop {
        rest = rest.trim_ascii_start();
        let mut bracketed = |open, close| -> Result<Option<&str>, &'static str> {
            let Some(after) = rest.strip_prefix(open) else {
                return Ok(None);
            };
            let (inside, after) = after.split_once(close).ok_or("a bracket is not closed")?;
            rest = after;
            Ok(Some(inside))
        };
        if let Some(inside) = bracketed('(', ')')? {
            if relation.version.replace(parse_version(inside)?).is_some() {
                return Err("it names two versions");
            }
        } else if let Some(inside) = bracketed('[', ']')? {
            relation.architectures.extend(inside.split_ascii_whitespace());
        } else if let Some(inside) = bracketed('<', '>')? {
            relation.profiles.push(inside.split_ascii_whitespace().collect());
        } else if rest.is_empty() {
            return Ok(relation);
        } else {
            return Err("something else stands after the name");
        }
    }
}

fn parse_version(inside: &str) -> Result<(Comparison, &str), &'static str> {
    let inside = inside.trim_ascii();
    // `<` and `>` alone are old ways to write "or equal".
    let (comparison, version) = [
        ("<<", Comparison::Earlier),
        ("<=", Comparison::EarlierOrEqual),
        (">=", Comparison::LaterOrEqual),
        (">>", Comparison::Later),
        ("=", Comparison::Equal),
        ("<", Comparison::EarlierOrEqual),
        (">", Comparison::LaterOrEqual),
    ]
    .into_iter()
    .find_map(|(sign, comparison)| Some((comparison, inside.strip_prefix(sign)?)))
    .ok_or("no comparison stands before the version")?;
    let version = version.trim_ascii();
    if version.is_empty() || version.contains(|c: char| c.is_ascii_whitespace()) {
        return Err("no version stands after the comparison");
    }
    Ok((comparison, version))
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-+._".contains(&byte)
}

/// Returns whether a name or wildcard means an architecture of Linux. Wildcards have the parts of dpkg's architecture
/// tuples; of these, `any`, `linux-any` and `any-<cpu>` are in use.
fn fits_architecture(pattern: &str, arch: &str) -> bool {
    pattern == arch
        || matches!(pattern, "any" | "linux-any" | "any-any")
        || pattern
            .strip_prefix("any-")
            .or_else(|| pattern.strip_prefix("linux-"))
            .is_some_and(|cpu| cpu == arch)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(field: &str, expected: &[&[&str]]) {
        let shown: Vec<Vec<String>> = parse(field)
            .unwrap_or_else(|error| panic!("{field:?}: {error}"))
            .iter()
            .map(|group| group.iter().map(ToString::to_string).collect())
            .collect();
        assert_eq!(shown, expected, "{field:?}");
    }

    #[test]
    fn fields() {
        check("", &[]);
        check("libc6", &[&["libc6"]]);
        check(
            "libc6 (>= 2.36), awk,\n debconf (>= 0.5)|debconf-2.0",
            &[
                &["libc6 (>= 2.36)"],
                &["awk"],
                &["debconf (>= 0.5)", "debconf-2.0"],
            ],
        );
        check("python3:any(<<3.12), ,", &[&["python3:any (<< 3.12)"]]);
        check(
            "a(<1),b (> 1), c (=1:2-3)",
            &[&["a (<= 1)"], &["b (>= 1)"], &["c (= 1:2-3)"]],
        );
        check("g++ [!armel !armhf] <!nocheck> <cross>", &[&["g++"]]);
    }

    #[test]
    fn malformed_relations_are_refused() {
        for field in [
            "a || b",
            "| a",
            "(>= 1)",
            "a (1)",
            "a (>= )",
            "a (>= 1",
            "a (>= 1 2)",
            "a b",
            "a (= 1) (= 2)",
            "a:",
            "a:b:c",
            "ä",
            "a]",
        ] {
            assert!(parse(field).is_err(), "{field:?} was taken");
        }
    }

    #[test]
    fn limits_to_architectures_and_profiles() {
        for (relation, amd64, arm64) in [
            ("a", true, true),
            ("a [amd64 i386]", true, false),
            ("a [!amd64]", false, true),
            ("a [!amd64 !arm64]", false, false),
            ("a [linux-any]", true, true),
            ("a [any-arm64]", false, true),
            ("a [hurd-any]", false, false),
            ("a <!nocheck>", true, true),
            ("a <nocheck>", false, false),
            ("a <nocheck> <!cross !stage1>", true, true),
        ] {
            let relation = Relation::parse(relation).expect("a relation");
            assert_eq!(
                (relation.applies_to("amd64"), relation.applies_to("arm64")),
                (amd64, arm64),
                "{relation:?}"
            );
        }
    }

    #[test]
    fn versions() {
        for (relation, admitted, refused) in [
            ("a (<< 2)", "2~", "2"),
            ("a (<= 2)", "2", "2.0.1"),
            ("a (= 2-1)", "0:2-1", "2-2"),
            ("a (>= 2)", "2", "2~"),
            ("a (>> 2)", "2+b1", "2"),
        ] {
            let relation = Relation::parse(relation).expect("a relation");
            assert!(
                relation.admits(admitted) && !relation.admits(refused),
                "{relation}"
            );
        }
        let wanted = Relation::parse("a (>= 2)").expect("a relation");
        for (provided, admitted) in [
            ("a", false),
            ("a (= 2)", true),
            ("a (= 1)", false),
            ("b (= 2)", false),
        ] {
            let provided = Relation::parse(provided).expect("a relation");
            assert_eq!(wanted.admits_provided(&provided), admitted, "{provided}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(field in "[a-z0-9 :|,()<>=\\[\\]!~\n-]{0,40}") {
            if let Ok(groups) = parse(&field) {
                for relation in groups.iter().flatten() {
                    let shown = relation.to_string();
                    prop_assert_eq!(Relation::parse(&shown).map(|again| again.to_string()), Ok(shown.clone()));
                }
            }
        }
    }
}

//! Hooks: named functions that an element runs in a phase.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::install_type::InstallType;
use crate::{HookContext, HookError, Phase};

/// What a hook does: a plain function, all of whose input and effects go through its context.
pub type HookFn = fn(&HookContext<'_>) -> Result<(), HookError>;

/// Says what a hook depends on beyond what it reads through its context, such as the state of an archive: names and what is
/// found now. It is asked before the hook runs, and has no tree.
pub type InputsFn = fn(&HookContext<'_>) -> Result<Vec<(String, String)>, HookError>;

/// What a hook does where it is more than a function of the program: a script of an element that is a directory.
pub trait Program: Send + Sync {
    /// Does it.
    ///
    /// # Errors
    /// When it fails.
    fn run(&self, ctx: &HookContext<'_>) -> Result<(), HookError>;
}

/// What a hook does.
#[derive(Clone)]
pub enum HookBody {
    /// A function of the program.
    Function(HookFn),
    /// Something that the program knows as data.
    Program(Arc<dyn Program>),
}

impl HookBody {
    /// Does it.
    ///
    /// # Errors
    /// When it fails.
    pub fn run(&self, ctx: &HookContext<'_>) -> Result<(), HookError> {
        match self {
            Self::Function(function) => function(ctx),
            Self::Program(program) => program.run(ctx),
        }
    }

    /// Returns whether it is a function of the program.
    #[must_use]
    pub fn is_native(&self) -> bool {
        matches!(self, Self::Function(_))
    }
}

/// A hook as an element declares it.
#[derive(Clone)]
pub struct Hook {
    /// The phase it runs in.
    pub phase: Phase,
    /// Its name, whose leading number places it within the phase.
    pub name: HookName,
    /// The install type without which the hook does not run, or `None` where any will do.
    pub install_type: Option<InstallType>,
    /// What it does.
    pub body: HookBody,
    /// What it depends on beyond what it reads, where its element knows.
    pub inputs: Option<InputsFn>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.d/{}", self.phase, self.name)
    }
}

/// A hook's name, such as `10-cache-ubuntu-tarball`.
///
/// Names order as upstream's `dib-run-parts` orders files, with `sort -n` in the C locale: by the number that
/// the name begins with (none counts as zero), then by bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HookName(String);

/// A text that can't name a hook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name for a hook: letters, digits, \"-\", \"_\" and \".\" make one")]
pub struct InvalidHookName(pub String);

impl HookName {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the leading digits without leading zeros, and whether a minus stands before them.
    fn leading_number(&self) -> (bool, &str) {
        let (negative, rest) = match self.0.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, self.0.as_str()),
        };
        let end = rest
            .find(|character: char| !character.is_ascii_digit())
            .unwrap_or(rest.len());
        let digits = rest[..end].trim_start_matches('0');
        (negative && !digits.is_empty(), digits)
    }
}

impl FromStr for HookName {
    type Err = InvalidHookName;

    fn from_str(text: &str) -> Result<Self, InvalidHookName> {
        let allowed = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        if text.is_empty() || text.starts_with('.') || !text.chars().all(allowed) {
            return Err(InvalidHookName(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Ord for HookName {
    fn cmp(&self, other: &Self) -> Ordering {
        // Digits are compared as text, so that no number is too long.
        let magnitude = |left: &str, right: &str| left.len().cmp(&right.len()).then_with(|| left.cmp(right));
        let by_number = match (self.leading_number(), other.leading_number()) {
            ((false, left), (false, right)) => magnitude(left, right),
            ((true, left), (true, right)) => magnitude(right, left),
            ((true, _), (false, _)) => Ordering::Less,
            ((false, _), (true, _)) => Ordering::Greater,
        };
        by_number.then_with(|| self.0.as_bytes().cmp(other.0.as_bytes()))
    }
}

impl PartialOrd for HookName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for HookName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &[&str]) {
        let mut names: Vec<HookName> = expected.iter().rev().map(|name| name.parse().unwrap()).collect();
        names.sort();
        assert_eq!(names.iter().map(HookName::as_str).collect::<Vec<_>>(), expected);
    }

    // Each list is what `printf '%s\n' … | LC_ALL=C sort -n` prints.
    #[test]
    fn orders_as_sort_n_does() {
        check(&["1-z", "02-a", "10-a", "10-b", "100-a"]);
        check(&["-5-a", "0-b", "abc", "zed", "1-a"]);
        check(&["99-block-daemons", "99-shared_apt_cache", "99-trim-dpkg"]);
        check(&[
            "007-x",
            "07-x",
            "7-x",
            "99999999999999999999999-x",
            "100000000000000000000000-x",
        ]);
        check(&["Z", "a"]);
    }

    #[test]
    fn refuses_what_no_file_may_be_called() {
        for text in ["", "a b", "a/b", ".hidden", "naïve", "a\0"] {
            assert_eq!(text.parse::<HookName>(), Err(InvalidHookName(text.to_owned())));
        }
    }
}

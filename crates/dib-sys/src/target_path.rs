//! A path inside the image.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A path inside the target: normalised, without `.`, `..`, doubled or trailing slashes.
///
/// It is written with a leading slash (`/etc/hostname`) and held without one, so that it can be given to
/// `openat2` as it is. The root itself is the empty path. Paths of the host are `camino::Utf8Path`; the two never
/// join, which is why this type offers no way to make one of the other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetPath(String);

/// A text that is not a path inside the target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTargetPath {
    /// The path climbs with `..`.
    #[error("{0:?} climbs out of a directory with \"..\"")]
    Climbs(String),
    /// The path holds a NUL byte.
    #[error("{0:?} holds a NUL byte")]
    Nul(String),
    /// The path is not UTF-8.
    #[error("{0:?} is not UTF-8")]
    NotUtf8(String),
}

impl TargetPath {
    /// Returns the root of the target.
    #[must_use]
    pub fn root() -> Self {
        Self(String::new())
    }

    /// Returns the path relative to the root, without a leading slash; empty for the root.
    #[must_use]
    pub fn as_relative(&self) -> &str {
        &self.0
    }

    /// Returns whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the last component, or `None` for the root.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        if self.is_root() {
            None
        } else {
            self.0.rsplit('/').next()
        }
    }

    /// Returns the directory that holds this path, or `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        Some(Self(
            self.0
                .rsplit_once('/')
                .map_or_else(String::new, |(parent, _)| parent.to_owned()),
        ))
    }

    /// Returns this path with `relative` below it.
    ///
    /// # Errors
    /// When `relative` is not a path inside the target.
    pub fn join(&self, relative: &str) -> Result<Self, InvalidTargetPath> {
        format!("{}/{relative}", self.0).parse()
    }
}

impl FromStr for TargetPath {
    type Err = InvalidTargetPath;

    fn from_str(text: &str) -> Result<Self, InvalidTargetPath> {
        if text.contains('\0') {
            return Err(InvalidTargetPath::Nul(text.to_owned()));
        }
        let mut path = String::with_capacity(text.len());
        for component in text.split('/') {
            match component {
                "" | "." => {}
                ".." => return Err(InvalidTargetPath::Climbs(text.to_owned())),
                name => {
                    if !path.is_empty() {
                        path.push('/');
                    }
                    path.push_str(name);
                }
            }
        }
        Ok(Self(path))
    }
}

impl TryFrom<String> for TargetPath {
    type Error = InvalidTargetPath;

    fn try_from(text: String) -> Result<Self, InvalidTargetPath> {
        text.parse()
    }
}

impl From<TargetPath> for String {
    fn from(path: TargetPath) -> Self {
        path.to_string()
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}", self.0)
    }
}

impl fmt::Debug for TargetPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let path: TargetPath = text.parse().unwrap();
        assert_eq!(path.to_string(), expected);
        assert_eq!(expected.parse::<TargetPath>().unwrap(), path);
    }

    #[test]
    fn normalises() {
        check("/", "/");
        check("", "/");
        check("./etc//apt/", "/etc/apt");
        check("/usr/./bin", "/usr/bin");
        check("a..b/..c", "/a..b/..c");
    }

    #[test]
    fn refuses_what_is_not_inside() {
        assert_eq!(
            "../etc".parse::<TargetPath>(),
            Err(InvalidTargetPath::Climbs("../etc".into()))
        );
        assert_eq!(
            "/a/..".parse::<TargetPath>(),
            Err(InvalidTargetPath::Climbs("/a/..".into()))
        );
        assert_eq!(
            "a\0b".parse::<TargetPath>(),
            Err(InvalidTargetPath::Nul("a\0b".into()))
        );
    }

    #[test]
    fn takes_apart() {
        let path: TargetPath = "/etc/apt/apt.conf.d".parse().unwrap();
        assert_eq!(path.file_name(), Some("apt.conf.d"));
        assert_eq!(path.parent().unwrap().to_string(), "/etc/apt");
        assert_eq!(TargetPath::root().parent(), None);
        assert_eq!(TargetPath::root().file_name(), None);
        assert_eq!(
            path.join("60proxy").unwrap().to_string(),
            "/etc/apt/apt.conf.d/60proxy"
        );
    }
}

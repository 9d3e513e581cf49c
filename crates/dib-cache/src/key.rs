//! Names of files in the cache.

use std::fmt;

/// The name of a file in the cache: relative, made of plain components, so that it can't leave the directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey(String);

/// A name that may not be used in the cache, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} can't name a file in the cache: {reason}")]
pub struct InvalidCacheKey {
    name: String,
    reason: &'static str,
}

/// The ending of a download under way.
pub(crate) const PARTIAL_ENDING: &str = ".partial";

/// The longest component: 255 bytes are what file systems take, less the endings of lock and sidecar.
const LONGEST_COMPONENT: usize = 230;

impl CacheKey {
    /// Takes `name`, a file name or a path of several components below the cache's directory.
    ///
    /// # Errors
    /// When the name is empty, absolute, too long, holds a control character, ends like a partial download, or a
    /// component is empty or starts with a dot (which rules out `..` and the cache's own directories).
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidCacheKey> {
        let name = name.into();
        match reason_against(&name) {
            None => Ok(Self(name)),
            Some(reason) => Err(InvalidCacheKey { name, reason }),
        }
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the key of the detached signature kept beside a file.
    pub(crate) fn of_signature(&self) -> Self {
        Self(format!("{}.gpg", self.0))
    }
}

fn reason_against(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it is empty")
    } else if name.chars().any(char::is_control) {
        Some("it holds a control character")
    } else if name.ends_with(PARTIAL_ENDING) {
        Some("this ending is for downloads under way")
    } else if name.split('/').any(str::is_empty) {
        Some("it is absolute or has an empty component")
    } else if name.split('/').any(|component| component.starts_with('.')) {
        Some("a component starts with a dot")
    } else if name
        .split('/')
        .any(|component| component.len() > LONGEST_COMPONENT)
    {
        Some("a component is longer than 230 bytes")
    } else {
        None
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::CacheKey;

    #[test]
    fn plain_names_and_subdirectories_are_taken() {
        for name in [
            "SHA256SUMS.ubuntu.noble.amd64",
            "ubuntu/noble/root.tar.xz",
            "a+b~c",
            "naïve",
        ] {
            assert_eq!(
                CacheKey::new(name).map(|key| key.to_string()),
                Ok(name.to_owned())
            );
        }
    }

    #[test]
    fn names_that_could_leave_the_cache_or_clash_with_its_own_files_are_refused() {
        let long = "x".repeat(231);
        for name in [
            "",
            "/etc/passwd",
            "a//b",
            "a/",
            "..",
            "a/../b",
            ".locks/x",
            "a\nb",
            "root.partial",
            &long,
        ] {
            assert!(CacheKey::new(name).is_err(), "{name:?} was taken");
        }
    }
}

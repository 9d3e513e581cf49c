//! An entry's name, checked byte by byte.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The name of an entry: a path relative to the root without `.`, `..` or superfluous slashes; empty for the root.
///
/// Archives hold names that are not UTF-8, so this is bytes where the rest of the program has `TargetPath`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EntryName(Vec<u8>);

/// Why some bytes are not the name of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InvalidEntryName {
    Climbs,
    HoldsNul,
}

impl EntryName {
    /// Checks and normalises a name as it stands in an archive.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, InvalidEntryName> {
        if bytes.contains(&0) {
            return Err(InvalidEntryName::HoldsNul);
        }
        let mut name = Vec::with_capacity(bytes.len());
        for component in bytes.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => return Err(InvalidEntryName::Climbs),
                component => {
                    if !name.is_empty() {
                        name.push(b'/');
                    }
                    name.extend_from_slice(component);
                }
            }
        }
        Ok(Self(name))
    }

    /// Returns the name of an entry in this directory, or `None` when `name` is not a single component.
    pub(crate) fn join(&self, name: &[u8]) -> Option<Self> {
        if matches!(name, b"" | b"." | b"..") || name.iter().any(|byte| matches!(byte, b'/' | 0)) {
            return None;
        }
        let mut joined = self.0.clone();
        if !self.is_root() {
            joined.push(b'/');
        }
        joined.extend_from_slice(name);
        Some(Self(joined))
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    /// Splits into the directory (empty for the root) and the name in it (empty for the root itself).
    pub(crate) fn split(&self) -> (&[u8], &OsStr) {
        match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&self.0[..slash], OsStr::from_bytes(&self.0[slash + 1..])),
            None => (b"", OsStr::from_bytes(&self.0)),
        }
    }

    /// Returns the name for messages, with what is not UTF-8 replaced.
    pub(crate) fn lossy(&self) -> String {
        if self.is_root() {
            ".".to_owned()
        } else {
            lossy(&self.0)
        }
    }
}

/// Returns bytes of an archive for messages.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Result<&[u8], InvalidEntryName>) {
        assert_eq!(
            EntryName::parse(bytes).as_ref().map(EntryName::as_bytes),
            expected.as_ref().copied()
        );
    }

    #[test]
    fn normalises_and_refuses() {
        check(b"./etc//hosts", Ok(b"etc/hosts"));
        check(b"///etc/hosts/", Ok(b"etc/hosts"));
        check(b"./", Ok(b""));
        check(b"caf\xe9/..x", Ok(b"caf\xe9/..x"));
        check(b"../x", Err(InvalidEntryName::Climbs));
        check(b"/../x", Err(InvalidEntryName::Climbs));
        check(b"a/../b", Err(InvalidEntryName::Climbs));
        check(b"a/..", Err(InvalidEntryName::Climbs));
        check(b"a\0b", Err(InvalidEntryName::HoldsNul));
    }

    #[test]
    fn splits() {
        let name = EntryName::parse(b"usr/bin/env").unwrap();
        assert_eq!(name.split(), (b"usr/bin".as_slice(), OsStr::new("env")));
        assert_eq!(
            EntryName::parse(b"usr").unwrap().split(),
            (b"".as_slice(), OsStr::new("usr"))
        );
        assert_eq!(
            EntryName::parse(b"/").unwrap().split(),
            (b"".as_slice(), OsStr::new(""))
        );
    }
}

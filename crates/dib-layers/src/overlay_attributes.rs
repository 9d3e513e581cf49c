//! The extended attributes that an overlay keeps its own state in.
//!
//! Their names begin with `trusted.overlay.`, or with `user.overlay.` where the overlay is mounted in a user namespace
//! (`userxattr`): <https://docs.kernel.org/filesystems/overlayfs.html>. A pack has the former in either case.

use std::os::fd::BorrowedFd;

use rustix::fs::fremovexattr;
use rustix::io::Errno;

const TRUSTED: &[u8] = b"trusted.overlay.";
const USER: &[u8] = b"user.overlay.";

/// Which names the overlays of this process use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OverlayAttributes {
    Trusted,
    User,
}

/// What becomes of an attribute of an upper directory's entry when it is packed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packed {
    /// It is kept under this name.
    As(Vec<u8>),
    /// It tells of the layers below by their inodes, and the overlay works without it.
    Dropped,
    /// It says that the entry's contents or name stand in a layer below.
    Incomplete,
}

impl OverlayAttributes {
    /// Finds out which names this process may use, on a directory of the file system in question.
    pub(crate) fn of(directory: BorrowedFd<'_>) -> Self {
        // Who has no right to `trusted.` names hears of that before it matters that there is no such attribute.
        match fremovexattr(directory, "trusted.overlay.dib-never-set") {
            Err(Errno::PERM) => Self::User,
            _ => Self::Trusted,
        }
    }

    /// Decides about an attribute found in an upper directory.
    pub(crate) fn pack(self, name: &[u8]) -> Packed {
        let prefix = match self {
            Self::Trusted => TRUSTED,
            Self::User => USER,
        };
        match name.strip_prefix(prefix) {
            None => Packed::As(name.to_vec()),
            Some(b"origin" | b"impure" | b"nlink" | b"upper" | b"uuid") => Packed::Dropped,
            Some(b"redirect" | b"metacopy") => Packed::Incomplete,
            Some(rest) => Packed::As([TRUSTED, rest].concat()),
        }
    }

    /// Returns the name under which a packed attribute is set.
    pub(crate) fn unpack(self, name: &[u8]) -> Vec<u8> {
        match (self, name.strip_prefix(TRUSTED)) {
            (Self::User, Some(rest)) => [USER, rest].concat(),
            _ => name.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OverlayAttributes, Packed};

    #[test]
    fn a_pack_names_attributes_as_root_does() {
        let (root, user) = (OverlayAttributes::Trusted, OverlayAttributes::User);
        let opaque = Packed::As(b"trusted.overlay.opaque".to_vec());
        assert_eq!(root.pack(b"trusted.overlay.opaque"), opaque);
        assert_eq!(user.pack(b"user.overlay.opaque"), opaque);
        assert_eq!(
            root.pack(b"user.overlay.opaque"),
            Packed::As(b"user.overlay.opaque".to_vec())
        );
        assert_eq!(root.pack(b"trusted.overlay.origin"), Packed::Dropped);
        assert_eq!(user.pack(b"user.overlay.metacopy"), Packed::Incomplete);
        assert_eq!(user.pack(b"user.other"), Packed::As(b"user.other".to_vec()));
        assert_eq!(root.unpack(b"trusted.overlay.opaque"), b"trusted.overlay.opaque");
        assert_eq!(user.unpack(b"trusted.overlay.opaque"), b"user.overlay.opaque");
        assert_eq!(user.unpack(b"trusted.other"), b"trusted.other");
    }
}

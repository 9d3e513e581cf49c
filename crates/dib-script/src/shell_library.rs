//! What scripts find in `$_LIB`, and the programs that come before the host's.

/// A file that scripts find.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShellFile {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it holds.
    pub(crate) bytes: &'static [u8],
    /// Its permission bits.
    pub(crate) mode: u32,
    /// Where it stands.
    pub(crate) kind: Kind,
}

/// Where a file stands that scripts find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In `$_LIB`.
    Library,
    /// Among the programs.
    Program,
}

/// Returns all of them.
pub(crate) fn files() -> &'static [ShellFile] {
    &[ShellFile {
        name: "die",
        bytes: include_bytes!("../lib/die"),
        mode: 0o644,
        kind: Kind::Library,
    }]
}

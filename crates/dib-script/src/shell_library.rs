//! The files that elements' scripts find beside them: what they source from `$_LIB`, and the programs that stand first
//! on their `PATH`.

/// Where a [`ShellFile`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It stands in `$_LIB`.
    Library,
    /// It stands in the build's `bin`, and is run by its name.
    Program,
}

/// A file of the library, as it is written into the build's directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShellFile {
    /// Its name in its directory.
    pub(crate) name: &'static str,
    /// Its contents.
    pub(crate) bytes: &'static [u8],
    /// Its permissions.
    pub(crate) mode: u32,
    /// The directory it belongs to.
    pub(crate) kind: Kind,
}

macro_rules! library {
    ($name:literal, $mode:literal) => {
        ShellFile {
            name: $name,
            bytes: include_bytes!(concat!("../lib/", $name)),
            mode: $mode,
            kind: Kind::Library,
        }
    };
}

macro_rules! program {
    ($name:literal) => {
        ShellFile {
            name: $name,
            bytes: include_bytes!(concat!("../bin/", $name)),
            mode: 0o755,
            kind: Kind::Program,
        }
    };
}

const FILES: &[ShellFile] = &[
    library!("common-defaults", 0o644),
    library!("common-functions", 0o644),
    library!("dib-block-device.py", 0o755),
    library!("dib-run-parts", 0o755),
    library!("die", 0o644),
    library!("element-info.py", 0o755),
    library!("elements-functions", 0o644),
    library!("img-defaults", 0o644),
    library!("img-functions", 0o644),
    library!("ramdisk-defaults", 0o644),
    library!("ramdisk-functions", 0o644),
    library!("shim-functions", 0o644),
    program!("chown"),
    program!("dib-block-device"),
    program!("mknod"),
    program!("mmdebstrap"),
    program!("mount"),
    program!("rm"),
    program!("sudo"),
    program!("tar"),
    program!("umount"),
];

/// Returns all files of the library and the programs.
pub(crate) fn files() -> &'static [ShellFile] {
    FILES
}

#[cfg(test)]
mod tests;

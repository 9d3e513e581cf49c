//! What may be said of an image, and which option of `disk-image-create` each key stands for.
//!
//! The keys are upstream's, in its order, which is that of the options on the command line.

/// A key of an image.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// What the schema says of it.
    pub(super) about: &'static str,
    pub(super) kind: Kind,
    pub(super) role: Role,
}

/// What the value of a key is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A text, taken as it is written, be it a number in YAML's eyes.
    Text,
    /// True or false.
    Switch,
    /// A whole number, at least 1.
    Number,
    /// A whole number up to this one.
    Levels(u64),
    /// One of these names, and what they name.
    Choice(&'static str, &'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A list of these names, and what they name.
    Choices(&'static str, &'static [&'static str]),
    /// Texts by names.
    TextsByName,
}

/// What becomes of a key's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// It goes with this option.
    Option(&'static str),
    /// It holds the arguments behind the options.
    Elements,
    /// It holds variables.
    Environment,
    /// It says which program it is that builds.
    Ramdisk,
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Switch(bool),
    Number(u64),
    Texts(Vec<String>),
    TextsByName(Vec<(String, String)>),
}

/// The key by which entries belong to one image.
pub(super) const IMAGE_NAME: &str = "imagename";

/// The names of architectures, be they Debian's or the kernel's. Upstream's list, but for two that nothing here knows
/// (powerpc, ppc64), and with two more.
pub(super) const ARCHITECTURES: &[&str] = &[
    "aarch64", "amd64", "arm64", "armhf", "i386", "ppc64el", "ppc64le", "riscv64", "s390x", "x86_64",
];

/// The types of output. Upstream's aci, which nothing runs any more, is not among them.
pub(super) const IMAGE_TYPES: &[&str] = &[
    "qcow2", "tar", "tgz", "squashfs", "vhd", "docker", "raw", "oci", "raw.zst", "vmdk",
];

/// All keys.
pub(super) const KEYS: &[Key] = &[
    key(
        IMAGE_NAME,
        "The path of the output without its extension. Entries of one name are one image; an entry without a name belongs to the \
         image before it.",
        Kind::Text,
        Role::Option("-o"),
    ),
    key(
        "arch",
        "The architecture, in Debian's words or the kernel's; this machine's if none is given.",
        Kind::Choice("architecture", ARCHITECTURES),
        Role::Option("-a"),
    ),
    key(
        "types",
        "The types of output; qcow2 if none is given.",
        Kind::Choices("image type", IMAGE_TYPES),
        Role::Option("-t"),
    ),
    key(
        "environment",
        "Variables for this build, over those of the environment.",
        Kind::TextsByName,
        Role::Environment,
    ),
    key(
        "ramdisk",
        "Build a ramdisk with its kernel instead of a disk.",
        Kind::Switch,
        Role::Ramdisk,
    ),
    key(
        "debug-trace",
        "How much of what hooks do is logged: 0 for nothing more than what they print.",
        Kind::Levels(2),
        Role::Option("-x"),
    ),
    key(
        "uncompressed",
        "Don't compress: the output is larger and sooner there.",
        Kind::Switch,
        Role::Option("-u"),
    ),
    key(
        "clear",
        "Begin with an empty environment but for what programs need.",
        Kind::Switch,
        Role::Option("-c"),
    ),
    key(
        "logfile",
        "A file that the log is written to instead of being shown.",
        Kind::Text,
        Role::Option("--logfile"),
    ),
    key(
        "checksum",
        "Write files with the MD5 and SHA-256 sums beside the outputs.",
        Kind::Switch,
        Role::Option("--checksum"),
    ),
    key(
        "image-size",
        "The disk's size in GiB.",
        Kind::Number,
        Role::Option("--image-size"),
    ),
    key(
        "image-extra-size",
        "The room beside the tree, in GiB, on a disk that fits it.",
        Kind::Number,
        Role::Option("--image-extra-size"),
    ),
    key(
        "image-cache",
        "The directory of the download cache; ~/.cache/image-create if none is given.",
        Kind::Text,
        Role::Option("--image-cache"),
    ),
    key(
        "max-online-resize",
        "The size up to which the root file system can grow while it is mounted, in its blocks.",
        Kind::Number,
        Role::Option("--max-online-resize"),
    ),
    key(
        "min-tmpfs",
        "Build in memory if there is twice as much of it, in GiB.",
        Kind::Number,
        Role::Option("--min-tmpfs"),
    ),
    key(
        "mkfs-journal-size",
        "The size of the root file system's journal in MiB.",
        Kind::Number,
        Role::Option("--mkfs-journal-size"),
    ),
    key(
        "mkfs-options",
        "More options for the program that makes the root file system.",
        Kind::Text,
        Role::Option("--mkfs-options"),
    ),
    key(
        "no-tmpfs",
        "Build on disk, even where memory would hold the tree.",
        Kind::Switch,
        Role::Option("--no-tmpfs"),
    ),
    key(
        "offline",
        "Take what is in the cache as it is, and don't look for something newer.",
        Kind::Switch,
        Role::Option("--offline"),
    ),
    key(
        "qemu-img-options",
        "Options of the outputs' formats, under the names that qemu-img has for them.",
        Kind::TextsByName,
        Role::Option("--qemu-img-options"),
    ),
    key(
        "root-label",
        "The root file system's label; cloudimg-rootfs if none is given.",
        Kind::Text,
        Role::Option("--root-label"),
    ),
    key(
        "ramdisk-element",
        "The element that makes a ramdisk; ramdisk if none is given.",
        Kind::Text,
        Role::Option("--ramdisk-element"),
    ),
    key(
        "install-type",
        "How elements install that can do so in several ways.",
        Kind::Choice("install type", &["source", "package"]),
        Role::Option("--install-type"),
    ),
    key(
        "docker-target",
        "What a container image is called, with its tag; as the output if nothing is given.",
        Kind::Text,
        Role::Option("--docker-target"),
    ),
    key(
        "packages",
        "More packages to install; not for ramdisks.",
        Kind::Texts,
        Role::Option("-p"),
    ),
    key(
        "skip-base",
        "Leave out the element base, which otherwise comes along unasked; not for ramdisks.",
        Kind::Switch,
        Role::Option("-n"),
    ),
    key(
        "elements",
        "The elements that make the image, at least one of which provides an operating system.",
        Kind::Texts,
        Role::Elements,
    ),
];

const fn key(name: &'static str, about: &'static str, kind: Kind, role: Role) -> Key {
    Key {
        name,
        about,
        kind,
        role,
    }
}

#[cfg(test)]
mod tests {
    use dib_core::{Arch, ImageType};

    use super::*;

    #[test]
    fn the_names_are_those_that_the_program_knows() {
        for name in ARCHITECTURES {
            assert!(Arch::ALL.iter().any(|arch| arch.is_called(name)), "{name}");
        }
        for arch in Arch::ALL {
            assert!(ARCHITECTURES.contains(&arch.name()), "{arch}");
        }
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_unstable();
            names
        };
        assert_eq!(
            sorted(IMAGE_TYPES.to_vec()),
            sorted(ImageType::ALL.iter().map(|kind| kind.name()).collect())
        );
    }
}

//! The host's programs that a command needs, and how they come to be there.

use std::env;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use xshell::{Shell, cmd};

use crate::progress;
use crate::task_error::TaskError;

/// A program, or another file by its path, and the package that brings it, under the name that Debian and Ubuntu share.
#[derive(Debug)]
pub(crate) struct Need {
    program: &'static str,
    package: &'static str,
}

/// What every build calls.
pub(crate) const BUILD: &[Need] = &[
    Need {
        program: "mke2fs",
        package: "e2fsprogs",
    },
    Need {
        program: "debugfs",
        package: "e2fsprogs",
    },
];

/// What a build by an ordinary user calls besides.
pub(crate) const ORDINARY_USER: &[Need] = &[
    Need {
        program: "newuidmap",
        package: "uidmap",
    },
    Need {
        program: "newgidmap",
        package: "uidmap",
    },
];

/// What compressing and signing calls, for whoever publishes something.
pub(crate) const PUBLISHING: &[Need] = &[
    Need {
        program: "gpg",
        package: "gpg",
    },
    Need {
        program: "gpg-agent",
        package: "gpg-agent",
    },
    Need {
        program: "gpgconf",
        package: "gpgconf",
    },
    Need {
        program: "xz",
        package: "xz-utils",
    },
];

/// What making the local mirror calls besides.
pub(crate) const MIRROR: &[Need] = &[
    Need {
        program: "mmdebstrap",
        package: "mmdebstrap",
    },
    Need {
        program: "mksquashfs",
        package: "squashfs-tools",
    },
];

/// What making an archive in Ubuntu's layout calls besides.
pub(crate) const UBUNTU_ARCHIVE: &[Need] = &[Need {
    program: "apt-ftparchive",
    package: "apt-utils",
}];

/// What the tools that bootstrap a Debian are, beside ours.
pub(crate) const BOOTSTRAP: &[Need] = &[
    Need {
        program: "mmdebstrap",
        package: "mmdebstrap",
    },
    Need {
        program: "debootstrap",
        package: "debootstrap",
    },
];

/// What diskimage-builder calls, and what installs it.
pub(crate) const UPSTREAM: &[Need] = &[
    Need {
        program: "/usr/bin/python3",
        package: "python3-venv",
    },
    Need {
        program: "debootstrap",
        package: "debootstrap",
    },
    Need {
        program: "kpartx",
        package: "kpartx",
    },
    Need {
        program: "qemu-img",
        package: "qemu-utils",
    },
    Need {
        program: "sudo",
        package: "sudo",
    },
];

/// What the callers of `disk-image-create` and their elements call.
pub(crate) const CALLERS: &[Need] = &[
    // It has no program, and nothing else whose path has no version of Python in it.
    Need {
        program: "/var/lib/dpkg/info/python3-venv.list",
        package: "python3-venv",
    },
    Need {
        program: "git",
        package: "git",
    },
    Need {
        program: "cpio",
        package: "cpio",
    },
    Need {
        program: "openssl",
        package: "openssl",
    },
    Need {
        program: "java",
        package: "default-jre-headless",
    },
    Need {
        program: "/usr/share/java/zookeeper.jar",
        package: "libzookeeper-java",
    },
    Need {
        program: "qemu-img",
        package: "qemu-utils",
    },
];

/// What elements call that take sources from repositories.
pub(crate) const REPOSITORIES: &[Need] = &[Need {
    program: "git",
    package: "git",
}];

/// What booting an image calls: QEMU, and firmware for UEFI.
pub(crate) const BOOT: &[Need] = &[
    Need {
        program: "qemu-system-x86_64",
        package: "qemu-system-x86",
    },
    Need {
        program: "qemu-img",
        package: "qemu-utils",
    },
    Need {
        program: "/usr/share/OVMF/OVMF_CODE_4M.fd",
        package: "ovmf",
    },
];

/// What breaking images calls.
pub(crate) const BOOT_MUTANTS: &[Need] = &[
    Need {
        program: "sfdisk",
        package: "fdisk",
    },
    Need {
        program: "mdeltree",
        package: "mtools",
    },
];

/// What a build in a virtual machine calls besides.
pub(crate) const VM_BUILD: &[Need] = &[
    Need {
        program: "qemu-system-x86_64",
        package: "qemu-system-x86",
    },
    Need {
        program: "depmod",
        package: "kmod",
    },
    Need {
        program: "ip",
        package: "iproute2",
    },
    Need {
        program: "xz",
        package: "xz-utils",
    },
];

/// What the tests and the checks on an image call besides.
const TESTS: &[Need] = &[
    Need {
        program: "qemu-img",
        package: "qemu-utils",
    },
    Need {
        program: "mksquashfs",
        package: "squashfs-tools",
    },
    Need {
        program: "zstd",
        package: "zstd",
    },
];

/// What checks disks and formats.
pub(crate) const DISK_CHECKS: &[Need] = &[
    Need {
        program: "qemu-img",
        package: "qemu-utils",
    },
    Need {
        program: "sfdisk",
        package: "fdisk",
    },
    Need {
        program: "sgdisk",
        package: "gdisk",
    },
    Need {
        program: "fsck.vfat",
        package: "dosfstools",
    },
    Need {
        program: "mksquashfs",
        package: "squashfs-tools",
    },
    Need {
        program: "sqfs2tar",
        package: "squashfs-tools-ng",
    },
    Need {
        program: "zstd",
        package: "zstd",
    },
];

/// Makes sure that the programs are there: as root by installing their packages, else by naming the command that does.
///
/// # Errors
/// [`TaskError::Needs`] to an ordinary user; [`TaskError::Command`] when an installation fails.
pub(crate) fn meet(groups: &[&[Need]]) -> Result<(), TaskError> {
    let missing: Vec<&Need> = groups
        .iter()
        .copied()
        .flatten()
        .filter(|need| !is_there(need.program))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs = names(missing.iter().map(|need| need.program));
    let packages = names(missing.iter().map(|need| need.package));
    if !is_root() || !is_there("apt-get") {
        let list = packages.join(" ");
        return Err(TaskError::Needs {
            programs: programs.join(", "),
            command: format!("sudo apt-get install -y --no-install-recommends {list}"),
        });
    }
    progress::step(format!("installing {}", packages.join(", ")));
    let shell = Shell::new()?;
    shell.set_var("DEBIAN_FRONTEND", "noninteractive");
    cmd!(shell, "apt-get -q update").run()?;
    cmd!(
        shell,
        "apt-get -q install -y --no-install-recommends {packages...}"
    )
    .run()?;
    Ok(())
}

/// The groups of a build by the current user, with or without the local mirror.
pub(crate) fn of_build(local_mirror: bool) -> Vec<&'static [Need]> {
    let mut groups = vec![BUILD];
    if !is_root() {
        groups.push(ORDINARY_USER);
    }
    if local_mirror {
        groups.extend(of_mirror());
    }
    groups
}

/// The groups of running the tests as the current user.
pub(crate) fn of_tests() -> Vec<&'static [Need]> {
    let mut groups = of_build(false);
    groups.push(TESTS);
    groups
}

/// The groups of making a mirror by the current user: mmdebstrap maps users by itself when it is not root.
pub(crate) fn of_mirror() -> Vec<&'static [Need]> {
    if is_root() {
        vec![PUBLISHING, MIRROR]
    } else {
        vec![PUBLISHING, MIRROR, ORDINARY_USER]
    }
}

/// Says whether the current user is root.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Lets the programs that we start find those of the administrator, which Debian keeps off an ordinary user's `PATH`.
pub(crate) fn path_with_administrators_programs() -> String {
    let path = env::var("PATH").unwrap_or_default();
    let known: Vec<&str> = path.split(':').collect();
    let mut extended = path.clone();
    for directory in ["/usr/local/sbin", "/usr/sbin", "/sbin"] {
        if !known.contains(&directory) {
            extended.push(':');
            extended.push_str(directory);
        }
    }
    extended
}

fn is_there(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).is_file();
    }
    path_with_administrators_programs().split(':').any(|directory| {
        Path::new(directory)
            .join(program)
            .metadata()
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

/// Names without repeats, in the order in which they came.
fn names(all: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_there_and_nonsense_is_not() {
        assert!(is_there("sh"));
        assert!(!is_there("no-such-program-anywhere"));
    }

    #[test]
    fn packages_are_named_once() {
        assert_eq!(names(BUILD.iter().map(|need| need.package)), ["e2fsprogs"]);
    }

    #[test]
    fn administrators_programs_come_last_and_once() {
        let path = path_with_administrators_programs();
        assert_eq!(
            path.split(':')
                .filter(|directory| *directory == "/usr/sbin")
                .count()
                .max(1),
            1
        );
        assert!(path.starts_with(&env::var("PATH").unwrap_or_default()));
    }
}

//! `cargo xtask ubuntu-archive`: a server's directory laid out as Ubuntu's package archive, made of Debian's packages.
//!
//! It has Ubuntu's suites, components and metadata, and a key of its own, so that a build of `ubuntu-minimal` goes the
//! whole way without Ubuntu. The packages are those of this host's own distribution, but for one: the kernel's meta
//! package has another name in Debian, and is made here. Three versions of it lie in three suites, so that a build
//! shows whether it prefers updates and keeps off backports.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use crate::host_archive::{self, HostArchive};
use crate::made_directory;
use crate::needs;
use crate::progress;
use crate::signing_key::SigningKey;
use crate::task_error::TaskError;

mod debian_packages;
mod kernel_package;
mod suite_indexes;

/// The release under whose name the packages are published.
pub(crate) const RELEASE: &str = "noble";

/// The components, in Ubuntu's order.
const COMPONENTS: [&str; 2] = ["main", "universe"];

/// What is to be installed, beside what dpkg's archive marks as essential and as required, with all it depends on and
/// recommends: what the elements `ubuntu-minimal`, `debian-minimal` and those below them ask for.
const PACKAGES: [&str; 14] = [
    "adduser",
    "apt",
    "apt-transport-https",
    "busybox",
    "ca-certificates",
    "gnupg2",
    "initramfs-tools",
    "locales",
    "lsb-release",
    "netbase",
    "open-iscsi",
    "python3",
    "sudo",
    "systemd-sysv",
];

/// What the elements `vm` and its kin ask for; the two ways to have GRUB can't be installed together.
const VM_PACKAGES: [&[&str]; 2] = [
    &[
        "cloud-init",
        "cloud-utils",
        "e2fsprogs",
        "grub-pc",
        "ifupdown",
        "isc-dhcp-client",
        "ndisc6",
        "openssh-server",
    ],
    &["efibootmgr", "grub-efi", "grub-pc-bin"],
];

/// Asked for only where the host's release has it: Debian dropped it in its release 13.
const IF_THERE: &str = "software-properties-common";

/// The packages that lie in `universe` alone.
const UNIVERSE: [&str; 4] = ["apt-transport-https", "busybox", "gnupg2", "open-iscsi"];

/// The kernel's meta package under Ubuntu's name.
pub(crate) const KERNEL: &str = "linux-image-generic";

/// The version of it that a build has to choose: the one in updates, not the newer one in backports.
pub(crate) const KERNEL_VERSION: &str = "6.8.0.60.60";

/// A suite: its name's pocket, the version of the kernel's meta package in it, and whether apt must be asked before it
/// takes a package from there.
struct Suite {
    pocket: &'static str,
    kernel_version: Option<&'static str>,
    only_on_request: bool,
}

const SUITES: [Suite; 4] = [
    Suite {
        pocket: "",
        kernel_version: Some("6.8.0.31.31"),
        only_on_request: false,
    },
    Suite {
        pocket: "-updates",
        kernel_version: Some(KERNEL_VERSION),
        only_on_request: false,
    },
    Suite {
        pocket: "-security",
        kernel_version: None,
        only_on_request: false,
    },
    Suite {
        pocket: "-backports",
        kernel_version: Some("6.14.0.1.1"),
        only_on_request: true,
    },
];

const UPDATES: &Suite = &SUITES[1];

/// Makes an Ubuntu-layout archive of this host's own distribution's packages.
///
/// The directory gets `ubuntu/` (the archive), `archive-key.asc` and `archive-key.gpg` (who signs it). Made again only
/// when what goes into it (sources, packages, layout) has changed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct MakeUbuntuArchive {
    /// Where to make it; an older archive there is replaced at the end.
    #[arg(value_name = "DIR")]
    directory: Utf8PathBuf,
}

impl MakeUbuntuArchive {
    /// The archive in a directory.
    pub(crate) fn in_directory(directory: &Utf8Path) -> Self {
        Self {
            directory: directory.to_owned(),
        }
    }
}

/// Runs the command.
pub(crate) fn ubuntu_archive(options: &MakeUbuntuArchive) -> Result<(), TaskError> {
    needs::meet(&[needs::PUBLISHING, needs::UBUNTU_ARCHIVE])?;
    let host = host_archive::of_this_host()?;
    made_directory::make_unless_current(&options.directory, "archive", &inputs(&host), |work, new| {
        make(&host, work, new)
    })?;
    Ok(())
}

/// Publishes the packages that lie in [`own_packages`] of a directory, as an archive's suite of updates.
pub(crate) fn publish_updates(archive: &Utf8Path, arch: &str, key: &SigningKey) -> Result<(), TaskError> {
    suite_indexes::write(archive, UPDATES, arch, key)
}

/// Where packages of our own lie in an archive, to be published as updates.
pub(crate) fn own_packages(archive: &Utf8Path) -> Utf8PathBuf {
    archive.join(made_packages(UPDATES, "main"))
}

fn inputs(host: &HostArchive) -> String {
    format!(
        "layout 3\nrelease {RELEASE}\narch {}\npackages {} {} {IF_THERE}\nuniverse {}\n{}\n{}\n",
        host.arch,
        PACKAGES.join(" "),
        VM_PACKAGES.concat().join(" "),
        UNIVERSE.join(" "),
        host.sources.join("\n"),
        host.apt_options.join("\n")
    )
}

fn make(host: &HostArchive, work: &Utf8Path, new: &Utf8Path) -> Result<(), TaskError> {
    let downloads = work.join("packages");
    progress::step("downloading packages for an archive in Ubuntu's layout");
    let kernel = kernel_package::of_distribution(&host.host.id, &host.arch);
    let packages = debian_packages::download(host, &kernel, &downloads)?;
    let archive = new.join("ubuntu");
    for package in &packages {
        put_into_pool(package, &archive)?;
    }
    for suite in &SUITES {
        if let Some(version) = suite.kernel_version {
            let directory = archive.join(made_packages(suite, "main"));
            kernel_package::make(&directory, &host.arch, version, &kernel, work)?;
        }
    }
    progress::step(format!(
        "writing and signing indexes of {} packages",
        packages.len()
    ));
    let key = SigningKey::make("dib test archive")?;
    for suite in &SUITES {
        suite_indexes::write(&archive, suite, &host.arch, &key)?;
    }
    key.export(&new.join("archive-key.asc"), &new.join("archive-key.gpg"))
}

/// Moves a downloaded package to its place in the pool: `pool/COMPONENT/FIRST-LETTER/NAME/FILE`.
fn put_into_pool(package: &Utf8Path, archive: &Utf8Path) -> Result<(), TaskError> {
    let (name, file) = pool_name(package.file_name().unwrap_or_default())
        .ok_or_else(|| TaskError::Check(format!("{package} is not named NAME_VERSION_ARCH.deb")))?;
    let component = if UNIVERSE.contains(&name.as_str()) {
        "universe"
    } else {
        "main"
    };
    let letter: String = name.chars().take(1).collect();
    let directory = archive.join("pool").join(component).join(letter).join(&name);
    fs::create_dir_all(&directory).map_err(TaskError::file("create", &directory))?;
    let path = directory.join(file);
    fs::rename(package, &path).map_err(TaskError::file("move a package to", &path))
}

/// Takes a package's name, and its file's name without an epoch as archives have it, from the name that apt gave it.
fn pool_name(file: &str) -> Option<(String, String)> {
    let (name, rest) = file.split_once('_')?;
    let without_epoch = rest.split_once("%3a").map_or(rest, |(_epoch, rest)| rest);
    Some((name.to_owned(), format!("{name}_{without_epoch}")))
}

/// Where a suite's packages of our own lie, below the archive: apart from the pool that the release lists.
fn made_packages(suite: &Suite, component: &str) -> Utf8PathBuf {
    let pocket = suite.pocket.trim_start_matches('-');
    let pool = if pocket.is_empty() { "release" } else { pocket };
    Utf8Path::new("pool").join(format!("{pool}-{component}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_pool() {
        for (file, expected) in [
            (
                "adduser_3.134_all.deb",
                Some(("adduser", "adduser_3.134_all.deb")),
            ),
            (
                "bsdutils_1%3a2.38.1-5_amd64.deb",
                Some(("bsdutils", "bsdutils_2.38.1-5_amd64.deb")),
            ),
            ("nonsense.deb", None),
        ] {
            let expected = expected.map(|(name, file)| (name.to_owned(), file.to_owned()));
            assert_eq!(pool_name(file), expected);
        }
    }

    #[test]
    fn own_packages_of_each_suite() {
        let places: Vec<Utf8PathBuf> = SUITES.iter().map(|suite| made_packages(suite, "main")).collect();
        assert_eq!(
            places,
            [
                "pool/release-main",
                "pool/updates-main",
                "pool/security-main",
                "pool/backports-main"
            ]
        );
    }
}

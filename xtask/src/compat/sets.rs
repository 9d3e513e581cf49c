//! Which elements are built together, and those that are not built at all.

use std::collections::BTreeMap;

use crate::task_error::TaskError;

/// Elements that are built together.
#[derive(Debug)]
pub(super) struct ElementSet {
    pub(super) name: &'static str,
    pub(super) elements: &'static [&'static str],
    /// More of the command line.
    pub(super) options: &'static [&'static str],
    /// What dib's command line has besides.
    pub(super) options_of_dib: &'static [&'static str],
    /// Variables, in whose values `@PLACE@` is the directory of the comparison, `@UBUNTU@` the URL of an
    /// archive in Ubuntu's layout.
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// Whether dib builds as an ordinary user; upstream can only as root.
    pub(super) by_a_user: bool,
    /// The tree that stands at the beginning.
    pub(super) ground: Ground,
}

/// What a set's tree begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// An unpacked Debian, by an element of ours.
    Prepared,
    /// Nothing: an element of the set makes it. The element `base` is in it.
    Own,
}

/// The sets, the quick ones first.
pub(super) const SETS: &[ElementSet] = &[
    ElementSet {
        name: "nothing",
        elements: &[],
        options: &[],
        options_of_dib: &[],
        variables: &[],
        by_a_user: false,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "apt",
        elements: &[
            "dpkg",
            "apt-conf",
            "apt-preferences",
            "apt-sources",
            "manifests",
            "element-manifest",
            "package-installs",
            "pkg-map",
            "install-bin",
        ],
        options: &[],
        options_of_dib: &[],
        variables: &[
            ("DIB_APT_CONF", "@PLACE@/data/apt.conf"),
            ("DIB_APT_SOURCES", "@PLACE@/data/sources.list"),
        ],
        by_a_user: true,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "quiet",
        elements: &[
            "dpkg",
            "disable-nouveau",
            "disable-selinux",
            "dracut-network",
            "enable-serial-console",
            "install-types",
            "journal-to-console",
            "modprobe",
            "nm-dhcp-ib-interfaces",
            "openstack-ci-mirrors",
            "pip-cache",
            "selinux-fixfiles-restore",
            "selinux-permissive",
            "sysctl",
            "sysprep",
        ],
        options: &[],
        options_of_dib: &[],
        variables: &[],
        by_a_user: true,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "kernel",
        elements: &[
            "baremetal",
            "cleanup-kernel-initrd",
            "modprobe-blacklist",
            "no-final-image",
            "uboot",
        ],
        options: &[],
        options_of_dib: &[],
        variables: &[("COMPAT_KERNEL", "1"), ("DIB_MODPROBE_BLACKLIST", "floppy")],
        by_a_user: false,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "base",
        elements: &[
            "base",
            "dpkg",
            "dib-python",
            "svc-map",
            "select-boot-kernel-initrd",
        ],
        options: &[],
        options_of_dib: &[],
        variables: &[("DIB_PYTHON_VERSION", "3")],
        by_a_user: true,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "cloud",
        elements: &[
            "dpkg",
            "cloud-init",
            "cloud-init-datasources",
            "cloud-init-disable-resizefs",
            "cloud-init-growpart",
            "cloud-init-nocloud",
        ],
        options: &[],
        options_of_dib: &[],
        variables: &[("DIB_CLOUD_INIT_GROWPART_DEVICES", "- /")],
        by_a_user: false,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "users",
        elements: &[
            "dpkg",
            "devuser",
            "dynamic-login",
            "local-config",
            "openssh-server",
            "posix",
            "runtime-ssh-host-keys",
        ],
        options: &[],
        options_of_dib: &[],
        variables: &[
            ("DIB_DEV_USER_PWDLESS_SUDO", "yes"),
            ("DIB_DEV_USER_SHELL", "/bin/bash"),
        ],
        by_a_user: true,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "network",
        elements: &[
            "dpkg",
            "dhcp-all-interfaces",
            "growroot",
            "growvols",
            "ibft-interfaces",
        ],
        options: &[],
        options_of_dib: &[],
        variables: &[],
        by_a_user: false,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "guard",
        elements: &["dpkg", "autoupdates", "fail2ban"],
        options: &[],
        options_of_dib: &[],
        variables: &[],
        by_a_user: false,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "sources",
        elements: &[
            "dpkg",
            "cache-url",
            "ensure-venv",
            "epel",
            "pypi",
            "source-repositories",
        ],
        options: &[],
        options_of_dib: &[],
        variables: &[],
        by_a_user: true,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "hardware",
        elements: &[
            "dpkg",
            "deploy-baremetal",
            "deploy-tgtadm",
            "hwburnin",
            "hwdiscovery",
            "ilo",
            "mellanox",
        ],
        options: &[],
        options_of_dib: &[],
        variables: &[],
        by_a_user: false,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "modules",
        elements: &["dpkg", "dkms", "grub2", "iscsi-boot"],
        options: &["-p", "initramfs-tools"],
        options_of_dib: &[],
        variables: &[],
        by_a_user: true,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "simple-init",
        elements: &["dpkg", "pypi", "simple-init"],
        options: &[],
        options_of_dib: &[],
        variables: &[
            ("DIB_PYTHON_VERSION", "3"),
            ("DIB_NO_PYPI_PIP", "1"),
            ("DIB_REPOLOCATION_glean", "@PLACE@/data/repository"),
            ("DIB_CLOUD_INIT_DATASOURCES", "ConfigDrive"),
        ],
        by_a_user: true,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "pip",
        elements: &["dpkg", "pip-and-virtualenv"],
        options: &[],
        options_of_dib: &[],
        variables: &[
            ("DIB_PYTHON_VERSION", "3"),
            ("DIB_INSTALLTYPE_pip_and_virtualenv", "package"),
        ],
        by_a_user: false,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "dracut",
        elements: &["dpkg", "dracut-regenerate"],
        options: &["-p", "dracut,linux-image-cloud-amd64"],
        options_of_dib: &[],
        variables: &[("DIB_DRACUT_ENABLED_MODULES", "- name: base\n")],
        by_a_user: false,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "vm",
        elements: &["dpkg", "block-device-mbr", "vm"],
        options: &[],
        options_of_dib: &["--loop"],
        variables: &[(
            "DIB_BLOCK_DEVICE_CONFIG",
            "- local_loop:\n    name: image0\n    mkfs:\n      name: mkfs_root\n      mount:\n        mount_point: /\n        fstab:\n          options: defaults\n          fsck-passno: 1\n",
        )],
        by_a_user: false,
        ground: Ground::Prepared,
    },
    ElementSet {
        name: "debian",
        elements: &["debian"],
        options: &[],
        options_of_dib: &[],
        variables: &[],
        by_a_user: true,
        ground: Ground::Own,
    },
    ElementSet {
        name: "debian-minimal",
        elements: &["debian-minimal"],
        options: &[],
        options_of_dib: &[],
        variables: &[],
        by_a_user: true,
        ground: Ground::Own,
    },
    ElementSet {
        name: "ubuntu-minimal",
        elements: &["ubuntu-minimal"],
        options: &[],
        options_of_dib: &[],
        variables: &[
            ("DIB_APT_SOURCES_CONF", ""),
            ("DIB_DEBIAN_COMPONENTS", "main,universe"),
            ("DIB_DISTRIBUTION_MIRROR", "@UBUNTU@"),
            // Upstream has no way to name a key that apt of today knows.
            (
                "DIB_MMDEBSTRAP_EXTRA_ARGS",
                "--skip=check/signed-by --aptopt='Acquire::AllowInsecureRepositories 1' \
                 --aptopt='APT::Get::AllowUnauthenticated 1'",
            ),
            ("DIB_RELEASE", "noble"),
        ],
        by_a_user: true,
        ground: Ground::Own,
    },
];

/// Reads lines of an element and the reason for which it is not built here.
pub(super) fn parse_not_built(text: &str) -> Result<BTreeMap<String, String>, TaskError> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| match line.split_once(char::is_whitespace) {
            Some((element, reason)) => Ok((element.to_owned(), reason.trim().to_owned())),
            None => Err(TaskError::Check(format!("not an element and a reason: {line}"))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_not_built_for_a_reason() {
        let reasons = parse_not_built("# x\nyum  needs another host\n").unwrap();
        assert_eq!(reasons["yum"], "needs another host");
        assert!(parse_not_built("yum\n").is_err());
    }

    #[test]
    fn names_of_sets_differ() {
        for (at, set) in SETS.iter().enumerate() {
            assert!(
                SETS[at + 1..].iter().all(|other| other.name != set.name),
                "{}",
                set.name
            );
        }
    }
}

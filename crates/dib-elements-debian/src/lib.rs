//! Debian from its archive: the elements `debootstrap`, `debian-minimal` and `debian`.
//!
//! `debootstrap` is what images that come from an archive have in common, Ubuntu's too: it takes all packages of the
//! plan in one transaction. `debian-minimal` says which system that is, and `debian` adds what a cloud image has.
//!
//! This crate must not know how an archive is read or a package unpacked: `dib-deb` does.
//!
//! In reading order:
//! - [`sources`]: which archives;
//! - [`extra_arguments`]: what callers tell debootstrap and mmdebstrap;
//! - [`bootstrap`]: `08-debootstrap` unpacks, `75-debian-minimal-baseinstall` configures;
//! - [`networking`], [`locale`], [`cloud_opinions`]: the phase `install`.

pub mod bootstrap;
pub mod cloud_opinions;
pub mod extra_arguments;
pub mod locale;
pub mod networking;
pub mod sources;

mod image_keyrings;
mod reproducible;
mod shown_progress;

use dib_core::{
    Condition, DuplicateElement, Element, HookContext, HookError, PackageMap, PackageRule, Phase, Registry,
    Variable,
};

/// Registers the elements `debootstrap`, `debian-minimal` and `debian`.
///
/// # Errors
/// When the registry holds an element of one of these names already.
pub fn register(registry: &mut Registry) -> Result<(), DuplicateElement> {
    registry.add(debootstrap())?;
    registry.add(debian_minimal())?;
    registry.add(debian())
}

/// Returns the element `debootstrap`.
#[must_use]
pub fn debootstrap() -> Element {
    Element::new("debootstrap")
        .about("Makes a root file system of an archive's packages; debian-minimal and ubuntu-minimal say of which")
        .depends_on(&["dpkg", "modprobe", "pkg-map", "sysprep"])
        .packages(&["adduser", "ca-certificates", "cloud-initramfs-growroot", "locales"])
        .package_rule(PackageRule::new("lsb-release").phase(Phase::PreInstall))
        .package_map(
            PackageMap::new()
                .by_default("cloud-initramfs-growroot", "")
                .for_release("debian", "bullseye", "cloud-initramfs-growroot", "cloud-initramfs-growroot"),
        )
        .variable(Variable::new(
            "DIB_DISTRIBUTION_MIRROR",
            "the archive's URL; without it, the one that this host's apt uses for the same distribution",
        ))
        .variable(Variable::new(
            "DIB_DEBIAN_COMPONENTS",
            "the archive's components, separated by commas; without it, main",
        ))
        .variable(Variable::new(
            "DIB_APT_KEYRING",
            "a file of the host with the keys that may sign the archive, which the image trusts too; without it, those \
             that this host's apt trusts",
        ))
        .variable(Variable::new("DIB_DEBIAN_KEYRING", "an older name of DIB_APT_KEYRING"))
        .variable(Variable::new(
            "DIB_DEBOOTSTRAP_EXTRA_ARGS",
            "options of debootstrap: --keyring=FILE and --include=PACKAGE,… mean something here",
        ))
        .variable(Variable::new(
            "DIB_MMDEBSTRAP_EXTRA_ARGS",
            "options of mmdebstrap: the same mean something here",
        ))
        .variable(Variable::new(
            "DIB_DEBIAN_DEBOOTSTRAP_SCRIPT",
            "a script of debootstrap; refused, since none is run here",
        ))
        .variable(Variable::new(
            "DIB_DEBIAN_USE_DEBOOTSTRAP_CACHE",
            "means nothing here: packages are kept in the image cache, and DIB_OFFLINE takes them as they are",
        ))
        .variable(Variable::new(
            "DIB_DEBOOTSTRAP_CACHE",
            "means nothing here: packages are kept in the image cache anyway",
        ))
        .variable(Variable::new(
            "DIB_ARM_KERNEL",
            "means nothing here, nor to upstream's hooks: -p linux-image-NAME installs another kernel",
        ))
        .variable(Variable::new(
            "DIB_APT_CHECK_VALID_UNTIL",
            "0: an archive's signed release may have expired, as a snapshot's has; 1: it may not; without it, as this \
             host's apt has it for those of its sources that are taken",
        ))
        .variable(
            Variable::new("DIB_DEBOOTSTRAP_DEFAULT_LOCALE", "the locale that the image speaks").default("C.UTF-8"),
        )
        .variable(
            Variable::new("DIB_APT_MINIMAL_CREATE_INTERFACES", "0: no network interface is configured")
                .default("1"),
        )
        .variable(
            Variable::new("DIB_NETWORK_INTERFACE_NAMES", "the interfaces that use DHCP, separated by spaces")
                .default("eth0 eth1"),
        )
        .hook(Phase::Root, "08-debootstrap", bootstrap::debootstrap)
        .inputs_of(Phase::Root, "08-debootstrap", bootstrap::debootstrap_inputs)
        .hook(Phase::Install, "10-debian-networking", networking::debian_networking)
        .hook(Phase::Install, "12-debian-locale-gen", locale::debian_locale_gen)
        .hook(Phase::Install, "15-cleanup-debootstrap", cleanup_debootstrap)
        .hook(Phase::Cleanup, "99-clean-up-cache", bootstrap::clean_up_cache)
}

/// Returns the element `debian-minimal`.
#[must_use]
pub fn debian_minimal() -> Element {
    Element::new("debian-minimal")
        .about("A minimal Debian with a kernel, from its archive")
        .depends_on(&["debootstrap", "pkg-map"])
        .provides(&["operating-system"])
        .base_packages(&["systemd-sysv", "busybox", "sudo", "gnupg2", "python3"])
        .packages(&["netbase"])
        .package_rule(PackageRule::new("linux-image-amd64").only_on(&["amd64"]))
        .package_rule(PackageRule::new("linux-image-arm64").only_on(&["arm64"]))
        .variable(Variable::new("DISTRO_NAME", "the distribution").default("debian"))
        .variable(
            Variable::new("DIB_RELEASE", "Debian's release, such as stable or trixie").default("stable"),
        )
        .variable(Variable::new("DIB_INIT_SYSTEM", "the image's init system").default("systemd"))
        .variable(Variable::new("EFI_BOOT_DIR", "where the boot loader of UEFI is").default("EFI/debian"))
        .variable(
            Variable::new("DIB_DEBIAN_COMPONENTS", "the archive's components, separated by commas").default("main"),
        )
        .variable(Variable::new(
            "DIB_DEBIAN_DISTRIBUTION_MIRROR",
            "the URL of Debian's archive; goes before DIB_DISTRIBUTION_MIRROR",
        ))
        .variable(Variable::new(
            "DIB_DEBIAN_SECURITY_MIRROR",
            "the URL of the archive of Debian's security updates; without it, the one that this host's apt uses",
        ))
        .variable(Variable::new(
            "DIB_DEBIAN_SECURITY_SUBPATH",
            "what comes after the name of the suite of security updates, such as /updates",
        ))
        .variable(Variable::new(
            "DIB_APT_SOURCES_CONF",
            "all of apt's sources: a line NAME:deb URI SUITE COMPONENTS for each file of sources.list.d",
        ))
        .hook(Phase::Root, "75-debian-minimal-baseinstall", bootstrap::base_install)
        .inputs_of(
            Phase::Root,
            "75-debian-minimal-baseinstall",
            bootstrap::base_install_inputs,
        )
}

/// Returns the element `debian`.
#[must_use]
pub fn debian() -> Element {
    let on = |release| PackageRule::new("netplan.io").when(Condition::equals("DIB_RELEASE", release));
    Element::new("debian")
        .about("Debian as a cloud image, from its archive: cloud-init, SSH, and the usual tools")
        .depends_on(&["debian-minimal", "openssh-server", "sysprep"])
        .packages(&[
            "file",
            "less",
            "kbd",
            "curl",
            "rsync",
            "bash-completion",
            "isc-dhcp-client",
            "net-tools",
            "cloud-init",
            "cloud-utils",
            "cloud-initramfs-growroot",
            "dialog",
            "cron",
        ])
        .package_rule(on("bookworm"))
        .package_rule(on("stable"))
        .package_rule(on("testing"))
        .variable(Variable::new(
            "DIB_DEBIAN_CLOUD_INIT_HELPER",
            "anything: the image has a user debian who may do all by sudo",
        ))
        .variable(
            Variable::new(
                "DIB_DEBIAN_ALT_INIT_PACKAGE",
                "the package of the image's init; sysvinit: it stays as it is, and the package sysvinit may be installed",
            )
            .default("systemd-sysv"),
        )
        .hook(
            Phase::Install,
            "10-cloud-opinions",
            cloud_opinions::cloud_opinions,
        )
}

/// Makes the directory that elements put rules for sudo into.
fn cleanup_debootstrap(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory("/etc/sudoers.d")
}

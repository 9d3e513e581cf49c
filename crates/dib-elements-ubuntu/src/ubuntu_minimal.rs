//! The element `ubuntu-minimal`: Ubuntu from its archive, with a kernel and little else.

use dib_core::{Condition, Element, PackageRule, Phase, Variable};
use dib_elements_debian::bootstrap;

const KERNEL: &str = "DIB_UBUNTU_KERNEL";
const RELEASE: &str = "DIB_RELEASE";

/// The releases that have newer kernels than the one they came with, and what their packages have in their names.
const HARDWARE_ENABLEMENT: [(&str, &str); 4] = [
    ("bionic", "18.04"),
    ("focal", "20.04"),
    ("jammy", "22.04"),
    ("noble", "24.04"),
];

/// Returns the element `ubuntu-minimal`.
#[must_use]
pub fn element() -> Element {
    let element = Element::new("ubuntu-minimal")
        .about("A minimal Ubuntu with a kernel, from its archive")
        .depends_on(&["debootstrap", "package-installs", "ubuntu-common"])
        .provides(&["operating-system"])
        .variable(
            Variable::new(
                KERNEL,
                "the kernel: linux-image-generic, linux-image-virtual, linux-image-kvm or linux-image-hwe",
            )
            .default("linux-image-generic"),
        )
        .variable(
            Variable::new(
                "DIB_UBUNTU_MIRROR_DISTS",
                "the suites to use besides the release's own, without its name, separated by commas",
            )
            .default("updates,security,backports"),
        )
        .base_packages(&["busybox", "sudo", "python3"])
        .package_rule(
            // Up to xenial it is part of what a bootstrap brings.
            PackageRule::new("systemd-sysv")
                .in_base_system()
                .when(Condition::differs(RELEASE, "trusty"))
                .when(Condition::differs(RELEASE, "xenial")),
        )
        .packages(&["initramfs-tools"])
        .hook(
            Phase::Root,
            "75-ubuntu-minimal-baseinstall",
            bootstrap::base_install,
        );
    kernels().into_iter().fold(element, Element::package_rule)
}

/// Returns the packages that `DIB_UBUNTU_KERNEL` chooses from, as upstream has them.
fn kernels() -> Vec<PackageRule> {
    let chosen =
        |package: &str, kernel: &str| PackageRule::new(package).when(Condition::equals(KERNEL, kernel));
    let generic = "linux-image-generic";
    let mut kernels = vec![
        chosen(generic, generic).not_on(&["arm64"]),
        // The kernel that xenial came with is too old for some machines of this architecture.
        chosen(generic, generic)
            .only_on(&["arm64"])
            .when(Condition::differs(RELEASE, "xenial")),
        chosen("linux-generic-hwe-16.04", generic)
            .only_on(&["arm64"])
            .when(Condition::equals(RELEASE, "xenial")),
        chosen("linux-image-kvm", "linux-image-kvm").not_on(&["arm64"]),
        chosen("linux-image-virtual", "linux-image-virtual"),
    ];
    kernels.extend(HARDWARE_ENABLEMENT.iter().map(|(release, version)| {
        chosen(&format!("linux-generic-hwe-{version}"), "linux-image-hwe")
            .when(Condition::equals(RELEASE, release))
    }));
    kernels
}

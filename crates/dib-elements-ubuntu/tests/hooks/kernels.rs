//! The packages that `ubuntu-minimal` wants, by release, architecture and kernel.

use dib_core::{Arch, BaseElement, Element, ImageSpec, Phase, Plan, Registry};
use dib_elements_ubuntu::{ubuntu_common, ubuntu_minimal};

/// The names of a build's packages in a phase.
fn packages(variables: &[(&str, &str)], arch: Arch, phase: Phase) -> Vec<String> {
    let mut registry = Registry::new();
    registry.add(ubuntu_common::element()).unwrap();
    registry.add(ubuntu_minimal::element()).unwrap();
    for name in ["debootstrap", "sysprep"] {
        registry.add(Element::new(name)).unwrap();
    }
    registry
        .add(Element::new("package-installs").provides(&["package-installer"]))
        .unwrap();
    let mut spec = ImageSpec::of_elements(&["ubuntu-minimal"]);
    spec.base = BaseElement::Skipped;
    spec.arch = arch;
    spec.variables.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let plan = Plan::resolve(&registry, &spec).unwrap();
    let of_phase = plan.packages().iter().filter(|package| package.phase == phase);
    of_phase.map(|package| package.name.clone()).collect()
}

#[test]
fn kernels() {
    let check = |kernel: Option<&str>, release: &str, arch: Arch, expected: &[&str]| {
        let mut variables = vec![("DIB_RELEASE", release)];
        variables.extend(kernel.map(|kernel| ("DIB_UBUNTU_KERNEL", kernel)));
        let expected = [&["initramfs-tools"], expected].concat();
        assert_eq!(
            packages(&variables, arch, Phase::Install),
            expected,
            "for {kernel:?} of {release} on {arch}"
        );
    };
    check(None, "noble", Arch::Amd64, &["linux-image-generic"]);
    check(None, "noble", Arch::Arm64, &["linux-image-generic"]);
    check(None, "xenial", Arch::Amd64, &["linux-image-generic"]);
    check(None, "xenial", Arch::Arm64, &["linux-generic-hwe-16.04"]);
    check(
        Some("linux-image-kvm"),
        "noble",
        Arch::Amd64,
        &["linux-image-kvm"],
    );
    check(Some("linux-image-kvm"), "noble", Arch::Arm64, &[]);
    check(
        Some("linux-image-virtual"),
        "focal",
        Arch::Arm64,
        &["linux-image-virtual"],
    );
    for (release, version) in [
        ("bionic", "18.04"),
        ("focal", "20.04"),
        ("jammy", "22.04"),
        ("noble", "24.04"),
    ] {
        let package = format!("linux-generic-hwe-{version}");
        check(Some("linux-image-hwe"), release, Arch::Amd64, &[&package]);
    }
}

#[test]
fn the_base_system() {
    let check = |release: &str, expected: &[&str]| {
        let variables = [("DIB_RELEASE", release)];
        assert_eq!(
            packages(&variables, Arch::Amd64, Phase::Root),
            expected,
            "of {release}"
        );
    };
    check("noble", &["busybox", "sudo", "python3", "systemd-sysv"]);
    check("xenial", &["busybox", "sudo", "python3"]);
    check("trusty", &["busybox", "sudo", "python3"]);
}

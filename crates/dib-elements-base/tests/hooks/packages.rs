//! The packages that `base` wants, by distribution and release.

use dib_core::{Element, ImageSpec, PackageAction, Phase, Plan, Registry};
use dib_elements_base::{base, register};

/// The packages of a build of `base` with these variables, by phase.
fn packages(variables: &[(&str, &str)]) -> Vec<(Phase, String)> {
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    registry.add(Element::new("package-installs")).unwrap();
    registry
        .add(Element::new("system").provides(&["operating-system", "package-installer"]))
        .unwrap();
    let mut spec = ImageSpec::of_elements(&["base", "system"]);
    spec.variables.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let plan = Plan::resolve(&registry, &spec).unwrap();
    assert!(
        plan.packages()
            .iter()
            .all(|package| package.action == PackageAction::Install)
    );
    plan.packages()
        .iter()
        .map(|package| (package.phase, package.name.clone()))
        .collect()
}

fn check(variables: &[(&str, &str)], expected: &[(Phase, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(phase, name)| (*phase, (*name).to_owned()))
        .collect();
    assert_eq!(packages(variables), expected, "for {variables:?}");
}

#[test]
fn by_distribution_and_release() {
    let https = (Phase::PreInstall, "apt-transport-https");
    let properties = (Phase::PreInstall, "software-properties-common");
    let iscsi = (Phase::Install, "open-iscsi");
    check(
        &[("DISTRO_NAME", "ubuntu"), ("DIB_RELEASE", "noble")],
        &[https, properties, iscsi],
    );
    check(
        &[("DISTRO_NAME", "debian"), ("DIB_RELEASE", "bookworm")],
        &[https, properties, iscsi],
    );
    for release in ["stable", "trixie", "testing", "unstable", "sid"] {
        check(
            &[("DISTRO_NAME", "debian"), ("DIB_RELEASE", release)],
            &[https, iscsi],
        );
    }
    check(
        &[
            ("DISTRO_NAME", "debian"),
            ("DIB_RELEASE", "sid"),
            ("DIB_SKIP_BASE_PACKAGE_INSTALL", "1"),
        ],
        &[https],
    );
    check(&[("DISTRO_NAME", "fedora"), ("DIB_RELEASE", "43")], &[]);
    check(&[], &[]);
}

#[test]
fn base_brings_what_upstreams_does() {
    let element = base::element();
    let names: Vec<_> = element.dependencies().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["dib-init-system", "install-types", "pkg-map"]);
}

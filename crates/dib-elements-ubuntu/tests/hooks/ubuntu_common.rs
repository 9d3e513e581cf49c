//! Snapshots of what the hooks of `ubuntu-common` do, and its defaults.

use dib_core::{DuplicateElement, Element, ImageSpec, Phase, Plan, Registry};
use dib_elements_ubuntu::ubuntu_common;
use dib_testing::Fixture;

fn register(registry: &mut Registry) -> Result<(), DuplicateElement> {
    registry.add(ubuntu_common::element())
}

#[test]
fn addresses_are_not_temporary() {
    insta::assert_snapshot!(Fixture::new(register).record(Phase::Install, "80-disable-rfc3041"), @"
    journal
      create directory /etc/sysctl.d
      write /etc/sysctl.d/99-cloudimg-ipv6.conf 0644 (253 bytes)
    target
      + /etc/ 0755
      + /etc/sysctl.d/ 0755
      + /etc/sysctl.d/99-cloudimg-ipv6.conf 0644
        | # A server keeps its address: no temporary ones as of RFC 8981, which was RFC 3041.
        | # Ubuntu's own default is otherwise: https://bugs.launchpad.net/ubuntu/+source/procps/+bug/1068756
        | net.ipv6.conf.all.use_tempaddr=0
        | net.ipv6.conf.default.use_tempaddr=0
    ");
}

#[test]
fn no_link_is_followed_out_of_the_target() {
    let fixture = Fixture::new(register);
    let host = fixture.host();
    let fixture = fixture.symlink(host.as_str(), "/etc/sysctl.d");
    insta::assert_snapshot!(fixture.record(Phase::Install, "80-disable-rfc3041"), @"
    error
      failed to create the directory /etc/sysctl.d in the target
      File exists (os error 17)
    ");
}

#[test]
fn what_nothing_needs_goes() {
    let fixture = Fixture::new(register).mounted("/var/cache/apt/archives");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "99-autoremove"), @"
    journal
      create directory [cache]/apt/ubuntu of the host
      run apt-get --assume-yes --option Dpkg::Options::=--force-confold --option Dpkg::Options::=--force-confdef autoremove (exited with status 0)
    ");
    assert!(
        fixture.cache().join("apt/ubuntu/dib.lock").exists(),
        "builds take turns"
    );
}

#[test]
fn the_init_system_goes_by_the_release() {
    let mut registry = Registry::new();
    register(&mut registry).unwrap();
    registry.add(Element::new("sysprep")).unwrap();
    registry
        .add(Element::new("system").provides(&["operating-system"]))
        .unwrap();
    for (release, expected) in [
        (None, "systemd"),
        (Some("xenial"), "systemd"),
        (Some("trusty"), "upstart"),
    ] {
        let mut spec = ImageSpec::of_elements(&["ubuntu-common", "system"]);
        spec.base = dib_core::BaseElement::Skipped;
        spec.variables
            .extend(release.map(|release| ("DIB_RELEASE".to_owned(), release.to_owned())));
        let plan = Plan::resolve(&registry, &spec).unwrap();
        assert_eq!(plan.variables().get("DIB_INIT_SYSTEM"), Some(expected));
        assert_eq!(plan.variables().get("DISTRO_NAME"), Some("ubuntu"));
    }
}

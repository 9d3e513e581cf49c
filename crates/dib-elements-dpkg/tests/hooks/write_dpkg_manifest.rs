use dib_core::{Element, Phase, Variable};
use dib_elements_dpkg::register;
use dib_testing::Fixture;

const HOOK: &str = "99-write-dpkg-manifest";

const STATUS: &str = "\
Package: libtool1
Status: install ok installed
Maintainer: Tool Team <tool@lists.example.org>
Architecture: amd64
Multi-Arch: same
Source: tool
Version: 1:1.0-1

Package: tool
Status: install ok installed
Architecture: all
Version: 2
Depends: libtool1
";

const COPYRIGHT: &str = "\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: GPL-2+ and own
 Do what you want.
";

const LIST: &str = "\
Package: libtool1
Version: 1:1.0-1
Architecture: amd64
Filename: pool/libtool1_1.0-1_amd64.deb
SHA256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
";

/// A target with the variables that the element `manifests` has.
fn with_manifests() -> Fixture {
    Fixture::new(|registry| {
        register(registry)?;
        let directory = Variable::new("DIB_MANIFEST_IMAGE_DIR", "").default("/etc/dib-manifests");
        registry.add(Element::new("manifests").variable(directory))
    })
}

fn with_packages() -> Fixture {
    with_manifests()
        .variable("SOURCE_DATE_EPOCH", "1767323045")
        .file("/var/lib/dpkg/status", STATUS)
        .file("/etc/os-release", "ID=debian\nVERSION_ID=12\n")
        .file("/usr/share/doc/libtool1/copyright", COPYRIGHT)
        .file("/etc/apt/sources.list", "deb http://a.example.org stable main\n")
        .file(
            "/var/lib/apt/lists/a.example.org_dists_stable_main_binary-amd64_Packages",
            LIST,
        )
}

#[test]
fn writes_the_packages_down() {
    let recording = with_packages().record(Phase::Finalise, HOOK).to_string();
    let version = concat!("dib-", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(recording.replace(version, "dib-[version]"));
}

#[test]
fn does_nothing_without_dpkg() {
    insta::assert_snapshot!(with_manifests().record(Phase::Finalise, HOOK), @"
    journal
      nothing to do: /var/lib/dpkg/status is not there
    ");
}

#[test]
fn needs_a_time_that_is_one() {
    let fixture = with_packages().variable("SOURCE_DATE_EPOCH", "today");
    insta::assert_snapshot!(fixture.record(Phase::Finalise, HOOK), @r#"
    error
      the variable SOURCE_DATE_EPOCH is "today": a time in seconds since 1970 is needed
    "#);
}

#[test]
fn names_a_database_that_is_damaged() {
    let fixture = with_packages().file("/var/lib/dpkg/status", "Package: a\nStatus: install ok here\n");
    insta::assert_snapshot!(fixture.record(Phase::Finalise, HOOK), @r#"
    error
      /var/lib/dpkg/status in the target can't be used
      line 1: the package "a" has the status "install ok here", which is none
    "#);
}

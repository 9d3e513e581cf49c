//! Snapshots of what the hooks of `manifests` do.

use std::os::unix::fs::PermissionsExt;

use dib_core::Phase;
use dib_elements_base::register;
use dib_testing::Fixture;

#[test]
fn the_directory_is_made() {
    insta::assert_snapshot!(Fixture::new(register).record(Phase::ExtraData, "20-manifest-dir"), @"
    journal
      create directory /etc/dib-manifests
    target
      + /etc/ 0755
      + /etc/dib-manifests/ 0755
    ");
    let fixture = Fixture::new(register).variable("DIB_MANIFEST_IMAGE_DIR", "/var/manifests");
    insta::assert_snapshot!(fixture.record(Phase::ExtraData, "20-manifest-dir"), @"
    journal
      create directory /var/manifests
    target
      + /var/ 0755
      + /var/manifests/ 0755
    ");
}

#[test]
fn the_builds_own_manifests_are_added_and_only_root_reads_any() {
    let fixture = Fixture::new(register)
        .file("/etc/dib-manifests/dib-manifest-dpkg-image", "{}\n")
        .variable("DIB_ARGS", "-o image ubuntu")
        .variable("DIB_RELEASE", "noble");
    let recording = fixture
        .record(Phase::Cleanup, "01-copy-manifests-dir")
        .to_string();
    // How many they are depends on where the cache is.
    let (before, size) = recording.split_once("dib_environment 0600 (").unwrap();
    let (_, after) = size.split_once(" bytes)").unwrap();
    let recording = format!("{before}dib_environment 0600 (some bytes){after}");
    insta::assert_snapshot!(recording, @r#"
    journal
      write /etc/dib-manifests/dib_environment 0600 (some bytes)
      write /etc/dib-manifests/dib_arguments 0600 (16 bytes)
      write /etc/dib-manifests/dib-manifest-dpkg-image 0600 (3 bytes)
    target
      ~ /etc/dib-manifests/dib-manifest-dpkg-image 0600
        | {}
      + /etc/dib-manifests/dib_arguments 0600
        | -o image ubuntu
      + /etc/dib-manifests/dib_environment 0600
        | declare -x DIB_AVOID_PACKAGES_UPDATE="0"
        | declare -x DIB_CCACHE_DIR="[cache]/ccache"
        | declare -x DIB_CHECKSUM="0"
        | declare -x DIB_DEBUG_TRACE="0"
        | declare -x DIB_DEFAULT_INSTALLTYPE="source"
        | declare -x DIB_ELEMENT_MANIFEST_PATH="/etc/dib-manifests/dib-element-manifest"
        | declare -x DIB_IMAGE_CACHE="[cache]"
        | declare -x DIB_LOCAL_CONFIG_USERNAME="root"
        | declare -x DIB_MANIFEST_IMAGE_DIR="/etc/dib-manifests"
        | declare -x DIB_MANIFEST_SAVE_DIR="image.d/"
        | declare -x DIB_OFFLINE=""
        | declare -x DIB_OPENSSH_SERVER_HARDENING="1"
        | declare -x DIB_PYTHON="python3"
        | declare -x DIB_PYTHON_VERSION="3"
        | declare -x DIB_RELEASE="noble"
        | declare -x DIB_SKIP_BASE_PACKAGE_INSTALL="0"
    "#);
}

#[test]
fn a_directory_that_has_gone_is_an_error() {
    insta::assert_snapshot!(Fixture::new(register).record(Phase::Cleanup, "01-copy-manifests-dir"), @"
    error
      failed to write /etc/dib-manifests/dib_environment in the target: there is no directory /etc/dib-manifests
    ");
}

#[test]
fn manifests_of_the_host_are_left_alone() {
    let fixture = Fixture::new(register).directory("/etc/dib-manifests");
    let secret = fixture.host().join("secret");
    std::fs::write(&secret, "the host's\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let fixture = fixture.symlink(secret.as_str(), "/etc/dib-manifests/dib_environment");
    let recording = fixture
        .record(Phase::Cleanup, "01-copy-manifests-dir")
        .to_string();
    assert!(!recording.contains("\nhost\n"), "{recording}");
}

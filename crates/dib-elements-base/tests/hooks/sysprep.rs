//! Snapshots of what the hook of `sysprep` does.

use dib_core::Phase;
use dib_elements_base::register;
use dib_testing::Fixture;

const HOOK: &str = "99-clear-machine-id";

#[test]
fn identities_are_cleared() {
    let fixture = Fixture::new(register)
        .file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        .file("/var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n");
    insta::assert_snapshot!(fixture.record(Phase::Finalise, HOOK), @"
    journal
      empty /var/lib/dbus/machine-id
      write /etc/machine-id 0644 (14 bytes)
    target
      ~ /etc/machine-id 0644
        | uninitialized
      ~ /var/lib/dbus/machine-id 0644
    ");
}

#[test]
fn a_link_leads_to_the_same_identity() {
    let fixture = Fixture::new(register)
        .file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        .symlink("/etc/machine-id", "/var/lib/dbus/machine-id");
    insta::assert_snapshot!(fixture.record(Phase::Finalise, HOOK), @"
    journal
      write /etc/machine-id 0644 (14 bytes)
    target
      ~ /etc/machine-id 0644
        | uninitialized
    ");
}

#[test]
fn an_image_without_identity_gets_none() {
    insta::assert_snapshot!(Fixture::new(register).record(Phase::Finalise, HOOK), @"");
}

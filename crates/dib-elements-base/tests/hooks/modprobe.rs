//! Snapshots of what the hooks of `modprobe` do.

use dib_core::Phase;
use dib_elements_base::register;
use dib_testing::Fixture;

#[test]
fn the_directory_is_there_for_elements_files() {
    insta::assert_snapshot!(Fixture::new(register).record(Phase::ExtraData, "50-modprobe-blacklist"), @"
    journal
      create directory /etc/modprobe.d
    target
      + /etc/ 0755
      + /etc/modprobe.d/ 0755
    ");
}

#[test]
fn modules_are_added_to_the_list() {
    let fixture = Fixture::new(register)
        .file("/etc/modprobe.d/blacklist.conf", "blacklist pcspkr\n")
        .variable("DIB_MODPROBE_BLACKLIST", "igb  ixgbe");
    insta::assert_snapshot!(fixture.record(Phase::Install, "80-modprobe-blacklist"), @"
    journal
      write /etc/modprobe.d/blacklist.conf 0644 (47 bytes)
    target
      ~ /etc/modprobe.d/blacklist.conf 0644
        | blacklist pcspkr
        | blacklist igb
        | blacklist ixgbe
    ");
    let fixture = Fixture::new(register).variable("DIB_MODPROBE_BLACKLIST", "igb");
    insta::assert_snapshot!(fixture.record(Phase::Install, "80-modprobe-blacklist"), @"
    journal
      create directory /etc/modprobe.d
      write /etc/modprobe.d/blacklist.conf 0644 (14 bytes)
    target
      + /etc/ 0755
      + /etc/modprobe.d/ 0755
      + /etc/modprobe.d/blacklist.conf 0644
        | blacklist igb
    ");
}

#[test]
fn without_modules_nothing_is_done() {
    insta::assert_snapshot!(Fixture::new(register).record(Phase::Install, "80-modprobe-blacklist"), @"
    journal
      nothing to do: DIB_MODPROBE_BLACKLIST is not set
    ");
}

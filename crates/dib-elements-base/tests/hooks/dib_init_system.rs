//! Snapshots of what the hook of `dib-init-system` does.

use dib_core::Phase;
use dib_elements_base::register;
use dib_testing::Fixture;

const HOOK: &str = "04-dib-init-system";

#[test]
fn a_program_prints_it() {
    let fixture = Fixture::new(register).variable("DIB_INIT_SYSTEM", "systemd");
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, HOOK), @"
    journal
      create directory /usr/local/bin
      write /usr/local/bin/dib-init-system 0775 (23 bytes)
    target
      + /usr/ 0755
      + /usr/local/ 0755
      + /usr/local/bin/ 0755
      + /usr/local/bin/dib-init-system 0775
        | #!/bin/sh
        | echo systemd
    ");
}

#[test]
fn it_has_to_be_known() {
    insta::assert_snapshot!(Fixture::new(register).record(Phase::PreInstall, HOOK), @"
    error
      the variable DIB_INIT_SYSTEM is not set
      hint: the element of a distribution sets DIB_INIT_SYSTEM; where none does, one of upstart, systemd, openrc and sysv is needed
    ");
    let fixture = Fixture::new(register).variable("DIB_INIT_SYSTEM", "systemd; reboot");
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, HOOK), @r#"
    error
      the variable DIB_INIT_SYSTEM is "systemd; reboot": one of upstart, systemd, openrc and sysv is needed
    "#);
}

#[test]
fn it_follows_no_link_out_of_the_target() {
    let fixture = Fixture::new(register)
        .directory("/usr/local")
        .variable("DIB_INIT_SYSTEM", "systemd");
    let host = fixture.host();
    let fixture = fixture.symlink(host.as_str(), "/usr/local/bin");
    insta::assert_snapshot!(fixture.record(Phase::PreInstall, HOOK), @"
    error
      failed to create the directory /usr/local/bin in the target
      File exists (os error 17)
    ");
}

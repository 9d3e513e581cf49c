//! Snapshots of what the organisation's hooks do.

use dib_core::Phase;
use dib_testing::Fixture;

#[test]
fn sshd_asks_for_keys() {
    let fixture = Fixture::new(dib_elements_myorg::register).directory("/etc/ssh");
    insta::assert_snapshot!(fixture.record(Phase::PostInstall, "50-harden-sshd"), @"
    journal
      create directory /etc/ssh/sshd_config.d
      write /etc/ssh/sshd_config.d/50-myorg.conf 0644 (45 bytes)
    target
      + /etc/ssh/sshd_config.d/ 0755
      + /etc/ssh/sshd_config.d/50-myorg.conf 0644
        | PasswordAuthentication no
        | PermitRootLogin no
    ");
}

#[test]
fn root_logs_in_as_the_user_says() {
    let fixture =
        Fixture::new(dib_elements_myorg::register).variable("MYORG_ROOT_LOGIN", "prohibit-password");
    let recording = fixture.record(Phase::PostInstall, "50-harden-sshd").to_string();
    assert!(
        recording.contains("PermitRootLogin prohibit-password"),
        "{recording}"
    );
}

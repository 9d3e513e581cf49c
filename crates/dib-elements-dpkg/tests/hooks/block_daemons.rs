//! Snapshots of fakes for what starts daemons, and of their undoing.

use dib_core::Phase;
use dib_testing::Fixture;

use crate::{debian, hostile};

fn with_daemons() -> Fixture {
    debian()
        .executable("/usr/sbin/start-stop-daemon", "the real one\n")
        .symlink("usr/sbin", "/sbin")
}

#[test]
fn puts_fakes_in_place_and_is_undone() {
    let fixture = with_daemons();
    insta::assert_snapshot!(fixture.record(Phase::Root, "99-block-daemons"), @r#"
    journal
      rename /sbin/start-stop-daemon to /sbin/start-stop-daemon.REAL
      write /sbin/start-stop-daemon 0755 (76 bytes)
      write /usr/sbin/policy-rc.d 0755 (19 bytes)
    target
      + /usr/sbin/policy-rc.d 0755
        | #!/bin/sh
        | exit 101
      ~ /usr/sbin/start-stop-daemon 0755
        | #!/bin/sh
        | echo
        | echo "Warning: Fake start-stop-daemon called, doing nothing"
      + /usr/sbin/start-stop-daemon.REAL 0755
        | the real one
    "#);
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, "40-unblock-daemons"), @"
    journal
      rename /sbin/start-stop-daemon.REAL to /sbin/start-stop-daemon
      remove /usr/sbin/policy-rc.d
    target
      - /usr/sbin/policy-rc.d 0755
      ~ /usr/sbin/start-stop-daemon 0755
        | the real one
      - /usr/sbin/start-stop-daemon.REAL 0755
    ");
}

#[test]
fn fakes_initctl_where_there_is_one() {
    let fixture = with_daemons().executable("/usr/sbin/initctl", "the real one\n");
    insta::assert_snapshot!(fixture.record(Phase::Root, "99-block-daemons"), @r#"
    journal
      rename /sbin/start-stop-daemon to /sbin/start-stop-daemon.REAL
      write /sbin/start-stop-daemon 0755 (76 bytes)
      rename /sbin/initctl to /sbin/initctl.REAL
      write /sbin/initctl 0755 (90 bytes)
      write /usr/sbin/policy-rc.d 0755 (19 bytes)
    target
      ~ /usr/sbin/initctl 0755
        | #!/bin/sh
        | echo "initctl (tripleo 1.0)"
        | echo "Warning: Fake initctl called, doing nothing"
      + /usr/sbin/initctl.REAL 0755
        | the real one
      + /usr/sbin/policy-rc.d 0755
        | #!/bin/sh
        | exit 101
      ~ /usr/sbin/start-stop-daemon 0755
        | #!/bin/sh
        | echo
        | echo "Warning: Fake start-stop-daemon called, doing nothing"
      + /usr/sbin/start-stop-daemon.REAL 0755
        | the real one
    "#);
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, "40-unblock-daemons"), @"
    journal
      rename /sbin/start-stop-daemon.REAL to /sbin/start-stop-daemon
      rename /sbin/initctl.REAL to /sbin/initctl
      remove /usr/sbin/policy-rc.d
    target
      ~ /usr/sbin/initctl 0755
        | the real one
      - /usr/sbin/initctl.REAL 0755
      - /usr/sbin/policy-rc.d 0755
      ~ /usr/sbin/start-stop-daemon 0755
        | the real one
      - /usr/sbin/start-stop-daemon.REAL 0755
    ");
}

#[test]
fn puts_a_dangling_link_aside_as_it_is() {
    let fixture = with_daemons().symlink("/lib/upstart/initctl", "/usr/sbin/initctl");
    assert!(fixture.record(Phase::Root, "99-block-daemons").succeeded());
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, "40-unblock-daemons"), @"
    journal
      rename /sbin/start-stop-daemon.REAL to /sbin/start-stop-daemon
      rename /sbin/initctl.REAL to /sbin/initctl
      remove /usr/sbin/policy-rc.d
    target
      ~ /usr/sbin/initctl -> /lib/upstart/initctl
      - /usr/sbin/initctl.REAL -> /lib/upstart/initctl
      - /usr/sbin/policy-rc.d 0755
      ~ /usr/sbin/start-stop-daemon 0755
        | the real one
      - /usr/sbin/start-stop-daemon.REAL 0755
    ");
}

#[test]
fn keeps_the_images_own_policy() {
    let fixture = with_daemons().executable("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n");
    assert!(fixture.record(Phase::Root, "99-block-daemons").succeeded());
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, "40-unblock-daemons"), @"
    journal
      rename /sbin/start-stop-daemon.REAL to /sbin/start-stop-daemon
      rename /usr/sbin/policy-rc.d.REAL to /usr/sbin/policy-rc.d
    target
      ~ /usr/sbin/policy-rc.d 0755
        | #!/bin/sh
        | exit 0
      - /usr/sbin/policy-rc.d.REAL 0755
      ~ /usr/sbin/start-stop-daemon 0755
        | the real one
      - /usr/sbin/start-stop-daemon.REAL 0755
    ");
}

#[test]
fn changes_nothing_the_second_time() {
    let fixture = with_daemons();
    assert!(fixture.record(Phase::Root, "99-block-daemons").succeeded());
    insta::assert_snapshot!(fixture.record(Phase::Root, "99-block-daemons"), @"");
}

#[test]
fn keeps_what_a_package_brought_meanwhile() {
    let fixture = with_daemons();
    assert!(fixture.record(Phase::Root, "99-block-daemons").succeeded());
    let fixture = fixture.executable("/usr/sbin/start-stop-daemon", "a newer one\n");
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, "40-unblock-daemons"), @"
    journal
      remove /sbin/start-stop-daemon.REAL
      remove /usr/sbin/policy-rc.d
    target
      - /usr/sbin/policy-rc.d 0755
      - /usr/sbin/start-stop-daemon.REAL 0755
    ");
}

#[test]
fn follows_no_link_out_of_the_target() {
    insta::assert_snapshot!(hostile("/sbin").record(Phase::Root, "99-block-daemons"), @"
    journal
      write /usr/sbin/policy-rc.d 0755 (19 bytes)
    target
      + /usr/sbin/policy-rc.d 0755
        | #!/bin/sh
        | exit 101
    ");
}

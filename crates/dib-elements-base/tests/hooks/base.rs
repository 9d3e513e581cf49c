//! Snapshots of what the hooks of `base` do.

use dib_core::Phase;
use dib_elements_base::register;
use dib_testing::Fixture;

#[test]
fn ccache_binds_the_cache() {
    insta::assert_snapshot!(Fixture::new(register).record(Phase::Root, "01-ccache"), @"
    journal
      create directory [cache]/ccache of the host
      create directory /tmp/ccache
      bind [cache]/ccache on /tmp/ccache
    target
      + /tmp/ 0755
      + /tmp/ccache/ 0755
    ");
}

#[test]
fn ccache_binds_the_directory_that_the_user_names() {
    let fixture = Fixture::new(register).directory("/tmp");
    let directory = fixture.host().join("compilers");
    let fixture = fixture.variable("DIB_CCACHE_DIR", directory.as_str());
    insta::assert_snapshot!(fixture.record(Phase::Root, "01-ccache"), @"
    journal
      create directory [host]/compilers of the host
      create directory /tmp/ccache
      bind [host]/compilers on /tmp/ccache
    target
      + /tmp/ccache/ 0755
    host
      + /compilers/ 0755
    ");
}

#[test]
fn ccache_does_nothing_when_it_is_mounted_already() {
    let fixture = Fixture::new(register).mounted("/tmp/ccache");
    insta::assert_snapshot!(fixture.record(Phase::Root, "01-ccache"), @"
    journal
      nothing to do: /tmp/ccache is a mount already
    ");
}

#[test]
fn ccache_does_nothing_the_second_time() {
    let fixture = Fixture::new(register);
    assert!(fixture.record(Phase::Root, "01-ccache").succeeded());
    insta::assert_snapshot!(fixture.record(Phase::Root, "01-ccache"), @"
    journal
      nothing to do: /tmp/ccache is a mount already
    ");
}

#[test]
fn ccache_follows_no_link_out_of_the_target() {
    let fixture = Fixture::new(register);
    let host = fixture.host();
    let fixture = fixture.symlink(host.as_str(), "/tmp");
    insta::assert_snapshot!(fixture.record(Phase::Root, "01-ccache"), @"
    journal
      create directory [cache]/ccache of the host
    error
      failed to create the directory /tmp/ccache in the target
      Too many levels of symbolic links (os error 40)
    ");
}

/// The script itself is tested by running it, in `dib_run_parts.rs`; here it is only told apart from a user's.
#[test]
fn dib_run_parts_is_installed_executable() {
    let fixture = Fixture::new(register).directory("/usr/local/bin");
    let recording = fixture.record(Phase::Root, "90-base-dib-run-parts").to_string();
    let (head, script) = recording.split_once("    | ").unwrap();
    insta::assert_snapshot!(head.lines().last().unwrap(), @"  + /usr/local/bin/dib-run-parts 0755");
    assert!(script.starts_with("#!/bin/sh\n"), "{script}");
}

#[test]
fn dib_run_parts_of_the_user_is_installed() {
    let fixture = Fixture::new(register);
    let script = fixture.host().join("dib-run-parts");
    std::fs::write(&script, "#!/bin/bash\n").unwrap();
    let fixture = fixture.variable("DIB_RUN_PARTS", script.as_str());
    insta::assert_snapshot!(fixture.record(Phase::Root, "90-base-dib-run-parts"), @"
    journal
      create directory /usr/local/bin
      write /usr/local/bin/dib-run-parts 0755 (12 bytes)
    target
      + /usr/ 0755
      + /usr/local/ 0755
      + /usr/local/bin/ 0755
      + /usr/local/bin/dib-run-parts 0755
        | #!/bin/bash
    ");
}

#[test]
fn dib_run_parts_that_is_not_there_is_an_error() {
    let fixture = Fixture::new(register);
    let script = fixture.host().join("dib-run-parts");
    let fixture = fixture.variable("DIB_RUN_PARTS", script.as_str());
    insta::assert_snapshot!(fixture.record(Phase::Root, "90-base-dib-run-parts"), @"
    error
      failed to open [host]/dib-run-parts
      No such file or directory (os error 2)
      hint: DIB_RUN_PARTS names the dib-run-parts to install; unset, it is the one that comes with dib
    ");
}

#[test]
fn dib_run_parts_follows_no_link_out_of_the_target() {
    let fixture = Fixture::new(register).directory("/usr");
    let host = fixture.host();
    let fixture = fixture.symlink(host.as_str(), "/usr/local");
    insta::assert_snapshot!(fixture.record(Phase::Root, "90-base-dib-run-parts"), @"
    error
      failed to create the directory /usr/local in the target
      File exists (os error 17)
    ");
}

#[test]
fn cloud_init_looks_after_etc_hosts_as_it_is_told() {
    insta::assert_snapshot!(Fixture::new(register).record(Phase::Install, "10-cloud-init"), @"
    journal
      create directory /etc/cloud/cloud.cfg.d
    target
      + /etc/ 0755
      + /etc/cloud/ 0755
      + /etc/cloud/cloud.cfg.d/ 0755
    ");
    let fixture = Fixture::new(register).variable("DIB_CLOUD_INIT_ETC_HOSTS", "localhost");
    insta::assert_snapshot!(fixture.record(Phase::Install, "10-cloud-init"), @"
    journal
      create directory /etc/cloud/cloud.cfg.d
      write /etc/cloud/cloud.cfg.d/10_etc_hosts.cfg 0644 (28 bytes)
    target
      + /etc/ 0755
      + /etc/cloud/ 0755
      + /etc/cloud/cloud.cfg.d/ 0755
      + /etc/cloud/cloud.cfg.d/10_etc_hosts.cfg 0644
        | manage_etc_hosts: localhost
    ");
    let fixture = Fixture::new(register).variable("DIB_CLOUD_INIT_ETC_HOSTS", "true\nruncmd: [reboot]");
    insta::assert_snapshot!(fixture.record(Phase::Install, "10-cloud-init"), @r#"
    error
      the variable DIB_CLOUD_INIT_ETC_HOSTS is "true\nruncmd: [reboot]": one line is needed, such as localhost
    "#);
}

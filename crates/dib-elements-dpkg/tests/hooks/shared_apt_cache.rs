//! Snapshots of the cache of packages that builds share.

use dib_core::Phase;

use crate::{debian, hostile};

#[test]
fn binds_the_distributions_cache() {
    let fixture = debian().variable("DISTRO_NAME", "ubuntu");
    insta::assert_snapshot!(fixture.record(Phase::Root, "99-shared_apt_cache"), @"
    journal
      create directory [cache]/apt/ubuntu of the host
      bind [cache]/apt/ubuntu on /var/cache/apt/archives
    ");
    insta::assert_snapshot!(fixture.record(Phase::Root, "99-shared_apt_cache"), @"
    journal
      nothing to do: /var/cache/apt/archives is a mount already
    ");
}

#[test]
fn does_nothing_when_it_is_switched_off() {
    let fixture = debian()
        .variable("DISTRO_NAME", "ubuntu")
        .variable("DIB_APT_LOCAL_CACHE", "0");
    insta::assert_snapshot!(fixture.record(Phase::Root, "99-shared_apt_cache"), @"
    journal
      nothing to do: DIB_APT_LOCAL_CACHE is 0
    ");
}

#[test]
fn needs_a_name_that_stays_in_the_cache() {
    insta::assert_snapshot!(debian().record(Phase::Root, "99-shared_apt_cache"), @"
    error
      the variable DISTRO_NAME is not set
    ");
    let fixture = debian().variable("DISTRO_NAME", "../../etc");
    insta::assert_snapshot!(fixture.record(Phase::Root, "99-shared_apt_cache"), @r#"
    error
      the variable DISTRO_NAME is "../../etc": a name for a directory is needed
    "#);
}

#[test]
fn follows_no_link_out_of_the_target() {
    let fixture = hostile("/var").variable("DISTRO_NAME", "ubuntu");
    insta::assert_snapshot!(fixture.record(Phase::Root, "99-shared_apt_cache"), @"
    journal
      create directory [cache]/apt/ubuntu of the host
    error
      failed to create the directory /var in the target
      File exists (os error 17)
    ");
}

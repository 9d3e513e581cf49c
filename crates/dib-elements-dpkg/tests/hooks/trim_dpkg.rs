//! Snapshots of settings for speed, and of their undoing.

use dib_core::Phase;

use crate::{debian, hostile};

#[test]
fn trims_and_is_undone() {
    let fixture = debian();
    insta::assert_snapshot!(fixture.record(Phase::Root, "99-trim-dpkg"), @r#"
    journal
      write /etc/dpkg/dpkg.cfg.d/02apt-speedup 0644 (16 bytes)
      write /etc/apt/apt.conf.d/no-languages 0644 (27 bytes)
    target
      + /etc/apt/apt.conf.d/no-languages 0644
        | Acquire::Languages "none";
      + /etc/dpkg/dpkg.cfg.d/02apt-speedup 0644
        | force-unsafe-io
    "#);
    insta::assert_snapshot!(fixture.record(Phase::Cleanup, "60-untrim-dpkg"), @"
    journal
      remove /etc/dpkg/dpkg.cfg.d/02apt-speedup
      remove /etc/apt/apt.conf.d/no-languages
    target
      - /etc/apt/apt.conf.d/no-languages 0644
      - /etc/dpkg/dpkg.cfg.d/02apt-speedup 0644
    ");
}

#[test]
fn follows_no_link_out_of_the_target() {
    insta::assert_snapshot!(hostile("/etc").record(Phase::Root, "99-trim-dpkg"), @"
    error
      failed to create the directory /etc in the target
      File exists (os error 17)
    ");
}

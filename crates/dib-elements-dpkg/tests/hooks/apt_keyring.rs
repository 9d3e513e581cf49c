//! Snapshots of keys that the user brings along.

use std::fs;

use dib_core::Phase;

use crate::{debian, hostile};

const HOOK: &str = "09-apt-keyring";

#[test]
fn keys_are_trusted_from_wherever_they_are_below_the_directory() {
    let fixture = debian();
    let keys = fixture.host().join("keys");
    fs::create_dir_all(keys.join("more")).unwrap();
    fs::write(keys.join("a.asc"), "key a\n").unwrap();
    fs::write(keys.join("more/b.gpg"), "key b\n").unwrap();
    std::os::unix::fs::symlink("more/b.gpg", keys.join("c.gpg")).unwrap();
    fs::write(keys.join("key (2026) ü.asc"), "key d\n").unwrap();
    let fixture = fixture.variable("DIB_ADD_APT_KEYS", keys.as_str());
    insta::assert_snapshot!(fixture.record(Phase::Root, HOOK), @"
    journal
      create directory /etc/apt/trusted.gpg.d
      write /etc/apt/trusted.gpg.d/a.asc 0644 (6 bytes)
      write /etc/apt/trusted.gpg.d/b.gpg 0644 (6 bytes)
      write /etc/apt/trusted.gpg.d/c.gpg 0644 (6 bytes)
      write /etc/apt/trusted.gpg.d/key--2026---.asc 0644 (6 bytes)
    target
      + /etc/apt/trusted.gpg.d/ 0755
      + /etc/apt/trusted.gpg.d/a.asc 0644
        | key a
      + /etc/apt/trusted.gpg.d/b.gpg 0644
        | key b
      + /etc/apt/trusted.gpg.d/c.gpg 0644
        | key b
      + /etc/apt/trusted.gpg.d/key--2026---.asc 0644
        | key d
    ");
}

#[test]
fn without_keys_nothing_is_done() {
    insta::assert_snapshot!(debian().record(Phase::Root, HOOK), @"
    journal
      nothing to do: DIB_ADD_APT_KEYS is not set
    ");
}

#[test]
fn two_keys_of_one_name_are_an_error() {
    let fixture = debian();
    let keys = fixture.host();
    fs::create_dir_all(keys.join("more")).unwrap();
    fs::write(keys.join("a.asc"), "key a\n").unwrap();
    fs::write(keys.join("more/a.asc"), "key b\n").unwrap();
    let fixture = fixture.variable("DIB_ADD_APT_KEYS", keys.as_str());
    insta::assert_snapshot!(fixture.record(Phase::Root, HOOK), @"
    error
      [host]/a.asc and [host]/more/a.asc have one name
    ");
}

#[test]
fn a_directory_that_is_not_there_is_an_error() {
    let fixture = debian();
    let keys = fixture.host().join("keys");
    let fixture = fixture.variable("DIB_ADD_APT_KEYS", keys.as_str());
    insta::assert_snapshot!(fixture.record(Phase::Root, HOOK), @"
    error
      failed to list [host]/keys
      No such file or directory (os error 2)
      hint: DIB_ADD_APT_KEYS names a directory of the host, with files of keys
    ");
}

#[test]
fn it_follows_no_link_out_of_the_target() {
    let fixture = hostile("/etc");
    let keys = fixture.host().join("dpkg");
    fs::write(keys.join("a.asc"), "key a\n").unwrap();
    let fixture = fixture.variable("DIB_ADD_APT_KEYS", keys.as_str());
    insta::assert_snapshot!(fixture.record(Phase::Root, HOOK), @"
    error
      failed to create the directory /etc in the target
      File exists (os error 17)
    ");
}

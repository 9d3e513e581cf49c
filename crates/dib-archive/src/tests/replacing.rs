//! Entries that come twice, and entries over what is there.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

#[test]
fn the_later_entry_wins() {
    let fixture = fixture();
    let archive = TarArchive::new()
        .file("a", b"first", 0o644)
        .hard_link("other", "a")
        .file("a", b"second", 0o600)
        .symlink("link", "a")
        .file("link", b"no link", 0o644)
        .file("d", b"a file", 0o644)
        .directory("d/", 0o750)
        .file("d/inside", b"1", 0o644)
        .directory("empty/", 0o755)
        .file("empty", b"no directory", 0o644)
        .directory("real/", 0o755)
        .symlink("changing", "real")
        .directory("changing/", 0o700)
        .file("changing/file", b"", 0o644)
        .bytes();
    fixture.extract(&archive).unwrap();
    assert_eq!(
        (fixture.read("a"), fixture.read("other")),
        ("second".into(), "first".into())
    );
    assert_eq!(
        (fixture.read("link"), fixture.read("empty")),
        ("no link".into(), "no directory".into())
    );
    assert_eq!(fixture.read("d/inside"), "1");
    assert_eq!(fs::metadata(fixture.path("d")).unwrap().mode() & 0o7777, 0o750);
    assert!(fs::symlink_metadata(fixture.path("changing")).unwrap().is_dir());
    assert_eq!(fs::read_dir(fixture.path("real")).unwrap().count(), 0);
}

#[test]
fn a_directory_keeps_what_it_holds() {
    let fixture = fixture();
    fs::create_dir(fixture.path("etc")).unwrap();
    fs::set_permissions(fixture.path("etc"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(fixture.path("etc/kept"), "kept").unwrap();
    fixture
        .extract(&TarArchive::new().directory("etc/", 0o755).bytes())
        .unwrap();
    assert_eq!(fixture.read("etc/kept"), "kept");
    assert_eq!(fs::metadata(fixture.path("etc")).unwrap().mode() & 0o7777, 0o755);
    let archive = TarArchive::new().file("etc", b"", 0o644).bytes();
    check_refused(
        &fixture,
        &archive,
        "the entry \"etc\" can't replace a directory that is not empty",
    );
    let archive = TarArchive::new().hard_link("etc", "etc/kept").bytes();
    check_refused(
        &fixture,
        &archive,
        "the entry \"etc\" can't replace a directory that is not empty",
    );
}

#[test]
fn a_file_in_place_of_a_directory_is_an_error_for_those_below() {
    let archive = TarArchive::new()
        .file("d", b"", 0o644)
        .file("d/x", b"", 0o644)
        .bytes();
    check_refused(
        &fixture(),
        &archive,
        "failed to open the directory of the entry \"d/x\"",
    );
}

#[test]
fn a_hard_link_to_itself_keeps_the_file() {
    let fixture = fixture();
    let archive = TarArchive::new()
        .file("a", b"x", 0o644)
        .hard_link("a", "./a")
        .hard_link("b", "a")
        .hard_link("b", "a");
    fixture.extract(&archive.bytes()).unwrap();
    assert_eq!((fixture.read("a"), fixture.read("b")), ("x".into(), "x".into()));
}

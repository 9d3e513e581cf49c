//! Archives that try to leave the root.

use super::*;

#[test]
fn names_that_climb() {
    for name in ["../x", "/../x", "a/../../x", "a/.."] {
        let archive = TarArchive::new().file(name, b"x", 0o644).bytes();
        check_refused(
            &fixture(),
            &archive,
            &format!("the entry {name:?} leaves the root with \"..\""),
        );
    }
    let archive = TarArchive::new()
        .pax(EntryType::XHeader, &[("path", b"../x")])
        .file("x", b"", 0o644)
        .bytes();
    check_refused(
        &fixture(),
        &archive,
        "the entry \"../x\" leaves the root with \"..\"",
    );
    let archive = TarArchive::new()
        .pax(EntryType::XHeader, &[("path", b"a\0b")])
        .file("x", b"", 0o644)
        .bytes();
    check_refused(
        &fixture(),
        &archive,
        "the archive is malformed in its entry \"a\\0b\": its name holds a NUL byte",
    );
}

#[test]
fn links_planted_for_later_entries() {
    let fixture = fixture();
    let outside = fixture.outside.path().to_str().unwrap().to_owned();
    let climbing = format!("{}{outside}", "../".repeat(40));
    for text in [outside.clone(), climbing] {
        let archive = TarArchive::new()
            .symlink("way", &text)
            .symlink("itself", &format!("{text}/precious"))
            // Replaces the link, and does not write to what it points to.
            .file("itself", b"inside", 0o644)
            .bytes();
        fixture.extract(&archive).unwrap();
        assert_eq!(fixture.read("itself"), "inside");
        // No such directory inside the root, and none is made where a link stands.
        let archive = TarArchive::new().file("way/precious", b"changed", 0o644).bytes();
        check_refused(
            &fixture,
            &archive,
            "failed to open the directory of the entry \"way/precious\"",
        );
        let archive = TarArchive::new().directory("way/new/", 0o777).bytes();
        check_refused(
            &fixture,
            &archive,
            "failed to open the directory of the entry \"way/new\"",
        );
        let archive = TarArchive::new().hard_link("stolen", "way/precious").bytes();
        check_refused(
            &fixture,
            &archive,
            "the entry \"stolen\" is a hard link to \"way/precious\", which is not there",
        );
    }
    // The same path inside the root, on the other hand, is what the link means there.
    let twin = outside.trim_start_matches('/');
    let archive = TarArchive::new()
        .symlink("way", &outside)
        .directory(twin, 0o755)
        .file("way/precious", b"twin", 0o644)
        .bytes();
    fixture.extract(&archive).unwrap();
    assert_eq!(fixture.read(format!("{twin}/precious")), "twin");
}

#[test]
fn a_link_to_the_root_stays_inside() {
    let fixture = fixture();
    let archive = TarArchive::new()
        .symlink("a", "/")
        .file("a/file", b"x", 0o644)
        .bytes();
    fixture.extract(&archive).unwrap();
    assert_eq!(fixture.read("file"), "x");
}

#[test]
fn hard_links_that_climb_or_miss() {
    let archive = TarArchive::new().link(EntryType::Link, "l", "../../x").bytes();
    check_refused(
        &fixture(),
        &archive,
        "the entry \"l\" is a hard link to \"../../x\", which leaves the root with \"..\"",
    );
    let archive = TarArchive::new().hard_link("l", "absent/x").bytes();
    check_refused(
        &fixture(),
        &archive,
        "the entry \"l\" is a hard link to \"absent/x\", which is not there",
    );
}

#[test]
fn links_that_go_round_in_a_circle() {
    let archive = TarArchive::new()
        .symlink("a", "b")
        .symlink("b", "a")
        .file("a/x", b"", 0o644)
        .bytes();
    check_refused(
        &fixture(),
        &archive,
        "failed to open the directory of the entry \"a/x\"",
    );
}

#[test]
fn a_directory_changed_for_a_link_is_not_remembered() {
    let fixture = fixture();
    let outside = fixture.outside.path().to_str().unwrap().to_owned();
    let archive = TarArchive::new()
        .directory("d/", 0o755)
        .directory("d/e/", 0o700)
        .file("d/e/one", b"", 0o644)
        .bytes();
    fixture.extract(&archive).unwrap();
    fs::remove_file(fixture.path("d/e/one")).unwrap();
    let archive = TarArchive::new()
        .directory("d/e/", 0o777)
        .symlink("d/e", &outside)
        .file("d/e/precious", b"changed", 0o644)
        .bytes();
    check_refused(
        &fixture,
        &archive,
        "failed to open the directory of the entry \"d/e/precious\"",
    );
}

#[test]
fn the_root_is_not_replaced() {
    for archive in [
        TarArchive::new().symlink("x", "y"),
        TarArchive::new().file("x", b"", 0o644),
    ] {
        let mut bytes = archive.bytes();
        bytes[0] = b'.';
        let header = Header::from_byte_slice(&bytes[..512]).clone();
        let archive = TarArchive::new().header_with_data(header, b"").bytes();
        check_refused(&fixture(), &archive, "failed to create the entry \".\"");
    }
}

#[test]
fn names_longer_than_the_system_takes() {
    let name = "n".repeat(300);
    let mut archive = TarArchive::new();
    let mut header = TarArchive::header(EntryType::Regular, b"", 0o644, 0);
    archive.0.append_data(&mut header, &name, &b""[..]).unwrap();
    check_refused(
        &fixture(),
        &archive.bytes(),
        &format!("failed to create the entry {name:?}"),
    );
}

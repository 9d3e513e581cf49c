use std::error::Error;

use std::collections::HashSet;

use camino::Utf8Path;
use dib_cache::Sha256;
use dib_sys::TargetRoot;

use super::*;
use crate::release::Expiry;
use crate::test_archive::{NOW, TestArchive, stanza, xz};

fn fetch(archive: &TestArchive) -> Result<Archive, ArchiveError> {
    Archive::fetch(&archive.cache(), &[archive.source()], "amd64")
}

/// The error with all its sources, with the archive's address left out.
#[track_caller]
fn failure(archive: &TestArchive, result: Result<Archive, ArchiveError>) -> String {
    let error = result.map(drop).expect_err("a bad archive");
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text.replace(&archive.base_uri(), "BASE")
}

#[test]
fn packages_are_known_and_come_from_the_cache_later() {
    let archive = TestArchive::start();
    archive.serve_good(
        &(stanza("a", "1", "") + &stanza("a", "1.10", "") + &stanza("a", "1.9", "") + &stanza("b", "2", "")),
    );
    let found = fetch(&archive).expect("a good archive");
    assert_eq!(found.packages().len(), 4);
    assert_eq!(found.candidate("a").expect("a").version(), "1.10");
    assert!(found.find("a", "1.9", "amd64").is_some() && found.find("a", "3", "amd64").is_none());
    assert!(found.candidate("c").is_none());
    let url = found
        .candidate("b")
        .expect("b")
        .url()
        .replace(&archive.base_uri(), "BASE");
    assert_eq!(url, "BASE/pool/b_2.deb");
    assert_eq!(
        archive.take_requests(),
        ["/d/dists/x/InRelease", "/d/dists/x/main/binary-amd64/Packages.xz"]
    );

    fetch(&archive).expect("the same archive");
    assert_eq!(archive.take_requests(), ["/d/dists/x/InRelease"]);

    let offline = Archive::fetch(&archive.cache().offline(), &[archive.source()], "amd64");
    assert_eq!(offline.expect("what is in the cache").packages().len(), 4);
    assert_eq!(archive.take_requests(), [""; 0]);
}

#[test]
fn indexes_are_fetched_by_their_sums_where_they_can_be() {
    let archive = TestArchive::start();
    let packages = stanza("a", "1", "");
    let files = archive.serve_packages(&packages);
    archive.serve_release("Acquire-By-Hash: yes\n", &files);
    fetch(&archive).expect("an archive that only says that it offers sums");

    archive.remove("main/binary-amd64/Packages.xz");
    let newer = stanza("a", "2", "");
    let files = archive.serve_packages(&newer);
    archive.serve_release("Acquire-By-Hash: yes\n", &files);
    let packed = xz(newer.as_bytes());
    archive.serve(
        &format!("main/binary-amd64/by-hash/SHA256/{}", Sha256::of(&packed)),
        packed,
    );
    archive.serve("main/binary-amd64/Packages.xz", "that of the next update");
    let found = fetch(&archive).expect("an archive in the middle of an update");
    assert_eq!(found.candidate("a").expect("a").version(), "2");
}

#[test]
fn an_older_archive_has_its_signature_in_a_file_of_its_own() {
    let archive = TestArchive::start();
    let files = archive.serve_packages(&stanza("a", "1", ""));
    archive.serve_detached_release("", &files);
    assert_eq!(fetch(&archive).expect("a good archive").packages().len(), 1);

    archive.serve("Release", "Suite: x\n");
    let text = failure(&archive, fetch(&archive));
    assert!(
        text.contains("BASE/dists/x/Release is refused") && text.contains("does not match"),
        "{text}"
    );
}

#[test]
fn signatures_that_are_missing_or_wrong_are_told_apart() {
    let archive = TestArchive::start();
    let text = failure(&archive, fetch(&archive));
    assert!(text.starts_with("BASE has no suite x"), "{text}");

    archive.serve("Release", "Suite: x\n");
    let text = failure(&archive, fetch(&archive));
    assert!(
        text.starts_with("the release file BASE/dists/x/Release is not signed"),
        "{text}"
    );

    archive.serve_good(&stanza("a", "1", ""));
    let source = archive.source_trusting_another_key();
    let text = failure(&archive, Archive::fetch(&archive.cache(), &[source], "amd64"));
    assert!(
        text.contains("BASE/dists/x/InRelease is refused: the signature is by"),
        "{text}"
    );

    archive.serve("InRelease", "<html>Log in to this network</html>");
    let text = failure(&archive, fetch(&archive));
    assert!(
        text.contains("InRelease is refused: not a text with an OpenPGP signature"),
        "{text}"
    );
}

#[test]
fn an_expired_release_is_refused_unless_expiry_is_ignored() {
    let archive = TestArchive::start();
    let files = archive.serve_packages(&stanza("a", "1", ""));
    archive.serve_release("Valid-Until: Sat, 17 May 2025 09:05:52 UTC\n", &files);
    let text = failure(&archive, fetch(&archive));
    assert!(
        text.starts_with("BASE/dists/x/InRelease expired on 2025-05-17T09:05:52Z"),
        "{text}"
    );
    let snapshot = SuiteSource {
        expiry: Expiry::Ignored,
        ..archive.source()
    };
    let text = failure(
        &archive,
        Archive::fetch(&archive.cache(), &[snapshot.clone(), archive.source()], "amd64"),
    );
    assert!(
        text.contains("expired on"),
        "each source counts for itself: {text}"
    );
    Archive::fetch(&archive.cache(), &[snapshot], "amd64").expect("a snapshot");
}

#[test]
fn an_index_that_is_not_what_the_release_says_is_refused() {
    let archive = TestArchive::start();
    let files = archive.serve_packages(&stanza("a", "1", ""));
    archive.serve_release("", &files);
    archive.serve(
        "main/binary-amd64/Packages.xz",
        xz(stanza("evil", "1", "").as_bytes()),
    );
    let text = failure(&archive, fetch(&archive));
    assert!(
        text.contains("the index BASE/dists/x/main/binary-amd64/Packages.xz") && text.contains("has the sum"),
        "{text}"
    );

    let bomb = vec![b'\n'; 100_000];
    let files = archive.serve_packages(std::str::from_utf8(&bomb).expect("text"));
    archive.serve_release("", &files.replace(" 100000 ", " 10 "));
    let text = failure(&archive, fetch(&archive));
    assert!(
        text.ends_with("has 11 bytes decompressed instead of 10"),
        "{text}"
    );

    for (packages, expected) in [
        ("rubbish\n", "line 1 is neither a field"),
        ("Package: a\nVersion: 1\n", "\"a\" has no field"),
        (
            &stanza("../a", "1", ""),
            "field Package that can't be used: \"../a\"",
        ),
        (
            &stanza("a", "1", "").replace("pool/", "pool/../../"),
            "field Filename that can't be used",
        ),
        (
            &stanza("a", "1", "").replace("Size: 1", "Size: many"),
            "field Size that can't be used",
        ),
    ] {
        archive.serve_good(packages);
        let text = failure(&archive, fetch(&archive));
        assert!(
            text.contains("Packages.xz is malformed: ") && text.contains(expected),
            "{text}"
        );
    }
}

#[test]
fn what_a_suite_lacks_is_named() {
    let archive = TestArchive::start();
    archive.serve_good(&stanza("a", "1", ""));
    let with = |components: &str, suite: &str, arch| {
        let source = SuiteSource {
            components: vec![components.to_owned()],
            suite: suite.to_owned(),
            ..archive.source()
        };
        failure(&archive, Archive::fetch(&archive.cache(), &[source], arch))
    };
    assert_eq!(
        with("other", "x", "amd64"),
        "x at BASE has no component other, only main, extra"
    );
    assert_eq!(
        with("main", "x", "riscv64"),
        "x at BASE has no packages of main for the architecture riscv64, only for amd64, arm64"
    );
    assert!(with("main", "./", "amd64").contains("ends with a slash"));
    assert!(with("main", "../x", "amd64").contains("can't be used"));
}

#[test]
fn lists_have_the_names_that_apt_looks_for() {
    let archive = TestArchive::start();
    let packages = [stanza("a", "1", ""), stanza("b", "1", ""), stanza("a", "2", "")].join("\n");
    archive.serve_good(&packages);
    let directory = tempfile::tempdir().expect("a directory");
    let target = Utf8Path::from_path(directory.path()).expect("a UTF-8 path");
    let found = fetch(&archive).expect("a good archive");
    let root = TargetRoot::open(target).expect("a target");
    found.write_apt_lists(&root).expect("lists");
    let host = archive.base_uri().replace("http://", "").replace("/d", "_d");
    let lists = target.join("var/lib/apt/lists");
    let list = std::fs::read_to_string(lists.join(format!("{host}_dists_x_main_binary-amd64_Packages")));
    assert_eq!(list.expect("the index"), packages);
    assert!(lists.join(format!("{host}_dists_x_InRelease")).exists());

    let short = "/short".parse().expect("a path");
    found
        .write_apt_lists_of(&HashSet::from(["a"]), &root, &short)
        .expect("lists");
    let list =
        std::fs::read_to_string(target.join(format!("short/{host}_dists_x_main_binary-amd64_Packages")));
    let expected =
        [stanza("a", "1", ""), stanza("a", "2", "")].map(|stanza| stanza.trim_end().to_owned() + "\n\n");
    assert_eq!(list.expect("the index"), expected.concat());
    assert!(target.join(format!("short/{host}_dists_x_InRelease")).exists());
}

#[test]
fn a_source_is_all_its_suites_at_all_its_archives() {
    let archive = TestArchive::start();
    let text = "deb [arch=amd64] http://a.example.org/d/ x main\ndeb-src http://a.example.org/d x main\n";
    let suites: Vec<SuiteSource> = crate::sources::parse_one_line(text)
        .expect("good sources")
        .iter()
        .flat_map(|source| SuiteSource::of(source, &archive.source().keyring, "amd64", NOW))
        .collect();
    assert_eq!(suites.len(), 1);
    assert_eq!(suites[0].base_uri, "http://a.example.org/d");
    assert_eq!(suites[0].expiry, NOW);
    let mut source = crate::sources::parse_one_line(text)
        .expect("good sources")
        .remove(0);
    assert_eq!(
        SuiteSource::of(&source, &archive.source().keyring, "arm64", NOW).len(),
        0
    );
    source.check_valid_until = Some(false);
    let suites = SuiteSource::of(&source, &archive.source().keyring, "amd64", NOW);
    assert_eq!(suites[0].expiry, Expiry::Ignored);
}

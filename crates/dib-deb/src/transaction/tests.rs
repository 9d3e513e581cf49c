use std::fs;
use std::sync::Arc;
use std::time::Duration;

use camino::Utf8Path;
use dib_cache::{Sha256, Timeouts};

use super::*;
use crate::ArchiveLocation;
use crate::deb_file::tests::DebBuilder;
use crate::progress::Quiet;
use crate::test_archive::{TestArchive, stanza};

/// A target, and a cache that is offline but holds the packages put there.
struct Fixture {
    directory: tempfile::TempDir,
    environment: BTreeMap<String, String>,
    cache: Cache,
    target: TargetRoot,
}

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| Utf8Path::from_path(directory.path()).unwrap().join(name);
    fs::create_dir(path("target")).unwrap();
    let (cache, target) = (path("cache"), path("target"));
    Fixture {
        environment: noninteractive_environment(),
        cache: Cache::open(&cache).unwrap().offline(),
        target: TargetRoot::open(&target).unwrap(),
        directory,
    }
}

impl Fixture {
    fn place(&self) -> Place<'_> {
        Place {
            cache: &self.cache,
            target: &self.target,
            environment: &self.environment,
            progress: &Quiet,
        }
    }

    /// Puts a package into the cache and returns its record.
    fn package(&self, control: &str, build: impl FnOnce(DebBuilder) -> DebBuilder) -> PackageRecord {
        let deb = build(DebBuilder::new(control)).bytes();
        let sum = Sha256::of(&deb);
        let stanza = format!(
            "{control}Filename: pool/x.deb\nSize: {}\nSHA256: {sum}\n",
            deb.len()
        );
        let archive = ArchiveLocation {
            base_uri: "http://example.org/debian".to_owned(),
            suite: "stable".to_owned(),
            component: "main".to_owned(),
        };
        let record = PackageRecord::parse(&stanza, &Arc::new(archive)).unwrap();
        let (name, version) = (record.name(), record.version().replace(':', "%3a"));
        let file = format!(
            "cache/packages/{}/{name}_{version}_{}.deb",
            &sum.to_string()[..16],
            record.architecture()
        );
        let file = self.directory.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, deb).unwrap();
        record
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.directory.path().join("target").join(path)).unwrap()
    }
}

fn control(name: &str, more: &str) -> String {
    format!("Package: {name}\nVersion: 1:1\nArchitecture: amd64\n{more}")
}

/// Tells an error and its sources.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[test]
fn packages_are_unpacked_and_in_the_database() {
    let fixture = fixture();
    let mut transaction = Transaction::begin(fixture.place(), "amd64").unwrap();
    let library = fixture.package(&control("lib", "Multi-Arch: same\n"), |deb| {
        deb.directory("./lib/")
            .directory("./lib/abi/")
            .file("./lib/abi/lib.so", "library")
    });
    let tool = fixture.package(&control("tool", "Depends: lib\n"), |deb| {
        deb.control_file(
            "conffiles",
            "/etc/tool.conf\n/etc/absent\nremove-on-upgrade /etc/old\n",
            0o644,
        )
        .control_file("postinst", "#!/bin/sh\n", 0o755)
        .directory("./bin/")
        .file("./bin/tool", "tool")
        .directory("./etc/")
        .file("./etc/tool.conf", "a=1\n")
    });
    transaction
        .unpack_bootstrap(std::slice::from_ref(&library))
        .unwrap();
    transaction.unpack(&[library, tool]).unwrap();
    let outcome = transaction.finish().unwrap();
    assert_eq!(
        outcome,
        Outcome {
            packages: 2,
            unpacked_by_dpkg: Vec::new()
        }
    );
    assert_eq!(
        (fixture.read("usr/bin/tool"), fixture.read("usr/lib/abi/lib.so")),
        ("tool".into(), "library".into())
    );
    let info = |name: &str| fixture.read(&format!("var/lib/dpkg/info/{name}"));
    assert_eq!(info("lib:amd64.list"), "/.\n/lib\n/lib/abi\n/lib/abi/lib.so\n");
    assert_eq!(info("tool.postinst"), "#!/bin/sh\n");
    assert_eq!(
        fixture.read("var/lib/dpkg/status"),
        "Package: lib\nStatus: install ok unpacked\nArchitecture: amd64\nMulti-Arch: same\nVersion: 1:1\n\n\
         Package: tool\nStatus: install ok unpacked\nArchitecture: amd64\nVersion: 1:1\nDepends: lib\nConffiles:\n \
         /etc/tool.conf d5e29449b9e66d5b4bb0d6ce48fbbcb1\n /etc/absent newconffile\n \
         /etc/old newconffile remove-on-upgrade\n\n"
    );
}

#[test]
fn a_file_of_two_packages_is_that_of_the_one_that_replaces() {
    for old_first in [true, false] {
        let fixture = fixture();
        let old = fixture.package(&control("old", ""), |deb| {
            deb.file("./shared", "old").file("./own", "1")
        });
        let new = fixture.package(&control("new", "Replaces: old (<< 1:2)\n"), |deb| {
            deb.file("./shared", "new")
        });
        let mut transaction = Transaction::begin(fixture.place(), "all").unwrap();
        transaction
            .unpack(&if old_first { [old, new] } else { [new, old] })
            .unwrap();
        transaction.finish().unwrap();
        assert_eq!(fixture.read("shared"), "new");
        assert_eq!(fixture.read("var/lib/dpkg/info/old.list"), "/.\n/own\n");
        assert_eq!(fixture.read("var/lib/dpkg/info/new.list"), "/.\n/shared\n");
    }
}

#[test]
fn errors_name_the_package_and_where_it_came_from() {
    let fixture = fixture();
    let check = |packages: &[PackageRecord], expected: &str| {
        let mut transaction = Transaction::begin(fixture.place(), "all").unwrap();
        assert_eq!(told(&transaction.unpack(packages).unwrap_err()), expected);
    };
    let one = fixture.package(&control("one", ""), |deb| deb.file("./shared", "1"));
    let other = fixture.package(&control("other", ""), |deb| deb.file("./shared", "2"));
    let mut transaction = Transaction::begin(fixture.place(), "all").unwrap();
    transaction.unpack(std::slice::from_ref(&one)).unwrap();
    assert_eq!(
        told(&transaction.unpack(&[other]).unwrap_err()),
        "failed to unpack the package other:amd64 (1:1) from http://example.org/debian/pool/x.deb: \
         it ships /shared, which one ships too, and neither replaces the other's files"
    );
    let climbing = fixture.package(&control("climbing", ""), |deb| deb.file("./../x", ""));
    check(
        &[climbing],
        "failed to unpack the package climbing:amd64 (1:1) from http://example.org/debian/pool/x.deb: \
         its files can't be unpacked: the entry \"./../x\" leaves the root with \"..\"",
    );
    let renamed = PackageRecord::parse(
        &one.stanza().replace("Package: one", "Package: two"),
        &Arc::new(one.archive().clone()),
    );
    let renamed = renamed.unwrap();
    let packages = fixture
        .directory
        .path()
        .join(format!("cache/packages/{}", &one.sha256().to_string()[..16]));
    fs::copy(
        packages.join("one_1%3a1_amd64.deb"),
        packages.join("two_1%3a1_amd64.deb"),
    )
    .unwrap();
    check(
        &[renamed],
        "failed to unpack the package two:amd64 (1:1) from http://example.org/debian/pool/x.deb: \
         the file is one 1:1 for amd64, not two 1:1 for amd64 as the index says",
    );
    fs::remove_dir_all(packages).unwrap();
    check(
        &[one],
        "failed to fetch the package one:amd64 (1:1): not in the cache and offline: http://example.org/debian/pool/x.deb",
    );
}

/// Tries to unpack packages of these names and sizes from an archive that serves the bytes `12345678` for each.
fn failure_with(archive: &TestArchive, packages: &[(&str, usize)]) -> String {
    let fixture = fixture();
    let cache = archive.cache().with_timeouts(Timeouts {
        connect: Duration::from_secs(60),
        // For ever, compared with the patience of whoever runs this.
        stall: Duration::from_secs(3600),
    });
    let place = Place {
        cache: &cache,
        ..fixture.place()
    };
    let location = Arc::new(ArchiveLocation {
        base_uri: archive.base_uri(),
        suite: "x".to_owned(),
        component: "main".to_owned(),
    });
    let records: Vec<_> = packages
        .iter()
        .map(|(name, size)| {
            let stanza = stanza(name, "1", "").replace("Size: 1", &format!("Size: {size}"));
            PackageRecord::parse(&stanza, &location).unwrap()
        })
        .collect();
    let mut transaction = Transaction::begin(place, "all").unwrap();
    let text = told(&transaction.unpack(&records).unwrap_err());
    text.replace(&archive.base_uri(), "BASE")
}

#[test]
fn one_failed_download_is_told_while_others_hang() {
    let archive = TestArchive::start();
    for name in ["one", "two", "three"] {
        archive.hang(&format!("pool/{name}_1.deb"));
    }
    // The largest ones are wanted first.
    let packages = [("one", 9000), ("two", 8000), ("three", 7000), ("missing", 10)];
    let text = failure_with(&archive, &packages);
    assert!(
        text.starts_with("failed to fetch the package missing:amd64 (1)")
            && text.contains("BASE/pool/missing_1.deb answered 404"),
        "{text}"
    );
}

#[test]
fn packages_that_come_damaged_or_by_half_are_refused() {
    let archive = TestArchive::start();
    archive.serve_package("pool/other_1.deb", "12345678");
    let text = failure_with(&archive, &[("other", 8)]);
    assert!(
        text.starts_with("failed to fetch the package other:amd64 (1)")
            && text.contains("BASE/pool/other_1.deb has the sum ef797c81"),
        "{text}"
    );
    archive.cut("pool/other_1.deb");
    let text = failure_with(&archive, &[("other", 8)]);
    assert!(
        text.starts_with("failed to fetch the package other:amd64 (1)")
            && text.contains("failed to fetch BASE/pool/other_1.deb: "),
        "{text}"
    );
}

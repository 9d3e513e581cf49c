//! Snapshots of what `10-cache-ubuntu-tarball` does, against a server on loopback with a signature of its own.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use dib_core::Phase;
use dib_elements_ubuntu::{ubuntu, ubuntu_common};
use dib_testing::{Fixture, Recording, Server, SigningKey};
use sha2::{Digest, Sha256};

const DIRECTORY: &str = "/noble/current";
const GZIP: &str = "noble-server-cloudimg-amd64-root.tar.gz";
const XZ: &str = "noble-server-cloudimg-amd64-root.tar.xz";
const HOOK: &str = "10-cache-ubuntu-tarball";

/// A root file system of two files, owned by whoever runs the test, since only a sandbox may give files away.
fn root_tar(hostname: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |path: &str, kind: tar::EntryType, mode: u32, contents: &str| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(nix::unistd::geteuid().as_raw().into());
        header.set_gid(nix::unistd::getegid().as_raw().into());
        header.set_mtime(1_700_000_000);
        header.set_size(contents.len() as u64);
        archive
            .append_data(&mut header, path, contents.as_bytes())
            .unwrap();
    };
    add("etc/", tar::EntryType::Directory, 0o755, "");
    add("etc/hostname", tar::EntryType::Regular, 0o644, hostname);
    add("usr/bin/", tar::EntryType::Directory, 0o755, "");
    add("usr/bin/passwd", tar::EntryType::Regular, 0o4755, "program\n");
    archive.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn sums(files: &[(&str, &[u8])]) -> String {
    let mut list = String::new();
    for (name, contents) in files {
        for byte in Sha256::digest(contents) {
            write!(list, "{byte:02x}").unwrap();
        }
        writeln!(list, " *{name}").unwrap();
    }
    list
}

/// A server with a signature of its own, and a hook that trusts it.
struct World {
    server: Server,
    key: SigningKey,
    fixture: Fixture,
}

impl World {
    fn new() -> Self {
        let (server, key) = (Server::start(), SigningKey::generate());
        let fixture = Fixture::new(|registry| {
            registry.add(ubuntu::element())?;
            registry.add(ubuntu_common::element())
        });
        let path = fixture.host().join("key.asc");
        fs::write(&path, key.public()).unwrap();
        let fixture = fixture
            .variable("DIB_CLOUD_IMAGES", &server.url())
            .variable("DIB_UBUNTU_KEYRING", path.as_str())
            .shown_as(&key.fingerprint(), "fingerprint")
            .shown_as(&server.url(), "server");
        Self { server, key, fixture }
    }

    /// Adds a signed list of sums to what the server answers with.
    fn list(&self, list: &str) -> &Self {
        self.server.serve(&format!("{DIRECTORY}/SHA256SUMS"), list);
        self.server.serve(
            &format!("{DIRECTORY}/SHA256SUMS.gpg"),
            self.key.sign(list.as_bytes()),
        );
        self
    }

    fn image(&self, name: &str, contents: &[u8]) -> &Self {
        self.server.serve(&format!("{DIRECTORY}/{name}"), contents);
        self
    }

    fn record(&self) -> Recording {
        self.fixture.record(Phase::Root, HOOK)
    }

    fn with(self, change: impl FnOnce(Fixture) -> Fixture) -> Self {
        Self {
            fixture: change(self.fixture),
            ..self
        }
    }

    /// Returns the names in the cache, without the cache's own directories.
    fn cached(&self) -> Vec<String> {
        let entries = self.fixture.cache().read_dir_utf8().unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }
}

#[test]
fn the_listed_image_is_verified_and_extracted() {
    let world = World::new();
    let image = gzip(&root_tar("noble\n"));
    world
        .list(&sums(&[(GZIP, &image), (XZ, b"not asked for")]))
        .image(GZIP, &image);
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [server]/noble/current/noble-server-cloudimg-amd64-root.tar.gz (downloaded, sha256 [sha256])
      extract noble-server-cloudimg-amd64-root.tar.gz (4 entries, 14 bytes)
    target
      + /etc/ 0755
      + /etc/hostname 0644
        | noble
      + /usr/ 0755
      + /usr/bin/ 0755
      + /usr/bin/passwd 4755
        | program
    ");
    assert_eq!(
        world.cached(),
        [
            "SHA256SUMS.ubuntu.noble.amd64",
            "SHA256SUMS.ubuntu.noble.amd64.gpg",
            GZIP
        ]
    );
}

#[test]
fn xz_is_taken_where_there_is_no_gzip() {
    let world = World::new();
    let image = xz(&root_tar("noble\n"));
    world
        .list(&sums(&[
            (XZ, &image),
            ("other-noble-server-cloudimg-amd64-root.tar.gz", b""),
        ]))
        .image(XZ, &image);
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [server]/noble/current/noble-server-cloudimg-amd64-root.tar.xz (downloaded, sha256 [sha256])
      extract noble-server-cloudimg-amd64-root.tar.xz (4 entries, 14 bytes)
    target
      + /etc/ 0755
      + /etc/hostname 0644
        | noble
      + /usr/ 0755
      + /usr/bin/ 0755
      + /usr/bin/passwd 4755
        | program
    ");
}

#[test]
fn an_image_that_the_user_names_is_taken() {
    let world = World::new().with(|fixture| fixture.variable("BASE_IMAGE_FILE", "mine.tar"));
    let image = root_tar("mine\n");
    world
        .list(&sums(&[("mine.tar", &image), ("not-mine.tar", b"x")]))
        .image("mine.tar", &image);
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [server]/noble/current/mine.tar (downloaded, sha256 [sha256])
      extract mine.tar (4 entries, 13 bytes)
    target
      + /etc/ 0755
      + /etc/hostname 0644
        | mine
      + /usr/ 0755
      + /usr/bin/ 0755
      + /usr/bin/passwd 4755
        | program
    ");
}

#[test]
fn a_second_build_asks_but_does_not_download() {
    let world = World::new();
    let image = gzip(&root_tar("noble\n"));
    world.list(&sums(&[(GZIP, &image)])).image(GZIP, &image);
    assert!(world.record().succeeded());
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [server]/noble/current/noble-server-cloudimg-amd64-root.tar.gz (cached, sha256 [sha256])
      extract noble-server-cloudimg-amd64-root.tar.gz (4 entries, 14 bytes)
    ");
}

#[test]
fn offline_the_cached_image_is_used_without_a_request() {
    let world = World::new();
    let image = gzip(&root_tar("noble\n"));
    world.list(&sums(&[(GZIP, &image)])).image(GZIP, &image);
    assert!(world.record().succeeded());
    let requests = world.server.requests().len();
    let world = world.with(Fixture::offline);
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (cached, signed by [fingerprint])
      fetch [server]/noble/current/noble-server-cloudimg-amd64-root.tar.gz (cached, sha256 [sha256])
      extract noble-server-cloudimg-amd64-root.tar.gz (4 entries, 14 bytes)
    ");
    assert_eq!(world.server.requests().len(), requests);
}

#[test]
fn offline_without_a_cached_image_is_an_error() {
    let world = World::new().with(Fixture::offline);
    insta::assert_snapshot!(world.record(), @"
    error
      not in the cache and offline: [server]/noble/current/SHA256SUMS
    ");
    assert!(world.server.requests().is_empty());
}

#[test]
fn a_list_that_was_stale_heals_without_the_image_again() {
    let world = World::new();
    let (image, old) = (gzip(&root_tar("noble\n")), gzip(&root_tar("older\n")));
    // A build asks for the list twice before it has the image.
    let stale = sums(&[(GZIP, &old)]);
    world
        .list(&stale)
        .list(&stale)
        .list(&sums(&[(GZIP, &image)]))
        .image(GZIP, &image);
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [server]/noble/current/noble-server-cloudimg-amd64-root.tar.gz (downloaded, sha256 [sha256])
      extract noble-server-cloudimg-amd64-root.tar.gz (4 entries, 14 bytes)
    target
      + /etc/ 0755
      + /etc/hostname 0644
        | noble
      + /usr/ 0755
      + /usr/bin/ 0755
      + /usr/bin/passwd 4755
        | program
    ");
    insta::assert_snapshot!(world.server.requests().join("\n"), @"
    GET /noble/current/SHA256SUMS
    GET /noble/current/SHA256SUMS.gpg
    GET /noble/current/SHA256SUMS
    GET /noble/current/SHA256SUMS.gpg
    GET /noble/current/noble-server-cloudimg-amd64-root.tar.gz
    GET /noble/current/SHA256SUMS (no-cache)
    GET /noble/current/SHA256SUMS.gpg (no-cache)
    ");
}

#[test]
fn an_image_that_was_stale_heals_after_the_list() {
    let world = World::new();
    let (image, old) = (gzip(&root_tar("noble\n")), gzip(&root_tar("older\n")));
    world
        .list(&sums(&[(GZIP, &image)]))
        .image(GZIP, &old)
        .image(GZIP, &image);
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [server]/noble/current/noble-server-cloudimg-amd64-root.tar.gz (downloaded, sha256 [sha256])
      extract noble-server-cloudimg-amd64-root.tar.gz (4 entries, 14 bytes)
    target
      + /etc/ 0755
      + /etc/hostname 0644
        | noble
      + /usr/ 0755
      + /usr/bin/ 0755
      + /usr/bin/passwd 4755
        | program
    ");
    insta::assert_snapshot!(world.server.requests().join("\n"), @"
    GET /noble/current/SHA256SUMS
    GET /noble/current/SHA256SUMS.gpg
    GET /noble/current/SHA256SUMS
    GET /noble/current/SHA256SUMS.gpg
    GET /noble/current/noble-server-cloudimg-amd64-root.tar.gz
    GET /noble/current/SHA256SUMS (no-cache)
    GET /noble/current/SHA256SUMS.gpg (no-cache)
    GET /noble/current/noble-server-cloudimg-amd64-root.tar.gz (no-cache)
    ");
}

#[test]
fn an_image_that_stays_wrong_is_refused_and_not_kept() {
    let world = World::new();
    let (image, wrong) = (gzip(&root_tar("noble\n")), gzip(&root_tar("wrong\n")));
    world.list(&sums(&[(GZIP, &image)])).image(GZIP, &wrong);
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (downloaded, signed by [fingerprint])
    error
      [server]/noble/current/noble-server-cloudimg-amd64-root.tar.gz has the sum [sha256] instead of [sha256], also when fetched past caches
    ");
    assert_eq!(
        world.cached(),
        [
            "SHA256SUMS.ubuntu.noble.amd64",
            "SHA256SUMS.ubuntu.noble.amd64.gpg"
        ]
    );
}

#[test]
fn a_list_signed_by_another_key_is_refused() {
    let world = World::new();
    let image = gzip(&root_tar("noble\n"));
    let list = sums(&[(GZIP, &image)]);
    world
        .server
        .serve(&format!("{DIRECTORY}/SHA256SUMS"), list.clone());
    world.server.serve(
        &format!("{DIRECTORY}/SHA256SUMS.gpg"),
        SigningKey::generate().sign(list.as_bytes()),
    );
    world.image(GZIP, &image);
    let recording = world.record();
    assert!(!recording.succeeded());
    assert!(
        recording.to_string().contains("not by the pinned key"),
        "{recording}"
    );
    assert!(world.cached().is_empty(), "{:?}", world.cached());
}

#[test]
fn an_unsigned_list_is_taken_only_when_the_user_says_so() {
    let world = World::new();
    let image = gzip(&root_tar("noble\n"));
    world
        .server
        .serve(&format!("{DIRECTORY}/SHA256SUMS"), sums(&[(GZIP, &image)]));
    world.image(GZIP, &image);
    insta::assert_snapshot!(world.record(), @"
    error
      [server]/noble/current/SHA256SUMS.gpg answered 404 Not Found
    ");
    let world = world.with(|fixture| fixture.variable("DIB_VERIFY", "0"));
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (downloaded, signature not checked)
      fetch [server]/noble/current/noble-server-cloudimg-amd64-root.tar.gz (downloaded, sha256 [sha256])
      extract noble-server-cloudimg-amd64-root.tar.gz (4 entries, 14 bytes)
    target
      + /etc/ 0755
      + /etc/hostname 0644
        | noble
      + /usr/ 0755
      + /usr/bin/ 0755
      + /usr/bin/passwd 4755
        | program
    ");
}

#[test]
fn a_list_without_a_usual_name_says_what_it_holds() {
    let world = World::new();
    world.list(&sums(&[
        ("jammy-server-cloudimg-amd64-root.tar.xz", b"x"),
        ("README", b"x"),
    ]));
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (downloaded, signed by [fingerprint])
    error
      the verified sums list none of noble-server-cloudimg-amd64-root.tar.gz, noble-server-cloudimg-amd64-root.tar.xz, noble-server-cloudimg-amd64.squashfs
      hint: the list holds jammy-server-cloudimg-amd64-root.tar.xz; BASE_IMAGE_FILE chooses one
    ");
}

#[test]
fn a_local_image_needs_no_download() {
    let world = World::new();
    let path = world.fixture.host().join("local.tar.gz");
    fs::write(&path, gzip(&root_tar("local\n"))).unwrap();
    let world = world.with(|fixture| fixture.variable("DIB_LOCAL_IMAGE", path.as_str()));
    insta::assert_snapshot!(world.record(), @"
    journal
      extract local.tar.gz (4 entries, 14 bytes)
    target
      + /etc/ 0755
      + /etc/hostname 0644
        | local
      + /usr/ 0755
      + /usr/bin/ 0755
      + /usr/bin/passwd 4755
        | program
    ");
    assert!(world.server.requests().is_empty());
    fs::remove_file(&path).unwrap();
    insta::assert_snapshot!(world.record(), @"
    error
      failed to open [host]/local.tar.gz
      No such file or directory (os error 2)
      hint: DIB_LOCAL_IMAGE names a file of the host: .tar, .tar.gz, .tar.xz, .tar.zst or .squashfs
    ");
}

#[test]
fn an_image_that_is_no_archive_is_refused() {
    let world = World::new();
    world.list(&sums(&[(GZIP, b"<html>")])).image(GZIP, b"<html>");
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [server]/noble/current/noble-server-cloudimg-amd64-root.tar.gz (downloaded, sha256 [sha256])
    error
      failed to extract noble-server-cloudimg-amd64-root.tar.gz
      the file is neither a tar archive, plain or compressed with gzip, xz or zstd, nor a SquashFS image
    ");
}

#[test]
fn extraction_follows_no_link_out_of_the_target() {
    let world = World::new();
    let host = world.fixture.host();
    fs::create_dir(host.join("etc")).unwrap();
    let world = world.with(|fixture| fixture.symlink(host.join("etc").as_str(), "/etc"));
    let image = gzip(&root_tar("noble\n"));
    world.list(&sums(&[(GZIP, &image)])).image(GZIP, &image);
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [server]/noble/current/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [server]/noble/current/noble-server-cloudimg-amd64-root.tar.gz (downloaded, sha256 [sha256])
      extract noble-server-cloudimg-amd64-root.tar.gz (4 entries, 14 bytes)
    target
      ~ /etc/ 0755
      + /etc/hostname 0644
        | noble
      + /usr/ 0755
      + /usr/bin/ 0755
      + /usr/bin/passwd 4755
        | program
    ");
}

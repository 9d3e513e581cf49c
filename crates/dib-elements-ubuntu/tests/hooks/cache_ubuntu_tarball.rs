//! Snapshots of what `10-cache-ubuntu-tarball` does.

use std::fs;

use dib_testing::{Fixture, SigningKey};

use crate::published_images::{BUILT, DIRECTORY, GZIP, World, XZ, gzip, root_tar, sums, xz};

#[test]
fn the_listed_image_is_verified_and_extracted() {
    let world = World::new();
    let image = gzip(&root_tar("noble\n"));
    world
        .list(&sums(&[(GZIP, &image), (XZ, b"not asked for")]))
        .image(GZIP, &image);
    assert_eq!(world.record(), BUILT);
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
    let list = [
        (XZ, &*image),
        ("other-noble-server-cloudimg-amd64-root.tar.gz", b""),
    ];
    world.list(&sums(&list)).image(XZ, &image);
    assert_eq!(world.record(), BUILT.replace(GZIP, XZ));
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
      fetch [current]/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [current]/mine.tar (downloaded, sha256 [sha256])
      extract mine.tar (4 entries, 13 bytes)
    target
      + all of mine
    ");
}

#[test]
fn a_second_build_asks_but_does_not_download() {
    let world = World::with_noble();
    assert!(world.run().succeeded());
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [current]/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [current]/noble-server-cloudimg-amd64-root.tar.gz (cached, sha256 [sha256])
      extract noble-server-cloudimg-amd64-root.tar.gz (4 entries, 14 bytes)
    ");
}

#[test]
fn offline_the_cached_image_is_used_without_a_request() {
    let world = World::with_noble();
    assert!(world.run().succeeded());
    let requests = world.server.requests().len();
    let world = world.with(Fixture::offline);
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [current]/SHA256SUMS (cached, signed by [fingerprint])
      fetch [current]/noble-server-cloudimg-amd64-root.tar.gz (cached, sha256 [sha256])
      extract noble-server-cloudimg-amd64-root.tar.gz (4 entries, 14 bytes)
    ");
    assert_eq!(world.server.requests().len(), requests);
}

#[test]
fn offline_without_a_cached_image_is_an_error() {
    let world = World::new().with(Fixture::offline);
    insta::assert_snapshot!(world.record(), @"
    error
      not in the cache and offline: [current]/SHA256SUMS
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
    assert_eq!(world.record(), BUILT);
    assert_eq!(world.past_caches(), ["SHA256SUMS", "SHA256SUMS.gpg"]);
    let requests = world.server.requests();
    let of_image = requests.iter().filter(|request| request.contains(GZIP));
    assert_eq!(of_image.count(), 1, "{requests:?}");
}

#[test]
fn an_image_that_was_stale_heals_after_the_list() {
    let world = World::new();
    let (image, old) = (gzip(&root_tar("noble\n")), gzip(&root_tar("older\n")));
    world
        .list(&sums(&[(GZIP, &image)]))
        .image(GZIP, &old)
        .image(GZIP, &image);
    assert_eq!(world.record(), BUILT);
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
      fetch [current]/SHA256SUMS (downloaded, signed by [fingerprint])
    error
      [current]/noble-server-cloudimg-amd64-root.tar.gz has the sum [sha256] instead of [sha256], also when fetched past caches
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
    let recording = world.run();
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
      [current]/SHA256SUMS.gpg answered 404 Not Found
    ");
    let world = world.with(|fixture| fixture.variable("DIB_VERIFY", "0"));
    assert_eq!(
        world.record(),
        BUILT.replace("signed by [fingerprint]", "signature not checked")
    );
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
      fetch [current]/SHA256SUMS (downloaded, signed by [fingerprint])
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
      + all of local
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
      fetch [current]/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [current]/noble-server-cloudimg-amd64-root.tar.gz (downloaded, sha256 [sha256])
    error
      failed to extract noble-server-cloudimg-amd64-root.tar.gz
      the file is neither a tar archive, plain or compressed with gzip, xz or zstd, nor a SquashFS image
    ");
}

#[test]
fn extraction_follows_no_link_out_of_the_target() {
    let world = World::with_noble();
    let host = world.fixture.host();
    fs::create_dir(host.join("etc")).unwrap();
    let world = world.with(|fixture| fixture.symlink(host.join("etc").as_str(), "/etc"));
    insta::assert_snapshot!(world.record(), @"
    journal
      fetch [current]/SHA256SUMS (downloaded, signed by [fingerprint])
      fetch [current]/noble-server-cloudimg-amd64-root.tar.gz (downloaded, sha256 [sha256])
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

//! Bytes that don't have the sum the list gives them.

use dib_cache::{CacheError, Origin, Sha256};

use crate::server::{Reply, Request, Server, file};
use crate::setup::{Setup, checked, content, full_text, listed, sums_of};

const OLD: &[u8] = b"the image of yesterday";
const NEW: &[u8] = b"the image of today";

fn is_sums(request: &Request) -> bool {
    request.path == "/SHA256SUMS"
}

fn fetch(setup: &Setup, server: &Server) -> Result<dib_cache::VerifiedFile, CacheError> {
    setup
        .cache()
        .fetch(&listed(server.url("image"), server.url("SHA256SUMS")))
}

#[test]
fn a_listed_file_is_fetched_once_and_its_list_asked_about_each_time() {
    let setup = Setup::new();
    let server = Server::start(|request, _| {
        if is_sums(request) {
            file(request, sums_of(NEW).as_bytes(), "\"sums\"")
        } else {
            file(request, NEW, "\"image\"")
        }
    });
    assert_eq!(
        fetch(&setup, &server).expect("a download").origin,
        Origin::Downloaded
    );
    assert_eq!(
        fetch(&setup, &server).expect("a cached file").origin,
        Origin::Cached
    );
    assert_eq!(
        (
            server.requests_for("image").len(),
            server.requests_for("SHA256SUMS").len()
        ),
        (1, 2)
    );
    assert_eq!(setup.names(), ["SHA256SUMS", "image"]);
    let offline = setup
        .cache()
        .offline()
        .fetch(&listed(server.url("image"), server.url("SHA256SUMS")));
    assert_eq!(offline.expect("a cached file").origin, Origin::Cached);
}

#[test]
fn stale_sums_are_fetched_past_caches_and_the_image_stays() {
    let setup = Setup::new();
    let server = Server::start(|request, _| match is_sums(request) {
        true if request.is_past_caches() => Reply::body(sums_of(NEW)),
        true => Reply::body(sums_of(OLD)),
        false => Reply::body(NEW),
    });
    let fetched = fetch(&setup, &server).expect("a download");
    assert_eq!(
        (fetched.origin, content(fetched)),
        (Origin::Downloaded, NEW.to_vec())
    );
    assert_eq!(
        (
            server.requests_for("image").len(),
            server.requests_for("SHA256SUMS").len()
        ),
        (1, 2)
    );
    assert_eq!(
        std::fs::read_to_string(setup.path("SHA256SUMS")).expect("the sums"),
        sums_of(NEW)
    );
}

#[test]
fn a_stale_image_is_fetched_past_caches_after_the_sums() {
    let setup = Setup::new();
    let server = Server::start(|request, _| match is_sums(request) {
        true => Reply::body(sums_of(NEW)),
        false if request.is_past_caches() => Reply::body(NEW),
        false => Reply::body(OLD),
    });
    assert_eq!(content(fetch(&setup, &server).expect("a download")), NEW);
    let order: Vec<(String, bool)> = server
        .requests()
        .iter()
        .map(|request| (request.path.clone(), request.is_past_caches()))
        .collect();
    let expected = [
        ("/SHA256SUMS", false),
        ("/image", false),
        ("/SHA256SUMS", true),
        ("/image", true),
    ];
    assert_eq!(order, expected.map(|(path, past)| (path.to_owned(), past)));
}

#[test]
fn an_image_that_never_matches_is_an_error_and_leaves_nothing() {
    let setup = Setup::new();
    let server = Server::start(|request, _| {
        if is_sums(request) {
            Reply::body(sums_of(NEW))
        } else {
            file(request, OLD, "\"image\"")
        }
    });
    // An earlier image that the sums don't list any more is not better than none.
    setup
        .cache()
        .fetch(&checked(server.url("image"), OLD))
        .expect("a download");
    let error = fetch(&setup, &server).expect_err("a mismatch");
    let expected = format!(
        "{} has the sum {} instead of {}, also when fetched past caches",
        server.url("image"),
        Sha256::of(OLD),
        Sha256::of(NEW)
    );
    assert_eq!(full_text(&error), expected);
    assert_eq!(setup.names(), ["SHA256SUMS"]);
    assert!(!setup.path(".meta/image.json").exists());
    assert!(!setup.path(".meta/image.partial.json").exists());
}

#[test]
fn a_given_sum_sends_only_the_image_past_caches() {
    let setup = Setup::new();
    let server = Server::start(|request, _| Reply::body(if request.is_past_caches() { NEW } else { OLD }));
    let fetched = setup
        .cache()
        .fetch(&checked(server.url("image"), NEW))
        .expect("a download");
    assert_eq!((content(fetched), server.requests().len()), (NEW.to_vec(), 2));
    let error = setup
        .cache()
        .fetch(&checked(server.url("image"), b"neither"))
        .expect_err("a mismatch");
    assert!(matches!(error, CacheError::Mismatch { .. }));
    assert!(setup.names().is_empty());
}

#[test]
fn a_new_image_replaces_the_old_one() {
    let setup = Setup::new();
    let server = Server::start(|request, earlier| {
        let (body, etag) = if earlier < 2 {
            (OLD, "\"old\"")
        } else {
            (NEW, "\"new\"")
        };
        if is_sums(request) {
            Reply::body(sums_of(body))
        } else {
            file(request, body, etag)
        }
    });
    assert_eq!(content(fetch(&setup, &server).expect("a download")), OLD);
    assert_eq!(content(fetch(&setup, &server).expect("a download")), NEW);
    assert!(
        setup
            .told
            .warnings()
            .iter()
            .all(|warning| !warning.contains("past caches"))
    );
}

#[test]
fn a_file_that_is_not_listed_is_looked_for_past_caches() {
    let other = format!("{}  root.tar.xz.zsync\n", Sha256::of(NEW));
    let setup = Setup::new();
    let server = Server::start({
        let other = other.clone();
        move |request, _| match is_sums(request) {
            true if request.is_past_caches() => Reply::body(sums_of(NEW)),
            true => Reply::body(other.clone()),
            false => Reply::body(NEW),
        }
    });
    assert_eq!(content(fetch(&setup, &server).expect("a download")), NEW);

    let setup = Setup::new();
    let server = Server::start(move |_, _| Reply::body(other.clone()));
    let error = fetch(&setup, &server).expect_err("not listed");
    let expected = format!("\"root.tar.xz\" is not listed in {}", server.url("SHA256SUMS"));
    assert_eq!(full_text(&error), expected);
    assert_eq!(server.requests_for("image").len(), 0);
}

#[test]
fn unsigned_sums_that_were_damaged_in_the_cache_are_noticed() {
    let setup = Setup::new();
    let server = Server::start(|request, _| {
        if is_sums(request) {
            file(request, sums_of(NEW).as_bytes(), "\"sums\"")
        } else {
            file(request, NEW, "\"image\"")
        }
    });
    fetch(&setup, &server).expect("a download");
    std::fs::write(setup.path("SHA256SUMS"), sums_of(OLD)).expect("the sums");
    let download = listed(server.url("image"), server.url("SHA256SUMS"));
    let error = setup
        .cache()
        .offline()
        .fetch(&download)
        .expect_err("damaged sums");
    assert!(matches!(error, CacheError::BadAndOffline { .. }));
    assert_eq!(
        fetch(&setup, &server).expect("a cached file").origin,
        Origin::Cached
    );
    assert_eq!(
        std::fs::read_to_string(setup.path("SHA256SUMS")).expect("the sums"),
        sums_of(NEW)
    );
}

#[test]
fn one_name_for_two_files_is_refused() {
    let setup = Setup::new();
    let mut download = listed(
        "http://127.0.0.1:1/a".to_owned(),
        "http://127.0.0.1:1/b".to_owned(),
    );
    for name in ["SHA256SUMS", "SHA256SUMS.gpg"] {
        download.cached_as = crate::setup::key(name);
        assert!(matches!(
            setup.cache().fetch(&download),
            Err(CacheError::NameClash { .. })
        ));
    }
}

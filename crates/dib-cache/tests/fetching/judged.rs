//! Files that the caller judges.

use std::io;

use dib_cache::{CacheError, Check, Download, Judge, Origin};

use crate::server::{Server, file};
use crate::setup::{Setup, content, unverified};

/// Only what begins with `good` is taken.
fn judged(url: String) -> Download {
    let judge = Judge::new(|bytes: &[u8]| {
        if bytes.starts_with(b"good") {
            Ok(())
        } else {
            Err(io::Error::other("it is not good"))
        }
    });
    Download {
        check: Check::Judged(judge),
        ..unverified(url)
    }
}

#[test]
fn an_approved_file_is_asked_for_again_and_comes_back_at_its_start() {
    let setup = Setup::new();
    let server = Server::start(|request, _| file(request, b"good one", "\"one\""));
    let download = judged(server.url("image"));
    for expected in [Origin::Downloaded, Origin::Revalidated] {
        let fetched = setup.cache().fetch(&download).expect("an approved file");
        assert_eq!(fetched.origin, expected);
        assert_eq!(content(fetched), b"good one");
    }
    assert_eq!(setup.told.warnings(), [""; 0]);
    let offline = setup
        .cache()
        .offline()
        .fetch(&download)
        .expect("an approved file");
    assert_eq!((offline.origin, server.requests().len()), (Origin::Cached, 2));
    assert_eq!(content(offline), b"good one");
}

#[test]
fn a_refused_file_is_asked_for_past_caches() {
    let setup = Setup::new();
    let server = Server::start(|request, _| {
        let body: &[u8] = if request.is_past_caches() {
            b"good"
        } else {
            b"stale"
        };
        file(request, body, "\"one\"")
    });
    let fetched = setup
        .cache()
        .fetch(&judged(server.url("image")))
        .expect("a good file");
    assert_eq!(content(fetched), b"good");
    assert_eq!(setup.told.warnings().len(), 1);
}

#[test]
fn a_file_that_stays_refused_never_gets_its_name() {
    let setup = Setup::new();
    let server = Server::start(|request, _| file(request, b"bad", "\"one\""));
    let download = judged(server.url("image"));
    let error = setup.cache().fetch(&download).expect_err("a bad file");
    assert!(matches!(error, CacheError::Refused { .. }), "{error}");
    assert_eq!(setup.names(), [""; 0]);

    let before = server.requests().len();
    let offline = setup.cache().offline();
    assert!(matches!(
        offline.fetch(&download),
        Err(CacheError::Offline { .. })
    ));
    // One that came there without being judged is no better.
    std::fs::write(setup.path("image"), "bad").expect("a file");
    assert!(matches!(
        offline.fetch(&download),
        Err(CacheError::Refused { .. })
    ));
    assert_eq!(server.requests().len(), before);
}

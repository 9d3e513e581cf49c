//! Networks and servers that fail, for a while or for good, and working without them.

use std::time::Duration;

use dib_cache::{CacheError, Origin, Timeouts};

use crate::server::{Reply, Server, file};
use crate::setup::{Setup, bytes, checked, content, full_text, listed, unverified};

const SIZE: usize = 100_000;
const HALF: usize = SIZE / 2;

/// Fetches from a server whose first answer ends after half of the body, and whose second is `second`'s.
fn check_cut(second: fn(&crate::server::Request) -> Reply, expected: &[u8], expected_lines: &[&str]) {
    let setup = Setup::new();
    let server = Server::start(move |request, earlier| match earlier {
        0 => file(request, &bytes(1, SIZE), "\"one\"").cut_after(HALF),
        1 => second(request),
        _ => file(request, &bytes(2, SIZE), "\"two\""),
    });
    let fetched = setup
        .cache()
        .fetch(&checked(server.url("image"), expected))
        .expect("a download");
    assert!(content(fetched) == expected);
    let lines: Vec<String> = setup.told.lines();
    let starts: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| line.starts_with("started"))
        .collect();
    assert_eq!(starts, expected_lines);
    let second = &server.requests()[1];
    assert_eq!(second.header("range"), Some(format!("bytes={HALF}-").as_str()));
    assert_eq!(second.header("if-range"), Some("\"one\""));
    assert_eq!(setup.names(), ["image"]);
}

#[test]
fn a_cut_body_is_gone_on_with() {
    check_cut(
        |request| file(request, &bytes(1, SIZE), "\"one\""),
        &bytes(1, SIZE),
        &["started image 0/100000", "started image 50000/100000"],
    );
}

#[test]
fn a_cut_body_starts_over_where_the_server_knows_no_ranges() {
    check_cut(
        |_| Reply::body(bytes(1, SIZE)),
        &bytes(1, SIZE),
        &["started image 0/100000", "started image 0/100000"],
    );
}

#[test]
fn a_cut_body_starts_over_when_the_file_has_changed() {
    check_cut(
        |request| file(request, &bytes(2, SIZE), "\"two\""),
        &bytes(2, SIZE),
        &["started image 0/100000", "started image 0/100000"],
    );
}

#[test]
fn a_cut_body_starts_over_when_there_is_no_rest_or_another_one() {
    let expected = bytes(2, SIZE);
    let lines = ["started image 0/100000", "started image 0/100000"];
    check_cut(|_| Reply::status(416), &expected, &lines);
    check_cut(
        |_| Reply::status(206).with("content-range", "bytes 7-99999/100000"),
        &expected,
        &lines,
    );
}

#[test]
fn a_stalled_body_is_given_up_and_gone_on_with() {
    let setup = Setup::new();
    let server = Server::start(|request, earlier| {
        let reply = file(request, &bytes(1, SIZE), "\"one\"");
        if earlier == 0 {
            reply.hang_after(HALF)
        } else {
            reply
        }
    });
    let timeouts = Timeouts {
        stall: Duration::from_millis(500),
        ..Timeouts::default()
    };
    let cache = setup.cache().with_timeouts(timeouts);
    let fetched = cache
        .fetch(&checked(server.url("image"), &bytes(1, SIZE)))
        .expect("a download");
    assert!(content(fetched) == bytes(1, SIZE));
    assert_eq!(
        server.requests()[1].header("range"),
        Some(format!("bytes={HALF}-").as_str())
    );
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    let setup = Setup::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let url = format!(
        "http://{}/image",
        listener.local_addr().expect("the port's address")
    );
    let timeouts = Timeouts {
        stall: Duration::from_millis(100),
        ..Timeouts::default()
    };
    let error = setup
        .cache()
        .with_timeouts(timeouts)
        .fetch(&unverified(url))
        .expect_err("no answer");
    assert!(full_text(&error).contains("timed out"), "{}", full_text(&error));
}

#[test]
fn errors_that_may_pass_are_tried_again() {
    let setup = Setup::new();
    let server = Server::start(|request, earlier| match earlier {
        0 => Reply::status(503),
        1 => Reply::status(429).with("retry-after", "0"),
        _ => file(request, b"at last", "\"one\""),
    });
    let fetched = setup
        .cache()
        .fetch(&checked(server.url("image"), b"at last"))
        .expect("a download");
    assert_eq!(content(fetched), b"at last");
    let lines = setup.told.lines();
    assert!(
        lines[0].starts_with("retrying image 2 ") && lines[0].contains("503"),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with("retrying image 3 ") && lines[1].contains("429"),
        "{lines:?}"
    );
}

#[test]
fn tries_come_to_an_end() {
    let setup = Setup::new();
    let server = Server::start(|_, _| Reply::status(500));
    let error = setup
        .cache()
        .fetch(&unverified(server.url("image")))
        .expect_err("no download");
    let expected = format!(
        "gave up after 3 tries: {} answered 500 Internal Server Error",
        server.url("image")
    );
    assert_eq!(full_text(&error), expected);
    assert_eq!(server.requests().len(), 3);
    assert!(setup.names().is_empty());
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let setup = Setup::new();
    // Port 1 is reserved; nothing listens there on loopback.
    let error = setup
        .cache()
        .fetch(&unverified("http://127.0.0.1:1/image".to_owned()))
        .expect_err("no server");
    let text = full_text(&error);
    assert!(
        text.starts_with("gave up after 3 tries: failed to fetch http://127.0.0.1:1/image: "),
        "{text}"
    );
    assert_eq!(text.matches("http://").count(), 1, "{text}");
}

#[test]
fn a_missing_file_is_an_error_at_once() {
    let setup = Setup::new();
    let server = Server::start(|_, _| Reply::status(404));
    let error = setup
        .cache()
        .fetch(&unverified(server.url("image")))
        .expect_err("no download");
    assert_eq!(
        full_text(&error),
        format!("{} answered 404 Not Found", server.url("image"))
    );
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn redirects_in_a_circle_come_to_an_end() {
    let setup = Setup::new();
    let server = Server::start(|_, _| Reply::status(301).with("location", "/image"));
    let error = setup
        .cache()
        .fetch(&unverified(server.url("image")))
        .expect_err("no download");
    assert!(matches!(&error, CacheError::TooManyRedirects { url, .. } if *url == server.url("image")));
    assert_eq!(server.requests().len(), 11);
}

#[test]
fn a_list_of_sums_without_end_is_not_taken() {
    let setup = Setup::new();
    let server = Server::start(|_, _| Reply::body(vec![b'#'; 17 << 20]));
    let error = setup
        .cache()
        .fetch(&listed(server.url("image"), server.url("SHA256SUMS")));
    assert!(matches!(error, Err(CacheError::TooLong { .. })));
    assert!(setup.names().is_empty());
}

#[test]
fn offline_uses_what_is_there_and_names_what_is_not() {
    let setup = Setup::new();
    let server = Server::start(|request, _| file(request, b"there", "\"one\""));
    let download = unverified(server.url("image"));
    let error = setup
        .cache()
        .offline()
        .fetch(&download)
        .expect_err("an empty cache");
    assert_eq!(
        full_text(&error),
        format!("not in the cache and offline: {}", server.url("image"))
    );
    setup.cache().fetch(&download).expect("a download");
    let fetched = setup.cache().offline().fetch(&download).expect("a cached file");
    assert_eq!((fetched.origin, server.requests().len()), (Origin::Cached, 1));
    let error = setup
        .cache()
        .offline()
        .fetch(&unverified(server.url("other")))
        .expect_err("another file's name");
    assert!(matches!(error, CacheError::Offline { .. }));
}

#[test]
fn a_damaged_file_is_told_and_fetched_again() {
    let setup = Setup::new();
    let server = Server::start(|request, _| file(request, b"there", "\"one\""));
    for download in [
        checked(server.url("image"), b"there"),
        unverified(server.url("image")),
    ] {
        setup.cache().fetch(&download).expect("a download");
        std::fs::write(setup.path("image"), "their").expect("the file");
        let error = setup
            .cache()
            .offline()
            .fetch(&download)
            .expect_err("a damaged file");
        let text = full_text(&error);
        for part in [
            dib_cache::Sha256::of(b"there").to_string(),
            dib_cache::Sha256::of(b"their").to_string(),
            server.url("image"),
        ] {
            assert!(text.contains(&part), "{text}");
        }
        let fetched = setup.cache().fetch(&download).expect("a download");
        assert_eq!(fetched.origin, Origin::Downloaded);
        assert_eq!(content(fetched), b"there");
        let warnings = setup.told.warnings();
        assert!(
            warnings.iter().any(|warning| warning.contains("is damaged")),
            "{warnings:?}"
        );
    }
    let conditional = server
        .requests()
        .iter()
        .filter(|request| request.header("if-none-match").is_some())
        .count();
    assert_eq!(conditional, 1, "only the intact copy may be asked about");
}

#[test]
fn a_damaged_file_that_can_not_be_replaced_loses_its_name() {
    let setup = Setup::new();
    let server = Server::start(|request, earlier| match earlier {
        0 => file(request, b"there", "\"one\""),
        _ => Reply::status(404),
    });
    setup
        .cache()
        .fetch(&checked(server.url("image"), b"there"))
        .expect("a download");
    std::fs::write(setup.path("image"), "their").expect("the file");
    setup
        .cache()
        .fetch(&checked(server.url("image"), b"there"))
        .expect_err("no download");
    assert!(setup.names().is_empty());
}

#[test]
fn a_lock_held_elsewhere_is_waited_for_and_its_holder_told() {
    let setup = Setup::new();
    let server = Server::start(|request, _| file(request, b"there", "\"one\""));
    setup
        .cache()
        .fetch(&unverified(server.url("image")))
        .expect("a download");
    let lock = std::fs::File::options()
        .write(true)
        .open(setup.path(".locks/image.lock"))
        .expect("the lock");
    lock.lock().expect("a free lock");
    std::fs::write(setup.path(".locks/image.lock"), "process 7 on elsewhere (dib)").expect("the lock");
    let cache = setup.cache().with_lock_wait(Duration::from_millis(100));
    let error = cache
        .fetch(&unverified(server.url("image")))
        .expect_err("a held lock");
    assert!(full_text(&error).contains("process 7 on elsewhere (dib)"));
    assert!(
        setup
            .told
            .lines()
            .contains(&"waiting image process 7 on elsewhere (dib)".to_owned())
    );
}

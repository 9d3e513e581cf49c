//! Downloads that succeed: what is asked of the server, and what is not.

use std::io::Write;

use dib_cache::{Check, Download, Origin, Proxies, Sha256};

use crate::server::{Reply, Server, file};
use crate::setup::{Setup, bytes, checked, content, key, unverified};

#[test]
fn a_plain_download_is_stored_and_told() {
    let body = bytes(1, 100_000);
    let setup = Setup::new();
    let server = Server::start({
        let body = body.clone();
        move |request, _| file(request, &body, "\"one\"")
    });
    let fetched = setup
        .cache()
        .fetch(&checked(server.url("image"), &body))
        .expect("a download");
    assert_eq!(
        (fetched.origin, fetched.size, fetched.sha256),
        (Origin::Downloaded, 100_000, Sha256::of(&body))
    );
    assert_eq!(fetched.path, setup.path("image"));
    assert_eq!(std::fs::read(&fetched.path).expect("the file"), body);
    assert_eq!(content(fetched), body);
    assert_eq!(setup.told.lines(), ["started image 0/100000", "finished image"]);
    assert_eq!(setup.names(), ["image"]);
    let request = &server.requests()[0];
    assert_eq!(
        request.header("user-agent"),
        Some(concat!("dib/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(request.header("accept-encoding"), None);
}

#[test]
fn a_file_that_has_its_sum_needs_no_second_request() {
    let body = bytes(1, 10);
    let setup = Setup::new();
    let server = Server::start(move |request, _| file(request, &bytes(1, 10), "\"one\""));
    let download = checked(server.url("image"), &body);
    setup.cache().fetch(&download).expect("a download");
    let fetched = setup.cache().fetch(&download).expect("a cached file");
    assert_eq!((fetched.origin, server.requests().len()), (Origin::Cached, 1));
}

#[test]
fn an_unverified_file_is_asked_for_again_and_told() {
    let setup = Setup::new();
    let server = Server::start(|request, earlier| {
        let body = if earlier < 2 { bytes(1, 10) } else { bytes(2, 10) };
        let etag = if earlier < 2 { "\"one\"" } else { "\"two\"" };
        file(request, &body, etag).with("last-modified", "Tue, 01 Oct 2024 00:00:00 GMT")
    });
    let download = unverified(server.url("image"));
    let origins: Vec<Origin> = (0..4)
        .map(|_| setup.cache().fetch(&download).expect("a file").origin)
        .collect();
    assert_eq!(
        origins,
        [
            Origin::Downloaded,
            Origin::Revalidated,
            Origin::Downloaded,
            Origin::Revalidated
        ]
    );
    let second = &server.requests()[1];
    assert_eq!(second.header("if-none-match"), Some("\"one\""));
    assert_eq!(
        second.header("if-modified-since"),
        Some("Tue, 01 Oct 2024 00:00:00 GMT")
    );
    assert_eq!(
        std::fs::read(setup.path("image")).expect("the file"),
        bytes(2, 10)
    );
    assert_eq!(setup.told.warnings().len(), 4);
    assert!(setup.told.warnings()[0].contains(&server.url("image")));
}

#[test]
fn a_sidecar_that_is_garbage_or_gone_costs_a_request() {
    let setup = Setup::new();
    let server = Server::start(|request, _| file(request, &bytes(1, 10), "\"one\""));
    let download = unverified(server.url("image"));
    setup.cache().fetch(&download).expect("a download");
    let sidecar = setup.path(".meta/image.json");
    for garbage in ["", "{\"url\": 1}", "\u{0}"] {
        std::fs::write(&sidecar, garbage).expect("the sidecar");
        let fetched = setup.cache().fetch(&download).expect("a download");
        assert_eq!(fetched.origin, Origin::Downloaded, "for {garbage:?}");
    }
    std::fs::remove_file(&sidecar).expect("the sidecar");
    let fetched = setup
        .cache()
        .fetch(&checked(server.url("image"), &bytes(1, 10)))
        .expect("a cached file");
    assert_eq!((fetched.origin, server.requests().len()), (Origin::Cached, 4));
    assert!(sidecar.exists());
}

#[test]
fn names_may_have_directories_and_redirects_are_followed() {
    let setup = Setup::new();
    let server = Server::start(|request, _| match request.path.as_str() {
        "/here" => Reply::status(302).with("location", "/there"),
        _ => Reply::body("found"),
    });
    let download = Download {
        url: server.url("here"),
        cached_as: key("ubuntu/noble/image"),
        check: Check::Sha256(Sha256::of(b"found")),
    };
    let fetched = setup.cache().fetch(&download).expect("a download");
    assert_eq!(fetched.path, setup.path("ubuntu/noble/image"));
    assert_eq!(content(fetched), b"found");
}

#[test]
fn the_verified_file_stays_when_its_name_gets_another() {
    let setup = Setup::new();
    let server = Server::start(|request, _| file(request, &bytes(1, 10), "\"one\""));
    let fetched = setup
        .cache()
        .fetch(&checked(server.url("image"), &bytes(1, 10)))
        .expect("a download");
    let other = setup.path("other");
    std::fs::File::create(&other)
        .and_then(|mut file| file.write_all(b"evil"))
        .expect("another file");
    std::fs::rename(&other, &fetched.path).expect("the name");
    assert_eq!(content(fetched), bytes(1, 10));
}

#[test]
fn proxies_are_used_as_told() {
    let setup = Setup::new();
    let proxy = Server::start(|_, _| Reply::body("by proxy"));
    let direct = Server::start(|_, _| Reply::body("directly"));
    let fetch = |url: String, no_proxy: Option<&str>| {
        let proxies = Proxies {
            http: Some(format!("http://{}", proxy.address())),
            https: None,
            no_proxy: no_proxy.map(str::to_owned),
        };
        content(
            setup
                .cache()
                .with_proxies(proxies)
                .fetch(&unverified(url))
                .expect("a download"),
        )
    };
    assert_eq!(
        fetch("http://images.example.org/image".to_owned(), None),
        b"by proxy"
    );
    assert_eq!(proxy.requests()[0].path, "http://images.example.org/image");
    assert_eq!(
        fetch(direct.url("image"), Some("example.org,127.0.0.1")),
        b"directly"
    );
    assert_eq!(proxy.requests().len(), 1);
}

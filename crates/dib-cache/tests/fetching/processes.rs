//! Several processes that share a cache, and processes that are killed. A test starts its own program again, with
//! variables that tell the child to be one of the processes.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use dib_cache::Download;

use crate::server::{Server, file};
use crate::setup::{Setup, bytes, checked, content, fast, key, unverified};

const DIRECTORY_VARIABLE: &str = "DIB_CACHE_TEST_DIRECTORY";
const URL_VARIABLE: &str = "DIB_CACHE_TEST_URL";
const SIZE: usize = 1_000_000;

/// In a child, fetches and returns true.
fn is_child() -> bool {
    let (Ok(directory), Ok(url)) = (std::env::var(DIRECTORY_VARIABLE), std::env::var(URL_VARIABLE)) else {
        return false;
    };
    let cache = fast(Utf8Path::new(&directory));
    let fetched = cache.fetch(&checked(url, &bytes(1, SIZE))).expect("a download");
    assert!(content(fetched) == bytes(1, SIZE));
    true
}

/// Starts this program again for one test, which then finds that it is a child.
fn start_child(test: &str, setup: &Setup, url: &str) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact"])
        .env(DIRECTORY_VARIABLE, &setup.directory)
        .env(URL_VARIABLE, url)
        .stdout(Stdio::null())
        .spawn()
        .expect("this program starts")
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn ten_processes_download_a_file_once() {
    if is_child() {
        return;
    }
    let setup = Setup::new();
    let server = Server::start(|request, _| {
        // Long enough for all to be there before the first is done.
        std::thread::sleep(Duration::from_millis(300));
        file(request, &bytes(1, SIZE), "\"one\"")
    });
    let name = "processes::ten_processes_download_a_file_once";
    let children: Vec<Child> = (0..10)
        .map(|_| start_child(name, &setup, &server.url("image")))
        .collect();
    for mut child in children {
        assert!(child.wait().expect("a child").success());
    }
    assert_eq!(server.requests().len(), 1);
    assert_eq!(setup.names(), ["image"]);
}

#[test]
fn threads_that_want_an_unverified_file_together_download_it_once() {
    let setup = Setup::new();
    let server = Server::start(|request, _| {
        std::thread::sleep(Duration::from_millis(300));
        file(request, b"there", "\"one\"")
    });
    let cache = setup.cache();
    let barrier = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                barrier.wait();
                cache.fetch(&unverified(server.url("image"))).expect("a file");
            });
        }
    });
    // A thread that came late may ask whether the file is current, but none downloads it again.
    let requests = server.requests();
    assert_eq!(
        requests
            .iter()
            .filter(|request| request.header("if-none-match").is_none())
            .count(),
        1
    );
}

#[test]
fn threads_fetch_different_files_at_the_same_time() {
    let setup = Setup::new();
    let barrier = Arc::new(Barrier::new(4));
    let server = Server::start(move |request, _| {
        // No answer before all have asked.
        barrier.wait();
        file(request, request.path.as_bytes(), "\"one\"")
    });
    let cache = setup.cache();
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let (cache, url) = (&cache, server.url(name));
            scope.spawn(move || {
                let download = Download {
                    cached_as: key(name),
                    ..unverified(url)
                };
                let fetched = cache.fetch(&download).expect("a file");
                assert_eq!(content(fetched), format!("/{name}").as_bytes());
            });
        }
    });
}

#[test]
fn a_killed_download_is_gone_on_with_by_the_next() {
    if is_child() {
        return;
    }
    let setup = Setup::new();
    let server = Server::start(|request, earlier| {
        let reply = file(request, &bytes(1, SIZE), "\"one\"");
        if earlier == 0 {
            reply.hang_after(SIZE / 2)
        } else {
            reply
        }
    });
    let name = "processes::a_killed_download_is_gone_on_with_by_the_next";
    let mut child = start_child(name, &setup, &server.url("image"));
    let partial = setup.path("image.partial");
    let half = u64::try_from(SIZE / 2).expect("a small number");
    wait_until("half is there", || {
        std::fs::metadata(&partial).is_ok_and(|partial| partial.len() >= half)
    });
    child.kill().expect("the child is there");
    child.wait().expect("the child ends");
    assert!(!setup.path("image").exists());

    let fetched = setup
        .cache()
        .fetch(&checked(server.url("image"), &bytes(1, SIZE)))
        .expect("a download");
    assert!(content(fetched) == bytes(1, SIZE));
    assert_eq!(
        server.requests()[1].header("range"),
        Some(format!("bytes={half}-").as_str())
    );
    assert_eq!(setup.names(), ["image"]);
}

#[test]
fn a_download_killed_before_it_got_its_name_needs_no_request() {
    let setup = Setup::new();
    let body = bytes(1, SIZE);
    let url = "http://127.0.0.1:1/image".to_owned();
    std::fs::create_dir_all(setup.path(".meta")).expect("the cache's directory");
    std::fs::write(setup.path("image.partial"), &body).expect("a partial download");
    let sidecar = format!("{{\"url\": \"{url}\", \"etag\": \"\\\"one\\\"\"}}");
    std::fs::write(setup.path(".meta/image.partial.json"), sidecar).expect("its sidecar");
    let fetched = setup.cache().fetch(&checked(url, &body)).expect("a download");
    assert!(content(fetched) == body);
    assert_eq!(setup.names(), ["image"]);
}

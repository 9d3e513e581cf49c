//! Listing, verifying and pruning.

use std::time::Duration;

use dib_cache::{CacheKey, Check, Condition, Download, Prune, Sha256};

use crate::server::{Server, file};
use crate::setup::{Setup, bytes, checked, key};

const NAMES: [&str; 3] = ["a", "sub/b", "sub/c"];

/// Fetches three files of ten bytes each, in the order of their names.
fn filled() -> (Setup, Server) {
    let setup = Setup::new();
    let server = Server::start(|request, _| file(request, &body(&request.path[1..]), "\"one\""));
    for name in NAMES {
        let check = Check::Sha256(Sha256::of(&body(name)));
        let download = Download {
            url: server.url(name),
            cached_as: key(name),
            check,
        };
        setup.cache().fetch(&download).expect("a download");
        // Times are kept in milliseconds.
        std::thread::sleep(Duration::from_millis(3));
    }
    std::fs::create_dir_all(setup.path("ccache/.meta")).expect("a directory of something else");
    std::fs::write(setup.path("ccache/foreign"), "foreign").expect("a file of something else");
    (setup, server)
}

fn body(name: &str) -> Vec<u8> {
    bytes(name.bytes().last().expect("a name"), 10)
}

fn names<'a>(keys: impl IntoIterator<Item = &'a CacheKey>) -> Vec<&'a str> {
    keys.into_iter().map(CacheKey::as_str).collect()
}

fn listed(setup: &Setup) -> Vec<String> {
    setup
        .cache()
        .entries()
        .expect("a list")
        .iter()
        .map(|entry| entry.name.to_string())
        .collect()
}

#[test]
fn a_cache_knows_what_it_gave_out() {
    let (setup, server) = filled();
    let cache = setup.cache();
    let fetch = |name: &str| {
        let download = Download {
            url: server.url(name),
            cached_as: key(name),
            check: Check::Sha256(Sha256::of(&body(name))),
        };
        cache.clone().fetch(&download).map(drop)
    };
    fetch("a").expect("a file of the cache");
    let count = cache.count_of_served();
    assert!(fetch("sub/b").is_ok() && fetch("sub/c").is_ok());
    let files = cache.served_from(count);
    assert_eq!(names(files.iter().map(|file| &file.name)), ["sub/b", "sub/c"]);
    assert!(files.iter().all(|file| file.size == 10));
    assert_eq!((count, cache.served_from(7)), (1, Vec::new()));
}

#[test]
fn entries_say_what_is_there() {
    let (setup, server) = filled();
    let entries = setup.cache().entries().expect("a list");
    assert_eq!(names(entries.iter().map(|entry| &entry.name)), NAMES);
    let entry = &entries[1];
    assert_eq!((entry.url.clone(), entry.size), (server.url("sub/b"), 10));
    assert_eq!(entry.sha256, Sha256::of(&body("sub/b")));
    assert!(entry.fetched_at <= entry.used_at);
}

#[test]
fn verifying_finds_what_is_damaged_and_what_is_gone() {
    let (setup, _server) = filled();
    std::fs::write(setup.path("a"), "evil").expect("the file");
    std::fs::remove_file(setup.path("sub/c")).expect("the file");
    let conditions: Vec<Condition> = setup
        .cache()
        .verify()
        .expect("a check")
        .into_iter()
        .map(|(_, condition)| condition)
        .collect();
    let damaged = Condition::Damaged {
        found: Sha256::of(b"evil"),
    };
    assert_eq!(conditions, [damaged, Condition::Good, Condition::Missing]);
}

#[test]
fn pruning_by_size_removes_what_is_unused_for_longest() {
    let (setup, server) = filled();
    let download = Download {
        url: server.url("a"),
        cached_as: key("a"),
        check: Check::Sha256(Sha256::of(&body("a"))),
    };
    setup.cache().fetch(&download).expect("a cached file");
    let pruned = setup.cache().prune(Prune::DownToSize(20)).expect("a pruning");
    assert_eq!(names(pruned.removed.iter().map(|entry| &entry.name)), ["sub/b"]);
    assert_eq!(pruned.freed, 10);
    assert_eq!(listed(&setup), ["a", "sub/c"]);
}

#[test]
fn pruning_by_age_removes_what_was_not_used_for_so_long() {
    let (setup, _server) = filled();
    let pruned = setup
        .cache()
        .prune(Prune::UnusedFor(Duration::from_secs(3600)))
        .expect("a pruning");
    assert_eq!(pruned.removed, []);
    let pruned = setup
        .cache()
        .prune(Prune::UnusedFor(Duration::ZERO))
        .expect("a pruning");
    assert_eq!(pruned.removed.len(), 3);
}

#[test]
fn pruning_everything_leaves_what_is_in_use_or_not_the_caches() {
    let (setup, server) = filled();
    let lock = std::fs::File::options()
        .write(true)
        .open(setup.path(".locks/sub/b.lock"))
        .expect("the lock");
    lock.lock().expect("a free lock");
    let pruned = setup.cache().prune(Prune::Everything).expect("a pruning");
    assert_eq!(names(&pruned.in_use), ["sub/b"]);
    assert_eq!(listed(&setup), ["sub/b"]);
    drop(lock);
    setup.cache().prune(Prune::Everything).expect("a pruning");
    assert_eq!(listed(&setup), [""; 0]);
    assert!(setup.path("ccache/foreign").exists());
    assert!(!setup.path(".locks/sub/b.lock").exists());
    setup
        .cache()
        .fetch(&checked(server.url("image"), &body("image")))
        .expect("the cache still works");
}

#[test]
fn pruning_removes_what_killed_downloads_left() {
    let (setup, _server) = filled();
    std::fs::write(setup.path("image.partial"), "begun").expect("a partial download");
    std::fs::write(setup.path(".meta/image.partial.json"), "{}").expect("its sidecar");
    let pruned = setup
        .cache()
        .prune(Prune::DownToSize(u64::MAX))
        .expect("a pruning");
    assert_eq!(
        (pruned.leftovers, pruned.freed),
        (vec![setup.path("image.partial")], 5)
    );
    assert_eq!(pruned.removed, []);
    assert!(!setup.path("image.partial").exists());
    assert!(!setup.path(".meta/image.partial.json").exists());
}

//! Lists of sums that must be signed.

use std::sync::Arc;

use camino::Utf8Path;
use dib_cache::{CacheError, Check, Download, Keyring, Origin, SignaturePolicy, SumsDownload};

use crate::server::{Reply, Server, file};
use crate::setup::{Setup, Signer, content, full_text, key, sums_of};

const IMAGE: &[u8] = b"the image";

fn signed(server: &Server, keyring: Keyring) -> SumsDownload {
    SumsDownload {
        url: server.url("SHA256SUMS"),
        cached_as: key("SHA256SUMS"),
        signature: SignaturePolicy::Detached {
            url: server.url("SHA256SUMS.gpg"),
            keyring,
        },
    }
}

/// Serves an image, its sums and their signature, each changed as `change` says.
fn serve(signer: &Signer, change: impl Fn(&str, bool, Vec<u8>) -> Vec<u8> + Send + Sync + 'static) -> Server {
    let sums = sums_of(IMAGE).into_bytes();
    let signature = signer.sign(&sums);
    Server::start(move |request, _| {
        let body = match request.path.as_str() {
            "/SHA256SUMS" => sums.clone(),
            "/SHA256SUMS.gpg" => signature.clone(),
            _ => IMAGE.to_vec(),
        };
        let body = change(&request.path, request.is_past_caches(), body);
        let etag = format!("\"{}\"", dib_cache::Sha256::of(&body));
        file(request, &body, &etag)
    })
}

fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

#[test]
fn signed_sums_vouch_for_an_image_online_and_offline() {
    let (setup, signer) = (Setup::new(), Signer::new());
    let server = serve(&signer, |_, _, body| body);
    let sums = signed(&server, signer.keyring());
    let download = Download {
        url: server.url("image"),
        cached_as: key("image"),
        check: Check::ListedIn(sums.clone(), "root.tar.xz".to_owned()),
    };
    assert_eq!(
        content(setup.cache().fetch(&download).expect("a download")),
        IMAGE
    );
    assert_eq!(setup.names(), ["SHA256SUMS", "SHA256SUMS.gpg", "image"]);
    assert_eq!(setup.told.warnings(), [""; 0]);
    let again = setup.cache().fetch_sums(&sums).expect("signed sums");
    assert_eq!(again.origin, Origin::Revalidated);
    assert_eq!(again.names().collect::<Vec<_>>(), ["root.tar.xz"]);
    assert_eq!(
        again.signature.expect("a signature").key,
        signer.keyring().fingerprints().collect::<String>()
    );
    let offline = setup.cache().offline().fetch(&download).expect("cached files");
    assert_eq!(offline.origin, Origin::Cached);
}

#[test]
fn changed_sums_or_signatures_are_refused_and_never_stored() {
    let signer = Signer::new();
    for changed in ["/SHA256SUMS", "/SHA256SUMS.gpg"] {
        let setup = Setup::new();
        let server = serve(
            &signer,
            move |path, _, body| if path == changed { flipped(body) } else { body },
        );
        let error = setup
            .cache()
            .fetch_sums(&signed(&server, signer.keyring()))
            .expect_err("a changed file");
        let text = full_text(&error);
        let expected = format!(
            "signature {} does not vouch for {}: the signature ",
            server.url("SHA256SUMS.gpg"),
            server.url("SHA256SUMS")
        );
        assert!(text.starts_with(&expected), "{text}");
        assert!(setup.names().is_empty(), "{:?}", setup.names());
        assert!(
            server
                .requests()
                .iter()
                .any(crate::server::Request::is_past_caches)
        );
    }
}

#[test]
fn a_stale_signature_is_fetched_past_caches() {
    let (setup, signer) = (Setup::new(), Signer::new());
    let old = signer.sign(b"the sums of yesterday");
    let server = serve(&signer, move |path, past_caches, body| {
        if path == "/SHA256SUMS.gpg" && !past_caches {
            old.clone()
        } else {
            body
        }
    });
    let sums = setup
        .cache()
        .fetch_sums(&signed(&server, signer.keyring()))
        .expect("signed sums");
    assert_eq!(sums.origin, Origin::Downloaded);
    assert!(setup.told.warnings()[0].contains("past caches"));
}

#[test]
fn damaged_sums_in_the_cache_are_fetched_again() {
    let (setup, signer) = (Setup::new(), Signer::new());
    let server = serve(&signer, |_, _, body| body);
    let download = signed(&server, signer.keyring());
    setup.cache().fetch_sums(&download).expect("signed sums");
    std::fs::write(setup.path("SHA256SUMS"), sums_of(b"evil")).expect("the sums");
    let error = setup
        .cache()
        .offline()
        .fetch_sums(&download)
        .expect_err("changed sums");
    assert!(matches!(error, CacheError::Signature { .. }));
    let sums = setup.cache().fetch_sums(&download).expect("signed sums");
    assert_eq!(sums.get("root.tar.xz"), Some(dib_cache::Sha256::of(IMAGE)));
    std::fs::remove_file(setup.path("SHA256SUMS.gpg")).expect("the signature");
    let error = setup
        .cache()
        .offline()
        .fetch_sums(&download)
        .expect_err("no signature");
    assert_eq!(
        full_text(&error),
        format!("not in the cache and offline: {}", server.url("SHA256SUMS.gpg"))
    );
}

#[test]
fn a_missing_signature_is_named() {
    let (setup, signer) = (Setup::new(), Signer::new());
    let server = Server::start(|request, _| match request.path.as_str() {
        "/SHA256SUMS" => Reply::body(sums_of(IMAGE)),
        _ => Reply::status(404),
    });
    let error = setup
        .cache()
        .fetch_sums(&signed(&server, signer.keyring()))
        .expect_err("no signature");
    assert_eq!(
        full_text(&error),
        format!("{} answered 404 Not Found", server.url("SHA256SUMS.gpg"))
    );
    assert!(!setup.names().contains(&"SHA256SUMS".to_owned()));
}

#[test]
fn switching_verification_off_is_told() {
    let (setup, signer) = (Setup::new(), Signer::new());
    let server = serve(&signer, |_, _, body| body);
    let download = SumsDownload {
        signature: SignaturePolicy::Off,
        ..signed(&server, signer.keyring())
    };
    let sums = setup.cache().fetch_sums(&download).expect("sums");
    assert_eq!(sums.signature, None);
    let expected = format!(
        "verification is off: nobody vouches for the sums from {}",
        server.url("SHA256SUMS")
    );
    assert_eq!(setup.told.warnings(), [expected]);
}

#[test]
fn real_sums_are_taken_with_a_warning_about_their_digest() {
    let fixtures = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ubuntu");
    let certificate = std::fs::read(fixtures.join("ubuntu-cloudimage.asc")).expect("the key");
    let keyring = Keyring::pinned(certificate, "D2EB 4462 6FDD C30B 513D 5BB7 1A5D 6C4C 7DB8 7C81")
        .expect("the pinned key")
        .accept_sha1();
    let read = |name| Arc::new(std::fs::read(fixtures.join("xenial").join(name)).expect("a fixture"));
    let (sums, signature) = (read("SHA256SUMS"), read("SHA256SUMS.gpg"));
    let server = Server::start(move |request, _| {
        Reply::body(if request.path == "/SHA256SUMS" {
            sums.to_vec()
        } else {
            signature.to_vec()
        })
    });
    let setup = Setup::new();
    let sums = setup
        .cache()
        .fetch_sums(&signed(&server, keyring))
        .expect("real sums");
    assert!(
        sums.get("ubuntu-xenial-core-cloudimg-amd64-root.tar.gz")
            .is_some()
    );
    assert_eq!(sums.get("xenial-core-cloudimg-amd64-root.tar.gz"), None);
    assert!(setup.told.warnings()[0].contains("SHA-1"));
}

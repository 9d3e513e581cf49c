//! Encrypted connections. Which certificates a process trusts is decided by its environment, so each test starts its
//! own program again with `SSL_CERT_FILE` set.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;

use camino::Utf8Path;
use dib_cache::CacheError;
use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;

use crate::setup::{Setup, content, full_text, unverified};

const URL_VARIABLE: &str = "DIB_CACHE_TEST_ENCRYPTED_URL";

fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate")
}

/// Starts a server that redirects `/plain` out of encryption, and returns its URL.
fn serve(certificate: &CertifiedKey<KeyPair>) -> String {
    let key = PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der());
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("known versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.cert.der().clone()], key.into())
            .expect("a key that fits");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
    let port = listener.local_addr().expect("the port's address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that doesn't trust the server goes away.
            let _ = answer(stream, &config);
        }
    });
    format!("https://localhost:{port}")
}

fn answer(stream: TcpStream, config: &Arc<rustls::ServerConfig>) -> std::io::Result<()> {
    let connection = rustls::ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(rustls::StreamOwned::new(connection, stream));
    let mut first = String::new();
    stream.read_line(&mut first)?;
    let mut line = String::new();
    while stream.read_line(&mut line)? > 2 {
        line.clear();
    }
    let reply = if first.contains(" /plain ") {
        "HTTP/1.1 302 Found\r\nlocation: http://localhost:1/image\r\ncontent-length: 0\r\n\r\n"
    } else {
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret"
    };
    let stream = stream.get_mut();
    stream.write_all(reply.as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// Starts this program again for one test, with the URL, trusting one certificate.
fn run_child(test: &str, url: &str, trusted: &CertifiedKey<KeyPair>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = Utf8Path::from_path(directory.path())
        .expect("a path of UTF-8")
        .join("trusted.pem");
    std::fs::write(&file, trusted.cert.pem()).expect("the certificate");
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact"])
        .env(URL_VARIABLE, url)
        .env("SSL_CERT_FILE", &file)
        .env_remove("SSL_CERT_DIR")
        .stderr(Stdio::inherit())
        .output()
        .expect("this program starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn a_redirect_out_of_encryption_is_refused() {
    if let Ok(url) = std::env::var(URL_VARIABLE) {
        let setup = Setup::new();
        let fetched = setup
            .cache()
            .fetch(&unverified(format!("{url}/image")))
            .expect("a trusted server");
        assert_eq!(content(fetched), b"secret");
        let error = setup
            .cache()
            .fetch(&unverified(format!("{url}/plain")))
            .expect_err("a bad redirect");
        assert!(matches!(error, CacheError::InsecureRedirect { .. }), "{error:?}");
        let expected = format!(
            "{url}/plain redirects to http://localhost:1/image, which would go on without encryption"
        );
        assert_eq!(full_text(&error), expected);
        return;
    }
    let certificate = certificate();
    let url = serve(&certificate);
    run_child(
        "encrypted::a_redirect_out_of_encryption_is_refused",
        &url,
        &certificate,
    );
}

#[test]
fn a_server_that_is_not_trusted_is_an_error_at_once() {
    if let Ok(url) = std::env::var(URL_VARIABLE) {
        let setup = Setup::new();
        let error = setup
            .cache()
            .fetch(&unverified(format!("{url}/image")))
            .expect_err("not trusted");
        assert!(matches!(error, CacheError::Transfer { .. }), "{error:?}");
        assert!(
            full_text(&error).contains("invalid peer certificate"),
            "{}",
            full_text(&error)
        );
        return;
    }
    let url = serve(&certificate());
    run_child(
        "encrypted::a_server_that_is_not_trusted_is_an_error_at_once",
        &url,
        &certificate(),
    );
}

//! An archive on loopback, signed with a key that is thrown away.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use camino::Utf8Path;
use dib_cache::{Cache, Keyring, Retries, Sha256};
use jiff::Timestamp;
use liblzma::read::XzEncoder;
use pgp::composed::{
    ArmorOptions, CleartextSignedMessage, DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedSecretKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::types::Password;
use tempfile::TempDir;

use crate::archive::SuiteSource;
use crate::package::{ArchiveLocation, PackageRecord};
use crate::release::Expiry;

/// When archives are looked at.
pub(crate) const NOW: Expiry = Expiry::CheckedAt(Timestamp::constant(1_800_000_000, 0));

pub(crate) struct TestArchive {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    key: SignedSecretKey,
    cache: TempDir,
}

#[derive(Default)]
struct Shared {
    files: HashMap<String, Vec<u8>>,
    /// Paths that are never answered, and the connections that wait.
    hanging: HashSet<String>,
    waiting: Vec<TcpStream>,
    /// Paths of which only the beginning comes.
    cut: HashSet<String>,
    requests: Vec<String>,
}

/// A stanza with what every package must have, and more fields.
pub(crate) fn stanza(name: &str, version: &str, more: &str) -> String {
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: amd64\nFilename: pool/{name}_{version}.deb\nSize: 1\n\
         SHA256: {}\n{more}\n",
        Sha256::of(name.as_bytes())
    )
}

/// A package of version 1 with what every package must have, and more fields.
pub(crate) fn record(name: &str, more: &str) -> PackageRecord {
    let archive = ArchiveLocation {
        base_uri: "http://example.org/debian".to_owned(),
        suite: "stable".to_owned(),
        component: "main".to_owned(),
    };
    PackageRecord::parse(&stanza(name, "1", more), &Arc::new(archive)).expect("a stanza")
}

impl TestArchive {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Mutex::new(Shared::default()));
        let for_server = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away early is its own affair.
                let _ = answer(&stream, &for_server);
            }
        });
        Self {
            address,
            shared,
            key: new_key(),
            cache: tempfile::tempdir().expect("a directory"),
        }
    }

    pub(crate) fn base_uri(&self) -> String {
        format!("http://{}/d", self.address)
    }

    pub(crate) fn cache(&self) -> Cache {
        let directory = Utf8Path::from_path(self.cache.path()).expect("a UTF-8 path");
        Cache::open(directory).expect("a cache").with_retries(Retries {
            count: 0,
            first_delay: Duration::ZERO,
            longest_delay: Duration::ZERO,
        })
    }

    pub(crate) fn source(&self) -> SuiteSource {
        self.source_by(&self.key)
    }

    pub(crate) fn source_trusting_another_key(&self) -> SuiteSource {
        self.source_by(&new_key())
    }

    /// The archive's key, armoured.
    pub(crate) fn certificate(&self) -> String {
        certificate_of(&self.key)
    }

    fn source_by(&self, key: &SignedSecretKey) -> SuiteSource {
        SuiteSource {
            base_uri: self.base_uri(),
            suite: "x".to_owned(),
            components: vec!["main".to_owned()],
            keyring: Keyring::any_of([certificate_of(key)]).expect("a key"),
            expiry: NOW,
        }
    }

    /// Serves a file of the suite `x`.
    pub(crate) fn serve(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.lock()
            .files
            .insert(format!("/d/dists/x/{path}"), bytes.into());
    }

    /// Serves a file of the pool, of which `path` is the name below the archive's base.
    pub(crate) fn serve_package(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.lock().files.insert(format!("/d/{path}"), bytes.into());
    }

    /// Lets requests for a file of the pool wait for ever.
    pub(crate) fn hang(&self, path: &str) {
        self.lock().hanging.insert(format!("/d/{path}"));
    }

    /// Closes the connection when half of a file of the pool has been sent.
    pub(crate) fn cut(&self, path: &str) {
        self.lock().cut.insert(format!("/d/{path}"));
    }

    pub(crate) fn remove(&self, path: &str) {
        self.lock().files.remove(&format!("/d/dists/x/{path}"));
    }

    /// Serves an index of `main` for amd64, and returns the lines that a release lists it with.
    pub(crate) fn serve_packages(&self, packages: &str) -> String {
        let path = "main/binary-amd64/Packages";
        let packed = xz(packages.as_bytes());
        self.serve(&format!("{path}.xz"), packed.clone());
        format!(
            " {} {} {path}\n {} {} {path}.xz\n",
            Sha256::of(packages.as_bytes()),
            packages.len(),
            Sha256::of(&packed),
            packed.len()
        )
    }

    /// Signs a release with the given fields and files, and serves it.
    pub(crate) fn serve_release(&self, fields: &str, files: &str) {
        let text = release(fields, files);
        let message = CleartextSignedMessage::sign(
            rand::thread_rng(),
            &text,
            &self.key.primary_key,
            &Password::empty(),
        )
        .and_then(|message| message.to_armored_string(ArmorOptions::default()));
        self.serve("InRelease", message.expect("a signed text"));
    }

    /// Serves the release as older archives do, with its signature in a file of its own.
    pub(crate) fn serve_detached_release(&self, fields: &str, files: &str) {
        let text = release(fields, files);
        let signature = DetachedSignature::sign_binary_data(
            rand::thread_rng(),
            &self.key.primary_key,
            &Password::empty(),
            HashAlgorithm::Sha256,
            text.as_bytes(),
        )
        .and_then(|signature| signature.to_armored_string(ArmorOptions::default()));
        self.serve("Release", text);
        self.serve("Release.gpg", signature.expect("a signature"));
    }

    /// Serves a good archive with these packages.
    pub(crate) fn serve_good(&self, packages: &str) {
        let files = self.serve_packages(packages);
        self.serve_release("", &files);
    }

    pub(crate) fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().requests)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn release(fields: &str, files: &str) -> String {
    format!("Suite: x\nArchitectures: amd64 arm64\nComponents: main extra\n{fields}SHA256:\n{files}")
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    XzEncoder::new(bytes, 1)
        .read_to_end(&mut packed)
        .expect("a slice reads");
    packed
}

fn certificate_of(key: &SignedSecretKey) -> String {
    key.to_public_key()
        .to_armored_string(ArmorOptions::default())
        .expect("a key can be armoured")
}

fn new_key() -> SignedSecretKey {
    SecretKeyParamsBuilder::default()
        .key_type(KeyType::Ed25519Legacy)
        .can_certify(true)
        .can_sign(true)
        .primary_user_id("throw-away key of a test".to_owned())
        .build()
        .expect("a key's parameters")
        .generate(rand::thread_rng())
        .expect("a key")
}

fn answer(mut stream: &TcpStream, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let (body, is_cut) = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = (shared.files.get(&path).cloned(), shared.cut.contains(&path));
        if shared.hanging.contains(&path) {
            shared.waiting.push(stream.try_clone()?);
        }
        let hangs = shared.hanging.contains(&path);
        shared.requests.push(path);
        if hangs {
            return Ok(());
        }
        answer
    };
    let (status, body) = body.map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    let end = if is_cut { length / 2 } else { length };
    stream.write_all(&body[..end])
}

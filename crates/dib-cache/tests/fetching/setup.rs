//! A cache in a temporary directory that records what it tells, and keys to sign with.

use std::error::Error;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use dib_cache::{
    Cache, CacheError, CacheKey, Check, Download, Keyring, Progress, Retries, Sha256, SignaturePolicy,
    SumsDownload, VerifiedFile,
};
use pgp::composed::{DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, Password};

/// A temporary cache directory, and what fetches in it told.
pub(crate) struct Setup {
    _temporary: tempfile::TempDir,
    pub(crate) directory: Utf8PathBuf,
    pub(crate) told: Arc<Told>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let directory = Utf8Path::from_path(temporary.path())
            .expect("a path of UTF-8")
            .join("cache");
        Self {
            _temporary: temporary,
            directory,
            told: Arc::default(),
        }
    }

    /// Opens the cache with two retries that hardly wait.
    pub(crate) fn cache(&self) -> Cache {
        fast(&self.directory).with_progress(self.told.clone())
    }

    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        self.directory.join(name)
    }

    /// Returns the names under which bytes lie in the cache's directory itself.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = self.directory.read_dir_utf8().expect("the cache's directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_owned())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }
}

pub(crate) fn fast(directory: &Utf8Path) -> Cache {
    let delay = Duration::from_millis(1);
    Cache::open(directory).expect("a cache").with_retries(Retries {
        count: 2,
        first_delay: delay,
        longest_delay: delay,
    })
}

/// Everything that was told, as lines; the bytes that arrived are only counted.
#[derive(Default)]
pub(crate) struct Told {
    lines: Mutex<Vec<String>>,
}

impl Told {
    fn tell(&self, line: String) {
        self.lines.lock().expect("no panic while locked").push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no panic while locked").clone()
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let lines = self.lines();
        lines
            .iter()
            .filter_map(|line| line.strip_prefix("warning "))
            .map(str::to_owned)
            .collect()
    }
}

impl Progress for Told {
    fn started(&self, name: &str, total: Option<u64>, resumed_at: u64) {
        let total = total.map_or_else(|| "?".to_owned(), |total| total.to_string());
        self.tell(format!("started {name} {resumed_at}/{total}"));
    }
    fn advanced(&self, _name: &str, bytes: u64) {
        assert!(bytes > 0);
    }
    fn finished(&self, name: &str) {
        self.tell(format!("finished {name}"));
    }
    fn waiting_for_lock(&self, name: &str, holder: &str) {
        self.tell(format!("waiting {name} {holder}"));
    }
    fn retrying(&self, name: &str, attempt: u32, reason: &str) {
        self.tell(format!("retrying {name} {attempt} {reason}"));
    }
    fn warning(&self, message: &str) {
        self.tell(format!("warning {message}"));
    }
}

pub(crate) fn key(name: &str) -> CacheKey {
    CacheKey::new(name).expect("a name")
}

pub(crate) fn unverified(url: String) -> Download {
    Download {
        url,
        cached_as: key("image"),
        check: Check::Unverified,
    }
}

pub(crate) fn checked(url: String, body: &[u8]) -> Download {
    Download {
        url,
        cached_as: key("image"),
        check: Check::Sha256(Sha256::of(body)),
    }
}

/// A download that is checked by `SHA256SUMS` beside it, which nobody signed.
pub(crate) fn listed(url: String, sums_url: String) -> Download {
    let sums = SumsDownload {
        url: sums_url,
        cached_as: key("SHA256SUMS"),
        signature: SignaturePolicy::Off,
    };
    Download {
        url,
        cached_as: key("image"),
        check: Check::ListedIn(sums, "root.tar.xz".to_owned()),
    }
}

pub(crate) fn sums_of(body: &[u8]) -> String {
    format!("{}  root.tar.xz\n", Sha256::of(body))
}

/// Returns some bytes that no two seeds share.
pub(crate) fn bytes(seed: u8, size: usize) -> Vec<u8> {
    (0..size)
        .map(|index| seed.wrapping_add(u8::try_from(index % 251).expect("below 251")))
        .collect()
}

pub(crate) fn content(fetched: VerifiedFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = fetched.file;
    file.read_to_end(&mut bytes).expect("the verified file reads");
    bytes
}

/// Returns an error and its causes on one line, as a user would see them.
pub(crate) fn full_text(error: &CacheError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// A key made for one test.
pub(crate) struct Signer(SignedSecretKey);

impl Signer {
    pub(crate) fn new() -> Self {
        let key = SecretKeyParamsBuilder::default()
            .key_type(KeyType::Ed25519Legacy)
            .can_certify(true)
            .can_sign(true)
            .primary_user_id("throw-away key of a test".to_owned())
            .build()
            .expect("a key's parameters")
            .generate(rand::thread_rng())
            .expect("a key");
        Self(key)
    }

    pub(crate) fn keyring(&self) -> Keyring {
        let certificate = self.0.to_public_key();
        let fingerprint = format!("{:X}", certificate.fingerprint());
        Keyring::pinned(certificate.to_bytes().expect("a certificate"), &fingerprint).expect("the pinned key")
    }

    pub(crate) fn sign(&self, data: &[u8]) -> Vec<u8> {
        let (random, password) = (rand::thread_rng(), Password::empty());
        let digest = HashAlgorithm::Sha512;
        DetachedSignature::sign_binary_data(random, &self.0.primary_key, &password, digest, data)
            .and_then(|signature| signature.to_bytes())
            .expect("a signature")
    }
}

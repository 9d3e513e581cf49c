//! Fetching a release and checking its signature.

use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, PoisonError};

use dib_cache::{
    Cache, CacheError, CacheKey, Check, Download, Judge, Keyring, Origin, SignatureError, VerifiedSignature,
    verify_clearsigned, verify_detached,
};

use super::{Expiry, Release, ReleaseError};
use crate::list_name::mangled;

/// A release whose signature was good.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifiedRelease {
    /// What it says.
    pub release: Release,
    /// The archive's base URI, without a slash at its end.
    pub base_uri: String,
    /// The suite as it was asked for.
    pub suite: String,
    /// Who signed it.
    pub signature: VerifiedSignature,
    /// How it came to be in the cache.
    pub origin: Origin,
    /// The files as they were fetched, each with the name it has in the suite's directory.
    pub files: Vec<(&'static str, Arc<[u8]>)>,
}

impl VerifiedRelease {
    /// Returns the URL of a file in the suite's directory.
    #[must_use]
    pub fn url_of(&self, path: &str) -> String {
        format!("{}/dists/{}/{path}", self.base_uri, self.suite)
    }
}

/// The suite of an archive, and where its files are kept.
struct Place<'a> {
    cache: &'a Cache,
    base_uri: &'a str,
    suite: &'a str,
}

/// Fetches the release of `suite`, unless it is in the cache and the server says that it is current, and verifies it:
/// a key of `keyring` must have signed it, it must be the release of that suite, and it may not have expired.
///
/// # Errors
/// When it can't be had, isn't signed so, is of another suite, has expired or is malformed.
pub fn fetch_release(
    cache: &Cache,
    base_uri: &str,
    suite: &str,
    keyring: &Keyring,
    expiry: Expiry,
) -> Result<VerifiedRelease, ReleaseError> {
    let base_uri = base_uri.trim_end_matches('/');
    if suite.ends_with('/') {
        return Err(ReleaseError::Flat {
            base_uri: base_uri.to_owned(),
            suite: suite.to_owned(),
        });
    }
    let place = Place {
        cache,
        base_uri,
        suite,
    };
    let found = match place.inline(keyring) {
        Err(ReleaseError::Fetch { source, .. }) if is_absent(&source) => place.detached(keyring, *source)?,
        other => other?,
    };
    let release = Release::parse(&found.text, &found.url)?;
    release.check(&found.url, suite, expiry)?;
    Ok(VerifiedRelease {
        release,
        base_uri: base_uri.to_owned(),
        suite: suite.to_owned(),
        signature: found.signature,
        origin: found.origin,
        files: found.files,
    })
}

/// A release's signed text, and what it came in.
struct Found {
    text: String,
    url: String,
    signature: VerifiedSignature,
    origin: Origin,
    files: Vec<(&'static str, Arc<[u8]>)>,
}

impl Place<'_> {
    fn inline(&self, keyring: &Keyring) -> Result<Found, ReleaseError> {
        let verifier = Verifier::with(keyring);
        let judging = verifier.clone();
        let judge = Judge::new(move |bytes: &[u8]| judging.verify(bytes).map(drop));
        let (bytes, origin) = self.fetch("InRelease", judge)?;
        let (text, signature) = verifier
            .verify(&bytes)
            .map_err(|source| self.refused("InRelease", source))?;
        Ok(Found {
            text,
            url: self.url("InRelease"),
            signature,
            origin,
            files: vec![("InRelease", bytes)],
        })
    }

    /// Takes the two files that older archives have instead; `absent` is why there is no `InRelease`.
    fn detached(&self, keyring: &Keyring, absent: CacheError) -> Result<Found, ReleaseError> {
        let accept = || Judge::new(|_: &[u8]| Ok::<(), io::Error>(()));
        let (signature_bytes, _) = match self.fetch("Release.gpg", accept()) {
            Err(ReleaseError::Fetch { source, .. }) if is_absent(&source) => {
                // Only asked for to tell one mistake from the other; nothing is made of its bytes.
                return Err(match (absent, self.fetch("Release", accept())) {
                    (absent @ CacheError::Offline { .. }, _) => self.failed(absent),
                    (_, Ok(_)) => ReleaseError::Unsigned {
                        url: self.url("Release"),
                    },
                    (_, Err(_)) => ReleaseError::NoRelease {
                        base_uri: self.base_uri.to_owned(),
                        suite: self.suite.to_owned(),
                        url: self.url("InRelease"),
                    },
                });
            }
            other => other?,
        };
        let (judging, signature) = (keyring.clone(), Arc::clone(&signature_bytes));
        let judge = Judge::new(move |bytes: &[u8]| verify_detached(&judging, bytes, &signature).map(drop));
        let (bytes, origin) = self.fetch("Release", judge)?;
        let signature = verify_detached(keyring, &bytes, &signature_bytes)
            .map_err(|source| self.refused("Release", source))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Found {
            text,
            url: self.url("Release"),
            signature,
            origin,
            files: vec![("Release", bytes), ("Release.gpg", signature_bytes)],
        })
    }

    fn fetch(&self, name: &str, judge: Judge) -> Result<(Arc<[u8]>, Origin), ReleaseError> {
        let cached_as = CacheKey::new(format!("apt/{}/{}/{name}", mangled(self.base_uri), self.suite))
            .map_err(|source| ReleaseError::Name {
                base_uri: self.base_uri.to_owned(),
                suite: self.suite.to_owned(),
                source,
            })?;
        let file = self
            .cache
            .fetch(&Download {
                url: self.url(name),
                cached_as,
                check: Check::Judged(judge),
            })
            .map_err(|source| self.failed(source))?;
        let mut bytes = Vec::new();
        (&file.file).read_to_end(&mut bytes).map_err(|source| {
            self.failed(CacheError::Disk {
                action: "read",
                path: file.path.clone(),
                source,
            })
        })?;
        Ok((bytes.into(), file.origin))
    }

    fn url(&self, name: &str) -> String {
        format!("{}/dists/{}/{name}", self.base_uri, self.suite)
    }

    fn failed(&self, source: CacheError) -> ReleaseError {
        ReleaseError::Fetch {
            base_uri: self.base_uri.to_owned(),
            suite: self.suite.to_owned(),
            source: Box::new(source),
        }
    }

    /// A file that was approved a moment ago isn't good now, as when a key has just expired.
    fn refused(&self, name: &str, source: SignatureError) -> ReleaseError {
        self.failed(CacheError::Refused {
            url: self.url(name),
            source: Box::new(source),
        })
    }
}

/// Verifies signed texts, the same one once: the cache asks of what it has, of what it has fetched, and then we do.
#[derive(Clone)]
struct Verifier {
    keyring: Keyring,
    last: Arc<Mutex<Option<VerifiedText>>>,
}

/// A text whose signature was good.
struct VerifiedText {
    bytes: Vec<u8>,
    text: String,
    signature: VerifiedSignature,
}

impl Verifier {
    fn with(keyring: &Keyring) -> Self {
        Self {
            keyring: keyring.clone(),
            last: Arc::default(),
        }
    }

    /// Returns the text of these bytes, and who signed it.
    fn verify(&self, bytes: &[u8]) -> Result<(String, VerifiedSignature), SignatureError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.bytes == bytes) {
            return Ok((last.text.clone(), last.signature.clone()));
        }
        let (text, signature) = verify_clearsigned(&self.keyring, bytes)?;
        *last = Some(VerifiedText {
            bytes: bytes.to_owned(),
            text: text.clone(),
            signature: signature.clone(),
        });
        Ok((text, signature))
    }
}

/// Returns whether the file isn't there, as against not being had for another reason.
pub(crate) fn is_absent(error: &CacheError) -> bool {
    match error {
        CacheError::Status { status, .. } => status.starts_with("404") || status.starts_with("410"),
        CacheError::Offline { .. } => true,
        _ => false,
    }
}

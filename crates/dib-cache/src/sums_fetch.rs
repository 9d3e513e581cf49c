//! Fetching a list of sums together with its signature: neither gets its name before both have been checked.

use std::io::{Read, Seek};

use reqwest::Url;

use crate::cache::Cache;
use crate::download::{Origin, SignaturePolicy, SumsDownload, VerifiedSums};
use crate::error::CacheError;
use crate::fetch::unasked_not_modified;
use crate::http::{parse_url, shown};
use crate::key::CacheKey;
use crate::openpgp::{Keyring, VerifiedSignature, verify_detached};
use crate::sha256::Sha256;
use crate::store::{Hashed, Sidecar, failed, now};
use crate::sums::Sums;
use crate::transfer::{Outcome, Request, Route, Staged};

/// The longest list of sums, or signature, that is taken, in bytes; real ones have a few thousand.
const MOST: u64 = 16 * 1024 * 1024;

impl Cache {
    /// Brings a list of sums and its signature into the cache and verifies them.
    ///
    /// The server is asked each time whether they are current, unless the cache is offline or another process asked
    /// while this one waited for the lock. When the signature isn't good, both are fetched once more past caches.
    ///
    /// # Errors
    /// When a URL can't be used, either file can't be had or written, the list is malformed, the signature isn't
    /// good, another process holds the lock for too long, or the cache is offline and doesn't have both.
    pub fn fetch_sums(&self, download: &SumsDownload) -> Result<VerifiedSums, CacheError> {
        self.sums(download, Route::Usual)
    }

    pub(crate) fn sums(&self, download: &SumsDownload, route: Route) -> Result<VerifiedSums, CacheError> {
        let pair = Pair::of(download)?;
        if let (SignaturePolicy::Off, Route::Usual) = (&download.signature, route) {
            let url = shown(&pair.sums.url);
            self.progress.warning(&format!(
                "verification is off: nobody vouches for the sums from {url}"
            ));
        }
        let asked_at = now();
        let _lock = self.lock(&download.cached_as)?;
        let cached = self.cached_pair(&pair)?;
        let (Content { sums, signature }, origin) = match cached {
            Some(Ok(cached)) if self.offline || (route == Route::Usual && cached.validated_at > asked_at) => {
                for part in pair.parts() {
                    self.remember_use(part, Origin::Cached)?;
                }
                (cached.content, Origin::Cached)
            }
            Some(Err(error)) if self.offline => return Err(error),
            None if self.offline => return Err(self.missing(&pair)),
            Some(Ok(cached)) => self.renew_pair(&pair, Some(&cached), route)?,
            Some(Err(error)) => {
                self.progress
                    .warning(&format!("fetching again what is not good in the cache: {error}"));
                self.renew_pair(&pair, None, route)
                    .or_else(|error| self.remove_pair(&pair, error))?
            }
            None => self.renew_pair(&pair, None, route)?,
        };
        if let Some(signature) = &signature {
            self.warn_of_weakness(&pair, signature);
        }
        Ok(VerifiedSums {
            path: self.store.path(&download.cached_as),
            origin,
            signature,
            sums,
        })
    }

    /// Fetches both files; when they don't fit, once more past caches.
    fn renew_pair(
        &self,
        pair: &Pair<'_>,
        cached: Option<&CachedPair>,
        route: Route,
    ) -> Result<(Content, Origin), CacheError> {
        match self.request_pair(pair, cached, route) {
            Err(error @ (CacheError::Signature { .. } | CacheError::Sums { .. }))
                if route == Route::Usual =>
            {
                self.progress
                    .warning(&format!("{error}: asking again past caches"));
                self.request_pair(pair, None, Route::PastCaches)
            }
            other => other,
        }
    }

    fn request_pair(
        &self,
        pair: &Pair<'_>,
        cached: Option<&CachedPair>,
        route: Route,
    ) -> Result<(Content, Origin), CacheError> {
        let sums = self.request_small(&pair.sums, cached.map(|cached| &cached.sums), route)?;
        let signature = match &pair.signature {
            None => None,
            Some((part, _)) => {
                let cached = cached.and_then(|cached| cached.signature.as_ref());
                Some(self.request_small(part, cached, route)?)
            }
        };
        let checked = pair.check(
            &sums.bytes,
            signature.as_ref().map_or(&[], |signature| &signature.bytes),
        );
        let content = match checked {
            Ok(content) => content,
            Err(error) => {
                for part in pair.parts() {
                    self.store.discard_partial(&part.key)?;
                }
                return Err(error);
            }
        };
        let new = sums.staged.is_some();
        for (part, renewed) in pair.parts().zip([Some(sums), signature].into_iter().flatten()) {
            match renewed.staged {
                Some(staged) => drop(self.commit(&part.url, &part.key, &staged)?),
                None => self.remember_use(part, Origin::Revalidated)?,
            }
        }
        Ok((
            content,
            if new {
                Origin::Downloaded
            } else {
                Origin::Revalidated
            },
        ))
    }

    /// Fetches one of the two files, or takes the copy in the cache when it is current.
    fn request_small(
        &self,
        part: &Part,
        cached: Option<&CachedPart>,
        route: Route,
    ) -> Result<Renewed, CacheError> {
        let cached = cached.filter(|cached| route == Route::Usual && cached.sidecar.url == shown(&part.url));
        let unless = cached
            .map(|cached| &cached.sidecar.validators)
            .filter(|validators| !validators.is_empty());
        // Too small to be worth going on with what an earlier process began.
        self.store.discard_partial(&part.key)?;
        let request = Request {
            url: &part.url,
            key: &part.key,
            unless,
            expected: None,
            route,
            most: Some(MOST),
        };
        match (self.request(request)?, cached) {
            (Outcome::NotModified, Some(cached)) => Ok(Renewed {
                bytes: cached.bytes.clone(),
                staged: None,
            }),
            (Outcome::NotModified, None) => Err(unasked_not_modified(&part.url)),
            (Outcome::Staged(staged), _) => {
                let bytes =
                    read_all(&staged.body).map_err(failed("read", &self.store.partial_path(&part.key)))?;
                Ok(Renewed {
                    bytes,
                    staged: Some(staged),
                })
            }
        }
    }

    /// Returns both files from the cache when they are there, or what is wrong with them.
    fn cached_pair(&self, pair: &Pair<'_>) -> Result<Option<Result<CachedPair, CacheError>>, CacheError> {
        let Some(sums) = self.cached_part(&pair.sums)? else {
            return Ok(None);
        };
        let signature = match &pair.signature {
            None => None,
            Some((part, _)) => match self.cached_part(part)? {
                None => return Ok(None),
                found => found,
            },
        };
        if let (Some(expected), None) = (sums.stored_with, &signature) {
            let (path, url) = (self.store.path(&pair.sums.key), shown(&pair.sums.url));
            let found = sums.sidecar.sha256;
            return Ok(Some(Err(CacheError::BadAndOffline {
                path,
                url,
                expected,
                found,
            })));
        }
        let validated_at = pair
            .parts()
            .zip([Some(&sums), signature.as_ref()].into_iter().flatten());
        let validated_at = validated_at
            .map(|(part, cached)| cached.validated_at(&part.url))
            .min();
        let checked = pair.check(
            &sums.bytes,
            signature.as_ref().map_or(&[], |signature| &signature.bytes),
        );
        Ok(Some(checked.map(|content| CachedPair {
            content,
            sums,
            signature,
            validated_at: validated_at.unwrap_or_default(),
        })))
    }

    fn cached_part(&self, part: &Part) -> Result<Option<CachedPart>, CacheError> {
        let Some(body) = self.store.hash_cached(&part.key)? else {
            return Ok(None);
        };
        if body.size > MOST {
            return Ok(None);
        }
        let bytes = read_all(&body).map_err(failed("read", &self.store.path(&part.key)))?;
        let (sidecar, stored_with) = match self.store.read_sidecar(&part.key) {
            Some(sidecar) if sidecar.sha256 == body.sha256 => (sidecar, None),
            other => (
                Sidecar::of_unknown_age(&part.url, &body),
                other.map(|sidecar| sidecar.sha256),
            ),
        };
        Ok(Some(CachedPart {
            bytes,
            sidecar,
            stored_with,
        }))
    }

    fn remember_use(&self, part: &Part, origin: Origin) -> Result<(), CacheError> {
        let Some(mut sidecar) = self.store.read_sidecar(&part.key) else {
            return Ok(());
        };
        sidecar.used_at = now();
        if origin == Origin::Revalidated {
            sidecar.validated_at = sidecar.used_at;
        }
        self.store.write_sidecar(&part.key, &sidecar)
    }

    /// What is not good doesn't keep its name only because there is no other to be had.
    fn remove_pair<T>(&self, pair: &Pair<'_>, error: CacheError) -> Result<T, CacheError> {
        for part in pair.parts() {
            self.store.remove(&part.key)?;
        }
        Err(error)
    }

    fn missing(&self, pair: &Pair<'_>) -> CacheError {
        let missing = pair
            .parts()
            .find(|part| !self.store.path(&part.key).exists())
            .unwrap_or(&pair.sums);
        CacheError::Offline {
            url: shown(&missing.url),
        }
    }

    fn warn_of_weakness(&self, pair: &Pair<'_>, signature: &VerifiedSignature) {
        if let Some(digest) = signature.weak_digest {
            self.progress.warning(&format!(
                "the signature over {} is over a {digest} digest, which is weak and accepted for the key {} alone",
                shown(&pair.sums.url),
                signature.key,
            ));
        }
    }
}

/// The two files of a list of sums.
struct Pair<'a> {
    sums: Part,
    signature: Option<(Part, &'a Keyring)>,
}

struct Part {
    url: Url,
    key: CacheKey,
}

/// What the two files say.
struct Content {
    sums: Sums,
    signature: Option<VerifiedSignature>,
}

struct CachedPair {
    content: Content,
    sums: CachedPart,
    signature: Option<CachedPart>,
    /// When the server last said that both are current, in milliseconds since 1970.
    validated_at: u64,
}

struct CachedPart {
    bytes: Vec<u8>,
    /// What is remembered about these bytes.
    sidecar: Sidecar,
    /// The sum it was stored with, when its bytes have changed since.
    stored_with: Option<Sha256>,
}

impl CachedPart {
    /// Returns when the server at `url` last said that it is current, in milliseconds since 1970.
    fn validated_at(&self, url: &Url) -> u64 {
        if self.sidecar.url == shown(url) {
            self.sidecar.validated_at
        } else {
            0
        }
    }
}

/// One of the two files, as it is now; `staged` is there when it is new.
struct Renewed {
    bytes: Vec<u8>,
    staged: Option<Staged>,
}

impl<'a> Pair<'a> {
    fn of(download: &'a SumsDownload) -> Result<Self, CacheError> {
        let sums = Part {
            url: parse_url(&download.url)?,
            key: download.cached_as.clone(),
        };
        let signature = match &download.signature {
            SignaturePolicy::Off => None,
            SignaturePolicy::Detached { url, keyring } => Some((
                Part {
                    url: parse_url(url)?,
                    key: download.cached_as.of_signature(),
                },
                keyring,
            )),
        };
        Ok(Self { sums, signature })
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        std::iter::once(&self.sums).chain(self.signature.iter().map(|(part, _)| part))
    }

    /// Checks the signature before anything of the list is looked at.
    fn check(&self, sums: &[u8], signature: &[u8]) -> Result<Content, CacheError> {
        let signature = match &self.signature {
            None => None,
            Some((part, keyring)) => {
                Some(
                    verify_detached(keyring, sums, signature).map_err(|source| CacheError::Signature {
                        sums_url: shown(&self.sums.url),
                        signature_url: shown(&part.url),
                        source,
                    })?,
                )
            }
        };
        let sums = Sums::parse(sums).map_err(|source| CacheError::Sums {
            url: shown(&self.sums.url),
            source,
        })?;
        Ok(Content { sums, signature })
    }
}

pub(crate) fn read_all(body: &Hashed) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = &body.file;
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

//! Fetching one file: what is in the cache, what the network has, and what to do when they don't fit the sum.

use reqwest::Url;

use crate::cache::Cache;
use crate::download::{Check, Download, Origin, ServedFile, SumsDownload, VerifiedFile};
use crate::error::CacheError;
use crate::http::{parse_url, shown};
use crate::key::CacheKey;
use crate::sha256::Sha256;
use crate::store::{Hashed, Sidecar, failed, now};
use crate::transfer::{Outcome, Request, Route, Staged};

impl Cache {
    /// Brings a file into the cache, unless it is there, and verifies it; its bytes are hashed again on every call.
    ///
    /// One process or thread at a time fetches a file; the others wait and find it there. When the bytes don't have
    /// the expected sum, a cache on the way may be stale: the list of sums is fetched again past caches, then the
    /// file, and only then is it an error. A file that doesn't match is never left under its name.
    ///
    /// # Errors
    /// When a URL can't be used, the file can't be had or written, it doesn't match, the list of sums doesn't name it
    /// or isn't signed as it must be, another process holds the lock for too long, or the cache is offline and
    /// doesn't have what is needed.
    pub fn fetch(&self, download: &Download) -> Result<VerifiedFile, CacheError> {
        let file = self.fetch_unnoticed(download)?;
        self.served().push(ServedFile {
            name: download.cached_as.clone(),
            size: file.size,
        });
        Ok(file)
    }

    fn fetch_unnoticed(&self, download: &Download) -> Result<VerifiedFile, CacheError> {
        let url = parse_url(&download.url)?;
        let key = &download.cached_as;
        match &download.check {
            Check::Unverified => {
                self.progress
                    .warning(&format!("{} is used without being verified", shown(&url)));
                self.fetch_unverified(&url, key)
            }
            Check::Judged(judge) => self.fetch_judged(&url, key, judge),
            Check::Sha256(sum) => self.fetch_checked(&url, key, &SumSource::Given(*sum)),
            Check::ListedIn(sums, name) => {
                if *key == sums.cached_as || *key == sums.cached_as.of_signature() {
                    return Err(CacheError::NameClash {
                        name: key.to_string(),
                    });
                }
                self.fetch_checked(&url, key, &SumSource::Listed { sums, name })
            }
        }
    }

    fn fetch_checked(
        &self,
        url: &Url,
        key: &CacheKey,
        source: &SumSource<'_>,
    ) -> Result<VerifiedFile, CacheError> {
        let expected = source.look_up(self, Route::Usual)?;
        let _lock = self.lock(key)?;
        let cached = self.cached(key)?;
        if let Some(cached) = cached
            .as_ref()
            .filter(|cached| Some(cached.body.sha256) == expected)
        {
            return self.serve_cached(url, key, cached, Origin::Cached);
        }
        if self.offline {
            return Err(match (expected, &cached) {
                (None, _) => source.not_listed(),
                (Some(expected), Some(cached)) => self.bad_copy(url, key, expected, cached),
                (Some(_), None) => CacheError::Offline { url: shown(url) },
            });
        }
        self.warn_of_damage(url, key, cached.as_ref());
        let fetched = self.fetch_until_it_matches(url, key, source, expected, cached.as_ref());
        self.drop_damaged_unless_replaced(key, cached.as_ref(), fetched)
    }

    /// Asks the usual way; then for the sums and at last for the file past caches.
    fn fetch_until_it_matches(
        &self,
        url: &Url,
        key: &CacheKey,
        source: &SumSource<'_>,
        expected: Option<Sha256>,
        cached: Option<&Cached>,
    ) -> Result<VerifiedFile, CacheError> {
        let candidate = match expected {
            None => None,
            Some(_) => self.request_file(url, key, cached, expected, Route::Usual)?,
        };
        if let Some(file) = self.settle(url, key, expected, candidate.as_ref(), cached)? {
            return Ok(file);
        }
        let problem = expected.map_or("is not listed in the sums", |_| "doesn't match its sum");
        self.progress
            .warning(&format!("{} {problem}: asking again past caches", shown(url)));
        let Some(expected) = source.look_up(self, Route::PastCaches)? else {
            self.store.discard_partial(key)?;
            self.store.remove(key)?;
            return Err(source.not_listed());
        };
        if let Some(file) = self.settle(url, key, Some(expected), candidate.as_ref(), cached)? {
            return Ok(file);
        }
        let candidate = self.request_file(url, key, None, Some(expected), Route::PastCaches)?;
        if let Some(file) = self.settle(url, key, Some(expected), candidate.as_ref(), None)? {
            return Ok(file);
        }
        self.store.discard_partial(key)?;
        self.store.remove(key)?;
        Err(match candidate {
            Some(staged) => CacheError::Mismatch {
                url: shown(url),
                expected,
                found: staged.body.sha256,
            },
            None => unasked_not_modified(url),
        })
    }

    /// Returns the file when the newly fetched body, or else the copy in the cache, has the expected sum.
    fn settle(
        &self,
        url: &Url,
        key: &CacheKey,
        expected: Option<Sha256>,
        staged: Option<&Staged>,
        cached: Option<&Cached>,
    ) -> Result<Option<VerifiedFile>, CacheError> {
        if let Some(staged) = staged.filter(|staged| Some(staged.body.sha256) == expected) {
            return self.commit(url, key, staged).map(Some);
        }
        if let Some(cached) = cached.filter(|cached| Some(cached.body.sha256) == expected) {
            let origin = if staged.is_none() {
                Origin::Revalidated
            } else {
                Origin::Cached
            };
            return self.serve_cached(url, key, cached, origin).map(Some);
        }
        Ok(None)
    }

    fn fetch_unverified(&self, url: &Url, key: &CacheKey) -> Result<VerifiedFile, CacheError> {
        let asked_at = now();
        let _lock = self.lock(key)?;
        let cached = self.cached(key)?;
        if self.offline {
            return match (&cached, cached.as_ref().and_then(Cached::damaged)) {
                (Some(cached), Some(expected)) => Err(self.bad_copy(url, key, expected, cached)),
                (Some(cached), None) if cached.may_be_from(url) => {
                    self.serve_cached(url, key, cached, Origin::Cached)
                }
                _ => Err(CacheError::Offline { url: shown(url) }),
            };
        }
        if let Some(cached) = cached
            .as_ref()
            .filter(|cached| cached.is_validated_since(asked_at, url))
        {
            return self.serve_cached(url, key, cached, Origin::Cached);
        }
        let (route, unless) = if self.past_caches {
            (Route::PastCaches, None)
        } else {
            (Route::Usual, cached.as_ref())
        };
        self.warn_of_damage(url, key, cached.as_ref());
        // There is no sum to show whether what an earlier process began is sound.
        self.store.discard_partial(key)?;
        let requested = self.request_file(url, key, unless, None, route);
        let fetched = requested.and_then(|staged| match (staged, &cached) {
            (Some(staged), _) => self.commit(url, key, &staged),
            (None, Some(cached)) => self.serve_cached(url, key, cached, Origin::Revalidated),
            (None, None) => Err(unasked_not_modified(url)),
        });
        self.drop_damaged_unless_replaced(key, cached.as_ref(), fetched)
    }

    /// Returns the copy in the cache as it is now.
    pub(crate) fn cached(&self, key: &CacheKey) -> Result<Option<Cached>, CacheError> {
        let Some(body) = self.store.hash_cached(key)? else {
            return Ok(None);
        };
        Ok(Some(Cached {
            body,
            sidecar: self.store.read_sidecar(key),
        }))
    }

    pub(crate) fn bad_copy(
        &self,
        url: &Url,
        key: &CacheKey,
        expected: Sha256,
        cached: &Cached,
    ) -> CacheError {
        let (path, found) = (self.store.path(key), cached.body.sha256);
        CacheError::BadAndOffline {
            path,
            url: shown(url),
            expected,
            found,
        }
    }

    pub(crate) fn warn_of_damage(&self, url: &Url, key: &CacheKey, cached: Option<&Cached>) {
        let Some(cached) = cached else { return };
        if let Some(expected) = cached.damaged() {
            self.progress.warning(&format!(
                "{} is damaged and fetched again: its sum is {} instead of {expected} (from {})",
                self.store.path(key),
                cached.body.sha256,
                shown(url),
            ));
        }
    }

    /// A damaged copy doesn't keep its name only because there is no other to be had.
    pub(crate) fn drop_damaged_unless_replaced(
        &self,
        key: &CacheKey,
        cached: Option<&Cached>,
        fetched: Result<VerifiedFile, CacheError>,
    ) -> Result<VerifiedFile, CacheError> {
        if fetched.is_err() && cached.and_then(Cached::damaged).is_some() {
            self.store.remove(key)?;
        }
        fetched
    }

    /// Asks for the file, or only for a change of it when the copy in the cache is intact; `None` is no change.
    fn request_file(
        &self,
        url: &Url,
        key: &CacheKey,
        cached: Option<&Cached>,
        expected: Option<Sha256>,
        route: Route,
    ) -> Result<Option<Staged>, CacheError> {
        let unless = cached
            .filter(|cached| cached.is_intact_from(url))
            .and_then(|cached| cached.sidecar.as_ref())
            .map(|sidecar| &sidecar.validators)
            .filter(|validators| !validators.is_empty());
        match self.request(Request {
            url,
            key,
            unless,
            expected,
            route,
            most: None,
        })? {
            Outcome::NotModified => Ok(None),
            Outcome::Staged(staged) => Ok(Some(staged)),
        }
    }

    pub(crate) fn commit(
        &self,
        url: &Url,
        key: &CacheKey,
        staged: &Staged,
    ) -> Result<VerifiedFile, CacheError> {
        let now = now();
        let sidecar = Sidecar {
            url: shown(url),
            sha256: staged.body.sha256,
            size: staged.body.size,
            validators: staged.validators.clone(),
            fetched_at: now,
            validated_at: now,
            used_at: now,
        };
        self.store.commit_partial(key, &staged.body.file, &sidecar)?;
        self.verified(key, &staged.body, Origin::Downloaded)
    }

    /// Remembers that the copy in the cache was used, and that it is current when the server or the sum said so.
    pub(crate) fn serve_cached(
        &self,
        url: &Url,
        key: &CacheKey,
        cached: &Cached,
        origin: Origin,
    ) -> Result<VerifiedFile, CacheError> {
        let now = now();
        let mut sidecar = match &cached.sidecar {
            Some(sidecar) if sidecar.sha256 == cached.body.sha256 => sidecar.clone(),
            // The file was put there by something else, or the sidecar is of another one.
            _ => Sidecar::of_unknown_age(url, &cached.body),
        };
        sidecar.used_at = now;
        if origin == Origin::Revalidated {
            sidecar.validated_at = now;
        }
        self.store.write_sidecar(key, &sidecar)?;
        self.verified(key, &cached.body, origin)
    }

    fn verified(&self, key: &CacheKey, body: &Hashed, origin: Origin) -> Result<VerifiedFile, CacheError> {
        let path = self.store.path(key);
        let file = body.file.try_clone().map_err(failed("open", &path))?;
        Ok(VerifiedFile {
            path,
            sha256: body.sha256,
            size: body.size,
            origin,
            file,
        })
    }
}

/// Where the sum of a file is to be found.
enum SumSource<'a> {
    Given(Sha256),
    Listed { sums: &'a SumsDownload, name: &'a str },
}

impl SumSource<'_> {
    fn look_up(&self, cache: &Cache, route: Route) -> Result<Option<Sha256>, CacheError> {
        match self {
            Self::Given(sum) => Ok(Some(*sum)),
            Self::Listed { sums, name } => Ok(cache.sums(sums, route)?.get(name)),
        }
    }

    fn not_listed(&self) -> CacheError {
        match self {
            Self::Given(_) => unreachable!("a given sum is always found"),
            Self::Listed { sums, name } => CacheError::NotListed {
                name: (*name).to_owned(),
                sums_url: sums.url.clone(),
            },
        }
    }
}

/// The error of a server that says "not modified" without having been asked.
pub(crate) fn unasked_not_modified(url: &Url) -> CacheError {
    CacheError::Nonsense {
        url: shown(url),
        problem: "not modified, without having been asked",
    }
}

/// A copy in the cache: what it is and what is remembered about it.
pub(crate) struct Cached {
    pub(crate) body: Hashed,
    pub(crate) sidecar: Option<Sidecar>,
}

impl Cached {
    /// Returns the sum it was stored with when its bytes have changed since.
    pub(crate) fn damaged(&self) -> Option<Sha256> {
        let stored = self.sidecar.as_ref()?.sha256;
        (stored != self.body.sha256).then_some(stored)
    }

    /// Says yes when it isn't known.
    pub(crate) fn may_be_from(&self, url: &Url) -> bool {
        self.sidecar
            .as_ref()
            .is_none_or(|sidecar| sidecar.url == shown(url))
    }

    pub(crate) fn is_intact_from(&self, url: &Url) -> bool {
        self.damaged().is_none()
            && self
                .sidecar
                .as_ref()
                .is_some_and(|sidecar| sidecar.url == shown(url))
    }

    pub(crate) fn is_validated_since(&self, time: u64, url: &Url) -> bool {
        self.is_intact_from(url)
            && self
                .sidecar
                .as_ref()
                .is_some_and(|sidecar| sidecar.validated_at > time)
    }
}

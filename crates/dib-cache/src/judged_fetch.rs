//! Fetching a file that the caller judges, such as one with a signature in it: it gets no name before it is approved.

use std::io::Seek;

use reqwest::Url;

use crate::cache::Cache;
use crate::download::{Judge, Origin, VerifiedFile};
use crate::error::CacheError;
use crate::fetch::{Cached, unasked_not_modified};
use crate::http::shown;
use crate::key::CacheKey;
use crate::store::{Hashed, failed, now};
use crate::sums_fetch::read_all;
use crate::transfer::{Outcome, Request, Route};

/// The longest file that is taken, in bytes, as its caller gets all of it at once.
const MOST: u64 = 64 * 1024 * 1024;

impl Cache {
    /// Asks the server each time whether the copy in the cache is current, unless the cache is offline; a file that
    /// is refused is asked for once more, past caches.
    pub(crate) fn fetch_judged(
        &self,
        url: &Url,
        key: &CacheKey,
        judge: &Judge,
    ) -> Result<VerifiedFile, CacheError> {
        let asked_at = now();
        let _lock = self.lock(key)?;
        let cached = self.cached(key)?;
        if self.offline {
            return match &cached {
                Some(cached) if cached.may_be_from(url) => {
                    self.judge(url, key, &cached.body, judge)?;
                    self.serve_cached(url, key, cached, Origin::Cached)
                }
                _ => Err(CacheError::Offline { url: shown(url) }),
            };
        }
        // A copy that isn't approved now is as good as none.
        let cached = cached
            .filter(|cached| cached.is_intact_from(url) && self.judge(url, key, &cached.body, judge).is_ok());
        if let Some(cached) = cached
            .as_ref()
            .filter(|cached| cached.is_validated_since(asked_at, url))
        {
            return self.serve_cached(url, key, cached, Origin::Cached);
        }
        match self.renew_judged(url, key, judge, cached.as_ref(), Route::Usual) {
            Err(error @ CacheError::Refused { .. }) => {
                self.progress
                    .warning(&format!("{error}: asking again past caches"));
                self.renew_judged(url, key, judge, None, Route::PastCaches)
            }
            other => other,
        }
    }

    fn renew_judged(
        &self,
        url: &Url,
        key: &CacheKey,
        judge: &Judge,
        cached: Option<&Cached>,
        route: Route,
    ) -> Result<VerifiedFile, CacheError> {
        // There is no sum to show whether what an earlier process began is of the same file.
        self.store.discard_partial(key)?;
        let unless = cached
            .and_then(|cached| cached.sidecar.as_ref())
            .map(|sidecar| &sidecar.validators)
            .filter(|validators| !validators.is_empty());
        let request = Request {
            url,
            key,
            unless,
            expected: None,
            route,
            most: Some(MOST),
        };
        match (self.request(request)?, cached) {
            (Outcome::Staged(staged), _) => match self.judge(url, key, &staged.body, judge) {
                Ok(()) => self.commit(url, key, &staged),
                Err(error) => {
                    self.store.discard_partial(key)?;
                    Err(error)
                }
            },
            (Outcome::NotModified, Some(cached)) => self.serve_cached(url, key, cached, Origin::Revalidated),
            (Outcome::NotModified, None) => Err(unasked_not_modified(url)),
        }
    }

    fn judge(&self, url: &Url, key: &CacheKey, body: &Hashed, judge: &Judge) -> Result<(), CacheError> {
        let rewound = |bytes| (&body.file).rewind().map(|()| bytes);
        let bytes = read_all(body)
            .and_then(rewound)
            .map_err(failed("read", &self.store.path(key)))?;
        judge.judge(&bytes).map_err(|source| CacheError::Refused {
            url: shown(url),
            source,
        })
    }
}

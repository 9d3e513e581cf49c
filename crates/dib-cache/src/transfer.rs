//! One request and its body, streamed into the partial download and hashed on the way.

use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use reqwest::header::{
    CACHE_CONTROL, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    LAST_MODIFIED, PRAGMA, RANGE, RETRY_AFTER,
};
use reqwest::{Response, StatusCode, Url};

use crate::error::CacheError;
use crate::http::{Http, MOST_REDIRECTS, RefusedRedirect, cause, shown};
use crate::key::CacheKey;
use crate::progress::Progress;
use crate::sha256::{HashingReader, RunningSha256, Sha256};
use crate::store::{Hashed, PartialSidecar, Store, Validators, failed};

/// What to ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) url: &'a Url,
    pub(crate) key: &'a CacheKey,
    /// What the server said about the copy in the cache, when a new copy is wanted only if it has changed.
    pub(crate) unless: Option<&'a Validators>,
    /// The sum the body should have, where it is known.
    pub(crate) expected: Option<Sha256>,
    pub(crate) route: Route,
    /// The longest body taken, in bytes.
    pub(crate) most: Option<u64>,
}

/// Whether caches on the way may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Usual,
    PastCaches,
}

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The copy in the cache is current.
    NotModified,
    /// A complete body, still under its partial name.
    Staged(Staged),
}

/// A complete but unverified body.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) body: Hashed,
    pub(crate) validators: Validators,
}

/// A try that failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Another try may succeed, not before `wait` when the server asked for that.
    Transient {
        error: CacheError,
        wait: Option<Duration>,
    },
    /// Another try would fail in the same way.
    Permanent(CacheError),
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        Self::Permanent(error)
    }
}

/// Makes one request, going on with a partial download of the same URL where the server agrees that it is of the
/// same body (RFC 9110, 13.1.5 and 14).
pub(crate) async fn attempt(
    http: &Http,
    store: &Store,
    progress: &dyn Progress,
    request: Request<'_>,
) -> Result<Outcome, Failure> {
    let resumable = match open_resumable(store, request)? {
        // An earlier process was killed between the last byte and the file's final name.
        Some(Resumable { partial, validators }) if partial.is_whole(request) => {
            return Ok(Outcome::Staged(stage(store, request, partial, validators)?));
        }
        other => other,
    };
    let response = send(http, request, resumable.as_ref()).await?;
    let status = response.status();
    let validators = validators_of(response.headers());
    let (mut body, total) = match (status, resumable) {
        (StatusCode::OK, _) => {
            let sidecar = PartialSidecar {
                url: shown(request.url),
                validators: validators.clone(),
            };
            let file = store.create_partial(request.key, &sidecar)?;
            (
                Partial {
                    file,
                    sum: RunningSha256::default(),
                },
                response.content_length(),
            )
        }
        (StatusCode::PARTIAL_CONTENT, Some(resumable)) => {
            match resumed_total(response.headers(), resumable.partial.sum.size()) {
                Some(total) => (resumable.partial, Some(total)),
                None => {
                    return Err(start_over(
                        store,
                        request,
                        "it continued at another place than asked for",
                    ));
                }
            }
        }
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => {
            return Err(start_over(store, request, "it has nothing to continue with"));
        }
        (StatusCode::NOT_MODIFIED, None) if request.unless.is_some() => return Ok(Outcome::NotModified),
        _ => return Err(judge_status(request.url, status, response.headers())),
    };
    let name = request.key.as_str();
    progress.started(name, total, body.sum.size());
    receive(store, progress, request, response, &mut body).await?;
    if let Some(expected) = total.filter(|total| *total != body.sum.size()) {
        let error = CacheError::Cut {
            url: shown(request.url),
            received: body.sum.size(),
            expected,
        };
        return Err(Failure::Transient { error, wait: None });
    }
    progress.finished(name);
    Ok(Outcome::Staged(stage(store, request, body, validators)?))
}

fn stage(
    store: &Store,
    request: Request<'_>,
    mut body: Partial,
    validators: Validators,
) -> Result<Staged, CacheError> {
    body.file
        .rewind()
        .map_err(failed("read", &store.partial_path(request.key)))?;
    let (sha256, size) = body.sum.finish();
    Ok(Staged {
        body: Hashed {
            file: body.file,
            sha256,
            size,
        },
        validators,
    })
}

/// A partial download open at its end, with the sum so far.
struct Partial {
    file: std::fs::File,
    sum: RunningSha256,
}

impl Partial {
    fn is_whole(&self, request: Request<'_>) -> bool {
        request
            .expected
            .is_some_and(|expected| self.sum.clone().finish().0 == expected)
    }
}

/// A partial download that may be gone on with if the server still has the body with those validators.
struct Resumable {
    partial: Partial,
    validators: Validators,
}

fn open_resumable(store: &Store, request: Request<'_>) -> Result<Option<Resumable>, CacheError> {
    let Some(sidecar) = store.read_partial_sidecar(request.key) else {
        return Ok(None);
    };
    if sidecar.url != shown(request.url) || sidecar.validators.strong().is_none() {
        return Ok(None);
    }
    let Some(mut file) = store.open_partial(request.key)? else {
        return Ok(None);
    };
    let path = store.partial_path(request.key);
    let sum = HashingReader::new(&file)
        .run_to_end()
        .map_err(failed("read", &path))?;
    if sum.size() == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(sum.size()))
        .map_err(failed("read", &path))?;
    Ok(Some(Resumable {
        partial: Partial { file, sum },
        validators: sidecar.validators,
    }))
}

async fn send(http: &Http, request: Request<'_>, resumable: Option<&Resumable>) -> Result<Response, Failure> {
    let mut builder = http.get(request.url)?;
    if request.route == Route::PastCaches {
        builder = builder
            .header(CACHE_CONTROL, "no-cache")
            .header(PRAGMA, "no-cache");
    }
    if let Some(resumable) = resumable {
        builder = builder
            .header(RANGE, format!("bytes={}-", resumable.partial.sum.size()))
            .header(IF_RANGE, resumable.validators.strong().unwrap_or_default());
    } else if let Some(unless) = request.unless {
        for (name, value) in [
            (IF_NONE_MATCH, &unless.etag),
            (IF_MODIFIED_SINCE, &unless.last_modified),
        ] {
            if let Some(value) = value {
                builder = builder.header(name, value);
            }
        }
    }
    builder
        .send()
        .await
        .map_err(|error| judge_error(request.url, error))
}

async fn receive(
    store: &Store,
    progress: &dyn Progress,
    request: Request<'_>,
    mut response: Response,
    body: &mut Partial,
) -> Result<(), Failure> {
    let path = store.partial_path(request.key);
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| judge_error(request.url, error))?
    {
        body.file.write_all(&chunk).map_err(failed("write", &path))?;
        body.sum.update(&chunk);
        progress.advanced(request.key.as_str(), chunk.len() as u64);
        if let Some(most) = request.most.filter(|most| body.sum.size() > *most) {
            store.discard_partial(request.key)?;
            return Err(CacheError::TooLong {
                url: shown(request.url),
                most,
            }
            .into());
        }
    }
    Ok(())
}

fn start_over(store: &Store, request: Request<'_>, problem: &'static str) -> Failure {
    match store.discard_partial(request.key) {
        Ok(()) => Failure::Transient {
            error: CacheError::Nonsense {
                url: shown(request.url),
                problem,
            },
            wait: Some(Duration::ZERO),
        },
        Err(error) => error.into(),
    }
}

/// Returns the whole body's size when the answer continues exactly at `offset`.
fn resumed_total(headers: &HeaderMap, offset: u64) -> Option<u64> {
    let (range, total) = text(headers, CONTENT_RANGE)?
        .strip_prefix("bytes ")?
        .split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total): (u64, u64, u64) =
        (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (first == offset && last.checked_add(1) == Some(total)).then_some(total)
}

fn validators_of(headers: &HeaderMap) -> Validators {
    let own = |name| text(headers, name).map(str::to_owned);
    Validators {
        etag: own(ETAG),
        last_modified: own(LAST_MODIFIED),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn judge_status(url: &Url, status: StatusCode, headers: &HeaderMap) -> Failure {
    let error = CacheError::Status {
        url: shown(url),
        status: status.to_string(),
    };
    let transient = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
    );
    if transient || status.is_server_error() {
        // The header may also hold a date; then the usual delay is as good.
        let wait = text(headers, RETRY_AFTER)
            .and_then(|text| text.parse().ok())
            .map(Duration::from_secs);
        Failure::Transient { error, wait }
    } else {
        Failure::Permanent(error)
    }
}

fn judge_error(url: &Url, error: reqwest::Error) -> Failure {
    let url = shown(url);
    match cause::<RefusedRedirect>(&error) {
        Some(RefusedRedirect::Insecure { from, to }) => {
            return CacheError::InsecureRedirect {
                from: from.clone(),
                to: to.clone(),
            }
            .into();
        }
        Some(RefusedRedirect::TooMany { to }) => {
            return CacheError::TooManyRedirects {
                url,
                to: to.clone(),
                most: MOST_REDIRECTS,
            }
            .into();
        }
        None => {}
    }
    // A certificate that isn't trusted now won't be in a second either.
    let permanent = error.is_builder() || error.is_redirect() || cause::<rustls::Error>(&error).is_some();
    let error = CacheError::Transfer {
        url,
        source: error.without_url(),
    };
    if permanent {
        Failure::Permanent(error)
    } else {
        Failure::Transient { error, wait: None }
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{CONTENT_RANGE, HeaderMap, HeaderValue};

    use super::resumed_total;

    fn check(content_range: &'static str, offset: u64, expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_RANGE, HeaderValue::from_static(content_range));
        assert_eq!(
            resumed_total(&headers, offset),
            expected,
            "{content_range:?} at {offset}"
        );
    }

    #[test]
    fn only_the_whole_rest_continues_a_partial_download() {
        check("bytes 5-9/10", 5, Some(10));
        check("bytes 4-9/10", 5, None);
        check("bytes 5-8/10", 5, None);
        check("bytes 5-9/*", 5, None);
        check("bytes */10", 5, None);
        check("lines 5-9/10", 5, None);
        check("bytes 5-18446744073709551615/10", 5, None);
        assert_eq!(resumed_total(&HeaderMap::new(), 0), None);
    }
}

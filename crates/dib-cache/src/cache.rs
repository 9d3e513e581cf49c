//! The cache and its settings.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use camino::Utf8Path;

use crate::download::ServedFile;
use crate::error::CacheError;
use crate::http::Http;
use crate::key::CacheKey;
use crate::lock::{self, Lock};
use crate::progress::{Progress, Silent, WithoutTransfers};
use crate::store::Store;

/// A directory of downloaded files that many processes and threads may use at once.
///
/// Its calls block, and must not be made from within an asynchronous runtime. A clone shares the connections.
#[derive(Clone)]
pub struct Cache {
    pub(crate) store: Store,
    pub(crate) offline: bool,
    pub(crate) past_caches: bool,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) retries: Retries,
    pub(crate) lock_wait: Duration,
    timeouts: Timeouts,
    proxies: Proxies,
    http: Arc<OnceLock<Http>>,
    pub(crate) served: Arc<Mutex<Vec<ServedFile>>>,
}

/// How long to wait for the network; there is no limit on a whole download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection: 30 seconds unless set.
    pub connect: Duration,
    /// For the next byte, of an answer or of its body: 60 seconds unless set.
    pub stall: Duration,
}

/// How often to try again after an error that may pass: no connection, statuses 408, 429 and 5xx, a body cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How many tries follow the first one: 5 unless set.
    pub count: u32,
    /// The delay before the second try, doubled before each later one: 1 second unless set.
    pub first_delay: Duration,
    /// The longest delay: 30 seconds unless set.
    pub longest_delay: Duration,
}

/// Proxies, by the scheme of the URL that is fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The proxy for `http` URLs, as in `http_proxy`.
    pub http: Option<String>,
    /// The proxy for `https` URLs, as in `https_proxy`.
    pub https: Option<String>,
    /// Hosts to reach without a proxy, separated by commas, as in `no_proxy`.
    pub no_proxy: Option<String>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            stall: Duration::from_secs(60),
        }
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            count: 5,
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_secs(30),
        }
    }
}

impl Cache {
    /// Opens the cache in `directory`, which is made if it isn't there.
    ///
    /// # Errors
    /// When the directory can't be made.
    pub fn open(directory: &Utf8Path) -> Result<Self, CacheError> {
        Ok(Self {
            store: Store::open(directory)?,
            offline: false,
            past_caches: false,
            progress: Arc::new(Silent),
            retries: Retries::default(),
            lock_wait: Duration::from_secs(20 * 60),
            timeouts: Timeouts::default(),
            proxies: Proxies::default(),
            http: Arc::default(),
            served: Arc::default(),
        })
    }

    /// Returns which files this cache and its clones have given out, after the first `count`, in the order in which they did.
    #[must_use]
    pub fn served_from(&self, count: usize) -> Vec<ServedFile> {
        self.served().get(count..).unwrap_or_default().to_vec()
    }

    /// Returns how many files this cache and its clones have given out.
    #[must_use]
    pub fn count_of_served(&self) -> usize {
        self.served().len()
    }

    pub(crate) fn served(&self) -> MutexGuard<'_, Vec<ServedFile>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never uses the network: what isn't in the cache is an error.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// Has caches on the way ask the server, and fetches what is not verified anew, whatever is here.
    #[must_use]
    pub fn past_caches(mut self) -> Self {
        self.past_caches = true;
        self
    }

    /// Tells `progress` what happens.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Tells the same progress of waiting, further tries and warnings alone: for whoever shows many downloads as one.
    #[must_use]
    pub fn without_transfers_told(&self) -> Self {
        Self {
            progress: Arc::new(WithoutTransfers(Arc::clone(&self.progress))),
            ..self.clone()
        }
    }

    /// Waits up to `wait` for another process that fetches the same file (20 minutes unless set).
    #[must_use]
    pub fn with_lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// Sets how long to wait for the network.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets how often to try again.
    #[must_use]
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Goes through proxies; none are used unless set, whatever the environment says.
    #[must_use]
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Returns the cache's directory.
    #[must_use]
    pub fn directory(&self) -> &Utf8Path {
        self.store.directory()
    }

    /// Returns the client, made at its first use: offline none is needed.
    pub(crate) fn http(&self) -> Result<&Http, CacheError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let http = Http::new(&self.proxies, self.timeouts)?;
        Ok(self.http.get_or_init(|| http))
    }

    pub(crate) fn lock(&self, key: &CacheKey) -> Result<Lock, CacheError> {
        lock::acquire(
            &self.store.lock_path(key),
            key.as_str(),
            self.lock_wait,
            self.progress.as_ref(),
        )
    }
}

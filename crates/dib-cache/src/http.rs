//! The HTTP client: TLS, proxies, time-outs and redirects.

use std::sync::Arc;

use reqwest::redirect::Policy;
use reqwest::{Client, NoProxy, Proxy, Url};

use crate::cache::{Proxies, Timeouts};
use crate::error::CacheError;

/// How many redirects one request may follow.
pub(crate) const MOST_REDIRECTS: usize = 10;

/// A client and the runtime that drives it; requests of several threads may share it.
pub(crate) struct Http {
    pub(crate) runtime: tokio::runtime::Runtime,
    client: Client,
    trusts_someone: bool,
}

impl Http {
    pub(crate) fn new(proxies: &Proxies, timeouts: Timeouts) -> Result<Self, CacheError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CacheError::Client(error.into()))?;
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let trusts_someone = !roots.is_empty();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| CacheError::Client(error.into()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut builder = Client::builder()
            .user_agent(concat!("dib/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls)
            .connect_timeout(timeouts.connect)
            .read_timeout(timeouts.stall)
            .referer(false)
            .redirect(redirect_policy())
            .no_proxy();
        for proxy in configured_proxies(proxies)? {
            builder = builder.proxy(proxy);
        }
        let client = builder
            .build()
            .map_err(|error| CacheError::Client(error.into()))?;
        Ok(Self {
            runtime,
            client,
            trusts_someone,
        })
    }

    /// Starts a GET request.
    pub(crate) fn get(&self, url: &Url) -> Result<reqwest::RequestBuilder, CacheError> {
        if url.scheme() == "https" && !self.trusts_someone {
            return Err(CacheError::NoTrustedCertificates { url: shown(url) });
        }
        Ok(self.client.get(url.clone()))
    }
}

/// Parses a URL and takes only those that can be fetched.
pub(crate) fn parse_url(text: &str) -> Result<Url, CacheError> {
    let invalid = |reason: String| CacheError::InvalidUrl {
        url: text.to_owned(),
        reason,
    };
    let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(invalid(format!("only http and https are known, not {other}"))),
    }
}

/// Returns the URL as messages and sidecars show it: without a password.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        // Fails only for URLs that can't have a password.
        let _ = url.set_password(Some("***"));
    }
    url.into()
}

fn configured_proxies(proxies: &Proxies) -> Result<Vec<Proxy>, CacheError> {
    let exceptions = proxies.no_proxy.as_deref().and_then(NoProxy::from_string);
    let parsed = |proxy: &String, make: fn(String) -> reqwest::Result<Proxy>| {
        make(proxy.clone())
            .map(|made| made.no_proxy(exceptions.clone()))
            .map_err(|source| CacheError::InvalidProxy {
                proxy: proxy.clone(),
                source,
            })
    };
    let http = proxies.http.iter().map(|proxy| parsed(proxy, Proxy::http));
    let https = proxies.https.iter().map(|proxy| parsed(proxy, Proxy::https));
    http.chain(https).collect()
}

fn redirect_policy() -> Policy {
    Policy::custom(|attempt| {
        let refused = attempt
            .previous()
            .last()
            .and_then(|from| refuse_redirect(from, attempt.url(), attempt.previous().len()));
        match refused {
            Some(refused) => attempt.error(refused),
            None => attempt.follow(),
        }
    })
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RefusedRedirect {
    #[error("{from} redirects to {to} without encryption")]
    Insecure { from: String, to: String },
    #[error("too many redirects, last to {to}")]
    TooMany { to: String },
}

/// Returns why the redirect number `hop` (from 1) may not be followed, if so.
fn refuse_redirect(from: &Url, to: &Url, hop: usize) -> Option<RefusedRedirect> {
    if from.scheme() == "https" && to.scheme() != "https" {
        Some(RefusedRedirect::Insecure {
            from: shown(from),
            to: shown(to),
        })
    } else if hop > MOST_REDIRECTS {
        Some(RefusedRedirect::TooMany { to: shown(to) })
    } else {
        None
    }
}

/// Returns the error of the given type among an error's causes.
pub(crate) fn cause<'e, E: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error shows its inner error's cause as its own, so the inner one is looked at first.
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| cause(inner)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::{RefusedRedirect, parse_url, refuse_redirect, shown};

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    fn check(from: &str, to: &str, hop: usize, expected: Option<&RefusedRedirect>) {
        assert_eq!(
            refuse_redirect(&url(from), &url(to), hop).as_ref(),
            expected,
            "{from} to {to}, hop {hop}"
        );
    }

    #[test]
    fn redirects_are_followed_up_to_ten_times_and_never_out_of_encryption() {
        let (plain, encrypted) = ("http://example.org/a", "https://example.org/b");
        check(plain, plain, 1, None);
        check(plain, encrypted, 1, None);
        check(encrypted, encrypted, 10, None);
        let insecure = RefusedRedirect::Insecure {
            from: encrypted.into(),
            to: plain.into(),
        };
        check(encrypted, plain, 1, Some(&insecure));
        check(
            plain,
            plain,
            11,
            Some(&RefusedRedirect::TooMany { to: plain.into() }),
        );
    }

    #[test]
    fn only_http_urls_are_taken_and_passwords_are_not_shown() {
        assert!(parse_url("root.tar.xz").is_err());
        assert!(parse_url("ftp://example.org/").is_err());
        assert_eq!(
            shown(&url("http://me:secret@example.org/a?b")),
            "http://me:***@example.org/a?b"
        );
    }
}

//! Fetching releases and indexes, all at once.

use std::io::{self, Read};
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use dib_cache::{Cache, CacheKey, Check, Download, Keyring};
use flate2::read::GzDecoder;
use liblzma::read::XzDecoder;

use super::{Archive, ArchiveError, Index, SuiteIndexes, SuiteSource};
use crate::list_name::mangled;
use crate::package::{ArchiveLocation, PackageRecord};
use crate::release::{ListedFile, VerifiedRelease, fetch_release, is_absent};

/// An index that says nothing of its size may have so many bytes.
const MOST: u64 = 1024 * 1024 * 1024;

/// The compressions of an index, by preference.
const ENDINGS: [&str; 3] = [".xz", ".gz", ""];

impl Archive {
    /// Fetches the releases of all sources and their indexes for `arch`, and verifies them; what is in the cache and
    /// current is not fetched again, and with a cache that is offline nothing is.
    ///
    /// # Errors
    /// When a release or an index can't be had, isn't what a trusted key signed, has expired or is malformed, or a
    /// suite has no such component or architecture.
    pub fn fetch(cache: &Cache, sources: &[SuiteSource], arch: &str) -> Result<Self, ArchiveError> {
        let suites = merged(sources);
        let suites = in_parallel(&suites, |source| {
            let SuiteSource {
                base_uri,
                suite,
                keyring,
                expiry,
                ..
            } = source;
            let release = fetch_release(cache, base_uri, suite, keyring, *expiry)?;
            let wanted = wanted_indexes(&release, source, arch)?;
            let indexes = in_parallel(&wanted, |(component, path)| {
                fetch_index(cache, &release, component, path)
            })?;
            Ok(SuiteIndexes { release, indexes })
        })?;
        Ok(Self::new(arch, suites))
    }
}

/// Joins sources that only name more components of a suite, so that each release is fetched once.
fn merged(sources: &[SuiteSource]) -> Vec<SuiteSource> {
    let key = |keyring: &Keyring| keyring.fingerprints().map(str::to_owned).collect::<Vec<_>>();
    let mut merged: Vec<SuiteSource> = Vec::new();
    for source in sources {
        let same = merged.iter_mut().find(|other| {
            other.base_uri == source.base_uri
                && other.suite == source.suite
                && other.expiry == source.expiry
                && key(&other.keyring) == key(&source.keyring)
        });
        let place = if let Some(place) = same {
            place
        } else {
            merged.push(SuiteSource {
                components: Vec::new(),
                ..source.clone()
            });
            merged.last_mut().expect("one was pushed just now")
        };
        for component in &source.components {
            if !place.components.contains(component) {
                place.components.push(component.clone());
            }
        }
    }
    merged
}

/// Does `work` for each item on a thread of its own; the first error in their order is returned.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, ArchiveError> + Sync,
) -> Result<Vec<R>, ArchiveError> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<ScopedJoinHandle<'_, _>> =
            items.iter().map(|item| scope.spawn(move || work(item))).collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

/// Returns each index with its component and its path, without an ending for compression.
fn wanted_indexes(
    release: &VerifiedRelease,
    source: &SuiteSource,
    arch: &str,
) -> Result<Vec<(String, String)>, ArchiveError> {
    let listed = |path: &str| {
        ENDINGS
            .iter()
            .any(|ending| release.release.file(&format!("{path}{ending}")).is_some())
    };
    let mut wanted = Vec::new();
    for component in &source.components {
        // A suite such as `buster/updates` names its components with its own second part before them.
        let is_component = |name: &String| name == component || name.ends_with(&format!("/{component}"));
        if !release.release.components.is_empty() && !release.release.components.iter().any(is_component) {
            return Err(ArchiveError::NoComponent {
                base_uri: release.base_uri.clone(),
                suite: release.suite.clone(),
                component: component.clone(),
                found: release.release.components.join(", "),
            });
        }
        let path = |arch: &str| format!("{component}/binary-{arch}/Packages");
        if !listed(&path(arch)) {
            return Err(ArchiveError::NoArchitecture {
                base_uri: release.base_uri.clone(),
                suite: release.suite.clone(),
                component: component.clone(),
                arch: arch.to_owned(),
                found: release.release.architectures.join(", "),
            });
        }
        wanted.push((component.clone(), path(arch)));
        if release.release.separate_all && listed(&path("all")) {
            wanted.push((component.clone(), path("all")));
        }
    }
    Ok(wanted)
}

fn fetch_index(
    cache: &Cache,
    release: &VerifiedRelease,
    component: &str,
    path: &str,
) -> Result<Index, ArchiveError> {
    let (ending, listed) = ENDINGS
        .iter()
        .find_map(|ending| Some((*ending, release.release.file(&format!("{path}{ending}"))?)))
        .expect("only listed indexes are asked for");
    let name = format!("{path}{ending}");
    let url = release.url_of(&name);
    let file = fetch_file(cache, release, &name, listed)?;

    let plain_size = release.release.file(path).map(|plain| plain.size);
    let text =
        decompress(file, ending, plain_size.unwrap_or(MOST)).map_err(|source| ArchiveError::Compression {
            url: url.clone(),
            source,
        })?;
    if let Some(expected) = plain_size.filter(|expected| *expected != text.len() as u64) {
        return Err(ArchiveError::Size {
            url,
            expected,
            found: text.len() as u64,
        });
    }
    let text: Arc<str> = match String::from_utf8(text) {
        Ok(text) => text.into(),
        Err(_) => return Err(ArchiveError::NotText { url }),
    };
    let location = Arc::new(ArchiveLocation {
        base_uri: release.base_uri.clone(),
        suite: release.suite.clone(),
        component: component.to_owned(),
    });
    let packages = PackageRecord::parse_index(&text, &location)
        .map_err(|source| ArchiveError::Package { url, source })?;
    Ok(Index {
        path: path.to_owned(),
        text,
        packages,
    })
}

/// Fetches by the sum where the archive offers that, as then an update of the mirror in between does no harm.
fn fetch_file(
    cache: &Cache,
    release: &VerifiedRelease,
    name: &str,
    listed: ListedFile,
) -> Result<std::fs::File, ArchiveError> {
    let plain_url = release.url_of(name);
    let cached_as = CacheKey::new(format!(
        "apt/{}/{}/{name}",
        mangled(&release.base_uri),
        release.suite
    ))
    .map_err(|source| ArchiveError::Name {
        url: plain_url.clone(),
        source,
    })?;
    let fetch = |url: String| {
        let download = Download {
            url: url.clone(),
            cached_as: cached_as.clone(),
            check: Check::Sha256(listed.sha256),
        };
        (cache.fetch(&download), url)
    };
    let mut result = None;
    if release.release.by_hash {
        let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
        let fetched = fetch(release.url_of(&format!("{directory}/by-hash/SHA256/{}", listed.sha256)));
        if !matches!(&fetched.0, Err(error) if is_absent(error)) {
            result = Some(fetched);
        }
    }
    match result.unwrap_or_else(|| fetch(plain_url)) {
        (Ok(file), _) => Ok(file.file),
        (Err(source), url) => Err(ArchiveError::Fetch {
            url,
            source: Box::new(source),
        }),
    }
}

/// Returns at most one byte more than `most`.
fn decompress(file: impl Read, ending: &str, most: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(usize::try_from(most.min(MOST)).map_or(0, |most| most.min(128 << 20)));
    match ending {
        ".xz" => XzDecoder::new_multi_decoder(file)
            .take(most + 1)
            .read_to_end(&mut text)?,
        ".gz" => GzDecoder::new(file).take(most + 1).read_to_end(&mut text)?,
        _ => file.take(most + 1).read_to_end(&mut text)?,
    };
    Ok(text)
}

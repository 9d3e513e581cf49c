//! What a hook may do with the image cache, and with what comes from it.

use std::fs::{File, TryLockError};
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use dib_archive::ArchiveFormat;
use dib_cache::{Download, Origin as FileOrigin, SumsDownload, VerifiedFile, VerifiedSums};

use super::HookContext;
use crate::{Effect, HookError, Work, WorkUnit};

/// As long as the seed waits for another build's download.
const LOCK_WAIT: Duration = Duration::from_secs(20 * 60);

impl HookContext<'_> {
    /// Makes a directory below the image cache, or elsewhere on the host where the user's variable names one.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn create_host_directory(&self, path: &Utf8Path) -> Result<(), HookError> {
        if path.is_dir() {
            return Ok(());
        }
        std::fs::create_dir_all(path).map_err(|source| HookError::Host {
            action: "make the directory",
            path: path.to_string(),
            source,
        })?;
        self.record(Effect::CreateHostDirectory {
            path: path.to_string(),
        });
        Ok(())
    }

    /// Waits until no other build holds the lock of that name in the image cache, up to 20 minutes, and holds it until the
    /// returned file is dropped or this process ends.
    ///
    /// # Errors
    /// When the lock can't be made or had.
    pub fn lock_in_cache(&self, name: &str) -> Result<File, HookError> {
        self.lock_host_file(&self.image_cache().join(format!("{name}.lock")))
    }

    /// Waits for the lock on a file of the host as [`HookContext::lock_in_cache`] does; the file is made where it is missing.
    ///
    /// # Errors
    /// When the file can't be made or its lock had.
    pub fn lock_host_file(&self, path: &Utf8Path) -> Result<File, HookError> {
        let failed = |source| HookError::Host {
            action: "lock",
            path: path.to_string(),
            source,
        };
        let lock = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(failed)?;
        let deadline = Instant::now() + LOCK_WAIT;
        let mut told = false;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(failed(io::ErrorKind::TimedOut.into()));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            if !told {
                self.build
                    .observer
                    .output(&format!("waiting for another build, which holds {path}"));
                told = true;
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Fetches a file into the cache, or finds it there.
    ///
    /// # Errors
    /// When it can't be fetched or does not verify.
    pub fn fetch(&self, download: &Download) -> Result<VerifiedFile, HookError> {
        self.saw_download(&download.url);
        let file = self.build.cache.fetch(download)?;
        self.record_fetch(&download.url, file.origin, format!("sha256 {}", file.sha256));
        Ok(file)
    }

    /// Fetches a list of checksums into the cache, or finds it there.
    ///
    /// # Errors
    /// When it can't be fetched or its signature does not verify.
    pub fn fetch_sums(&self, download: &SumsDownload) -> Result<VerifiedSums, HookError> {
        self.saw_download(&download.url);
        let sums = self.build.cache.fetch_sums(download)?;
        let verified = match &sums.signature {
            Some(signature) => format!("signed by {}", signature.key),
            None => "signature not checked".to_owned(),
        };
        self.record_fetch(&download.url, sums.origin, verified);
        Ok(sums)
    }

    /// Extracts an archive into the target, keeping numeric owners, modes, times, links and attributes.
    ///
    /// Extended attributes that only the machine's root may write, or that no file system of images has, are skipped
    /// and counted in the journal; capabilities never are. So are entries that belong to where something is mounted: what
    /// is mounted there is the user's.
    ///
    /// # Errors
    /// When the archive is damaged, leads out of the target or can't be written.
    pub fn extract(&self, name: &str, file: &mut File) -> Result<(), HookError> {
        let failed = |source| HookError::Extract {
            archive: name.to_owned(),
            source: Box::new(source),
        };
        let total = file.metadata().map_or(0, |metadata| metadata.len());
        let observer = self.build.observer;
        let work = format!("extracting {name}");
        let progress = |read: u64| {
            observer.working(&Work {
                name: &work,
                done: read,
                total,
                unit: WorkUnit::Bytes,
            });
        };
        let format = ArchiveFormat::detect(file).map_err(failed)?;
        let extracted = dib_archive::extract(file, format, self.build.target, &progress).map_err(failed)?;
        self.record(Effect::Extract {
            archive: name.to_owned(),
            entries: extracted.entries,
            bytes: extracted.bytes,
            device_nodes: extracted.device_nodes.len(),
            skipped_attributes: extracted.skipped_attributes.len(),
            skipped_entries: extracted.skipped_entries,
        });
        self.build.keep_device_nodes(extracted.device_nodes);
        Ok(())
    }

    fn record_fetch(&self, url: &str, origin: FileOrigin, verified: String) {
        let origin = match origin {
            FileOrigin::Downloaded => "downloaded",
            FileOrigin::Revalidated => "cached, still current",
            FileOrigin::Cached => "cached",
        };
        self.record(Effect::Fetch {
            url: url.to_owned(),
            origin: origin.to_owned(),
            verified,
        });
    }
}

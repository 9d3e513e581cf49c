//! One lock per file of the cache, held by at most one process or thread at a time.
//!
//! The kernel releases a lock when its holder dies, however it dies. The lock's file tells who holds it; it may be
//! removed by whoever holds the lock, so a lock counts only while its file still has its name.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use fs4::{FileExt, TryLockError};

use crate::error::CacheError;
use crate::progress::Progress;

/// How often a waiting process looks whether the lock is free.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Waits up to `wait` for the lock at `path`, telling `progress` who holds it.
pub(crate) fn acquire(
    path: &Utf8Path,
    name: &str,
    wait: Duration,
    progress: &dyn Progress,
) -> Result<Lock, CacheError> {
    let start = Instant::now();
    let mut told = None;
    loop {
        if let Some(lock) = try_acquire(path)? {
            return Ok(lock);
        }
        let holder = read_holder(path);
        if told.as_ref() != Some(&holder) {
            progress.waiting_for_lock(name, &holder);
            told = Some(holder.clone());
        }
        if start.elapsed() >= wait {
            return Err(CacheError::Locked {
                path: path.to_owned(),
                holder,
                waited: wait,
            });
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Takes the lock at `path` if nobody holds it.
pub(crate) fn try_acquire(path: &Utf8Path) -> Result<Option<Lock>, CacheError> {
    let failed = |action| {
        let path = path.to_owned();
        move |source| CacheError::Disk { action, path, source }
    };
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(failed("make the directory of"))?;
    }
    loop {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed("open the lock"))?;
        match FileExt::try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let locked = file.metadata().map_err(failed("look at the lock"))?;
        let named = std::fs::metadata(path).ok();
        if named.is_some_and(|named| named.ino() == locked.ino() && named.dev() == locked.dev()) {
            write_holder(&mut file).map_err(failed("write the lock"))?;
            return Ok(Some(Lock { _file: file }));
        }
    }
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    let host = nix::unistd::gethostname().unwrap_or_default();
    let program = std::env::args_os().next().unwrap_or_default();
    let holder = format!(
        "process {} on {} ({})",
        std::process::id(),
        host.to_string_lossy(),
        Utf8Path::new(&program.to_string_lossy())
            .file_name()
            .unwrap_or("unknown"),
    );
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(holder.as_bytes())
}

fn read_holder(path: &Utf8Path) -> String {
    let mut holder = String::new();
    let read = File::open(path).and_then(|file| file.take(1024).read_to_string(&mut holder));
    if read.is_err() || holder.is_empty() {
        "another process".to_owned()
    } else {
        holder
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use camino::Utf8PathBuf;

    use super::{acquire, try_acquire};
    use crate::error::CacheError;
    use crate::progress::{Progress, Silent};

    fn lock_path(directory: &tempfile::TempDir) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(directory.path().join("sub/x.lock")).expect("a path of UTF-8")
    }

    #[derive(Default)]
    struct Holders(Mutex<Vec<String>>);

    impl Progress for Holders {
        fn started(&self, _name: &str, _total: Option<u64>, _resumed_at: u64) {}
        fn advanced(&self, _name: &str, _bytes: u64) {}
        fn finished(&self, _name: &str) {}
        fn waiting_for_lock(&self, name: &str, holder: &str) {
            self.0
                .lock()
                .expect("no panic while locked")
                .push(format!("{name}: {holder}"));
        }
        fn retrying(&self, _name: &str, _attempt: u32, _reason: &str) {}
        fn warning(&self, _message: &str) {}
    }

    #[test]
    fn a_held_lock_is_waited_for_and_its_holder_is_named_once() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = lock_path(&directory);
        let held = acquire(&path, "x", Duration::ZERO, &Silent).expect("a free lock");
        let holders = Holders::default();
        let error = acquire(&path, "x", Duration::from_millis(120), &holders).expect_err("a held lock");
        let myself = format!("process {} on ", std::process::id());
        assert!(matches!(error, CacheError::Locked { holder, .. } if holder.starts_with(&myself)));
        let told = holders.0.into_inner().expect("no panic while locked");
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with(&format!("x: {myself}")), "told {told:?}");
        drop(held);
        assert!(try_acquire(&path).expect("the lock's file opens").is_some());
    }

    #[test]
    fn a_lock_whose_file_was_removed_counts_no_more() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = lock_path(&directory);
        let _old = try_acquire(&path)
            .expect("the lock's file opens")
            .expect("a free lock");
        std::fs::remove_file(&path).expect("the lock's file is there");
        assert!(try_acquire(&path).expect("the lock's file opens").is_some());
    }
}

//! All that an initramfs can be made of, as one sum.
//!
//! mkinitramfs and its hooks may copy any file of the target, and nobody knows which ones they read. So all of the
//! target is their input, but for what can be told to have no part in it: what describes packages or was fetched, what
//! programs write down while they run, texts for people, and the machine's identity, which is to be made anew on every
//! machine that runs the image. A file counts with its bytes, owner, mode and, where they show in the initramfs, times.

use std::collections::HashMap;
use std::fs::{File, Metadata as FileMetadata};
use std::io;
use std::num::NonZero;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dib_cache::{HashingReader, Sha256};
use dib_sys::{FileKind, Metadata, TargetError, TargetPath, TargetRoot, WalkStep};

/// Directories and files that an initramfs is not made of.
const NO_PART: [&str; 19] = [
    "/dev",
    "/etc/machine-id",
    "/proc",
    "/run",
    "/sys",
    "/tmp",
    "/usr/share/doc",
    "/usr/share/info",
    "/usr/share/locale",
    "/usr/share/man",
    "/var/backups",
    "/var/cache",
    "/var/lib/apt",
    "/var/lib/dbus/machine-id",
    "/var/lib/dpkg",
    "/var/lib/initramfs-tools",
    "/var/lib/systemd/random-seed",
    "/var/log",
    "/var/tmp",
];
/// The initramfs images themselves.
const IMAGES: &str = "/boot/initrd.img";
/// Accounts' passwords, with the day on which each was set.
const SHADOW: [&str; 2] = ["/etc/shadow", "/etc/shadow-"];

/// Where each kernel has a directory with its modules and their indexes. What the indexes hold comes from the modules
/// alone, and they may be written at this very moment.
const MODULES: &str = "/usr/lib/modules/";
/// What begins as the indexes do, but comes with the kernel.
const SHIPPED: [&str; 3] = ["modules.builtin", "modules.builtin.modinfo", "modules.order"];

/// A file that was changed this long ago can't be changed again without another time of change: the kernel's clock for
/// these goes in steps of 10 ms at most.
const SETTLED: Duration = Duration::from_millis(100);

/// The sums of files, read in advance.
#[derive(Debug, Default)]
pub(in crate::configure) struct Digests {
    by_path: HashMap<String, (Identity, Sha256)>,
}

/// What changes whenever the contents of a file do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    file: (u64, u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
}

struct Input {
    path: TargetPath,
    metadata: Metadata,
}

impl Digests {
    /// Reads the files of a target that others may be changing meanwhile: those that can't be read are left for later.
    pub(super) fn read(target: &TargetRoot) -> Result<Self, TargetError> {
        let mut by_path = HashMap::new();
        for input in inputs(target)? {
            if input.metadata.kind == FileKind::Regular
                && let Ok(file) = target.open_file(&input.path)
                && let Ok(Some(digest)) = digest_if_settled(file)
            {
                by_path.insert(input.path.to_string(), digest);
            }
        }
        Ok(Self { by_path })
    }

    /// Returns the sum of all that an initramfs can be made of; what has been read and not changed since is not read
    /// again.
    ///
    /// With `newest`, a time in seconds since 1970, times count as far as they are earlier: mkinitramfs sets all others
    /// to that one where `SOURCE_DATE_EPOCH` says so. Without it, two initramfs images differ by the times of what
    /// their build wrote in any case, so times don't count.
    pub(super) fn sum(&self, target: &TargetRoot, newest: Option<i64>) -> Result<Sha256, TargetError> {
        let inputs = inputs(target)?;
        let next = AtomicUsize::new(0);
        let described = thread::scope(|scope| {
            let workers = thread::available_parallelism().map_or(1, NonZero::get);
            let threads: Vec<_> = (0..workers)
                .map(|_| scope.spawn(|| self.describe_some(target, &inputs, &next, newest)))
                .collect();
            let mut described = Vec::with_capacity(inputs.len());
            for thread in threads {
                let some = thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                described.extend(some);
            }
            Ok::<_, TargetError>(described)
        });
        let mut described = described?;
        described.sort_unstable();
        let text: String = described.into_iter().map(|(_, line)| line).collect();
        Ok(Sha256::of(text.as_bytes()))
    }

    fn describe_some(
        &self,
        target: &TargetRoot,
        inputs: &[Input],
        next: &AtomicUsize,
        newest: Option<i64>,
    ) -> Result<Vec<(usize, String)>, TargetError> {
        let mut described = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(input) = inputs.get(index) else {
                return Ok(described);
            };
            described.push((index, self.describe(target, input, newest)?));
        }
    }

    fn describe(
        &self,
        target: &TargetRoot,
        input: &Input,
        newest: Option<i64>,
    ) -> Result<String, TargetError> {
        let Input { path, metadata } = input;
        let name = path.to_string();
        let contents = match metadata.kind {
            FileKind::Regular if SHADOW.contains(&&*name) => {
                Sha256::of(without_days(&target.read_to_string(path)?).as_bytes()).to_string()
            }
            FileKind::Regular => self.sum_of(target, path, &name)?.to_string(),
            FileKind::Symlink => target.read_link(path)?,
            _ => format!("{:?}", metadata.device),
        };
        let time = newest.map_or(0, |newest| metadata.mtime.min(newest));
        let Metadata {
            kind, mode, uid, gid, ..
        } = metadata;
        // Quoted, so that no name of a file can look like another line.
        Ok(format!(
            "{name:?} {kind} {mode:o} {uid} {gid} {time} {contents:?}\n"
        ))
    }

    fn sum_of(&self, target: &TargetRoot, path: &TargetPath, name: &str) -> Result<Sha256, TargetError> {
        let failed = |source| TargetError::Path {
            path: path.clone(),
            operation: "read",
            source,
        };
        let file = target.open_file(path)?;
        let identity = Identity::of(&file.metadata().map_err(failed)?);
        match self.by_path.get(name) {
            Some((known, sum)) if *known == identity => Ok(*sum),
            _ => digest(file).map_err(failed),
        }
    }
}

impl Identity {
    fn of(metadata: &FileMetadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino(), metadata.size()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether any change from now on will show in the time of change.
    fn is_settled(&self) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(seconds), u32::try_from(nanoseconds)) else {
            return false;
        };
        SystemTime::now()
            .duration_since(UNIX_EPOCH + Duration::new(seconds, nanoseconds))
            .is_ok_and(|passed| passed >= SETTLED)
    }
}

/// Returns the sum of a file with its identity, unless it may be changing.
fn digest_if_settled(file: File) -> io::Result<Option<(Identity, Sha256)>> {
    let identity = Identity::of(&file.metadata()?);
    if !identity.is_settled() {
        return Ok(None);
    }
    // A change while it is read shows when its identity is compared later.
    Ok(Some((identity, digest(file)?)))
}

fn digest(file: File) -> io::Result<Sha256> {
    let mut reader = HashingReader::new(file);
    io::copy(&mut reader, &mut io::sink())?;
    Ok(reader.finish()?.0)
}

/// Returns what counts in the target, in the order of the paths.
fn inputs(target: &TargetRoot) -> Result<Vec<Input>, TargetError> {
    let mut inputs = Vec::new();
    target.walk(&TargetPath::root(), &mut |path, metadata| {
        let name = path.to_string();
        if NO_PART.contains(&&*name) || name.starts_with(IMAGES) || is_index_of_modules(&name) {
            return WalkStep::Skip;
        }
        inputs.push(Input {
            path: path.clone(),
            metadata: *metadata,
        });
        WalkStep::Descend
    })?;
    Ok(inputs)
}

fn is_index_of_modules(name: &str) -> bool {
    let below = name.strip_prefix(MODULES);
    let index = below.and_then(|below| below.split_once('/'));
    index.is_some_and(|(_, index)| index.starts_with("modules.") && !SHIPPED.contains(&index))
}

/// Leaves the day out on which each password was set (shadow(5), the third field): it is that of the build.
fn without_days(shadow: &str) -> String {
    let mut text = String::new();
    for line in shadow.lines() {
        let fields = line.split(':').enumerate().filter(|(index, _)| *index != 2);
        for (_, field) in fields {
            text.push_str(field);
            text.push(':');
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    #[test]
    fn whatever_may_be_read_counts() {
        let directory = tempfile::tempdir().unwrap();
        let target = TargetRoot::open(Utf8Path::from_path(directory.path()).unwrap()).unwrap();
        let path = |text: &str| text.parse::<TargetPath>().unwrap();
        for name in ["/etc", "/var/log", "/boot", "/usr/bin", "/usr/lib/modules/6.1"] {
            target.create_directory_all(&path(name), 0o755).unwrap();
        }
        let write =
            |name: &str, contents: &str| target.write(&path(name), contents.as_bytes(), 0o644).unwrap();
        write("/usr/bin/x", "1");
        write("/etc/shadow", "root:*:20000:0:99999:7:::\n");
        let in_advance = Digests::read(&target).unwrap();
        let first = in_advance.sum(&target, None).unwrap();
        assert_eq!(Digests::default().sum(&target, None).unwrap(), first);
        let is_same = || in_advance.sum(&target, None).unwrap() == first;

        write("/var/log/x", "now");
        write("/usr/lib/modules/6.1/modules.dep.bin", "");
        write("/boot/initrd.img-6.1", "");
        write("/etc/machine-id", "random");
        write("/etc/shadow", "root:*:20001:0:99999:7:::\n");
        assert!(is_same());

        write("/usr/bin/x", "2");
        assert!(!is_same());
        write("/usr/bin/x", "1");
        assert!(is_same());
        write("/usr/lib/modules/6.1/modules.order", "");
        assert!(!is_same());
        assert!(
            target
                .remove_file(&path("/usr/lib/modules/6.1/modules.order"))
                .unwrap()
        );
        target.set_mode(&path("/usr/bin/x"), 0o755).unwrap();
        assert!(!is_same());
        target.set_mode(&path("/usr/bin/x"), 0o644).unwrap();
        write("/etc/shadow", "root:$y$:20001:0:99999:7:::\n");
        assert!(!is_same());
        write("/etc/shadow", "root:*:1:0:99999:7:::\n");
        target.symlink("x", &path("/usr/bin/y")).unwrap();
        assert!(!is_same());
    }

    #[test]
    fn times_count_until_the_newest() {
        let directory = tempfile::tempdir().unwrap();
        let target = TargetRoot::open(Utf8Path::from_path(directory.path()).unwrap()).unwrap();
        let file = File::create(directory.path().join("x")).unwrap();
        let sum_at = |seconds: u64, newest| {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            file.set_modified(time).unwrap();
            Digests::default().sum(&target, newest).unwrap()
        };
        assert_ne!(sum_at(1000, Some(5000)), sum_at(2000, Some(5000)));
        assert_eq!(sum_at(6000, Some(5000)), sum_at(7000, Some(5000)));
        assert_eq!(sum_at(1000, None), sum_at(2000, None));
    }
}

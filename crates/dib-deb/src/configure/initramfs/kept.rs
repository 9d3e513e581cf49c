//! Initramfs images of earlier builds, kept beside the packages in the cache.
//!
//! An image is used again when everything is the same that it was made of: the target ([`Digests::sum`]), the
//! variables, the arguments, and the running kernel and its swap space, which hooks ask for. The program runs with no
//! other variables than those. What hooks may find out about the machine besides has no place in an image that is to
//! run on others, and where the configuration says that it is made for this very machine (`MODULES=dep`), none is kept.
//! Nor is one that others may not read, since it holds secrets.
//!
//! A file's name holds its sum, which is compared whenever it is used, and a file gets its name when it is complete.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use camino::Utf8PathBuf;
use dib_cache::Sha256;
use dib_sys::{Metadata, TargetError, TargetPath, TargetRoot, WalkStep};

use super::super::{OURS, kept_files, path};
use super::inputs::Digests;
use crate::transaction::Place;

/// Changes when what is kept, or how it is named, does.
const VERSION: &str = "1";
/// How many images are kept.
const KEPT: usize = 16;
/// What the name of an image begins with that is offered to our mkinitramfs, in [`OURS`].
const OFFERED: &str = "initramfs-";
/// Where the configuration is that decides on the modules.
const CONFIGURATION: [&str; 2] = ["/etc/initramfs-tools", "/usr/share/initramfs-tools/conf.d"];

/// Images that fit the target as it is now.
pub(in crate::configure) struct Kept {
    directory: Utf8PathBuf,
    sum: Sha256,
}

impl Kept {
    /// Looks at the target, of which some files have been read in advance; `None` when none of its images is to be kept.
    pub(super) fn of(
        place: Place<'_>,
        digests: &Digests,
        environment: &BTreeMap<String, String>,
    ) -> Result<Option<Self>, TargetError> {
        if is_for_this_machine(place.target)? {
            return Ok(None);
        }
        let newest = environment
            .get("SOURCE_DATE_EPOCH")
            .and_then(|seconds| seconds.parse().ok());
        let read = |path: &str| fs::read(path).unwrap_or_default();
        let parts = [
            VERSION.to_owned(),
            digests.sum(place.target, newest)?.to_string(),
            format!("{environment:?}"),
            Sha256::of(&read("/proc/sys/kernel/osrelease")).to_string(),
            Sha256::of(&read("/proc/swaps")).to_string(),
        ];
        Ok(Some(Self {
            directory: place.cache.directory().join("initramfs"),
            sum: Sha256::of(parts.join("\n").as_bytes()),
        }))
    }

    /// Puts the image that these arguments would make where our mkinitramfs takes it from; false when there is none.
    pub(super) fn offer(&self, target: &TargetRoot, arguments: &[String]) -> Result<bool, TargetError> {
        let (Some(call), start) = (Call::of(arguments), self.start_of_name(arguments)) else {
            return Ok(false);
        };
        let Ok(entries) = self.directory.read_dir_utf8() else {
            return Ok(false);
        };
        for entry in entries.flatten() {
            let Some(expected) = entry.file_name().strip_prefix(&start) else {
                continue;
            };
            let Ok(contents) = fs::read(entry.path()) else {
                continue;
            };
            if Sha256::of(&contents).to_string() == expected {
                target.write(&call.offered(), &contents, 0o644)?;
                kept_files::note_use(entry.path());
                return Ok(true);
            }
            let _ = fs::remove_file(entry.path());
        }
        Ok(false)
    }

    /// Takes back what [`Kept::offer`] has put there.
    pub(super) fn withdraw(target: &TargetRoot, arguments: &[String]) -> Result<(), TargetError> {
        if let Some(call) = Call::of(arguments) {
            target.remove_file(&call.offered())?;
        }
        Ok(())
    }

    /// Keeps the image that these arguments have made.
    pub(super) fn keep(&self, target: &TargetRoot, arguments: &[String]) -> Result<(), KeepError> {
        let Some(call) = Call::of(arguments) else {
            return Ok(());
        };
        let is_public = |metadata: Metadata| metadata.mode & 0o044 == 0o044;
        if !target.metadata(&call.image())?.is_some_and(is_public) {
            return Ok(());
        }
        let contents = target.read(&call.image())?;
        let name = format!("{}{}", self.start_of_name(arguments), Sha256::of(&contents));
        kept_files::write(&self.directory, &name, &contents, KEPT).map_err(|source| KeepError::Write {
            directory: self.directory.clone(),
            source,
        })
    }

    fn start_of_name(&self, arguments: &[String]) -> String {
        let sum = Sha256::of(format!("{} {arguments:?}", self.sum).as_bytes());
        format!("{}-", &sum.to_string()[..32])
    }
}

/// Why an image could not be kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    #[error("failed to keep an initramfs in {directory}")]
    Write {
        directory: Utf8PathBuf,
        source: io::Error,
    },
    #[error("failed to read the initramfs that was made")]
    Read(#[from] TargetError),
}

/// A call of update-initramfs that makes one image: its options `-c`, `-k` and `-b`.
struct Call<'a> {
    version: &'a str,
    directory: &'a str,
}

impl<'a> Call<'a> {
    fn of(arguments: &'a [String]) -> Option<Self> {
        let (mut creates, mut version, mut directory) = (false, None, "/boot");
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "-c" => creates = true,
                "-k" => version = rest.next(),
                "-b" => directory = rest.next()?,
                _ => return None,
            }
        }
        let version = version.filter(|version| creates && *version != "all" && !version.contains('/'))?;
        let call = Self { version, directory };
        let is_path = format!("{directory}/{version}").parse::<TargetPath>().is_ok();
        is_path.then_some(call)
    }

    fn image(&self) -> TargetPath {
        path(&format!("{}/initrd.img-{}", self.directory, self.version))
    }

    /// Where our mkinitramfs looks for an image before it makes one.
    fn offered(&self) -> TargetPath {
        path(&format!("{OURS}/{OFFERED}{}", self.version))
    }
}

/// Takes back what a build has offered that was ended in between.
pub(super) fn withdraw_all(target: &TargetRoot) -> Result<(), TargetError> {
    for name in target.list(&path(OURS))? {
        if name.starts_with(OFFERED) {
            target.remove_file(&path(&format!("{OURS}/{name}")))?;
        }
    }
    Ok(())
}

/// Whether the configuration says that only what this very machine needs is to go into images.
fn is_for_this_machine(target: &TargetRoot) -> Result<bool, TargetError> {
    let mut is_so = false;
    for directory in CONFIGURATION {
        let mut files = Vec::new();
        let walked = target.walk(&path(directory), &mut |file, _| {
            files.push(file.clone());
            WalkStep::Descend
        });
        match walked {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
        for file in files {
            // What is no regular file says nothing.
            let contents = target.read(&file).unwrap_or_default();
            is_so |= String::from_utf8_lossy(&contents).lines().any(|line| {
                let value = line.trim_ascii().strip_prefix("MODULES=");
                value.is_some_and(|value| value.trim_matches(['"', '\'']).starts_with("dep"))
            });
        }
    }
    Ok(is_so)
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;
    use crate::progress::Quiet;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn an_image_is_used_again_while_nothing_has_changed() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        fs::create_dir(root.join("target")).unwrap();
        let target = TargetRoot::open(&root.join("target")).unwrap();
        let cache = dib_cache::Cache::open(&root.join("cache")).unwrap();
        let environment = BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]);
        let place = Place {
            cache: &cache,
            target: &target,
            environment: &environment,
            progress: &Quiet,
        };
        for name in ["/boot", "/etc/initramfs-tools", OURS] {
            target.create_directory_all(&path(name), 0o755).unwrap();
        }
        let (image, offered) = (
            path("/boot/initrd.img-6.1"),
            path(&format!("{OURS}/initramfs-6.1")),
        );
        let call = words("-c -k 6.1 -b /boot");
        let kept = || {
            Kept::of(place, &Digests::default(), &environment)
                .unwrap()
                .unwrap()
        };
        assert!(!kept().offer(&target, &call).unwrap());

        target.write(&image, b"image", 0o600).unwrap();
        kept().keep(&target, &call).unwrap();
        assert!(!kept().offer(&target, &call).unwrap());
        target.write(&image, b"image", 0o644).unwrap();
        kept().keep(&target, &call).unwrap();
        assert!(kept().offer(&target, &call).unwrap());
        assert_eq!(target.read(&offered).unwrap(), b"image");
        withdraw_all(&target).unwrap();
        assert!(target.metadata(&offered).unwrap().is_none());
        assert!(!kept().offer(&target, &words("-c -k 6.2 -b /boot")).unwrap());
        assert!(!kept().offer(&target, &words("-u -k 6.1")).unwrap());

        // One that was damaged is as good as none.
        for entry in fs::read_dir(root.join("cache/initramfs")).unwrap() {
            fs::write(entry.unwrap().path(), "imagf").unwrap();
        }
        assert!(!kept().offer(&target, &call).unwrap());
        kept().keep(&target, &call).unwrap();
        target.write(&path("/etc/x"), b"", 0o644).unwrap();
        assert!(!kept().offer(&target, &call).unwrap());

        let configuration = path("/etc/initramfs-tools/initramfs.conf");
        target
            .write(&configuration, b"# MODULES=dep\nMODULES=most\n", 0o644)
            .unwrap();
        assert!(
            Kept::of(place, &Digests::default(), &environment)
                .unwrap()
                .is_some()
        );
        target.write(&configuration, b"MODULES=dep\n", 0o644).unwrap();
        assert!(
            Kept::of(place, &Digests::default(), &environment)
                .unwrap()
                .is_none()
        );
    }
}

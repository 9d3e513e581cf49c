//! What a hook sees and does: all of it goes through here.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;

use camino::Utf8Path;
use dib_archive::ArchiveFormat;
use dib_cache::{Download, Origin as FileOrigin, SumsDownload, VerifiedFile, VerifiedSums};
use dib_sys::command::{Stdin, TargetCommand};
use dib_sys::{FileKind, Metadata, TargetPath, WalkStep};

use crate::journal::Actor;
use crate::variables::Origin;
use crate::{Arch, Build, Effect, Freshness, HookError, PlannedHook, PlannedPackage};

/// A hook's world: what it may read, and every effect it may have.
///
/// A method that changes something records it in the journal; one that only looks does not. Paths are paths in
/// the target, written with a leading slash; they resolve inside it, whatever its symbolic links say.
pub struct HookContext<'a> {
    build: &'a Build<'a>,
    actor: Actor,
}

impl<'a> HookContext<'a> {
    /// Makes the context in which a hook of the build's plan runs.
    #[must_use]
    pub fn of_hook(build: &'a Build<'a>, hook: &PlannedHook) -> Self {
        let actor = Actor::Hook {
            phase: hook.phase,
            hook: hook.name.as_str().to_owned(),
            element: hook.element.clone(),
        };
        Self { build, actor }
    }

    /// Makes the context of a step that the build itself takes between hooks.
    pub(crate) fn of_step(build: &'a Build<'a>, step: &str) -> Self {
        Self {
            build,
            actor: Actor::Build {
                step: step.to_owned(),
            },
        }
    }

    // What it may read.

    /// Returns the value of a variable, or `None` when it is unset or empty.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.build.variables.get(name).filter(|value| !value.is_empty())
    }

    /// Returns the value of a variable that the hook can't do without.
    ///
    /// # Errors
    /// When it is unset or empty.
    pub fn required(&self, name: &str) -> Result<&str, HookError> {
        self.variable(name).ok_or_else(|| HookError::Unset {
            name: name.to_owned(),
        })
    }

    /// Returns the image's architecture.
    #[must_use]
    pub fn arch(&self) -> Arch {
        self.build.plan.spec().arch
    }

    /// Returns the directory of the image cache.
    #[must_use]
    pub fn image_cache(&self) -> &Utf8Path {
        &self.build.plan.spec().image_cache
    }

    /// Returns whether cached files are taken as they are.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        self.build.plan.spec().freshness
    }

    /// Returns the packages that the build installs, with who wants each.
    #[must_use]
    pub fn packages(&self) -> &[PlannedPackage] {
        self.build.plan.packages()
    }

    /// Looks at a path, without following a symbolic link there; `None` when nothing is there.
    ///
    /// # Errors
    /// When the path is none or can't be looked at.
    pub fn metadata(&self, path: &str) -> Result<Option<Metadata>, HookError> {
        Ok(self.build.target.metadata(&path.parse()?)?)
    }

    /// Returns whether anything is at that path, a dangling symbolic link included.
    ///
    /// # Errors
    /// When the path is none or can't be looked at.
    pub fn exists(&self, path: &str) -> Result<bool, HookError> {
        Ok(self.metadata(path)?.is_some())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, HookError> {
        Ok(self.build.target.read(&path.parse()?)?)
    }

    /// Lists the names in a directory, sorted; none when the directory is not there.
    ///
    /// # Errors
    /// When it can't be listed.
    pub fn list(&self, path: &str) -> Result<Vec<String>, HookError> {
        let path: TargetPath = path.parse()?;
        if self.build.target.metadata(&path)?.is_none() {
            return Ok(Vec::new());
        }
        Ok(self.build.target.list(&path)?)
    }

    /// Returns the regular files below a directory, sorted, without following symbolic links; none when the directory
    /// is not there.
    ///
    /// # Errors
    /// When a directory can't be read.
    pub fn files_below(&self, directory: &str) -> Result<Vec<String>, HookError> {
        let directory: TargetPath = directory.parse()?;
        let mut files = Vec::new();
        let target = self.build.target;
        if target
            .metadata(&directory)?
            .is_none_or(|metadata| metadata.kind != FileKind::Directory)
        {
            return Ok(files);
        }
        target.walk(&directory, &mut |path, metadata| {
            if metadata.kind == FileKind::Regular {
                files.push(path.to_string());
            }
            WalkStep::Descend
        })?;
        Ok(files)
    }

    /// Returns whether something is mounted at that path.
    ///
    /// # Errors
    /// When the kernel can't say.
    pub fn is_mounted(&self, path: &str) -> Result<bool, HookError> {
        Ok(self
            .build
            .machine
            .is_mount_point(self.build.target, &path.parse()?)?)
    }

    /// Opens a file of the host that the user named, for reading.
    ///
    /// # Errors
    /// When it can't be opened.
    pub fn open_host(&self, path: &Utf8Path) -> Result<File, HookError> {
        File::open(path).map_err(|source| HookError::Host {
            action: "open",
            path: path.to_string(),
            source,
        })
    }

    /// Reads a file of the host that the user named.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn read_host(&self, path: &Utf8Path) -> Result<Vec<u8>, HookError> {
        let mut contents = Vec::new();
        self.open_host(path)?
            .read_to_end(&mut contents)
            .map_err(|source| HookError::Host {
                action: "read",
                path: path.to_string(),
                source,
            })?;
        Ok(contents)
    }

    // What it may do in the target.

    /// Writes a file, with exactly these permission bits, replacing what is there; a symbolic link is replaced, not
    /// followed.
    ///
    /// # Errors
    /// When its directory is missing or the file can't be written.
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>, mode: u32) -> Result<(), HookError> {
        let (path, contents): (TargetPath, _) = (path.parse()?, contents.as_ref());
        self.build.target.write(&path, contents, mode)?;
        self.record(Effect::Write {
            path: path.to_string(),
            mode,
            bytes: contents.len() as u64,
        });
        Ok(())
    }

    /// Makes a directory and those above it where they are missing, with mode 0755.
    ///
    /// # Errors
    /// When something that is no directory stands in the way.
    pub fn create_directory(&self, path: &str) -> Result<(), HookError> {
        let path: TargetPath = path.parse()?;
        if self.build.target.open_directory(&path).is_ok() {
            return Ok(());
        }
        self.build.target.create_directory_all(&path, 0o755)?;
        self.record(Effect::CreateDirectory {
            path: path.to_string(),
        });
        Ok(())
    }

    /// Removes a file or a symbolic link; nothing happens when it is not there.
    ///
    /// # Errors
    /// When it can't be removed.
    pub fn remove(&self, path: &str) -> Result<(), HookError> {
        let path: TargetPath = path.parse()?;
        if self.build.target.remove_file(&path)? {
            self.record(Effect::Remove {
                path: path.to_string(),
            });
        }
        Ok(())
    }

    /// Removes what a directory holds, staying on its file system; nothing happens when it is not there.
    ///
    /// # Errors
    /// When something can't be removed.
    pub fn remove_contents(&self, path: &str) -> Result<(), HookError> {
        let path: TargetPath = path.parse()?;
        for name in self.list(&path.to_string())? {
            let entry = path.join(&name)?;
            self.build.target.remove_tree(&entry)?;
            self.record(Effect::Remove {
                path: entry.to_string(),
            });
        }
        Ok(())
    }

    /// Renames a file or directory, replacing a file that stands there.
    ///
    /// # Errors
    /// When it can't be renamed.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), HookError> {
        let (from, to): (TargetPath, TargetPath) = (from.parse()?, to.parse()?);
        self.build.target.rename(&from, &to)?;
        self.record(Effect::Rename {
            from: from.to_string(),
            to: to.to_string(),
        });
        Ok(())
    }

    /// Makes a symbolic link, replacing a file that stands there.
    ///
    /// # Errors
    /// When it can't be made.
    pub fn symlink(&self, points_to: &str, path: &str) -> Result<(), HookError> {
        let path: TargetPath = path.parse()?;
        self.build.target.symlink(points_to, &path)?;
        self.record(Effect::Symlink {
            path: path.to_string(),
            points_to: points_to.to_owned(),
        });
        Ok(())
    }

    /// Empties a regular file, keeping its owner and mode.
    ///
    /// # Errors
    /// When it can't be emptied.
    pub fn truncate(&self, path: &str) -> Result<(), HookError> {
        let path: TargetPath = path.parse()?;
        self.build.target.truncate(&path)?;
        self.record(Effect::Truncate {
            path: path.to_string(),
        });
        Ok(())
    }

    /// Binds a directory of the host on a directory of the target; the mount dies with the sandbox.
    ///
    /// # Errors
    /// When either is missing or the kernel refuses.
    pub fn bind_mount(&self, source: &Utf8Path, path: &str) -> Result<(), HookError> {
        let path: TargetPath = path.parse()?;
        self.build.machine.bind(source, self.build.target, &path)?;
        self.record(Effect::BindMount {
            source: source.to_string(),
            path: path.to_string(),
        });
        Ok(())
    }

    /// Runs a command in the target, its output going to the build's log.
    ///
    /// The command gets a clean environment: the usual `PATH`, `HOME=/root`, `LC_ALL=C`, the build's and the
    /// elements' variables, the user's `DIB_…` and proxy variables, and `more`.
    ///
    /// # Errors
    /// When it can't be started or fails.
    pub fn run(&self, argv: &[&str], more: &[(&str, &str)]) -> Result<(), HookError> {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let mut environment = target_environment(self.build);
        environment.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let command = TargetCommand {
            argv: argv.clone(),
            environment,
            working_directory: TargetPath::root(),
            stdin: Stdin::Nothing,
        };
        let observer = self.build.observer;
        let outcome = self
            .build
            .machine
            .run(self.build.target, &command, &mut |_, line| observer.output(line))?;
        self.record(Effect::Run {
            argv,
            status: outcome.status.to_string(),
        });
        outcome.require_success(&command)?;
        Ok(())
    }

    // What it may do with the cache.

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

    /// Fetches a file into the cache, or finds it there.
    ///
    /// # Errors
    /// When it can't be fetched or does not verify.
    pub fn fetch(&self, download: &Download) -> Result<VerifiedFile, HookError> {
        let file = self.build.cache.fetch(download)?;
        self.record_fetch(&download.url, file.origin, format!("sha256 {}", file.sha256));
        Ok(file)
    }

    /// Fetches a list of checksums into the cache, or finds it there.
    ///
    /// # Errors
    /// When it can't be fetched or its signature does not verify.
    pub fn fetch_sums(&self, download: &SumsDownload) -> Result<VerifiedSums, HookError> {
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
    /// and counted in the journal; capabilities never are.
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
        let progress = |read: u64| observer.extracting(name, read, total);
        let format = ArchiveFormat::detect(file).map_err(failed)?;
        let extracted = dib_archive::extract(file, format, self.build.target, &progress).map_err(failed)?;
        self.record(Effect::Extract {
            archive: name.to_owned(),
            entries: extracted.entries,
            bytes: extracted.bytes,
            device_nodes: extracted.device_nodes.len(),
            skipped_attributes: extracted.skipped_attributes.len(),
        });
        self.build.keep_device_nodes(extracted.device_nodes);
        Ok(())
    }

    // What it may say.

    /// Records that there was nothing to do, and why.
    pub fn nothing(&self, reason: impl Into<String>) {
        self.record(Effect::Nothing {
            reason: reason.into(),
        });
    }

    pub(crate) fn record(&self, effect: Effect) {
        self.build.journal.record(&self.actor, effect);
    }

    pub(crate) fn build(&self) -> &Build<'a> {
        self.build
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

/// The environment that commands in the target get.
fn target_environment(build: &Build<'_>) -> BTreeMap<String, String> {
    const PROXIES: [&str; 8] = [
        "http_proxy",
        "https_proxy",
        "ftp_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "FTP_PROXY",
        "NO_PROXY",
    ];
    let wanted = |name: &str, origin: &Origin| {
        *origin != Origin::User
            || name.starts_with("DIB_")
            || PROXIES.contains(&name)
            || build.plan.declares(name)
    };
    let mut environment: BTreeMap<String, String> = build
        .variables
        .iter()
        .filter(|(name, _, origin)| wanted(name, origin))
        .map(|(name, value, _)| (name.to_owned(), value.to_owned()))
        .collect();
    for (name, value) in [
        (
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ),
        ("HOME", "/root"),
        ("LC_ALL", "C"),
        ("TERM", "dumb"),
    ] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment
}

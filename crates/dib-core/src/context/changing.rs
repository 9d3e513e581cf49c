//! What a hook may do in the target.

use std::collections::BTreeMap;

use camino::Utf8Path;
use dib_sys::{FileKind, TargetPath};

use super::HookContext;
use crate::journal::KERNEL_FILE_SYSTEMS;
use crate::variables::Origin;
use crate::{Effect, HookError};

impl HookContext<'_> {
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

    /// Writes a file as [`HookContext::write`] does, but where a symbolic link stands, the file that it points to.
    ///
    /// # Errors
    /// When the link leads round in circles, its file's directory is missing or the file can't be written.
    pub fn write_through_link(
        &self,
        path: &str,
        contents: impl AsRef<[u8]>,
        mode: u32,
    ) -> Result<(), HookError> {
        let mut place = path.to_owned();
        for _ in 0..MOST_LINKS {
            let is_link = self
                .metadata(&place)?
                .is_some_and(|metadata| metadata.kind == FileKind::Symlink);
            if !is_link {
                return self.write(&place, contents, mode);
            }
            let points_to = self.build.target.read_link(&place.parse()?)?;
            place = pointed_to(&place, &points_to);
        }
        Err(HookError::other(format!("{path} is a link that leads nowhere")))
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

    /// Removes what a directory holds, whatever its names are, entering no mount; nothing happens when the directory is
    /// not there.
    ///
    /// # Errors
    /// When something can't be removed.
    pub fn remove_contents(&self, path: &str) -> Result<(), HookError> {
        let path: TargetPath = path.parse()?;
        if self.build.target.open_directory(&path).is_ok() && self.build.target.remove_contents(&path)? {
            self.record(Effect::RemoveContents {
                path: path.to_string(),
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

    /// Binds a directory of the host on a directory of the target so that nothing in it can be written, making that
    /// directory where it is missing.
    ///
    /// # Errors
    /// When the source is missing or the kernel refuses.
    pub fn bind_read_only(&self, source: &Utf8Path, path: &str) -> Result<(), HookError> {
        let at: TargetPath = path.parse()?;
        self.build.target.create_directory_all(&at, 0o755)?;
        self.build
            .machine
            .bind_read_only(source, self.build.target, &at)?;
        self.record(Effect::BindMount {
            source: source.to_string(),
            path: path.to_owned(),
        });
        Ok(())
    }

    /// Removes what is mounted on a path of the target.
    ///
    /// # Errors
    /// When nothing is, or the kernel refuses.
    pub fn unmount(&self, path: &str) -> Result<(), HookError> {
        self.build.machine.unmount(self.build.target, &path.parse()?)?;
        self.record(Effect::Mount {
            what: format!("unmount {path}"),
        });
        Ok(())
    }

    /// Removes a directory and what it holds, entering no mount; nothing happens when it is not there.
    ///
    /// # Errors
    /// When something can't be removed.
    pub fn remove_directory(&self, path: &str) -> Result<(), HookError> {
        if self.build.target.remove_tree(&path.parse()?)? {
            self.record(Effect::Remove {
                path: path.to_owned(),
            });
        }
        Ok(())
    }

    /// Mounts `/proc`, `/sys` and `/dev` for commands in the target, unless they are there. The build itself does so after
    /// the phase `root`, and unmounts them again.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn mount_kernel_file_systems(&self) -> Result<(), HookError> {
        if self.is_mounted("/proc")? {
            return Ok(());
        }
        self.build.machine.mount_kernel_file_systems(self.build.target)?;
        self.record(Effect::Mount {
            what: KERNEL_FILE_SYSTEMS.to_owned(),
        });
        Ok(())
    }

    /// Runs a command in the target, its output going to the build's log.
    ///
    /// The command gets a clean environment: the usual `PATH`, `HOME=/root`, `LC_ALL=C`, the build's variables, those that the
    /// hook's element declares, the user's `DIB_…` that nobody declares, proxy variables,
    /// `SOURCE_DATE_EPOCH`, and `more`.
    ///
    /// # Errors
    /// When it can't be started or fails.
    pub fn run(&self, argv: &[&str], more: &[(&str, &str)]) -> Result<(), HookError> {
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let mut environment = self.command_environment();
        environment.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        self.run_with_environment(argv, environment)
    }
}

/// As many links as Linux follows.
const MOST_LINKS: usize = 40;

/// Returns the path that a link's text means; `..` goes up by name, no higher than the root.
fn pointed_to(link: &str, text: &str) -> String {
    let directory = link.rsplit_once('/').map_or("", |(directory, _)| directory);
    let whole = if text.starts_with('/') {
        text.to_owned()
    } else {
        format!("{directory}/{text}")
    };
    let mut parts = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Variables that commands in the target get though nothing that they do depends on them: they are about the build.
const OF_NO_ACCOUNT: [&str; 8] = [
    "DIB_ARGS",
    "DIB_CHECKSUM",
    "DIB_DEBUG_TRACE",
    "DIB_IMAGE_CACHE",
    "DIB_MANIFEST_SAVE_DIR",
    "DIB_OFFLINE",
    "IMAGE_ELEMENT",
    "IMAGE_NAME",
];

/// The environment that commands in the target get.
pub(super) fn target_environment(ctx: &HookContext<'_>) -> BTreeMap<String, String> {
    /// Those that programs other than DIB's know.
    const KNOWN: [&str; 9] = [
        "SOURCE_DATE_EPOCH",
        "http_proxy",
        "https_proxy",
        "ftp_proxy",
        "no_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "FTP_PROXY",
        "NO_PROXY",
    ];
    let (plan, variables) = (ctx.build().plan, &ctx.variables);
    let is_visible = |name: &str, origin: &Origin| match origin {
        Origin::Build | Origin::EnvironmentFile => true,
        _ if plan.declares(name) => ctx.element_declares(name),
        Origin::Default(_) => true,
        Origin::User => name.starts_with("DIB_") || KNOWN.contains(&name),
    };
    let mut environment: BTreeMap<String, String> = variables
        .iter()
        .filter(|(name, _, origin)| is_visible(name, origin))
        .map(|(name, value, _)| (name.to_owned(), value.to_owned()))
        .collect();
    for name in environment
        .keys()
        .filter(|name| !OF_NO_ACCOUNT.contains(&name.as_str()))
    {
        ctx.saw_variable(name);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_point_where_they_say() {
        let check = |link, text, expected| assert_eq!(pointed_to(link, text), expected, "{link} -> {text}");
        check("/etc/default/locale", "../locale.conf", "/etc/locale.conf");
        check("/etc/a", "b/./c", "/etc/b/c");
        check("/etc/a", "/usr/b", "/usr/b");
        check("/a", "../../b", "/b");
    }
}

//! The journal: every effect that a build has, in order.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::{ElementName, Phase};

/// What is recorded when `/proc`, `/sys` and `/dev` are mounted.
pub const KERNEL_FILE_SYSTEMS: &str = "mount /proc, /sys and /dev";
/// What is recorded when all that is mounted in the tree is unmounted.
pub const UNMOUNTED_ALL: &str = "unmount everything below the target";

/// An effect, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Effect {
    /// A file of the target was written.
    Write {
        /// The path in the target.
        path: String,
        /// The permission bits.
        mode: u32,
        /// The size in bytes.
        bytes: u64,
    },
    /// A directory of the target was made.
    CreateDirectory {
        /// The path in the target.
        path: String,
    },
    /// A file or directory of the target was removed.
    Remove {
        /// The path in the target.
        path: String,
    },
    /// What a directory of the target held was removed.
    RemoveContents {
        /// The directory's path in the target.
        path: String,
    },
    /// A file or directory of the target was renamed.
    Rename {
        /// The old path in the target.
        from: String,
        /// The new path in the target.
        to: String,
    },
    /// A symbolic link was made in the target.
    Symlink {
        /// The path in the target.
        path: String,
        /// What it points to.
        points_to: String,
    },
    /// A file of the target was emptied.
    Truncate {
        /// The path in the target.
        path: String,
    },
    /// A directory of the host was bound into the target.
    BindMount {
        /// The directory of the host.
        source: String,
        /// The path in the target.
        path: String,
    },
    /// File systems were mounted in or unmounted from the target.
    Mount {
        /// What happened, in words.
        what: String,
    },
    /// A directory of the host was made, usually below the image cache.
    CreateHostDirectory {
        /// The directory of the host.
        path: String,
    },
    /// A file of the target was copied to the host, such as a kernel beside the image.
    CopyToHost {
        /// The path in the target.
        path: String,
        /// The path on the host.
        to: String,
        /// The size in bytes.
        bytes: u64,
    },
    /// A file was fetched into the cache, or found there.
    Fetch {
        /// Where it comes from.
        url: String,
        /// How it came: downloaded, revalidated or cached.
        origin: String,
        /// What vouches for it: its SHA-256 or who signed it.
        verified: String,
    },
    /// An archive was extracted into the target.
    Extract {
        /// The archive's file name.
        archive: String,
        /// How many entries it has.
        entries: u64,
        /// How many bytes its files hold.
        bytes: u64,
        /// How many device nodes are kept for the image.
        device_nodes: usize,
        /// How many extended attributes could not be kept.
        skipped_attributes: usize,
        /// How many entries were left out because something is mounted where they belong.
        skipped_entries: u64,
    },
    /// Whatever in the target was changed later than a time got that time.
    ClampTimes {
        /// The time in seconds since 1970.
        latest: i64,
        /// How many files, directories and links there were.
        entries: usize,
    },
    /// Packages were unpacked into the target.
    Unpack {
        /// Each as `name=version`, in the order in which they were unpacked.
        packages: Vec<String>,
        /// Those that dpkg had to unpack alone, each with the reason.
        alone: Vec<String>,
    },
    /// The packages that had been unpacked were configured.
    Configure {
        /// How many.
        packages: usize,
    },
    /// A command ran in the target.
    Run {
        /// The program and its arguments.
        argv: Vec<String>,
        /// How it ended.
        status: String,
    },
    /// A command ran beside the target.
    RunOnHost {
        /// The program and its arguments.
        argv: Vec<String>,
        /// How it ended.
        status: String,
    },
    /// Nothing was done, and why.
    Nothing {
        /// The reason.
        reason: String,
    },
}

impl fmt::Display for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, mode, bytes } => write!(formatter, "write {path} {mode:04o} ({bytes} bytes)"),
            Self::CreateDirectory { path } => write!(formatter, "create directory {path}"),
            Self::RemoveContents { path } => write!(formatter, "empty the directory {path}"),
            Self::Remove { path } => write!(formatter, "remove {path}"),
            Self::Rename { from, to } => write!(formatter, "rename {from} to {to}"),
            Self::Symlink { path, points_to } => write!(formatter, "link {path} to {points_to}"),
            Self::Truncate { path } => write!(formatter, "empty {path}"),
            Self::BindMount { source, path } => write!(formatter, "bind {source} on {path}"),
            Self::Mount { what } => formatter.write_str(what),
            Self::CreateHostDirectory { path } => write!(formatter, "create directory {path} of the host"),
            Self::CopyToHost { path, to, bytes } => {
                write!(formatter, "copy {path} to {to} of the host ({bytes} bytes)")
            }
            Self::Fetch {
                url,
                origin,
                verified,
            } => write!(formatter, "fetch {url} ({origin}, {verified})"),
            Self::Extract {
                archive,
                entries,
                bytes,
                device_nodes,
                skipped_attributes,
                skipped_entries,
            } => {
                write!(formatter, "extract {archive} ({entries} entries, {bytes} bytes")?;
                if *device_nodes > 0 {
                    write!(formatter, ", {device_nodes} device nodes kept for the image")?;
                }
                if *skipped_attributes > 0 {
                    write!(formatter, ", {skipped_attributes} attributes skipped")?;
                }
                if *skipped_entries > 0 {
                    write!(formatter, ", {skipped_entries} entries below mounts left out")?;
                }
                formatter.write_str(")")
            }
            Self::ClampTimes { latest, entries } => {
                write!(formatter, "clamp the times of {entries} entries to {latest}")
            }
            Self::Unpack { packages, alone } => {
                write!(
                    formatter,
                    "unpack {} packages: {}",
                    packages.len(),
                    packages.join(" ")
                )?;
                if !alone.is_empty() {
                    write!(formatter, "; by dpkg, alone: {}", alone.join(", "))?;
                }
                Ok(())
            }
            Self::Configure { packages } => write!(formatter, "configure {packages} packages"),
            Self::Run { argv, status } => write!(formatter, "run {} ({status})", in_a_line(argv)),
            Self::RunOnHost { argv, status } => {
                write!(formatter, "run {} beside the target ({status})", in_a_line(argv))
            }
            Self::Nothing { reason } => write!(formatter, "nothing to do: {reason}"),
        }
    }
}

/// Returns a command line without the scripts in it, which go over many lines.
fn in_a_line(argv: &[String]) -> String {
    let words: Vec<_> = argv
        .iter()
        .map(|word| if word.trim().contains('\n') { "…" } else { word })
        .collect();
    words.join(" ")
}

/// Who had an effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Actor {
    /// A hook.
    Hook {
        /// The phase.
        phase: Phase,
        /// The hook's name.
        hook: String,
        /// The hook's element.
        element: ElementName,
    },
    /// The build itself, between hooks.
    Build {
        /// The step, such as `unmount`.
        step: String,
    },
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hook { phase, hook, .. } => write!(formatter, "{phase}/{hook}"),
            Self::Build { step } => formatter.write_str(step),
        }
    }
}

/// An effect and who had it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who had it.
    #[serde(flatten)]
    pub actor: Actor,
    /// What it was.
    #[serde(flatten)]
    pub effect: Effect,
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.actor, self.effect)
    }
}

type Follower = Box<dyn Fn(&Entry) + Send + Sync>;

/// Every effect of a build, in order: its trace, its report and, in tests, its snapshot.
#[derive(Default)]
pub struct Journal {
    entries: Mutex<Vec<Entry>>,
    follow: Option<Follower>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.lock().iter()).finish()
    }
}

impl Journal {
    /// Makes an empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an empty journal that shows each entry to `follow` as it is recorded.
    #[must_use]
    pub fn followed_by(follow: impl Fn(&Entry) + Send + Sync + 'static) -> Self {
        Self {
            entries: Mutex::default(),
            follow: Some(Box::new(follow)),
        }
    }

    /// Records an effect.
    pub fn record(&self, actor: &Actor, effect: Effect) {
        let entry = Entry {
            actor: actor.clone(),
            effect,
        };
        if let Some(follow) = &self.follow {
            follow(&entry);
        }
        self.lock().push(entry);
    }

    /// Returns the entries so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// Returns how many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Returns whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Returns the entries after the first `count`.
    #[must_use]
    pub fn entries_from(&self, count: usize) -> Vec<Entry> {
        self.lock().get(count..).unwrap_or_default().to_vec()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn entries_are_followed_kept_and_serialised() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let journal = Journal::followed_by(move |entry| sink.lock().unwrap().push(entry.to_string()));
        let actor = Actor::Hook {
            phase: Phase::Root,
            hook: "99-trim-dpkg".to_owned(),
            element: "dpkg".parse().unwrap(),
        };
        journal.record(
            &actor,
            Effect::Write {
                path: "/etc/x".into(),
                mode: 0o644,
                bytes: 3,
            },
        );
        assert_eq!(
            *seen.lock().unwrap(),
            ["root/99-trim-dpkg: write /etc/x 0644 (3 bytes)"]
        );
        let json = serde_json::to_string(&journal.entries()).unwrap();
        assert_eq!(
            serde_json::from_str::<Vec<Entry>>(&json).unwrap(),
            journal.entries()
        );
    }
}

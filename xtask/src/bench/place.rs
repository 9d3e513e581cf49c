//! Where everyone works: an own file system in memory for each, and logs that stay.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::TempDir;

use crate::needs;
use crate::progress;
use crate::scratch_build;
use crate::task_error::TaskError;

/// Runs a command with an empty file system in memory as its directory, which is gone with its last process. A plain
/// directory in memory would not do: device nodes are often forbidden there.
const IN_MEMORY: &str = r#"mount -t tmpfs -o mode=0755 tmpfs "$0" && cd "$0" && exec "$@""#;

/// What a command took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// From its start to its end.
    pub(super) time: Duration,
    /// Of all processors, by the command and everything that it waited for.
    pub(super) processor_time: Duration,
}

/// A directory for work, one for output, a cache, and logs elsewhere.
#[derive(Debug)]
pub(super) struct Place {
    /// Removes everything at its end.
    _directory: TempDir,
    path: Utf8PathBuf,
    work: Utf8PathBuf,
    logs: Utf8PathBuf,
    /// What is measured, with which the logs' names begin.
    subject: &'static str,
}

impl Place {
    /// Makes the place in a directory in memory.
    pub(super) fn make(subject: &'static str, memory: &Utf8Path, logs: &Utf8Path) -> Result<Self, TaskError> {
        let directory = tempfile::Builder::new()
            .prefix("dib-bench-")
            .tempdir_in(memory)
            .map_err(TaskError::file("create a directory in", memory))?;
        let path = Utf8Path::from_path(directory.path())
            .expect("a plain name in a UTF-8 directory is UTF-8")
            .to_owned();
        let place = Self {
            work: path.join("work"),
            logs: logs.to_owned(),
            subject,
            path,
            _directory: directory,
        };
        for path in [&place.work, &place.path.join("out"), &place.cache(), &place.logs] {
            fs::create_dir_all(path).map_err(TaskError::file("create", path))?;
        }
        Ok(place)
    }

    /// The directory that a command finds empty, and stands in.
    pub(super) fn work(&self) -> &Utf8Path {
        &self.work
    }

    /// The directory of our downloads.
    pub(super) fn cache(&self) -> Utf8PathBuf {
        self.path.join("cache")
    }

    /// The output's name without an extension.
    pub(super) fn output(&self) -> Utf8PathBuf {
        self.path.join("out/image")
    }

    /// The output.
    pub(super) fn tar(&self) -> Utf8PathBuf {
        self.path.join("out/image.tar")
    }

    /// Empties our cache.
    pub(super) fn forget(&self) -> Result<(), TaskError> {
        scratch_build::empty(&self.cache())
    }

    /// Prepares a command with a plain environment.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("PATH", needs::path_with_administrators_programs())
            .env("HOME", &self.work)
            .env("TMPDIR", &self.work);
        for kept in ["http_proxy", "https_proxy", "no_proxy"] {
            command.envs(std::env::var(kept).map(|value| (kept, value)));
        }
        command
    }

    /// Runs a command to its end in memory, and says what it took; the output of an earlier one is removed before.
    pub(super) fn time(&self, name: &str, command: &Command) -> Result<Cost, TaskError> {
        scratch_build::empty(&self.path.join("out"))?;
        let path = self.log_path(name);
        let log = File::create(&path).map_err(TaskError::file("create", &path))?;
        let errors = log.try_clone().map_err(TaskError::file("write", &path))?;
        let mut wrapped = Command::new("unshare");
        wrapped
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                IN_MEMORY,
                self.work.as_str(),
            ])
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(name, value)| Some((name, value?))),
            )
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        progress::step(format!("measuring {name}"));
        let (before, start) = (processor_time_of_children()?, Instant::now());
        let status = wrapped.status().map_err(TaskError::file("run", name))?;
        let time = start.elapsed();
        if status.success() {
            progress::step(format!("{name} took {}", progress::seconds(time)));
            return Ok(Cost {
                time,
                processor_time: processor_time_of_children()?.saturating_sub(before),
            });
        }
        Err(TaskError::Check(format!(
            "{name} failed: {status}; {path} ends with\n{}",
            last_lines(&self.log(name)?)
        )))
    }

    /// Reads what a command printed.
    pub(super) fn log(&self, name: &str) -> Result<String, TaskError> {
        let path = self.log_path(name);
        let bytes = fs::read(&path).map_err(TaskError::file("read", &path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn log_path(&self, name: &str) -> Utf8PathBuf {
        self.logs.join(format!("{}-{name}.log", self.subject))
    }
}

/// The processor time of all children that have ended and been waited for, with theirs.
fn processor_time_of_children() -> Result<Duration, TaskError> {
    let path = Utf8Path::new("/proc/self/stat");
    let stat = fs::read_to_string(path).map_err(TaskError::file("read", path))?;
    parse_processor_time(&stat).ok_or_else(|| TaskError::Check(format!("{path} names no times")))
}

/// Reads `cutime` and `cstime` of `proc_pid_stat(5)`, fields 16 and 17, in ticks of which Linux shows 100 a second.
fn parse_processor_time(stat: &str) -> Option<Duration> {
    // The second field, in brackets, may hold blanks.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(13);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * 10))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_times() {
        let stat = "7 (a b) S 3 7 7 0 -1 4194560 1 0 0 0 50 60 120 30 20 0 1 0 4242 0 0";
        assert_eq!(parse_processor_time(stat), Some(Duration::from_millis(1500)));
        assert_eq!(parse_processor_time("7 (a) S 3"), None);
    }

    #[test]
    fn the_end_of_a_log() {
        assert_eq!(last_lines("a\nb\n"), "a\nb");
        let many = "x\n".repeat(20);
        assert_eq!(last_lines(&many).lines().count(), 15);
    }
}

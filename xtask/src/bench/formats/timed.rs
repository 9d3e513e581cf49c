//! Time and memory of a command.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::progress;
use crate::task_error::TaskError;

/// How often the memory is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What a command took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    pub(super) time: Duration,
    /// The most that it held in memory, in KiB, without other programs that it ran.
    pub(super) memory: u64,
}

/// Returns the same command, to be run once more.
pub(super) fn again(command: &Command) -> Command {
    let mut again = Command::new(command.get_program());
    again.args(command.get_args());
    again.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    if let Some(directory) = command.get_current_dir() {
        again.current_dir(directory);
    }
    again
}

/// Runs a command to its end, and says what it took.
pub(super) fn timed(command: &mut Command, what: &str) -> Result<Cost, TaskError> {
    progress::step(what);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().map_err(TaskError::file("run", what))?;
    let (status, memory) = thread::scope(|scope| {
        let path = Utf8PathBuf::from(format!("/proc/{}/status", child.id()));
        let watching = scope.spawn(move || highest_memory(&path));
        let status = child.wait();
        (status, watching.join().unwrap_or_default())
    });
    let time = start.elapsed();
    let status = status.map_err(TaskError::file("wait for", what))?;
    if status.success() {
        progress::step(format!("{what} took {}", progress::seconds(time)));
        return Ok(Cost { time, memory });
    }
    Err(TaskError::Check(format!(
        "{what} failed: {status}; {command:?} shows why"
    )))
}

/// Looks at a process until it is gone; what it shows only ever grows.
fn highest_memory(status: &Utf8Path) -> u64 {
    let mut highest = 0;
    while let Some(memory) = fs::read_to_string(status)
        .ok()
        .as_deref()
        .and_then(high_water_mark)
    {
        highest = memory;
        thread::sleep(LOOK);
    }
    highest
}

/// Reads `VmHWM` of `proc_pid_status(5)`, in KiB; a process that has ended has none.
fn high_water_mark(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_in_kibibytes() {
        assert_eq!(
            high_water_mark("Name:\tdib\nVmHWM:\t   16796 kB\nVmRSS:\t 1 kB\n"),
            Some(16_796)
        );
        assert_eq!(high_water_mark("Name:\tdib\nState:\tZ (zombie)\n"), None);
    }
}

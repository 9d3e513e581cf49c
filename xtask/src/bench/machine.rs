//! What a measurement was made with and on.

use std::fs;
use std::thread;

use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::task_error::TaskError;
use crate::upstream;
use crate::workspace::Workspace;

/// Tells the versions of the tools that build, the machine's size and the day.
pub(super) fn facts(workspace: &Workspace) -> Result<String, TaskError> {
    let shell = workspace.shell()?;
    let tools = format!(
        "mmdebstrap {}, debootstrap {} and diskimage-builder {} (which takes mmdebstrap where that is installed)",
        version(&shell, "mmdebstrap")?,
        version(&shell, "debootstrap")?,
        upstream::VERSION,
    );
    Ok(format!(
        "{}; trees, caches and tars in memory, packages over the network from the host's mirror.",
        facts_with(workspace, &tools)?
    ))
}

/// Tells the machine's size, the day and the tools, whose names and versions are given.
pub(super) fn facts_with(workspace: &Workspace, tools: &str) -> Result<String, TaskError> {
    let shell = workspace.shell()?;
    let commit = cmd!(shell, "git -c safe.directory=* rev-parse --short HEAD")
        .quiet()
        .read()?;
    let day = cmd!(shell, "date --utc +%F").quiet().read()?;
    let kernel = cmd!(shell, "uname --kernel-release --machine").quiet().read()?;
    let processors = thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let path = Utf8Path::new("/proc/meminfo");
    let memory = fs::read_to_string(path).map_err(TaskError::file("read", path))?;
    Ok(format!(
        "Measured on {day} at commit {commit} with {tools}, on {processors} processors and {} GiB of memory, Linux {kernel}",
        gibibytes(&memory),
    ))
}

/// The last word of what a program says to `--version`.
fn version(shell: &Shell, program: &str) -> Result<String, TaskError> {
    let line = cmd!(shell, "{program} --version").quiet().read()?;
    Ok(line.split_whitespace().last().unwrap_or_default().to_owned())
}

/// Reads the size of the memory in `/proc/meminfo` (`proc_meminfo(5)`).
fn gibibytes(text: &str) -> u64 {
    text.lines()
        .find_map(|line| {
            let kibibytes: u64 = line
                .strip_prefix("MemTotal:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()?;
            Some(kibibytes.div_ceil(1024 * 1024))
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory() {
        assert_eq!(
            gibibytes("MemTotal:       24684100 kB\nMemFree:        23553000 kB\n"),
            24
        );
        assert_eq!(gibibytes(""), 0);
    }
}

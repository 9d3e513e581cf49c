//! What a build leaves on a machine while it runs: processes, mounts, loop devices.

use std::fs;

use camino::Utf8Path;

use crate::task_error::TaskError;

/// A process, told from a later one of the same number by when it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    id: u32,
    parent: u32,
    /// Clock ticks since the machine's start.
    started: u64,
    name: String,
}

/// Lists a process and all that descend from it now.
pub(crate) fn family(ancestor: u32) -> Vec<Process> {
    let all = processes();
    let mut family: Vec<Process> = all
        .iter()
        .filter(|process| process.id == ancestor)
        .cloned()
        .collect();
    let mut next = 0;
    while let Some(parent) = family.get(next).map(|process| process.id) {
        family.extend(all.iter().filter(|process| process.parent == parent).cloned());
        next += 1;
    }
    family
}

/// Names all traces of builds in a directory: processes known before, processes whose environment, command line or
/// mounts mention the directory, mounts of ours that do, and loop devices on files in it.
pub(crate) fn traces(directory: &Utf8Path, known: &[Process]) -> Result<Vec<String>, TaskError> {
    let mut traces = Vec::new();
    for process in processes() {
        if known.contains(&process) || mentions(process.id, directory) {
            traces.push(format!("process {} ({})", process.id, process.name));
        }
    }
    let mounts = Utf8Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(mounts).map_err(TaskError::file("read", mounts))?;
    traces.extend(
        text.lines()
            .filter(|line| line.contains(directory.as_str()))
            .map(|line| format!("mount {line}")),
    );
    traces.extend(loop_devices(directory)?);
    Ok(traces)
}

/// Reads the living processes; one that ends meanwhile is not there.
fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|id| parse_stat(id, &fs::read_to_string(format!("/proc/{id}/stat")).ok()?))
        .collect()
}

/// Reads `/proc/PID/stat` (`proc_pid_stat(5)`); `None` for a process that is dead and only waits to be collected.
fn parse_stat(id: u32, stat: &str) -> Option<Process> {
    // The name is in brackets and may hold brackets itself.
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    Some(Process {
        id,
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
        name: name.to_owned(),
    })
}

/// Whether what we may read of a process mentions a directory; ourselves we know.
fn mentions(id: u32, directory: &Utf8Path) -> bool {
    id != std::process::id()
        && ["environ", "cmdline", "mountinfo"].iter().any(|name| {
            fs::read(format!("/proc/{id}/{name}"))
                .is_ok_and(|text| String::from_utf8_lossy(&text).contains(directory.as_str()))
        })
}

fn loop_devices(directory: &Utf8Path) -> Result<Vec<String>, TaskError> {
    let mut devices = Vec::new();
    let blocks = Utf8Path::new("/sys/block");
    // A machine without block devices has no loop device either.
    let Ok(entries) = blocks.read_dir_utf8() else {
        return Ok(devices);
    };
    for entry in entries {
        let entry = entry.map_err(TaskError::file("read", blocks))?;
        let file = fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
        if file.contains(directory.as_str()) {
            devices.push(format!("loop device {} on {}", entry.file_name(), file.trim()));
        }
    }
    Ok(devices)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn stat_lines() {
        let line =
            |state: &str| format!("7 (a) b) {state} 3 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0\n");
        let process = parse_stat(7, &line("S")).unwrap();
        assert_eq!(
            (process.parent, process.started, process.name.as_str()),
            (3, 4242, "a) b")
        );
        assert_eq!(parse_stat(7, &line("Z")), None);
        assert_eq!(parse_stat(7, ""), None);
    }

    #[test]
    fn a_child_is_found_by_descent_and_by_its_environment() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        // It waits for a line that never comes, and ends with its input.
        let mut child = Command::new("cat")
            .env("TMPDIR", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let family = family(std::process::id());
        assert!(
            family.iter().any(|process| process.id == child.id()),
            "{family:?}"
        );
        let found = traces(path, &[]).unwrap();
        assert!(
            found
                .iter()
                .any(|trace| trace.starts_with(&format!("process {} ", child.id()))),
            "{found:?}"
        );
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(traces(path, &[]).unwrap(), Vec::<String>::new());
    }
}

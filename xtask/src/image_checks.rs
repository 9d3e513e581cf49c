//! Checks on finished images, by programs that are not ours.

use std::collections::BTreeMap;

use camino::Utf8Path;
use xshell::{Shell, cmd};

use crate::needs;
use crate::progress;
use crate::task_error::TaskError;

/// What a build may take away from a root file system: nobody misses it in an image.
const MAY_BE_REMOVED: [&str; 6] = [
    "tmp/",
    "var/tmp/",
    "var/lib/apt/lists/",
    "var/cache/",
    "var/log/",
    "run/",
];

/// Checks `image.qcow2`, `image.raw` and `image.tar` in a directory, which one build made from the archive `origin`.
pub(crate) fn check(directory: &Utf8Path, origin: &Utf8Path) -> Result<(), TaskError> {
    let shell = Shell::new()?;
    shell.change_dir(directory);
    shell.set_var("PATH", needs::path_with_administrators_programs());
    progress::step(format!("checking the images in {directory}"));
    cmd!(shell, "qemu-img check image.qcow2").quiet().run()?;
    cmd!(shell, "e2fsck -f -n image.raw").quiet().run()?;
    cmd!(shell, "qemu-img compare -f raw -F qcow2 image.raw image.qcow2")
        .quiet()
        .run()?;

    let before = listing(&shell, origin)?;
    let after = listing(&shell, Utf8Path::new("image.tar"))?;
    let faults = differences(&before, &after);
    if !faults.is_empty() {
        return Err(TaskError::Check(format!(
            "the image differs from {origin}:\n  {}",
            faults.join("\n  ")
        )));
    }
    progress::step(format!(
        "{} files have kept their types, modes, owners and attributes",
        before.len()
    ));
    check_file_system(&shell)
}

/// Looks in the ext4 for what is lost most easily: a setuid bit, a capability, a device node.
fn check_file_system(shell: &Shell) -> Result<(), TaskError> {
    for (request, expected) in [
        ("stat /usr/bin/passwd", "Mode:  04755"),
        ("stat /dev/null", "Type: character special"),
        ("ea_list /usr/bin/ping", "security.capability (20)"),
    ] {
        let answer = cmd!(shell, "debugfs -R {request} image.raw")
            .quiet()
            .ignore_stderr()
            .read()?;
        if !answer.contains(expected) {
            return Err(TaskError::Check(format!(
                "image.raw: {request}: no \"{expected}\" in\n{answer}"
            )));
        }
    }
    Ok(())
}

/// A file as a listing has it: type and mode, owner, sizes and names of extended attributes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Listed {
    mode: String,
    owner: String,
    attributes: Vec<String>,
}

fn listing(shell: &Shell, archive: &Utf8Path) -> Result<BTreeMap<String, Listed>, TaskError> {
    let options = [
        "--numeric-owner",
        "--xattrs",
        "--xattrs-include=*",
        "--quoting-style=escape",
        "-tvvf",
    ];
    let text = cmd!(shell, "tar {options...} {archive}")
        .env("LC_ALL", "C")
        .quiet()
        .read()?;
    Ok(parse_listing(&text))
}

/// Reads GNU tar's verbose listing: `MODE OWNER SIZE DATE TIME NAME[ -> TARGET]`, attributes in lines after it.
fn parse_listing(text: &str) -> BTreeMap<String, Listed> {
    let mut files: BTreeMap<String, Listed> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(attribute) = line.strip_prefix("  x:") {
            // Access lists don't count: a root file system that came as squashfs can't have had any.
            let file = files
                .get_mut(&current)
                .filter(|_| !attribute.contains("system.posix_acl"));
            if let Some(file) = file {
                file.attributes.push(attribute.trim().to_owned());
            }
            continue;
        }
        let mut rest = line;
        let mut word = || {
            let (word, after) = rest.trim_start().split_once(' ').unwrap_or((rest, ""));
            rest = after;
            word.to_owned()
        };
        let [mode, owner, _size, _date, _time] = [(); 5].map(|()| word());
        let name = rest
            .split(" -> ")
            .next()
            .unwrap_or_default()
            .split(" link to ")
            .next()
            .unwrap_or_default();
        // Which name of a file is the link is the archive's choice. The last sign is no part of the mode.
        let mode = mode
            .replacen('h', "-", 1)
            .trim_end_matches(['*', '+', '.'])
            .to_owned();
        current = String::from(name.trim_start_matches("./").trim_end_matches('/'));
        files.insert(
            current.clone(),
            Listed {
                mode,
                owner,
                attributes: Vec::new(),
            },
        );
    }
    files
}

fn differences(before: &BTreeMap<String, Listed>, after: &BTreeMap<String, Listed>) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, was) in before {
        match after.get(name) {
            None if MAY_BE_REMOVED.iter().any(|start| name.starts_with(start)) => {}
            None => faults.push(format!("{name} is missing")),
            Some(is) if is != was => faults.push(format!("{name} was {was:?} and is {is:?}")),
            Some(_) => {}
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings() {
        let text = "drwxr-xr-x 0/0               0 2026-11-24 03:30 ./\n\
                    -rwxr-xr-x* 0/0          90568 2024-09-24 17:00 ./usr/bin/ping\n  x: 20 security.capability\n\
                    drwxr-sr-x* 0/999             0 2026-11-24 03:49 ./var/log/journal/\n  x: 44 system.posix_acl_access\n\
                    lrwxrwxrwx  0/0              0 2026-11-24 03:30 ./dev/fd -> /proc/self/fd\n\
                    hrwxr-xr-x 0/0               0 2026-09-29 01:59 ./usr/bin/perl5.36.0 link to ./usr/bin/perl\n\
                    crw-rw-rw- 0/0             1,3 2026-11-24 03:30 ./dev/null\n\
                    drwxrwsr-x 0/8               0 2026-11-24 03:30 ./var/mail/\n";
        let files = parse_listing(text);
        let shown: Vec<String> = files
            .iter()
            .map(|(name, file)| {
                format!(
                    "{name} {} {} {}",
                    file.mode,
                    file.owner,
                    file.attributes.join(",")
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                " drwxr-xr-x 0/0 ",
                "dev/fd lrwxrwxrwx 0/0 ",
                "dev/null crw-rw-rw- 0/0 ",
                "usr/bin/perl5.36.0 -rwxr-xr-x 0/0 ",
                "usr/bin/ping -rwxr-xr-x 0/0 20 security.capability",
                "var/log/journal drwxr-sr-x 0/999 ",
                "var/mail drwxrwsr-x 0/8 ",
            ]
        );
    }

    #[test]
    fn what_differs() {
        let before = parse_listing(
            "-rwsr-xr-x 0/0 1 2026-11-24 03:30 ./a\n-rw-r--r-- 0/0 1 2026-11-24 03:30 ./b\n\
             -rw-r--r-- 0/0 1 2026-11-24 03:30 ./tmp/c\n",
        );
        let after =
            parse_listing("-rwxr-xr-x 0/0 1 2026-11-24 03:30 ./a\n-rw-r--r-- 0/0 1 2026-11-24 03:30 ./new\n");
        let faults = differences(&before, &after);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(
            faults[0].starts_with("a was") && faults[1] == "b is missing",
            "{faults:?}"
        );
    }
}

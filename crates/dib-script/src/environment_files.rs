//! `environment.d`: files that bash reads before the hooks of a phase, and what they leave in the environment.
//!
//! Source: `source_environment` in diskimage-builder's `dib-run-parts`, which reads them in the order of their bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;

use camino::{Utf8Path, Utf8PathBuf};
use dib_sys::command::{CommandError, HostCommand, Stdin, run_on_host};

use crate::error::{ElementError, EnvironmentError};
use crate::hooks;

/// The directory's name in an element.
pub(crate) const DIRECTORY: &str = "environment.d";

/// What bash does with the files: its first argument is the file that the environment is written to.
pub(crate) const DRIVER: &str = r#"
dib_result=$1
shift
dib_files=("$@")
set --
set -ue -o pipefail
for dib_file in "${dib_files[@]}"; do
    printf %s "$dib_file" > "$dib_result"
    echo "reading the environment file $dib_file"
    if [ "${DIB_DEBUG_TRACE:-0}" -gt 0 ]; then set -x; fi
    source "$dib_file"
    { set +x; } 2>/dev/null
done
unset dib_file dib_files
env -0 > "$dib_result"
"#;

/// What the driver itself changes, or what is no business of scripts.
const OF_SHELL: [&str; 5] = ["_", "OLDPWD", "PWD", "SHLVL", "dib_result"];

/// Returns the command line that reads these files and writes the environment after them to `result`.
pub(crate) fn command(result: &str, files: &[String]) -> Vec<String> {
    ["bash", "-c", DRIVER, "environment.d", result]
        .into_iter()
        .map(str::to_owned)
        .chain(files.iter().cloned())
        .collect()
}

/// Works out, on the host and before anything is built, which variables the environment files of these elements set; `base`
/// is the environment that they find.
///
/// # Errors
/// When bash is missing, or a file fails as it would in the build.
pub fn evaluate(
    elements: &[&Utf8Path],
    base: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, EnvironmentError> {
    let files = of_elements(elements.iter().copied())?;
    if files.is_empty() {
        return Ok(BTreeMap::new());
    }
    // It has no name: nothing would be left of it where somebody kills this program.
    let mut result = tempfile::tempfile()?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), result.as_raw_fd());
    let files: Vec<String> = files.into_iter().map(Utf8PathBuf::into_string).collect();
    let command = HostCommand {
        argv: command(&path, &files),
        environment: base.clone(),
        working_directory: ".".into(),
        stdin: Stdin::Nothing,
    };
    let ran = run_on_host(&command, &mut |_, _| {})?.require_success(&command);
    let mut written = Vec::new();
    result.read_to_end(&mut written)?;
    ran.map_err(|error| failure(error, &written))?;
    let mut set = parse(&written)?;
    set.retain(|name, value| base.get(name) != Some(value));
    Ok(set)
}

/// Says of a driver that failed which file it was reading, by what it has written.
pub(crate) fn failure(error: CommandError, written: &[u8]) -> EnvironmentError {
    match error {
        CommandError::Failed {
            status, last_lines, ..
        } => EnvironmentError::Failed {
            file: String::from_utf8_lossy(written).into_owned(),
            status,
            last_lines,
        },
        error => EnvironmentError::Command(error),
    }
}

/// Reads what the driver has written: the environment, or the name of the file that ended it. What is not UTF-8 can't be
/// handed on.
///
/// # Errors
/// When a file ended it.
pub(crate) fn parse(bytes: &[u8]) -> Result<BTreeMap<String, String>, EnvironmentError> {
    if !bytes.ends_with(&[0]) {
        return Err(EnvironmentError::Ended {
            file: String::from_utf8_lossy(bytes).into_owned(),
        });
    }
    let environment = bytes
        .split(|byte| *byte == 0)
        .filter_map(|entry| std::str::from_utf8(entry).ok()?.split_once('='))
        .filter(|(name, _)| !OF_SHELL.contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Ok(environment)
}

/// Lists the environment files in a directory, in the order in which they are read; none where there is no such directory.
///
/// # Errors
/// When it can't be listed.
pub(crate) fn in_directory(directory: &Utf8Path) -> Result<Vec<String>, ElementError> {
    let mut names = hooks::names(directory)?;
    names.retain(|name| {
        let is_name = name
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character));
        is_name && fs::metadata(directory.join(name)).is_ok_and(|metadata| metadata.is_file())
    });
    Ok(names)
}

/// Lists the environment files of some elements, in the order in which they are read.
///
/// # Errors
/// When a directory can't be listed.
pub fn of_elements<'d>(
    directories: impl Iterator<Item = &'d Utf8Path>,
) -> Result<Vec<Utf8PathBuf>, ElementError> {
    let mut files = Vec::new();
    for directory in directories {
        let directory = directory.join(DIRECTORY);
        files.extend(
            in_directory(&directory)?
                .into_iter()
                .map(|name| directory.join(name)),
        );
    }
    files.sort_by(|left, right| left.file_name().cmp(&right.file_name()));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_read_back() {
        let bytes = b"A=1\0B=x\ny=z\0_=/usr/bin/env\0BASH_FUNC_f%%=() {  :\n}\0PWD=/\0BAD=\xff\0";
        let expected = [("A", "1"), ("B", "x\ny=z"), ("BASH_FUNC_f%%", "() {  :\n}")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse(bytes).unwrap(), expected.into());
    }

    #[test]
    fn a_file_that_ends_the_shell_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let element = Utf8Path::from_path(parent.path()).unwrap();
        let directory = element.join(DIRECTORY);
        fs::create_dir(&directory).unwrap();
        for (name, text) in [("10-a", "export A=1"), ("20-b", "exit 0"), ("30-c", "export B=1")] {
            fs::write(directory.join(name), text).unwrap();
        }
        let base = [("PATH".to_owned(), std::env::var("PATH").unwrap_or_default())];
        let error = evaluate(&[element], &base.into()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("{directory}/20-b ends the shell")),
            "{error}"
        );
    }

    #[test]
    fn what_the_files_export_is_worked_out() {
        let parent = tempfile::tempdir().unwrap();
        let element = Utf8Path::from_path(parent.path()).unwrap();
        let directory = element.join(DIRECTORY);
        fs::create_dir(&directory).unwrap();
        let base = |name: &str| (name.to_owned(), std::env::var(name).unwrap_or_default());
        let mut base = BTreeMap::from([base("PATH")]);
        base.insert("SET".to_owned(), "by the user".to_owned());
        let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
        write(
            "10-a",
            "export A=${SET:-x}/${UNSET:-y}\nSET=${SET:-z}\nnot_exported=1\n",
        );
        write("20-b", "export B=\"$A\n\"\n");
        let set = evaluate(&[element], &base).unwrap();
        let expected = [("A", "by the user/y"), ("B", "by the user/y\n")];
        assert_eq!(
            set,
            expected
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into()
        );

        write("30-c", "echo $NOWHERE\n");
        let error = evaluate(&[element], &base).unwrap_err().to_string();
        let start = format!("the environment file {directory}/30-c failed: bash exited with status ");
        assert!(
            error.starts_with(&start) && error.contains("NOWHERE: unbound variable"),
            "{error}"
        );
    }

    #[test]
    fn files_are_read_in_the_order_of_their_bytes() {
        let parent = tempfile::tempdir().unwrap();
        let parent = Utf8Path::from_path(parent.path()).unwrap();
        for file in ["b/9-last", "a/10-first.bash", "b/10-second", "a/no name"] {
            let (element, name) = file.split_once('/').unwrap();
            let directory = parent.join(element).join(DIRECTORY);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join(name), "").unwrap();
        }
        let elements = [parent.join("b"), parent.join("a"), parent.join("c")];
        let files = of_elements(elements.iter().map(Utf8PathBuf::as_path)).unwrap();
        let names: Vec<_> = files.iter().filter_map(|file| file.file_name()).collect();
        assert_eq!(names, ["10-first.bash", "10-second", "9-last"]);
    }
}

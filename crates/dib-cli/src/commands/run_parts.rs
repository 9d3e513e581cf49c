//! `dib-run-parts`: runs a directory's executables in their order, as upstream's script of that name does.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use dib_script::{HookNames, RUN_PARTS_REGEX};
use nix::unistd::{AccessFlags, access};

use crate::arguments::RunPartsArguments;
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};
use crate::log::Stream;
use crate::stdout;

/// What bash does before anything runs: it sources files, and becomes this program again.
///
/// Whatever the files change of the process, be it the environment, the directory or a limit, holds for what runs then.
const SOURCING: &str = r#"
dib_run_parts=("$1" "$2")
shift 2
dib_environment_files=("$@")
set --
set -ue -o pipefail
for dib_environment_file in "${dib_environment_files[@]}"; do
    echo "dib-run-parts Sourcing environment file $dib_environment_file" >&2
    set -o xtrace
    source "$dib_environment_file"
    { set +o xtrace; } 2>/dev/null
done
exec -a dib-run-parts "${dib_run_parts[0]}" --with-environment -- "${dib_run_parts[1]}"
"#;

/// Runs what there is to run, or lists it.
///
/// # Errors
/// When the directory can't be read, when an environment file fails, or when an executable does: then the exit code is its
/// own, and nothing more is shown.
pub(super) fn run(arguments: &RunPartsArguments, environment: &Environment) -> Result<(), CliError> {
    let directory = &arguments.directory;
    if !directory.is_dir() {
        let message = format!("{directory} is not a directory of executables");
        return Err(CliError::new(ErrorKind::OfCommand(1), message).hint("dib-run-parts [--list] DIRECTORY"));
    }
    let files = Files::of(directory, environment.get(RUN_PARTS_REGEX))?;
    if arguments.list {
        let lines = files.executables.iter().fold(String::new(), |mut lines, name| {
            writeln!(lines, "{directory}/{name}").expect("a String takes all text");
            lines
        });
        return stdout::print(&lines);
    }
    if !arguments.with_environment {
        if environment
            .get("DIB_DEBUG_TRACE")
            .is_some_and(|level| level != "0")
        {
            files.tell_ignored();
        }
        let environment_files = environment_files(directory)?;
        if !environment_files.is_empty() {
            return Err(become_bash(directory, &environment_files));
        }
    }
    let mut profile = Vec::new();
    for name in &files.executables {
        tell(&format!("Running {directory}/{name}"));
        let begun = Instant::now();
        let status = status_of(&directory.join(name));
        if status != 0 {
            return Err(CliError::silent(status));
        }
        profile.push((name.as_str(), begun.elapsed()));
        tell(&format!("{name} completed"));
    }
    tell(&profile_of(directory, &profile));
    Ok(())
}

/// The files of a directory.
struct Files {
    /// What counts, in the order in which it runs.
    executables: Vec<String>,
    /// What does not since its name is of the wrong kind.
    misnamed: Vec<String>,
    /// What does not since it is not executable.
    not_executable: Vec<String>,
}

impl Files {
    fn of(directory: &Utf8Path, pattern: Option<&str>) -> Result<Self, CliError> {
        let (executable, not_executable): (Vec<_>, Vec<_>) = regular_files(directory)?
            .into_iter()
            .partition(|name| access(directory.join(name).as_std_path(), AccessFlags::X_OK).is_ok());
        let (mut executables, misnamed) = HookNames::matching(pattern).divide(executable)?;
        executables.sort_by(|left, right| by_number(left, right));
        Ok(Self {
            executables,
            misnamed,
            not_executable,
        })
    }

    fn tell_ignored(&self) {
        for (kind, names) in [
            ("non-executable files", &self.not_executable),
            ("non-conforming filenames", &self.misnamed),
        ] {
            if !names.is_empty() {
                tell(&format!("Ignoring {kind}: {}", names.join(" ")));
            }
        }
    }
}

/// Lists the regular files in a directory, and links to such, by name. What is not UTF-8 has no name that could count.
fn regular_files(directory: &Utf8Path) -> Result<Vec<String>, CliError> {
    let listed = || -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let is_file = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file());
            if let (true, Ok(name)) = (is_file, entry.file_name().into_string()) {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    };
    listed().map_err(|source| {
        let path = directory.to_owned();
        CliError::new(ErrorKind::OfCommand(1), ListError { path, source })
    })
}

#[derive(Debug, thiserror::Error)]
#[error("failed to list {path}")]
struct ListError {
    path: Utf8PathBuf,
    source: io::Error,
}

/// Orders names as `sort -n` does in the C locale: by the numbers that they begin with, then by their bytes.
fn by_number(left: &str, right: &str) -> Ordering {
    let number = |name: &str| -> (usize, String) {
        let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
        let digits = digits.trim_start_matches('0').to_owned();
        (digits.len(), digits)
    };
    number(left).cmp(&number(right)).then_with(|| left.cmp(right))
}

/// Lists the files of `environment.d` beside a directory, in the order of their bytes.
fn environment_files(directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, CliError> {
    let environment_directory = directory.join("../environment.d");
    if !environment_directory.is_dir() {
        return Ok(Vec::new());
    }
    let is_name = |name: &String| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    let names = regular_files(&environment_directory)?.into_iter().filter(is_name);
    Ok(names.map(|name| environment_directory.join(name)).collect())
}

/// Becomes bash, which sources the files and becomes this program again; returns why it can't.
fn become_bash(directory: &Utf8Path, files: &[Utf8PathBuf]) -> CliError {
    let error = match std::env::current_exe() {
        Ok(program) => Command::new("bash")
            .args(["-c", SOURCING, "dib-run-parts"])
            .arg(program)
            .arg(directory)
            .args(files)
            .exec(),
        Err(error) => error,
    };
    CliError::new(ErrorKind::Unavailable, error).hint("bash reads the files of environment.d")
}

/// Runs a file, and returns its exit status as shells have it.
fn status_of(path: &Utf8Path) -> u8 {
    const NO_FORMAT: i32 = nix::libc::ENOEXEC;
    let ran = match Command::new(path).status() {
        // As shells do: what the kernel can't run is a script without a first line that says whose.
        Err(error) if error.raw_os_error() == Some(NO_FORMAT) => Command::new("bash").arg(path).status(),
        ran => ran,
    };
    match ran {
        Ok(status) => shell_status(status),
        Err(error) => {
            tell(&format!("{path} can't be run: {error}"));
            if error.kind() == io::ErrorKind::NotFound {
                127
            } else {
                126
            }
        }
    }
}

fn shell_status(status: ExitStatus) -> u8 {
    let of_signal = status.signal().map(|signal| 128 + signal);
    let code = status.code().or(of_signal).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

/// Returns how long each executable took; the layout is upstream's, which programs read.
fn profile_of(directory: &Utf8Path, profile: &[(&str, Duration)]) -> String {
    let target = directory.file_name().unwrap_or(directory.as_str());
    let mut text = format!(
        "----------------------- PROFILING -----------------------\n\nTarget: {target}\n\n{:40} {:>9}\n{} {}\n\n",
        "Script",
        "Seconds",
        "-".repeat(39) + " ",
        "-".repeat(10),
    );
    for (name, time) in profile {
        writeln!(text, "{name:40} {:10.3}", time.as_secs_f64()).expect("a String takes all text");
    }
    text + "\n--------------------- END PROFILING ---------------------"
}

/// Tells something, each line after the program's name.
fn tell(text: &str) {
    let lines = text.lines().fold(String::new(), |lines, line| {
        lines + "dib-run-parts " + line + "\n"
    });
    // Nobody is left to tell when standard error is closed.
    let _ = Stream::Stderr.writer().write_all(lines.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn directory(files: &[(&str, u32)]) -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(directory.path().join("test.d")).unwrap();
        fs::create_dir(&path).unwrap();
        for (name, mode) in files {
            fs::write(path.join(name), "#!/bin/sh\n").unwrap();
            fs::set_permissions(path.join(name), fs::Permissions::from_mode(*mode)).unwrap();
        }
        (directory, path)
    }

    #[test]
    fn executables_run_in_the_order_of_their_numbers() {
        let names = ["10-b", "9-a", "100-c", "010-a", "a", "10-a", "_x"];
        let (_guard, path) = directory(&names.map(|name| (name, 0o755)));
        let files = Files::of(&path, None).unwrap();
        assert_eq!(
            files.executables,
            ["_x", "a", "9-a", "010-a", "10-a", "10-b", "100-c"]
        );
    }

    #[test]
    fn what_does_not_count_is_known() {
        let (_guard, path) = directory(&[("10-a", 0o755), ("20-b", 0o644), ("30-c.sh", 0o755)]);
        fs::create_dir(path.join("40-d")).unwrap();
        std::os::unix::fs::symlink("10-a", path.join("50-e")).unwrap();
        std::os::unix::fs::symlink("nowhere", path.join("60-f")).unwrap();
        let files = Files::of(&path, None).unwrap();
        assert_eq!(files.executables, ["10-a", "50-e"]);
        assert_eq!(files.misnamed, ["30-c.sh"]);
        assert_eq!(files.not_executable, ["20-b"]);
        let files = Files::of(&path, Some(r"\.sh$")).unwrap();
        assert_eq!(files.executables, ["30-c.sh"]);
        assert!(Files::of(&path, Some("(")).is_err());
    }

    #[test]
    fn a_profile_is_laid_out_as_upstreams() {
        let profile = profile_of(
            Utf8Path::new("/hooks/root.d"),
            &[("10-a", Duration::from_millis(1234))],
        );
        let lines: Vec<&str> = profile.lines().collect();
        assert_eq!(lines[2], "Target: root.d");
        assert_eq!(lines[4], "Script                                     Seconds");
        assert_eq!(lines[5], "---------------------------------------  ----------");
        assert_eq!(lines[7], "10-a                                          1.234");
    }
}

//! Running the programs of e2fsprogs.

use std::fmt;
use std::io;
use std::process::{Command, ExitStatus, Output, Stdio};

/// Where the host keeps them; an ordinary user's PATH often lacks the `sbin` directories.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How many of its last lines a failed program's error shows.
const SHOWN_LINES: usize = 20;

/// A program could not be run, or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ToolError {
    /// The program is not installed.
    #[error("{program} is not installed; it comes with the package {package}")]
    Missing {
        /// The program.
        program: String,
        /// The package that holds it, as Debian names it.
        package: &'static str,
    },
    /// The program could not be started.
    #[error("failed to run {program}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The program ran and failed.
    #[error("`{}` failed with {}:\n{}", .0.command, .0.status, .0.last_lines)]
    Failed(Box<FailedRun>),
}

/// A program's failed run.
#[derive(Debug)]
pub struct FailedRun {
    /// What was run, as it could be typed into a shell.
    pub command: String,
    /// How it ended.
    pub status: ExitStatus,
    /// The last lines it printed.
    pub last_lines: String,
}

/// A program of e2fsprogs with its arguments, run with a clean environment.
#[derive(Debug)]
pub(crate) struct Tool {
    program: &'static str,
    arguments: Vec<String>,
}

impl Tool {
    pub(crate) fn new(program: &'static str) -> Self {
        Self {
            program,
            arguments: Vec::new(),
        }
    }

    pub(crate) fn arguments<T: fmt::Display>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|argument| argument.to_string()));
        self
    }

    /// Runs it to its end without input; what its status means is left to the caller.
    pub(crate) fn run(&self) -> Result<Output, ToolError> {
        let output = Command::new(self.program)
            .args(&self.arguments)
            .env_clear()
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("PATH", PATH)
            .stdin(Stdio::null())
            .output();
        output.map_err(|source| {
            let program = self.program.to_owned();
            if source.kind() == io::ErrorKind::NotFound {
                ToolError::Missing {
                    program,
                    package: "e2fsprogs",
                }
            } else {
                ToolError::Start { program, source }
            }
        })
    }

    /// Returns the error of a run that failed.
    pub(crate) fn failed(&self, output: &Output) -> ToolError {
        let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
        printed.push_str(&String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = printed.lines().filter(|line| !line.trim().is_empty()).collect();
        let last_lines = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n");
        ToolError::Failed(Box::new(FailedRun {
            command: self.to_string(),
            status: output.status,
            last_lines,
        }))
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.program)?;
        for argument in &self.arguments {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=,:+@%^".contains(&byte);
            if !argument.is_empty() && argument.bytes().all(plain) {
                write!(formatter, " {argument}")?;
            } else {
                write!(formatter, " '{}'", argument.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_what_was_run_and_the_last_lines() {
        let tool = Tool::new("sh").arguments(["-c", "seq 1 100; echo 'no such luck' >&2; exit 3"]);
        let output = tool.run().unwrap();
        let text = tool.failed(&output).to_string();
        let (first, rest) = text.split_once('\n').unwrap();
        assert_eq!(
            first,
            r"`sh -c 'seq 1 100; echo '\''no such luck'\'' >&2; exit 3'` failed with exit status: 3:"
        );
        assert_eq!(rest.lines().count(), SHOWN_LINES);
        assert!(rest.ends_with("100\nno such luck"), "{rest}");
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let error = Tool::new("mke2fs-that-is-not-there").run().unwrap_err();
        let expected = "mke2fs-that-is-not-there is not installed; it comes with the package e2fsprogs";
        assert_eq!(error.to_string(), expected);
    }
}

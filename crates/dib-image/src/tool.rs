//! Running the programs that make file systems.

use std::collections::BTreeMap;
use std::fmt;

use camino::Utf8PathBuf;
use dib_sys::command::{CommandError, CommandOutcome, HostCommand, Stdin, Stream, run_on_host};

/// All that the programs see of the environment; an ordinary user's PATH often lacks the `sbin` directories.
const ENVIRONMENT: [(&str, &str); 3] = [
    ("LC_ALL", "C"),
    ("TZ", "UTC"),
    (
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ),
];

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
    /// The program could not be started or waited for.
    #[error("failed to run {program}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: CommandError,
    },
    /// The program ran and failed.
    #[error(transparent)]
    Failed(CommandError),
    /// The program ended with success, but complained of something it could not do.
    #[error("{program} complained: {}", complaints.join("; "))]
    Complained {
        /// The program.
        program: String,
        /// What it printed on standard error.
        complaints: Vec<String>,
    },
}

/// A program with its arguments, run with a clean environment and without input.
#[derive(Debug)]
pub(crate) struct Tool {
    command: HostCommand,
    /// The package that it comes with, as Debian names it.
    package: &'static str,
}

/// What a program that ran to its end has left.
#[derive(Debug)]
pub(crate) struct Finished {
    outcome: CommandOutcome,
    /// The lines it printed on standard error.
    pub(crate) complaints: Vec<String>,
}

impl Tool {
    pub(crate) fn new(program: &str, package: &'static str) -> Self {
        let environment: BTreeMap<String, String> = ENVIRONMENT
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let current = std::env::current_dir()
            .ok()
            .and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
        let command = HostCommand {
            argv: vec![program.to_owned()],
            environment,
            working_directory: current.unwrap_or_else(|| ".".into()),
            stdin: Stdin::Nothing,
        };
        Self { command, package }
    }

    pub(crate) fn arguments<T: fmt::Display>(mut self, arguments: impl IntoIterator<Item = T>) -> Self {
        self.command
            .argv
            .extend(arguments.into_iter().map(|argument| argument.to_string()));
        self
    }

    /// Has the program take `seed` for the time, in seconds since 1970, where there is one.
    ///
    /// e2fsprogs knows `SOURCE_DATE_EPOCH` from 1.47.1 on, and the other variable long since.
    pub(crate) fn at_time(mut self, seed: Option<u64>) -> Self {
        for name in ["SOURCE_DATE_EPOCH", "E2FSPROGS_FAKE_TIME"] {
            self.command
                .environment
                .extend(seed.map(|seed| (name.to_owned(), seed.to_string())));
        }
        self
    }

    /// Runs it to its end; what that end means is left to the caller.
    pub(crate) fn run(&self) -> Result<Finished, ToolError> {
        let mut complaints = Vec::new();
        let mut on_line = |stream, line: &str| {
            if stream == Stream::Stderr && !line.trim().is_empty() {
                complaints.push(line.to_owned());
            }
        };
        match run_on_host(&self.command, &mut on_line) {
            Ok(outcome) => Ok(Finished { outcome, complaints }),
            Err(CommandError::NoProgram { program, .. }) => Err(ToolError::Missing {
                program,
                package: self.package,
            }),
            Err(source) => Err(ToolError::Start {
                program: self.program(),
                source,
            }),
        }
    }

    /// Returns the error of a run that did not succeed.
    pub(crate) fn require_success(&self, finished: Finished) -> Result<(), ToolError> {
        finished
            .outcome
            .require_success(&self.command)
            .map(drop)
            .map_err(ToolError::Failed)
    }

    /// Returns the error of a run that complained.
    pub(crate) fn complained(&self, complaints: Vec<String>) -> ToolError {
        ToolError::Complained {
            program: self.program(),
            complaints,
        }
    }

    fn program(&self) -> String {
        self.command.argv[0].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_what_was_run_and_what_it_said() {
        let tool = Tool::new("sh", "dash").arguments(["-c", "echo 'no such luck' >&2; exit 3"]);
        let finished = tool.run().unwrap();
        assert_eq!(finished.complaints, ["no such luck"]);
        let text = tool.require_success(finished).unwrap_err().to_string();
        assert!(
            text.contains("exited with status 3") && text.contains("no such luck"),
            "{text}"
        );
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let error = Tool::new("mke2fs-that-is-not-there", "e2fsprogs")
            .run()
            .unwrap_err();
        let expected = "mke2fs-that-is-not-there is not installed; it comes with the package e2fsprogs";
        assert_eq!(error.to_string(), expected);
    }
}

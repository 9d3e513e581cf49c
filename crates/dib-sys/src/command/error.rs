//! Why a command could not be run, or failed.

use std::fmt;
use std::io;

use super::CommandStatus;
use crate::target_root::TargetError;

/// A command that could not be run, or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no program to run.
    #[error("the command is empty")]
    Empty,
    /// The program is not there.
    #[error("there is no program {program} {place}")]
    NoProgram {
        /// The program, as the command names it.
        program: String,
        /// Where: in the target, or on the host.
        place: &'static str,
    },
    /// The program is there, but what it needs to be started is not.
    #[error("failed to start {program} {place}: its interpreter {interpreter} is missing")]
    NoInterpreter {
        /// The program, as the command names it.
        program: String,
        /// Where: in the target, or on the host.
        place: &'static str,
        /// What the script's first line or the ELF header names.
        interpreter: String,
    },
    /// The program could not be started for another reason.
    #[error("failed to start {program} {place}")]
    Start {
        /// The program, as the command names it.
        program: String,
        /// Where: in the target, or on the host.
        place: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The working directory in the target cannot be entered.
    #[error("failed to enter the working directory of {program}")]
    WorkingDirectory {
        /// The program, as the command names it.
        program: String,
        /// What the target said.
        source: TargetError,
    },
    /// The command's input could not be prepared, or its output or end not be awaited.
    #[error("failed to wait for {program}")]
    Wait {
        /// The program, as the command names it.
        program: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The command failed.
    #[error("{} {status}{}\nto run it again: {replay}", argv.join(" "), Quoted(last_lines))]
    Failed {
        /// The program and its arguments.
        argv: Vec<String>,
        /// How it ended.
        status: CommandStatus,
        /// The last lines of its output.
        last_lines: Vec<String>,
        /// A line for a shell that runs it again.
        replay: String,
    },
}

/// Writes the last lines of an output after a message.
struct Quoted<'a>(&'a [String]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0 {
            write!(formatter, "\n  | {line}")?;
        }
        Ok(())
    }
}

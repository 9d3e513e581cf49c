//! Logs in at a machine's serial console and runs commands there.

use std::time::{Duration, Instant};

use camino::Utf8Path;

use crate::boot_test::await_sign;
use crate::console::ConsoleText;
use crate::diagnosis::{Failure, Sign, Verdict};
use crate::image::DiskImage;
use crate::machine::{Machine, MachineError, MachineFiles};
use crate::programs::Programs;
use crate::running::{ConsoleRead, RunError, RunningMachine};

/// How long a shell gets to take what was typed, before it is typed again: a login throws away what came too early.
const PATIENCE: Duration = Duration::from_secs(6);

/// What is typed first. Nothing is echoed after it, lines may have any length, and the shell that runs the commands has no
/// prompt and edits no lines. The text it answers with does not stand in it, so the echo is no answer.
const PREPARATION: &str = "stty -echo -icanon -ixon; printf 'dib-%s\\n' ready; exec sh -c 'cat | sh'\n";
const READY: &str = "dib-ready";

/// Who logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password, of a user who has one.
    pub password: Option<String>,
}

/// Commands that are to run in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script<'s> {
    /// The image.
    pub image: &'s DiskImage,
    /// The machine.
    pub machine: Machine,
    /// Who runs them.
    pub login: &'s Login,
    /// The commands, each a text for the shell, in their order.
    pub commands: &'s [String],
    /// How long the machine may take to come up, and each command to end.
    pub limit: Duration,
    /// The file for all that the console says.
    pub log: &'s Utf8Path,
    /// The directory for the machine's files.
    pub scratch: &'s Utf8Path,
}

/// Commands could not be run, or one failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// The machine can't be made.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The machine can't be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The machine does not come up.
    #[error("the machine does not offer a login: {0}")]
    NotUp(Failure),
    /// The user or the password is wrong.
    #[error("the machine refuses the login of {user}")]
    LoginRefused {
        /// The user.
        user: String,
    },
    /// No shell answers after the login.
    #[error("no shell answers after the login of {user}")]
    NoShell {
        /// The user.
        user: String,
    },
    /// A command failed.
    #[error("in the machine, {command} ended with status {status}")]
    Failed {
        /// The command.
        command: String,
        /// Its status.
        status: u8,
    },
    /// A command did not end.
    #[error("in the machine, {command} has not ended in time")]
    TimedOut {
        /// The command.
        command: String,
    },
    /// The machine ended.
    #[error("the machine was reset or switched off")]
    Ended,
}

/// Boots an image, logs in, and runs commands one after the other; the first that fails is the last. Each line that one
/// prints is handed to `on_line`; empty lines are left out.
///
/// # Errors
/// When the image does not come up, the login is refused, or a command fails or does not end.
pub fn run_script(
    programs: &Programs,
    script: &Script<'_>,
    on_line: &mut dyn FnMut(&str),
) -> Result<(), ScriptError> {
    let files = MachineFiles::prepare(programs, script.image, &script.machine, script.scratch)?;
    let mut running = RunningMachine::start(programs, &script.machine, files, script.log)?;
    let mut text = ConsoleText::default();
    let deadline = Instant::now() + script.limit;
    match await_sign(&mut running, &mut text, Sign::LoginPrompt, deadline)? {
        Verdict::Up => {}
        Verdict::Failed(failure) => return Err(ScriptError::NotUp(failure)),
    }
    log_in(
        &mut running,
        &mut text,
        script.login,
        Instant::now() + script.limit,
    )?;
    for (number, command) in script.commands.iter().enumerate() {
        let deadline = Instant::now() + script.limit;
        let status = run_command(&mut running, &mut text, (number, command), deadline, on_line)?;
        if status != 0 {
            return Err(ScriptError::Failed {
                command: command.clone(),
                status,
            });
        }
    }
    Ok(())
}

fn log_in(
    running: &mut RunningMachine,
    text: &mut ConsoleText,
    login: &Login,
    deadline: Instant,
) -> Result<(), ScriptError> {
    running.write(format!("{}\n", login.user).as_bytes())?;
    let mut password = login.password.as_deref();
    // A prompt comes in pieces, and its line ends only once it is answered.
    let mut is_answered = false;
    loop {
        match running.read(deadline.min(Instant::now() + PATIENCE))? {
            ConsoleRead::Bytes(bytes) => {
                for line in text.take(&bytes) {
                    if line.contains(READY) {
                        return Ok(());
                    }
                    is_answered = false;
                    if line.contains("Login incorrect") {
                        return Err(ScriptError::LoginRefused {
                            user: login.user.clone(),
                        });
                    }
                }
                if !is_answered && text.current().ends_with("Password:") {
                    is_answered = true;
                    // Asked once more, it was wrong; or there is none to give.
                    let Some(given) = password.take() else {
                        return Err(ScriptError::LoginRefused {
                            user: login.user.clone(),
                        });
                    };
                    running.write(format!("{given}\n").as_bytes())?;
                }
            }
            ConsoleRead::TimedOut if Instant::now() >= deadline => {
                return Err(ScriptError::NoShell {
                    user: login.user.clone(),
                });
            }
            // It is quiet, as it is when a shell waits. (A password that was never asked for is needed by nobody.)
            ConsoleRead::TimedOut => running.write(PREPARATION.as_bytes())?,
            ConsoleRead::Ended => return Err(ScriptError::Ended),
        }
    }
}

/// Runs one command and returns its status.
fn run_command(
    running: &mut RunningMachine,
    text: &mut ConsoleText,
    (number, command): (usize, &str),
    deadline: Instant,
    on_line: &mut dyn FnMut(&str),
) -> Result<u8, ScriptError> {
    running.write(typed(number, command).as_bytes())?;
    let mut answer = Answer::to(number);
    loop {
        match running.read(deadline)? {
            ConsoleRead::Bytes(bytes) => {
                for line in text.take(&bytes) {
                    match answer.line(&line) {
                        Part::Before => {}
                        Part::Output => on_line(&line),
                        Part::End(status) => return Ok(status),
                    }
                }
            }
            ConsoleRead::TimedOut => {
                return Err(ScriptError::TimedOut {
                    command: command.to_owned(),
                });
            }
            ConsoleRead::Ended => return Err(ScriptError::Ended),
        }
    }
}

/// Returns what is typed to run a command: its output stands between two marks, the latter of which holds its status.
fn typed(number: usize, command: &str) -> String {
    let quoted = command.replace('\'', r"'\''");
    format!(
        "printf '\\ndib-%s-{number}\\n' begin; sh -c '{quoted}' </dev/null 2>&1; \
         printf '\\ndib-%s-{number}-%s-\\n' end \"$?\"\n"
    )
}

/// The answer to a command, of which nothing has been read yet.
struct Answer {
    begin: String,
    end: String,
    has_begun: bool,
}

/// What a line of the console is to a command.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// It is not of the command.
    Before,
    /// The command has printed it.
    Output,
    /// The command has ended with this status.
    End(u8),
}

impl Answer {
    fn to(number: usize) -> Self {
        Self {
            begin: format!("dib-begin-{number}"),
            end: format!("dib-end-{number}-"),
            has_begun: false,
        }
    }

    fn line(&mut self, line: &str) -> Part {
        if !self.has_begun {
            self.has_begun = line.ends_with(&self.begin);
            return Part::Before;
        }
        let status = line
            .split_once(&self.end)
            .and_then(|(_, rest)| rest.split_once('-'))
            .and_then(|(status, _)| status.parse().ok());
        status.map_or(Part::Output, Part::End)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// What the shell answers is read as the console's text would be.
    fn check(command: &str, output: &[&str], status: u8) {
        let answered = Command::new("sh")
            .args(["-c", &typed(7, command)])
            .output()
            .expect("there is a shell");
        let mut answer = Answer::to(7);
        let mut printed = Vec::new();
        let mut ended = None;
        for line in ConsoleText::default().take(&answered.stdout) {
            match answer.line(&line) {
                Part::Before => {}
                Part::Output => printed.push(line),
                Part::End(status) => ended = Some(status),
            }
        }
        assert_eq!(printed, output);
        assert_eq!(ended, Some(status));
    }

    #[test]
    fn a_commands_output_and_status_are_told_apart() {
        check("true", &[], 0);
        check("echo one; printf two; exit 3", &["one", "two"], 3);
        check("echo 'it'\\''s'; echo error >&2", &["it's", "error"], 0);
        check("echo 'a\nb'", &["a", "b"], 0);
        check("cat; exit 255", &[], 255);
    }

    #[test]
    fn the_echo_of_what_is_typed_is_no_answer() {
        assert!(!PREPARATION.contains(READY));
        let mut answer = Answer::to(0);
        for line in typed(0, "echo dib").lines() {
            assert_eq!(answer.line(line), Part::Before);
        }
    }
}

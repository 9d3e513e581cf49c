//! Errors as the user meets them: what is wrong, why, what to do about it, and the exit code.

mod boot;
mod causes;
mod packages;

use std::error::Error;
use std::fmt::{self, Write as _};

/// An error that ends a command.
///
/// Its [`Display`](fmt::Display) and [`source`](Error::source) are those of the error it carries.
#[derive(Debug)]
pub struct CliError {
    kind: ErrorKind,
    source: Box<dyn Error + Send + Sync>,
    hints: Vec<String>,
}

/// What kind of error ends a command; each kind has an exit code.
///
/// The codes from 64 on are those of `sysexits.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A hook or a step of the build failed.
    Build,
    /// An image does not boot.
    DoesNotBoot,
    /// A command that was run ended with this status, which is the exit code.
    OfCommand(u8),
    /// An option, a variable or an argument is wrong.
    Usage,
    /// Data are not what they should be: a sum or a signature is wrong, an archive is damaged.
    BadData,
    /// Something that should be read is not there.
    MissingInput,
    /// The machine lacks something, such as user namespaces or a program.
    Unavailable,
    /// The program itself is wrong.
    Internal,
    /// An output can't be created.
    CannotCreate,
    /// Reading or writing failed.
    InputOutput,
    /// It may work later: the network failed, or another process holds a lock.
    TryAgain,
    /// Elements, their hooks or their variables don't make a build.
    Configuration,
    /// The signal of this number ended the command.
    Interrupted(u8),
}

/// The exit codes and what they mean, as the help and the manual show them.
pub const EXIT_CODES: [(u8, &str); 12] = [
    (0, "all went well"),
    (1, "a hook or a step of the build failed"),
    (3, "an image does not boot"),
    (64, "an option, a variable or an argument is wrong"),
    (
        65,
        "data are not what they should be: a wrong sum or signature, a damaged archive",
    ),
    (
        66,
        "something to read is missing, or not in the cache while offline",
    ),
    (69, "the machine lacks something: user namespaces, a program"),
    (70, "a defect of dib itself"),
    (73, "an output can't be created"),
    (74, "reading or writing failed, or the disk is full"),
    (
        75,
        "it may work later: the network failed, or another process holds a lock",
    ),
    (
        78,
        "the elements, their hooks or their variables don't make a build",
    ),
];

impl ErrorKind {
    /// Returns the kind's exit code; 128 and the signal's number for an interruption, as shells have it.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Build => 1,
            Self::DoesNotBoot => 3,
            Self::OfCommand(status) => status,
            Self::Usage => 64,
            Self::BadData => 65,
            Self::MissingInput => 66,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::CannotCreate => 73,
            Self::InputOutput => 74,
            Self::TryAgain => 75,
            Self::Configuration => 78,
            Self::Interrupted(signal) => 128_u8.saturating_add(signal),
        }
    }

    /// Returns the kind that an exit code stands for; a code that is none of ours is a build's failure.
    #[must_use]
    pub fn of_exit_code(code: u8) -> Self {
        match code {
            3 => Self::DoesNotBoot,
            64 => Self::Usage,
            65 => Self::BadData,
            66 => Self::MissingInput,
            69 => Self::Unavailable,
            // A panic in the sandbox ends it with 101.
            70 | 101 => Self::Internal,
            73 => Self::CannotCreate,
            74 => Self::InputOutput,
            75 => Self::TryAgain,
            78 => Self::Configuration,
            129..=192 => Self::Interrupted(code - 128),
            _ => Self::Build,
        }
    }
}

/// Stands for an error that the process in the sandbox has shown already.
#[derive(Debug, thiserror::Error)]
#[error("the build failed in the sandbox")]
struct Reported;

/// Stands for a signal that ended the command.
#[derive(Debug, thiserror::Error)]
#[error("interrupted by {}", signal_name(*.0))]
struct Interruption(u8);

fn signal_name(number: u8) -> String {
    match nix::sys::signal::Signal::try_from(i32::from(number)) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) => format!("signal {number}"),
    }
}

impl CliError {
    /// Makes an error of that kind from what caused it: another error, or a text.
    #[must_use]
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            kind,
            source: source.into(),
            hints: Vec::new(),
        }
    }

    /// Makes the error of a build whose process in the sandbox has shown what is wrong and exited with `code`:
    /// nothing more is shown, and the code is passed on.
    #[must_use]
    pub fn reported(code: u8) -> Self {
        Self::new(ErrorKind::of_exit_code(code), Reported)
    }

    /// Makes the error of a command that says by its exit status alone that it failed: nothing is shown.
    #[must_use]
    pub fn silent(status: u8) -> Self {
        Self::new(ErrorKind::OfCommand(status), Reported)
    }

    /// Makes the error of a command that the signal of this number ended.
    #[must_use]
    pub fn interrupted(signal: i32) -> Self {
        let signal = u8::try_from(signal).unwrap_or(0);
        Self::new(ErrorKind::Interrupted(signal), Interruption(signal))
    }

    /// Adds something that the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds several things of which the user can do one.
    #[must_use]
    pub fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// Returns its kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the error as text for a person, each line ended: what is wrong, why, and what to do about it. It is
    /// empty when the error has been shown already.
    #[must_use]
    pub fn render(&self) -> String {
        if self.source.is::<Reported>() {
            return String::new();
        }
        let mut rendered = String::new();
        let mut last = self.source.to_string();
        write_labelled(&mut rendered, "error: ", &last);
        let mut cause = self.source.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Errors of other crates often repeat what they stem from.
            if !last.contains(&text) {
                write_labelled(&mut rendered, "  because ", &text);
                last = text;
            }
            cause = error.source();
        }
        for hint in &self.hints {
            write_labelled(&mut rendered, "  hint: ", hint);
        }
        rendered
    }
}

/// Writes a text after a label, its further lines below its first.
fn write_labelled(rendered: &mut String, label: &str, text: &str) {
    let mut lines = text.trim_end().lines();
    rendered.push_str(label);
    rendered.push_str(lines.next().unwrap_or_default());
    rendered.push('\n');
    for line in lines {
        writeln!(rendered, "    {line}").expect("a String takes all text");
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(formatter)
    }
}

impl Error for CliError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read {path}")]
    struct ReadError {
        path: &'static str,
        source: io::Error,
    }

    #[test]
    fn an_error_is_shown_with_its_causes_and_what_to_do() {
        let source = ReadError {
            path: "/a",
            source: io::Error::other("it is gone\nfor good"),
        };
        let error = CliError::new(ErrorKind::InputOutput, source).hint("put it back");
        assert_eq!(
            error.render(),
            "error: failed to read /a\n  because it is gone\n    for good\n  hint: put it back\n"
        );
        assert_eq!(error.to_string(), "failed to read /a");
    }

    #[test]
    fn a_cause_that_repeats_is_left_out() {
        let source = ReadError {
            path: "/a",
            source: io::Error::other("/a"),
        };
        assert_eq!(
            CliError::new(ErrorKind::InputOutput, source).render(),
            "error: failed to read /a\n"
        );
    }

    #[test]
    fn what_was_shown_in_the_sandbox_is_not_shown_again() {
        let error = CliError::reported(65);
        assert_eq!(error.render(), "");
        assert_eq!(error.kind(), ErrorKind::BadData);
        assert_eq!(error.kind().exit_code(), 65);
    }

    #[test]
    fn an_interruption_ends_as_shells_have_it() {
        let error = CliError::interrupted(2);
        assert_eq!(error.kind().exit_code(), 130);
        assert_eq!(error.render(), "error: interrupted by SIGINT\n");
        assert_eq!(CliError::reported(143).kind(), ErrorKind::Interrupted(15));
    }

    #[test]
    fn codes_and_kinds_agree() {
        for (code, _) in EXIT_CODES.into_iter().skip(1) {
            assert_eq!(ErrorKind::of_exit_code(code).exit_code(), code);
        }
    }
}

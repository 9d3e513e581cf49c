//! What came of a build: how it ended, what it said, what it left.

use std::process::{Command, Stdio};

use crate::build_traces;
use crate::scratch_build::{self, ScratchBuild};
use crate::task_error::TaskError;

/// How a build should end.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) code: i32,
    /// What the message has in it.
    pub(super) says: Vec<String>,
    /// What was printed before the message.
    pub(super) prints: Vec<&'static str>,
}

/// How a build ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// `None` when a signal ended it.
    pub(super) code: Option<i32>,
    printed: String,
    said: String,
}

/// Empties the places that a build uses.
pub(super) fn clear(scratch: &ScratchBuild) -> Result<(), TaskError> {
    [scratch.output(), scratch.temporary(), scratch.cache()]
        .iter()
        .try_for_each(|directory| scratch_build::empty(directory))
}

/// Runs a build to its end.
pub(super) fn of(command: &mut Command) -> Result<Outcome, TaskError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(TaskError::file("run", "dib"))?;
    Ok(Outcome {
        code: output.status.code(),
        printed: String::from_utf8_lossy(&output.stdout).into_owned(),
        said: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

impl Outcome {
    /// The message in which the build says why it failed.
    pub(super) fn error(&self) -> &str {
        let begin = if self.said.starts_with("error: ") {
            Some(0)
        } else {
            self.said.rfind("\nerror: ").map(|end_of_line| end_of_line + 1)
        };
        begin.map_or("", |begin| &self.said[begin..])
    }

    /// Says in what it is not as expected.
    pub(super) fn complaints(&self, expected: &Expected) -> Vec<String> {
        let error = self.error();
        let mut complaints = Vec::new();
        if self.code != Some(expected.code) {
            complaints.push(format!("the exit code is {:?}, not {}", self.code, expected.code));
        }
        complaints.extend(
            expected
                .says
                .iter()
                .filter(|text| !error.contains(*text))
                .map(|text| format!("its message does not say {text:?}")),
        );
        complaints.extend(
            expected
                .prints
                .iter()
                .filter(|text| !self.printed.contains(*text) && !self.said.contains(*text))
                .map(|text| format!("it does not print {text:?}")),
        );
        if !complaints.is_empty() {
            let said = if error.is_empty() { &self.said } else { error };
            complaints.push(format!("what it says:\n{said}"));
        }
        complaints
    }
}

/// Names what a build left that it should not have left.
pub(super) fn left_behind(scratch: &ScratchBuild, made_an_image: bool) -> Result<Vec<String>, TaskError> {
    let mut left = build_traces::traces(scratch.path(), &[])?;
    let temporary = scratch_build::names_in(&scratch.temporary())?;
    left.extend(temporary.into_iter().map(|name| format!("the temporary {name}")));
    let mut output = scratch_build::names_in(&scratch.output())?;
    if made_an_image {
        output.retain(|name| !name.starts_with("image."));
    }
    left.extend(output.into_iter().map(|name| format!("the output {name}")));
    Ok(left.into_iter().map(|what| format!("it left {what}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: i32, said: &str) -> Outcome {
        Outcome {
            code: Some(code),
            printed: "a shell\n".to_owned(),
            said: said.to_owned(),
        }
    }

    #[test]
    fn the_message_is_the_last_one_with_all_its_lines() {
        let said = "running a\nerror: one\nrunning b\nerror: two\n  hint: do\n";
        assert_eq!(outcome(1, said).error(), "error: two\n  hint: do\n");
        assert_eq!(outcome(1, "error: one\n").error(), "error: one\n");
        assert_eq!(outcome(0, "an error: none\n").error(), "");
    }

    #[test]
    fn code_and_text_have_to_fit() {
        let expected = Expected {
            code: 65,
            says: vec!["expired".to_owned()],
            prints: vec!["a shell"],
        };
        assert!(
            outcome(65, "error: it expired\n")
                .complaints(&expected)
                .is_empty()
        );
        assert_eq!(outcome(66, "error: it expired\n").complaints(&expected).len(), 2);
        assert_eq!(outcome(1, "expired\nerror: no\n").complaints(&expected).len(), 3);
    }
}

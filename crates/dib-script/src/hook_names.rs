//! Which names of files are those of hooks.
//!
//! Source: `dib-run-parts` of diskimage-builder, whose pattern is `^[0-9A-Za-z_-]+$` unless `RUN_PARTS_REGEX` is another.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

/// The variable that says which names count.
pub const RUN_PARTS_REGEX: &str = "RUN_PARTS_REGEX";

/// Which names of files count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HookNames {
    /// The user's pattern, as `grep -E` has it.
    pattern: Option<String>,
}

/// Names can't be told from others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookNamesError {
    /// There is no `grep` to read the pattern.
    #[error("failed to run grep, which reads RUN_PARTS_REGEX")]
    Grep(#[source] io::Error),
    /// The pattern is none.
    #[error("RUN_PARTS_REGEX is {pattern:?}, and grep says: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What `grep` says.
        reason: String,
    },
}

impl HookNames {
    /// Returns the names that count where this is the value of `RUN_PARTS_REGEX`, which may be empty.
    #[must_use]
    pub fn matching(pattern: Option<&str>) -> Self {
        Self {
            pattern: pattern.filter(|pattern| !pattern.is_empty()).map(str::to_owned),
        }
    }

    /// Divides names into those that count and the others.
    ///
    /// # Errors
    /// When the pattern is none, or there is no `grep`, which is who knows such patterns.
    pub fn divide(&self, names: Vec<String>) -> Result<(Vec<String>, Vec<String>), HookNamesError> {
        let Some(pattern) = &self.pattern else {
            return Ok(names.into_iter().partition(|name| is_usual(name)));
        };
        let mut grep = Command::new("grep")
            .args(["-E", "-e", pattern])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(HookNamesError::Grep)?;
        // Few names fit into the pipe; of many, grep can't have printed more than it has read.
        let text = names.iter().fold(String::new(), |text, name| text + name + "\n");
        let writer = grep
            .stdin
            .take()
            .map(|mut stdin| std::thread::spawn(move || stdin.write_all(text.as_bytes())));
        let output = grep.wait_with_output().map_err(HookNamesError::Grep)?;
        // It has read all or is gone: what can't be written then is no loss.
        let _ = writer.map(JoinHandle::join);
        if !matches!(output.status.code(), Some(0 | 1)) {
            return Err(HookNamesError::Pattern {
                pattern: pattern.clone(),
                reason: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        let matched = String::from_utf8_lossy(&output.stdout);
        let matched: Vec<&str> = matched.lines().collect();
        Ok(names
            .into_iter()
            .partition(|name| matched.contains(&name.as_str())))
    }
}

fn is_usual(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: Option<&str>, expected: &[&str]) {
        let names = ["10-a", "20-b.sh", "README.rst", "30_c", "x~"].map(str::to_owned);
        let (counted, others) = HookNames::matching(pattern).divide(names.into()).unwrap();
        assert_eq!(counted, expected);
        assert_eq!(counted.len() + others.len(), 5);
    }

    #[test]
    fn plain_names_count_unless_a_pattern_says_otherwise() {
        check(None, &["10-a", "30_c"]);
        check(Some(""), &["10-a", "30_c"]);
        check(Some(r"\.sh$"), &["20-b.sh"]);
        check(Some("^(10|30)[-_]"), &["10-a", "30_c"]);
        check(Some("^nothing$"), &[]);
        let error = HookNames::matching(Some("("))
            .divide(vec!["a".to_owned()])
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("RUN_PARTS_REGEX is \"(\", and grep says: "),
            "{error}"
        );
    }
}

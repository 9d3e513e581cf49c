//! What a hook under test did.

use std::error::Error;
use std::fmt;

use dib_core::RunError;

/// What a hook did, as text for a snapshot: its journal, the difference it made to the target and to the host outside
/// it, and its error if it failed. What differs from run to run stands in brackets.
#[derive(Debug, Clone)]
pub struct Recording {
    pub(crate) effects: Vec<String>,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) error: Option<Vec<String>>,
    pub(crate) redactions: Vec<(String, String)>,
}

impl Recording {
    /// Returns the hook's error, its causes and its hint, without the hook's own name.
    pub(crate) fn messages(error: &RunError) -> Vec<String> {
        let mut messages = Vec::new();
        let mut cause = error.source();
        while let Some(error) = cause {
            messages.push(error.to_string());
            cause = error.source();
        }
        if let RunError::Hook { source, .. } = error {
            messages.extend(source.hint().map(|hint| format!("hint: {hint}")));
        }
        messages
    }

    /// Returns whether the hook ended well.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.error.is_none()
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let mut section = |title: &str, lines: &str| {
            if !lines.is_empty() {
                text.push_str(title);
                text.push('\n');
                text.push_str(lines);
            }
        };
        let indented = |messages: &[String]| {
            let lines: Vec<_> = messages.iter().flat_map(|message| message.lines()).collect();
            lines
                .iter()
                .fold(String::new(), |text, line| text + "  " + line + "\n")
        };
        section("journal", &indented(&self.effects));
        section("target", &self.target);
        section("host", &self.host);
        section("error", &indented(self.error.as_deref().unwrap_or_default()));
        for (value, name) in &self.redactions {
            text = text.replace(value, name);
        }
        formatter.write_str(&without_sums(&text))
    }
}

/// Shows every run of 64 hexadecimal digits as `[sha256]`.
fn without_sums(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut digits = String::new();
    for character in text.chars().map(Some).chain([None]) {
        match character {
            Some(digit) if digit.is_ascii_hexdigit() => digits.push(digit),
            other => {
                result.push_str(if digits.len() == 64 { "[sha256]" } else { &digits });
                digits.clear();
                result.extend(other);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::without_sums;

    #[test]
    fn sums_are_hidden_and_nothing_else() {
        let sum = "0".repeat(64);
        assert_eq!(
            without_sums(&format!("x {sum}\nface {sum}0")),
            format!("x [sha256]\nface {sum}0")
        );
    }
}

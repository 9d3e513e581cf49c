//! The differences that may be, each with its reason.

use std::cell::Cell;

use crate::task_error::TaskError;

/// Something that is not the same with both programs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    /// What differs, in the shape of a path: `tree/etc/fstab`, `environment/install/PATH`.
    pub(super) subject: String,
    /// In which way, in one word: `content`, `mode`, `ours` for what is ours alone.
    pub(super) aspect: String,
    /// What both have, for people; may be empty.
    pub(super) detail: String,
}

impl Difference {
    pub(super) fn new(subject: impl Into<String>, aspect: &str, detail: impl Into<String>) -> Self {
        Self {
            subject: subject.into().replace(' ', "\\x20"),
            aspect: aspect.to_owned(),
            detail: detail.into(),
        }
    }
}

/// One line of the list.
#[derive(Debug)]
struct Line {
    set: String,
    subject: String,
    aspect: String,
    reason: String,
    used: Cell<bool>,
}

/// The list, which knows which of its lines were of use.
#[derive(Debug)]
pub(super) struct Allowed {
    lines: Vec<Line>,
}

impl Allowed {
    /// Reads lines of a set, a subject and an aspect (in each of which `*` stands for anything) and a reason; an empty
    /// line and one that begins with `#` say nothing.
    pub(super) fn parse(text: &str) -> Result<Self, TaskError> {
        let lines = text.lines().map(str::trim);
        let lines = lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| {
                let mut rest = line;
                let mut word = || {
                    let (word, after) = rest.split_once(char::is_whitespace)?;
                    rest = after.trim_start();
                    Some(word.to_owned())
                };
                let words = (word(), word(), word());
                match words {
                    (Some(set), Some(subject), Some(aspect)) if !rest.is_empty() => Ok(Line {
                        set,
                        subject,
                        aspect,
                        reason: rest.to_owned(),
                        used: Cell::new(false),
                    }),
                    _ => Err(TaskError::Check(format!(
                        "not a set, a subject, an aspect and a reason: {line}"
                    ))),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { lines })
    }

    /// Finds the reason for which a set may have a difference. Every line that gives one counts as used.
    pub(super) fn reason(&self, set: &str, difference: &Difference) -> Option<&str> {
        let mut reason = None;
        for line in &self.lines {
            let fits = matches(&line.set, set)
                && matches(&line.subject, &difference.subject)
                && matches(&line.aspect, &difference.aspect);
            if fits {
                line.used.set(true);
                reason = reason.or(Some(line.reason.as_str()));
            }
        }
        reason
    }

    /// Names the lines that no difference needed.
    pub(super) fn unused(&self) -> Vec<String> {
        let unused = self.lines.iter().filter(|line| !line.used.get());
        unused
            .map(|line| format!("{} {} {}", line.set, line.subject, line.aspect))
            .collect()
    }
}

/// Whether a text is what a pattern says, in which `*` stands for any number of any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("ab*bc", "abc", false),
            ("a*/b*d", "a/x/b/c/d", true),
            ("tree/var/*", "tree/etc", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn reasons_are_found_and_unused_lines_told() {
        let allowed =
            Allowed::parse("# why\n\n* tree/a* content times\nbase tree/b mode it  is so\n").unwrap();
        let difference = |subject: &str, aspect: &str| Difference::new(subject, aspect, "");
        assert_eq!(
            allowed.reason("x", &difference("tree/abc", "content")),
            Some("times")
        );
        assert_eq!(allowed.reason("x", &difference("tree/abc", "mode")), None);
        assert_eq!(allowed.reason("x", &difference("tree/b", "mode")), None);
        assert_eq!(allowed.unused(), ["base tree/b mode"]);
        assert_eq!(
            allowed.reason("base", &difference("tree/b", "mode")),
            Some("it  is so")
        );
        assert!(allowed.unused().is_empty());
    }

    #[test]
    fn a_line_without_a_reason_is_refused() {
        assert!(Allowed::parse("* tree/a content").is_err());
    }
}

//! A command as a line for a shell.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Writes the line: the directory unless it is the root, an empty environment, its variables, the program.
pub(super) fn line(directory: &str, environment: &BTreeMap<String, String>, argv: &[String]) -> String {
    let mut line = String::new();
    if directory != "/" {
        line.push_str("cd ");
        line.push_str(&quote(directory));
        line.push_str(" && ");
    }
    line.push_str("env -i");
    let variables = environment.iter().map(|(name, value)| format!("{name}={value}"));
    for word in variables.chain(argv.iter().cloned()) {
        line.push(' ');
        line.push_str(&quote(&word));
    }
    line
}

/// Quotes a word for a POSIX shell, where it needs it.
#[must_use]
pub fn quote(word: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+=./:,@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: &str) {
        assert_eq!(quote(word), expected);
    }

    #[test]
    fn quotes_what_a_shell_would_read() {
        check("/usr/bin/apt-get", "/usr/bin/apt-get");
        check("", "''");
        check("two words", "'two words'");
        check("it's", r"'it'\''s'");
        check("$HOME", "'$HOME'");
        check("~", "'~'");
        check("a\nb", "'a\nb'");
    }

    #[test]
    fn writes_a_line_that_runs_it_again() {
        let environment =
            [("LC_ALL", "C"), ("A", "b c")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let argv = ["sh", "-c", "exit 1"].map(str::to_owned);
        assert_eq!(
            line("/", &environment.clone().into(), &argv),
            "env -i 'A=b c' LC_ALL=C sh -c 'exit 1'"
        );
        assert_eq!(
            line("/a b", &BTreeMap::new(), &argv[..1]),
            "cd '/a b' && env -i sh"
        );
    }
}

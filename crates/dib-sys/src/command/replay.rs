//! A command as a line for a shell.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Writes the line for a command in the target: it enters the target first, so that nothing runs on the host by mistake.
pub(super) fn line_in_target(
    directory: &str,
    environment: &BTreeMap<String, String>,
    argv: &[String],
) -> String {
    let command = line(directory, environment, argv);
    if directory == "/" {
        return format!("chroot \"$TARGET_ROOT\" {command}");
    }
    format!("chroot \"$TARGET_ROOT\" sh -c {}", quote(&command))
}

/// Writes the line: the directory unless it is the root, an empty environment, its variables, the program.
pub(super) fn line(directory: &str, environment: &BTreeMap<String, String>, argv: &[String]) -> String {
    let mut line = String::new();
    if directory != "/" {
        line.push_str("cd ");
        line.push_str(&quote(directory));
        line.push_str(" && ");
    }
    line.push_str("env -i");
    let variables = environment
        .iter()
        .map(|(name, value)| format!("{name}={}", without_password(name, value)));
    for word in variables.chain(argv.iter().cloned()) {
        line.push(' ');
        line.push_str(&quote(&word));
    }
    line
}

/// Masks what is secret in a variable's value: all of it where the variable is called `…PASSWORD`, else the password of an
/// address, as a proxy's often is. What is shown goes into logs.
#[must_use]
pub fn without_password<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    if name.ends_with("PASSWORD") && !value.is_empty() {
        return Cow::Borrowed("***");
    }
    let user_info = value.split_once("://").and_then(|(scheme, rest)| {
        let authority = rest.split('/').next().unwrap_or_default();
        let (user_info, _) = authority.rsplit_once('@')?;
        let (user, _password) = user_info.split_once(':')?;
        Some((scheme, user, &rest[user_info.len()..]))
    });
    match user_info {
        Some((scheme, user, rest)) => Cow::Owned(format!("{scheme}://{user}:***{rest}")),
        None => Cow::Borrowed(value),
    }
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
            line_in_target("/", &environment.into(), &argv),
            "chroot \"$TARGET_ROOT\" env -i 'A=b c' LC_ALL=C sh -c 'exit 1'"
        );
        assert_eq!(
            line_in_target("/root", &BTreeMap::new(), &argv[..1]),
            "chroot \"$TARGET_ROOT\" sh -c 'cd /root && env -i sh'"
        );
        assert_eq!(
            line("/a b", &BTreeMap::new(), &argv[..1]),
            "cd '/a b' && env -i sh"
        );
    }

    #[test]
    fn masks_passwords_and_nothing_else() {
        let check = |value, expected: &str| assert_eq!(without_password("http_proxy", value), expected);
        check(
            "http://me:secret@proxy.example.org:3128/",
            "http://me:***@proxy.example.org:3128/",
        );
        check(
            "http://me:se@cret@proxy.example.org",
            "http://me:***@proxy.example.org",
        );
        check("http://proxy.example.org:3128", "http://proxy.example.org:3128");
        check("http://example.org/a:b@c", "http://example.org/a:b@c");
        check("me:secret@nowhere", "me:secret@nowhere");
        assert_eq!(without_password("DIB_DEV_USER_PASSWORD", "secret"), "***");
        assert_eq!(without_password("DIB_DEV_USER_PASSWORD", ""), "");
    }
}

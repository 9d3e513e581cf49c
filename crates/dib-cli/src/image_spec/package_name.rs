//! Packages as the user names them.

use super::setting::{Setting, words};
use crate::environment::Environment;
use crate::error::CliError;

/// Reads the lists of packages that the user gave, separated by commas or blanks.
///
/// # Errors
/// When one is none.
pub(super) fn parse_all(lists: &[String], environment: &Environment) -> Result<Vec<String>, CliError> {
    let given = lists.iter().map(|value| Setting { value, origin: "-p" });
    let mut packages = Vec::new();
    for setting in given.chain(Setting::of_variable(environment, "INSTALL_PACKAGES")) {
        for value in words(setting.value) {
            if !names_a_package(value) {
                return Err(Setting { value, ..setting }
                    .invalid("a package is a name of lower-case letters, digits, +, - and ., with :ARCH, =VERSION or /RELEASE after it"));
            }
            packages.push(value.to_owned());
        }
    }
    Ok(packages)
}

/// Returns whether apt takes the text for one package, in the words of Debian's policy (5.6.1, 5.6.12) and apt-get(8).
///
/// What begins with `-` or holds blanks or shell characters would be something else to some program on the way.
fn names_a_package(text: &str) -> bool {
    let (package, selector) = match text.find(['=', '/']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (name, arch) = match package.split_once(':') {
        Some((name, arch)) => (name, Some(arch)),
        None => (package, None),
    };
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let consists_of = |text: &str, more: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    name.starts_with(is_alphanumeric)
        && name.chars().all(|c| is_alphanumeric(c) || "+-.".contains(c))
        && arch.is_none_or(|arch| consists_of(arch, "-"))
        && selector.is_none_or(|selector| consists_of(selector, "+-.~:_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists() {
        let lists = [
            "vim,less tree".to_owned(),
            " g++ , ,libc6:amd64=2.36-9+deb12u1~x".to_owned(),
        ];
        let environment = Environment::of(&[("INSTALL_PACKAGES", "jq file")]);
        assert_eq!(
            parse_all(&lists, &environment).unwrap(),
            [
                "vim",
                "less",
                "tree",
                "g++",
                "libc6:amd64=2.36-9+deb12u1~x",
                "jq",
                "file"
            ]
        );
        assert!(parse_all(&[], &Environment::of(&[])).unwrap().is_empty());
    }

    #[test]
    fn takes_what_apt_takes_for_one_package() {
        for text in [
            "vim",
            "0ad",
            "linux-image-6.1",
            "bash/stable-updates",
            "bash=1:5.2-1",
            "libc6:i386",
        ] {
            assert!(names_a_package(text), "{text}");
        }
        for text in [
            "Vim",
            "-y",
            "vim less",
            "vim;reboot",
            "../x",
            "vim=",
            "vim/",
            ":amd64",
            "vim:",
            "naïve",
            "vim=",
        ] {
            assert!(!names_a_package(text), "{text}");
        }
    }

    #[test]
    fn the_error_names_the_package() {
        let error = parse_all(&["vim,--force".to_owned()], &Environment::of(&[])).unwrap_err();
        assert!(
            error
                .render()
                .starts_with("error: -p is \"--force\"\n  because a package is "),
            "{}",
            error.render()
        );
    }
}

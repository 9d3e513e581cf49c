//! The variables of DIB as a text, for the manifest of a build.

use std::fmt::Write as _;

use dib_sys::command::without_password;

use super::Variables;

impl Variables {
    /// Returns the variables whose names begin with `DIB_`, as bash would declare them, a line each: what upstream keeps
    /// in the manifest `dib_environment`. The arguments have a manifest of their own; passwords are no part of an image that others may have.
    #[must_use]
    pub fn dib_environment(&self) -> String {
        let mut text = String::new();
        for (name, value, _) in self.iter() {
            if name.starts_with("DIB_") && name != "DIB_ARGS" {
                let value = double_quoted(&without_password(name, value));
                writeln!(text, "declare -x {name}={value}").expect("writing to a string");
            }
        }
        text
    }
}

/// Quotes a value for bash as its `declare -p` does.
fn double_quoted(value: &str) -> String {
    let mut text = String::from('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variables::Origin;

    #[test]
    fn values_are_quoted_as_bash_does() {
        assert_eq!(double_quoted(r#"a "b" $c \ `d`"#), r#""a \"b\" \$c \\ \`d\`""#);
    }

    #[test]
    fn the_variables_of_dib_are_declared() {
        let mut variables = Variables::default();
        for (name, value) in [
            ("DIB_RELEASE", "noble"),
            ("DIB_ARGS", "ubuntu"),
            ("HOME", "/root"),
            ("DIB_OFFLINE", ""),
            ("DIB_DEV_USER_PASSWORD", "secret"),
        ] {
            variables.set(name, value, Origin::User);
        }
        assert_eq!(
            variables.dib_environment(),
            "declare -x DIB_DEV_USER_PASSWORD=\"***\"\ndeclare -x DIB_OFFLINE=\"\"\ndeclare -x DIB_RELEASE=\"noble\"\n"
        );
    }
}

//! The variables of DIB as a text, for the manifest of a build.

use std::fmt::Write as _;

use super::Variables;

impl Variables {
    /// Returns the variables whose names begin with `DIB_`, as bash would declare them, a line each: what upstream keeps
    /// in the manifest `dib_environment`. The arguments have a manifest of their own.
    #[must_use]
    pub fn dib_environment(&self) -> String {
        let mut text = String::new();
        for (name, value, _) in self.iter() {
            if name.starts_with("DIB_") && name != "DIB_ARGS" {
                writeln!(text, "declare -x {name}={}", double_quoted(value)).expect("writing to a string");
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
        ] {
            variables.set(name, value, Origin::User);
        }
        assert_eq!(
            variables.dib_environment(),
            "declare -x DIB_OFFLINE=\"\"\ndeclare -x DIB_RELEASE=\"noble\"\n"
        );
    }
}

//! `DIB_DEBOOTSTRAP_EXTRA_ARGS`: what callers tell debootstrap, as far as it means something here.

use dib_core::HookError;

const VARIABLE: &str = "DIB_DEBOOTSTRAP_EXTRA_ARGS";

/// What the variable asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraArguments {
    /// The file of `--keyring`.
    pub keyring: Option<String>,
    /// The packages of `--include`.
    pub include: Vec<String>,
}

impl ExtraArguments {
    /// Reads the variable's words.
    ///
    /// # Errors
    /// When one of them is not understood, or asks that signatures are not checked.
    pub fn parse(text: &str) -> Result<Self, HookError> {
        let refused = |expected: &str| HookError::Variable {
            name: VARIABLE.to_owned(),
            value: text.to_owned(),
            expected: expected.to_owned(),
        };
        let mut arguments = Self::default();
        let mut words = text.split_ascii_whitespace();
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };
            match name {
                "--keyring" | "--include" => {
                    let value = value
                        .or_else(|| words.next())
                        .ok_or_else(|| refused("a value is missing"))?;
                    if name == "--keyring" {
                        arguments.keyring = Some(value.to_owned());
                    } else {
                        let packages = value.split(',').filter(|package| !package.is_empty());
                        arguments.include.extend(packages.map(str::to_owned));
                    }
                }
                // They say what is so in any case.
                "--verbose" | "--merged-usr" | "--force-check-gpg" => {}
                "--variant" if value == Some("minbase") => {}
                "--no-check-gpg" => {
                    return Err(refused("signatures are always checked").hinted(
                        "DIB_APT_KEYRING names a file of keys, for an archive that is signed by a key of its own",
                    ));
                }
                _ => {
                    return Err(refused(
                        "only --keyring, --include, --variant=minbase, --merged-usr, --force-check-gpg and --verbose are \
                         understood",
                    ));
                }
            }
        }
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_here_is_understood() {
        let check = |text, keyring: Option<&str>, include: &[&str]| {
            let expected = ExtraArguments {
                keyring: keyring.map(str::to_owned),
                include: include.iter().map(|&package| package.to_owned()).collect(),
            };
            assert_eq!(ExtraArguments::parse(text).unwrap(), expected, "{text}");
        };
        check("", None, &[]);
        check("--verbose --variant=minbase", None, &[]);
        check(
            "--keyring=/a.gpg --include=vim,less, --include curl",
            Some("/a.gpg"),
            &["vim", "less", "curl"],
        );
        check("--keyring /a.gpg", Some("/a.gpg"), &[]);
    }

    #[test]
    fn the_rest_is_refused() {
        let check = |text, expected: &str| {
            let error = ExtraArguments::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("--no-check-gpg", "signatures are always checked");
        check("--include", "a value is missing");
        check("--foreign", "only --keyring");
        check("--variant=buildd", "only --keyring");
    }
}

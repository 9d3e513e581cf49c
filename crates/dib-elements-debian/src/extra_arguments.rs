//! What callers tell debootstrap and mmdebstrap, as far as it means something here, where neither runs.

use dib_core::{HookContext, HookError};

const OF_DEBOOTSTRAP: &str = "DIB_DEBOOTSTRAP_EXTRA_ARGS";
const OF_MMDEBSTRAP: &str = "DIB_MMDEBSTRAP_EXTRA_ARGS";
const SCRIPT: &str = "DIB_DEBIAN_DEBOOTSTRAP_SCRIPT";
/// Variables that change nothing here, and what does instead.
const MEANINGLESS: [(&str, &str); 3] = [
    (
        "DIB_DEBIAN_USE_DEBOOTSTRAP_CACHE",
        "packages are kept in the image cache, and DIB_OFFLINE takes them as they are",
    ),
    (
        "DIB_DEBOOTSTRAP_CACHE",
        "packages are kept in the image cache anyway",
    ),
    ("DIB_ARM_KERNEL", "-p linux-image-NAME installs another kernel"),
];

/// What the variables ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraArguments {
    /// The file of `--keyring`.
    pub keyring: Option<String>,
    /// The packages of `--include`.
    pub include: Vec<String>,
}

impl ExtraArguments {
    /// Reads the variables, and tells which of them mean nothing.
    ///
    /// # Errors
    /// When a word of them is not understood, or a script of debootstrap is asked for.
    pub fn of(ctx: &HookContext<'_>) -> Result<Self, HookError> {
        if let Some(script) = ctx.variable(SCRIPT) {
            let error = HookError::Variable {
                name: SCRIPT.to_owned(),
                value: script.to_owned(),
                expected: "no script of debootstrap is run here".to_owned(),
            };
            return Err(error.hinted(
                "the base system is what the archive calls essential or required: unset it, and have an element do the rest",
            ));
        }
        for (name, instead) in MEANINGLESS {
            if ctx.variable(name).is_some() {
                let told = format!("{name} changes nothing: {instead}");
                ctx.observer().output(&told);
                ctx.nothing(told);
            }
        }
        let parse = |name| Self::parse(name, ctx.variable(name).unwrap_or_default());
        let (mut arguments, more) = (parse(OF_DEBOOTSTRAP)?, parse(OF_MMDEBSTRAP)?);
        arguments.keyring = arguments.keyring.or(more.keyring);
        arguments.include.extend(more.include);
        Ok(arguments)
    }

    /// Reads the words of a variable, which is called `variable`.
    ///
    /// # Errors
    /// When one of them is not understood, or asks that signatures are not checked.
    pub fn parse(variable: &str, text: &str) -> Result<Self, HookError> {
        let refused = |expected: &str| HookError::Variable {
            name: variable.to_owned(),
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
                "--no-check-gpg" | "--skip"
                    if name == "--no-check-gpg" || value == Some("check/signed-by") =>
                {
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
            assert_eq!(
                ExtraArguments::parse(OF_DEBOOTSTRAP, text).unwrap(),
                expected,
                "{text}"
            );
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
            let error = ExtraArguments::parse(OF_DEBOOTSTRAP, text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
        };
        check("--no-check-gpg", "signatures are always checked");
        check("--skip=check/signed-by", "signatures are always checked");
        check("--skip=update", "only --keyring");
        check("--include", "a value is missing");
        check("--foreign", "only --keyring");
        check("--variant=buildd", "only --keyring");
    }
}

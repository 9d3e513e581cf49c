//! The environment, read once. Nothing else in the project reads it.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use crate::error::{CliError, ErrorKind};

/// What `-c` leaves of the environment; the build's variables are none of these.
const KEPT_WHEN_CLEARED: [&str; 6] = ["HOME", "LANG", "LOGNAME", "PATH", "TERM", "USER"];

/// The environment of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    current_directory: Utf8PathBuf,
}

impl Environment {
    /// Reads the environment, and returns with it a warning for each variable that had to be left out since its value
    /// is not UTF-8.
    ///
    /// `HOME` is looked up in the user database where it is not set, as shells expand `~` then.
    ///
    /// # Errors
    /// When the current directory is gone or its path is not UTF-8.
    pub fn read() -> Result<(Self, Vec<String>), CliError> {
        let mut variables = BTreeMap::new();
        let mut warnings = Vec::new();
        for (name, value) in std::env::vars_os() {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => {
                    variables.insert(name, value);
                }
                (Ok(name), Err(_)) => {
                    warnings.push(format!("the variable {name} is left out: it is not UTF-8"));
                }
                (Err(name), _) => {
                    let name = name.display();
                    warnings.push(format!("a variable is left out: its name {name} is not UTF-8"));
                }
            }
        }
        if variables.get("HOME").is_none_or(String::is_empty)
            && let Some(home) = home_of_this_user()
        {
            variables.insert("HOME".to_owned(), home);
        }
        let current_directory = std::env::current_dir().map_err(|error| {
            CliError::new(ErrorKind::MissingInput, error).hint("cd to a directory that exists")
        })?;
        let current_directory = Utf8PathBuf::from_path_buf(current_directory).map_err(|path| {
            let message = format!(
                "the path of the current directory is not UTF-8: {}",
                path.display()
            );
            CliError::new(ErrorKind::Usage, message)
        })?;
        Ok((
            Self {
                variables,
                current_directory,
            },
            warnings,
        ))
    }

    /// Makes an environment of these variables, in the root directory.
    #[must_use]
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            variables,
            current_directory: "/".into(),
        }
    }

    /// Returns a variable's value, or `None` when it is unset or empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Returns whether a variable is set, be it to nothing.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// Returns all variables.
    #[must_use]
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Returns the environment that `-c` leaves.
    #[must_use]
    pub fn cleared(&self) -> Self {
        let mut cleared = self.clone();
        cleared
            .variables
            .retain(|name, _| KEPT_WHEN_CLEARED.contains(&name.as_str()));
        cleared
    }

    /// Returns this environment with other variables over its own.
    #[must_use]
    pub fn with(&self, variables: &[(String, String)]) -> Self {
        let mut environment = self.clone();
        environment.variables.extend(variables.iter().cloned());
        environment
    }

    /// Returns an absolute path: a relative one begins in the current directory.
    #[must_use]
    pub fn absolute(&self, path: &str) -> Utf8PathBuf {
        self.current_directory.join(path)
    }
}

fn home_of_this_user() -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::effective()).ok()??;
    user.dir.into_os_string().into_string().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let environment = Environment::of(&[("DIB_OFFLINE", ""), ("ARCH", "arm64")]);
        assert_eq!(environment.get("DIB_OFFLINE"), None);
        assert!(environment.is_set("DIB_OFFLINE"));
        assert_eq!(environment.get("ARCH"), Some("arm64"));
        assert_eq!(environment.get("UNSET"), None);
    }

    #[test]
    fn clearing_leaves_what_programs_need() {
        let environment = Environment::of(&[("DIB_RELEASE", "jammy"), ("HOME", "/root"), ("PATH", "/bin")]);
        assert_eq!(
            environment.cleared(),
            Environment::of(&[("HOME", "/root"), ("PATH", "/bin")])
        );
    }

    #[test]
    fn this_process_has_an_environment() {
        let (environment, _) = Environment::read().unwrap();
        assert!(environment.get("PATH").is_some());
        assert!(environment.absolute("x").is_absolute());
        assert_eq!(environment.absolute("/x"), "/x");
    }
}

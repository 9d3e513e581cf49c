//! A value together with the option or variable it comes from, so that what is wrong with it can be told.

use std::error::Error;

use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};

/// A value that the user gave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) value: &'a str,
    /// The option or variable it comes from.
    pub(crate) origin: &'static str,
}

#[derive(Debug, thiserror::Error)]
#[error("{origin} is {value:?}")]
struct InvalidSetting {
    origin: &'static str,
    value: String,
    source: Box<dyn Error + Send + Sync>,
}

/// Returns the words of a list, separated by commas or blanks.
pub(super) fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(|character: char| character == ',' || character.is_whitespace())
        .filter(|word| !word.is_empty())
}

impl<'a> Setting<'a> {
    /// Returns the option's value, else the variable's; an empty value is none.
    pub(crate) fn find(
        option: Option<&'a str>,
        option_name: &'static str,
        environment: &'a Environment,
        variable: &'static str,
    ) -> Option<Self> {
        match option.filter(|value| !value.is_empty()) {
            Some(value) => Some(Self {
                value,
                origin: option_name,
            }),
            None => Self::of_variable(environment, variable),
        }
    }

    /// Returns the variable's value; an empty one is none.
    pub(crate) fn of_variable(environment: &'a Environment, variable: &'static str) -> Option<Self> {
        environment.get(variable).map(|value| Self {
            value,
            origin: variable,
        })
    }

    /// Returns the value as it is.
    pub(crate) fn to_owned_value(self) -> String {
        self.value.to_owned()
    }

    /// Reads the value as something.
    pub(crate) fn read<T, E: Into<Box<dyn Error + Send + Sync>>>(
        self,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, CliError> {
        read(self.value).map_err(|error| self.invalid(error))
    }

    /// Reads the value as a whole number of what `expected` says.
    pub(crate) fn whole_number(self, expected: &str) -> Result<u64, CliError> {
        self.read(|value| {
            value
                .parse::<u64>()
                .map_err(|_| format!("{expected} is expected"))
        })
    }

    /// Says what is wrong with the value.
    pub(crate) fn invalid(self, reason: impl Into<Box<dyn Error + Send + Sync>>) -> CliError {
        let error = InvalidSetting {
            origin: self.origin,
            value: self.value.to_owned(),
            source: reason.into(),
        };
        CliError::new(ErrorKind::Usage, error)
    }
}

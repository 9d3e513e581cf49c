//! Elements' names.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An element's name, such as `ubuntu` or `openssh-server`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ElementName(String);

/// A text that can't name an element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name for an element: letters, digits, \"-\", \"_\", \"+\" and \".\" make one")]
pub struct InvalidElementName(pub String);

impl ElementName {
    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

// An element is found in a map by its name as text.
impl Borrow<str> for ElementName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for ElementName {
    type Err = InvalidElementName;

    fn from_str(text: &str) -> Result<Self, InvalidElementName> {
        let allowed = |character: char| character.is_ascii_alphanumeric() || "-_+.".contains(character);
        if text.is_empty() || text.starts_with(['.', '-']) || !text.chars().all(allowed) {
            return Err(InvalidElementName(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ElementName {
    type Error = InvalidElementName;

    fn try_from(text: String) -> Result<Self, InvalidElementName> {
        text.parse()
    }
}

impl From<ElementName> for String {
    fn from(name: ElementName) -> Self {
        name.0
    }
}

impl fmt::Display for ElementName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

//! Points at which a build stops for a shell.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Phase, phase::UnknownPhase};

/// A point at which a build can stop for a shell, written `before-root`, `after-install` or `after-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BreakPoint {
    /// Before the first hook of a phase.
    Before(Phase),
    /// After the last hook of a phase.
    After(Phase),
    /// After a hook that failed.
    AfterError,
}

/// A text that names no break point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBreakPoint {
    /// It begins neither with `before-` nor with `after-`.
    #[error("{0:?} is no break point: before-PHASE, after-PHASE and after-error are")]
    Shape(String),
    /// It names no phase.
    #[error("{0:?} is no break point")]
    Phase(String, #[source] UnknownPhase),
}

impl FromStr for BreakPoint {
    type Err = InvalidBreakPoint;

    fn from_str(text: &str) -> Result<Self, InvalidBreakPoint> {
        let phase = |name: &str| {
            name.parse()
                .map_err(|error| InvalidBreakPoint::Phase(text.to_owned(), error))
        };
        if text == "after-error" {
            Ok(Self::AfterError)
        } else if let Some(name) = text.strip_prefix("before-") {
            Ok(Self::Before(phase(name)?))
        } else if let Some(name) = text.strip_prefix("after-") {
            Ok(Self::After(phase(name)?))
        } else {
            Err(InvalidBreakPoint::Shape(text.to_owned()))
        }
    }
}

impl fmt::Display for BreakPoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(phase) => write!(formatter, "before-{phase}"),
            Self::After(phase) => write!(formatter, "after-{phase}"),
            Self::AfterError => formatter.write_str("after-error"),
        }
    }
}

impl TryFrom<String> for BreakPoint {
    type Error = InvalidBreakPoint;

    fn try_from(text: String) -> Result<Self, InvalidBreakPoint> {
        text.parse()
    }
}

impl From<BreakPoint> for String {
    fn from(point: BreakPoint) -> Self {
        point.to_string()
    }
}

/// The break points of a build (`break`) and what runs at them (`break_cmd`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakPoints {
    /// Where the build stops.
    pub points: Vec<BreakPoint>,
    /// What runs there, by `sh -c`.
    pub command: String,
}

impl Default for BreakPoints {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            command: "bash".to_owned(),
        }
    }
}

impl BreakPoints {
    /// Reads a list of points separated by commas.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn parse(list: &str, command: &str) -> Result<Self, InvalidBreakPoint> {
        let points = list
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::parse);
        Ok(Self {
            points: points.collect::<Result<_, _>>()?,
            command: command.to_owned(),
        })
    }

    /// Returns whether the build does not stop anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Returns whether the build stops at that point.
    #[must_use]
    pub fn contains(&self, point: BreakPoint) -> bool {
        self.points.contains(&point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists() {
        let points = BreakPoints::parse("before-root, after-install,,after-error", "bash").unwrap();
        assert!(points.contains(BreakPoint::Before(Phase::Root)));
        assert!(points.contains(BreakPoint::AfterError));
        assert!(!points.contains(BreakPoint::After(Phase::Root)));
        assert!(BreakPoints::parse("", "bash").unwrap().points.is_empty());
    }

    #[test]
    fn refuses_what_would_never_stop() {
        for text in ["root", "before-rot", "before-", "after-errors"] {
            assert!(BreakPoints::parse(text, "bash").is_err(), "{text}");
        }
    }
}

//! Which work that was done in builds before is taken from there.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::hook::InvalidHookName;
use crate::phase::UnknownPhase;
use crate::{HookName, Phase, Unit};

/// Which work that was done in builds before is taken from there, and whether any is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerUse {
    /// All that is known is taken, and the rest is kept for later builds.
    #[default]
    Used,
    /// What comes before a place is taken; what comes after it is done again even where it is known, and kept (`--from`).
    UsedBefore(PlanPlace),
    /// None is taken and none is kept (`--no-layers`).
    Unused,
}

impl LayerUse {
    /// Returns whether a unit is run even where its work is known.
    #[must_use]
    pub fn runs_again(&self, unit: Unit<'_>) -> bool {
        match (self, unit) {
            (Self::UsedBefore(place), Unit::Hook(hook)) => place.is_at_or_before(hook.phase, &hook.name),
            // A step comes after the hooks that decide.
            (Self::UsedBefore(_) | Self::Used | Self::Unused, _) => false,
        }
    }
}

/// How much is kept of what was done in builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerLimits {
    /// How much all of it takes at the most, in bytes.
    pub bytes: u64,
    /// For how long something is kept that no build uses.
    pub unused_for: Duration,
}

impl Default for LayerLimits {
    /// 20 GiB, and 30 days.
    fn default() -> Self {
        Self {
            bytes: 20 << 30,
            unused_for: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// A place among a plan's hooks: before a hook, written `install.d/50-name` or `install/50-name`, or before the first of a
/// phase, written `install.d` or `install`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanPlace {
    /// The phase.
    pub phase: Phase,
    /// The hook, or `None` for the first of the phase.
    pub hook: Option<HookName>,
}

impl PlanPlace {
    /// Returns whether a hook comes after the place, or is the one that it names.
    #[must_use]
    pub fn is_at_or_before(&self, phase: Phase, hook: &HookName) -> bool {
        phase > self.phase || phase == self.phase && self.hook.as_ref().is_none_or(|first| hook >= first)
    }
}

/// A text that names no place in a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPlanPlace {
    /// It begins with no phase.
    #[error(transparent)]
    Phase(#[from] UnknownPhase),
    /// What follows the phase can't be a hook's name.
    #[error(transparent)]
    Hook(#[from] InvalidHookName),
}

impl FromStr for PlanPlace {
    type Err = InvalidPlanPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlanPlace> {
        let (phase, hook) = match text.split_once('/') {
            // A directory's name may be completed by the shell, with its stroke.
            Some((phase, "")) => (phase, None),
            Some((phase, hook)) => (phase, Some(hook)),
            None => (text, None),
        };
        let phase = phase.strip_suffix(".d").unwrap_or(phase);
        Ok(Self {
            phase: phase.parse()?,
            hook: hook.map(str::parse).transpose()?,
        })
    }
}

impl fmt::Display for PlanPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hook {
            Some(hook) => write!(formatter, "{}.d/{hook}", self.phase),
            None => write!(formatter, "{}.d", self.phase),
        }
    }
}

impl TryFrom<String> for PlanPlace {
    type Error = InvalidPlanPlace;

    fn try_from(text: String) -> Result<Self, InvalidPlanPlace> {
        text.parse()
    }
}

impl From<PlanPlace> for String {
    fn from(place: PlanPlace) -> Self {
        place.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_people_write_them() {
        let check = |text: &str, expected: &str| {
            let place: PlanPlace = text.parse().unwrap();
            assert_eq!(place.to_string(), expected, "for {text}");
            assert_eq!(expected.parse(), Ok(place), "for {text}");
        };
        check("install.d/50-foo", "install.d/50-foo");
        check("install/50-foo", "install.d/50-foo");
        check("install", "install.d");
        check("pre-install.d/", "pre-install.d");
        for text in [
            "",
            "/",
            "instal/50-foo",
            "50-foo",
            "install/50 foo",
            "install.d.d",
        ] {
            assert!(text.parse::<PlanPlace>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_comes_after_a_place_is_run_again() {
        let check = |place: &str, phase, hook: &str, expected| {
            let place: PlanPlace = place.parse().unwrap();
            assert_eq!(
                place.is_at_or_before(phase, &hook.parse().unwrap()),
                expected,
                "{place}: {phase}/{hook}"
            );
        };
        check("install/50-foo", Phase::Install, "50-foo", true);
        check("install/50-foo", Phase::Install, "7-bar", false);
        check("install/50-foo", Phase::Install, "50-bar", false);
        check("install/50-foo", Phase::PostInstall, "00-first", true);
        check("install/50-foo", Phase::PreInstall, "99-last", false);
        check("install", Phase::Install, "00-first", true);
        check("install", Phase::PreInstall, "99-last", false);
    }
}

//! The ten phases of a build.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A phase of the build; hooks run phase by phase, in the order of this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Makes the root file system.
    Root,
    /// Copies data of the host into the target.
    ExtraData,
    /// Prepares the target for installing packages.
    PreInstall,
    /// Installs.
    Install,
    /// Configures what was installed.
    PostInstall,
    /// Works on the whole tree from outside, before the disk exists.
    PostRoot,
    /// Decides about the disk.
    BlockDevice,
    /// Works on the final tree from outside.
    PreFinalise,
    /// Works on the final tree from inside.
    Finalise,
    /// Undoes what only the build needed.
    Cleanup,
}

impl Phase {
    /// All phases, in the order in which they run.
    pub const ALL: [Self; 10] = [
        Self::Root,
        Self::ExtraData,
        Self::PreInstall,
        Self::Install,
        Self::PostInstall,
        Self::PostRoot,
        Self::BlockDevice,
        Self::PreFinalise,
        Self::Finalise,
        Self::Cleanup,
    ];

    /// Returns whether scripts of the phase run with the target as their root directory, and not beside it.
    #[must_use]
    pub fn runs_in_target(self) -> bool {
        matches!(
            self,
            Self::PreInstall | Self::Install | Self::PostInstall | Self::Finalise
        )
    }

    /// Returns the phase's name, as in the directory `root.d`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::ExtraData => "extra-data",
            Self::PreInstall => "pre-install",
            Self::Install => "install",
            Self::PostInstall => "post-install",
            Self::PostRoot => "post-root",
            Self::BlockDevice => "block-device",
            Self::PreFinalise => "pre-finalise",
            Self::Finalise => "finalise",
            Self::Cleanup => "cleanup",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A text that names no phase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no phase {0:?}; the phases are {list}", list = Phase::ALL.map(Phase::name).join(", "))]
pub struct UnknownPhase(pub String);

impl FromStr for Phase {
    type Err = UnknownPhase;

    fn from_str(text: &str) -> Result<Self, UnknownPhase> {
        Self::ALL
            .into_iter()
            .find(|phase| phase.name() == text)
            .ok_or_else(|| UnknownPhase(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for phase in Phase::ALL {
            assert_eq!(phase.name().parse(), Ok(phase));
        }
        assert!(
            "roots"
                .parse::<Phase>()
                .unwrap_err()
                .to_string()
                .contains("pre-finalise")
        );
    }
}

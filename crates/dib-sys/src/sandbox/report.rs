//! What the sandbox's first process tells the caller.

use std::fmt;

use nix::errno::Errno;

/// The length of an encoded report, which a pipe takes and gives whole.
pub(super) const REPORT_LENGTH: usize = 6;

/// How the work in the sandbox ended, or why it did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    Exited(u8),
    /// By the signal of this number.
    Killed(i32),
    SetupFailed(SetupStep, Errno),
}

/// A step of setting the sandbox up, as its first process takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupStep {
    /// Taking number 0 for user and group.
    BecomeRoot,
    /// Asking the kernel to end the sandbox with its caller.
    DieWithCaller,
    /// Cutting the mounts off from the host's.
    PrivateMounts,
    /// Naming the host.
    Hostname,
    /// Giving signals their default actions.
    Signals,
    /// Starting the process that does the work.
    StartWorker,
}

const STEPS: [SetupStep; 6] = [
    SetupStep::BecomeRoot,
    SetupStep::DieWithCaller,
    SetupStep::PrivateMounts,
    SetupStep::Hostname,
    SetupStep::Signals,
    SetupStep::StartWorker,
];

impl fmt::Display for SetupStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::BecomeRoot => "become root in the user namespace",
            Self::DieWithCaller => "tie the sandbox to its caller",
            Self::PrivateMounts => "make the mounts private",
            Self::Hostname => "set the host name",
            Self::Signals => "reset the signals",
            Self::StartWorker => "start the working process",
        })
    }
}

impl Report {
    pub(super) fn encode(self) -> [u8; REPORT_LENGTH] {
        let (tag, step, number) = match self {
            Self::Exited(status) => (b'x', 0, i32::from(status)),
            Self::Killed(signal) => (b'k', 0, signal),
            Self::SetupFailed(step, errno) => (b's', step as u8, errno as i32),
        };
        let [a, b, c, d] = number.to_le_bytes();
        [tag, step, a, b, c, d]
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let &[tag, step, a, b, c, d] = bytes else {
            return None;
        };
        let number = i32::from_le_bytes([a, b, c, d]);
        match tag {
            b'x' => Some(Self::Exited(u8::try_from(number).ok()?)),
            b'k' => Some(Self::Killed(number)),
            b's' => Some(Self::SetupFailed(
                *STEPS.get(usize::from(step))?,
                Errno::from_raw(number),
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(report: Report) {
        assert_eq!(Report::decode(&report.encode()), Some(report));
    }

    #[test]
    fn reports_survive_the_pipe() {
        check(Report::Exited(0));
        check(Report::Exited(255));
        check(Report::Killed(9));
        for step in STEPS {
            check(Report::SetupFailed(step, Errno::EPERM));
        }
    }

    #[test]
    fn half_a_report_is_none() {
        assert_eq!(Report::decode(b""), None);
        assert_eq!(Report::decode(&Report::Exited(1).encode()[..3]), None);
        assert_eq!(Report::decode(b"?     "), None);
    }
}

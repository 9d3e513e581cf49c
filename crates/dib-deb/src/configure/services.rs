//! Services stay off while packages are configured: a tree is no running system.

use dib_sys::{TargetError, TargetPath, TargetRoot};

/// What packages' scripts ask before they start a service (invoke-rc.d(8), deb-systemd-invoke(1p)).
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// Status 101 forbids it. The comment tells this file from others, also after a build that was ended half-way.
const FORBIDDING: &[u8] = b"#!/bin/sh\n# Here while dib configures packages.\nexit 101\n";

/// Forbids services to start, unless the target has a policy of its own.
pub(super) fn forbid(target: &TargetRoot) -> Result<(), TargetError> {
    if target.metadata(&path())?.is_none() {
        target.write(&path(), FORBIDDING, 0o755)?;
    }
    Ok(())
}

/// Removes the policy that [`forbid`] wrote, unless a package has put its own there meanwhile.
pub(super) fn permit(target: &TargetRoot) -> Result<(), TargetError> {
    match target.read(&path()) {
        Ok(contents) if contents == FORBIDDING => target.remove_file(&path()).map(|_| ()),
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

fn path() -> TargetPath {
    POLICY.parse().expect("a constant path is well-formed")
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    #[test]
    fn only_our_own_policy_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let target = TargetRoot::open(Utf8Path::from_path(directory.path()).unwrap()).unwrap();
        target
            .create_directory_all(&"/usr/sbin".parse().unwrap(), 0o755)
            .unwrap();
        // The second time it is still there, as after a build that was ended.
        for _ in 0..2 {
            forbid(&target).unwrap();
            assert_eq!(target.read(&path()).unwrap(), FORBIDDING);
        }
        permit(&target).unwrap();
        permit(&target).unwrap();
        assert!(target.metadata(&path()).unwrap().is_none());

        target.write(&path(), b"#!/bin/sh\nexit 101\n", 0o755).unwrap();
        forbid(&target).unwrap();
        permit(&target).unwrap();
        assert_eq!(target.read(&path()).unwrap(), b"#!/bin/sh\nexit 101\n");
    }
}

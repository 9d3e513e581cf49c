//! What the errors of `dib-deb` mean to the user: an archive's faults, packages that don't fit, scripts that fail.

use std::error::Error;

use dib_cache::{CacheError, SignatureError};
use dib_deb::{
    ArchiveError, BootstrapError, ConfigureError, KeysError, ReleaseError, ResolveError, SourcesError,
    TransactionError, UnpackError,
};
use dib_sys::command::CommandError;

use super::ErrorKind;
use super::causes::{as_error, kernel_error};

const INCOMPLETE: &str =
    "the mirror is incomplete or being updated: try again later, or name another by DIB_DISTRIBUTION_MIRROR";
const SLOW: &str = "DIB_DOWNLOAD_TIMEOUT (seconds) and DIB_DOWNLOAD_RETRIES give the mirror more time, \
                    DIB_DISTRIBUTION_MIRROR names another";
const CHANGED: &str =
    "it was changed on the mirror or on the way here; DIB_DISTRIBUTION_MIRROR names another mirror";
const KEYS: &str = "DIB_APT_KEYRING names a file with the keys that may sign the archive";
const SIGN: &str = "name another mirror by DIB_DISTRIBUTION_MIRROR, or sign this one and name the key's file by DIB_APT_KEYRING";
const SNAPSHOT: &str = "DIB_DISTRIBUTION_MIRROR names another mirror; where an old state is wanted, as a snapshot's, \
                        DIB_APT_CHECK_VALID_UNTIL=0 takes it";
const WHO_ASKS: &str = "`dib plan` with the same arguments shows which element asks for which package";
const MISSPELT: &str = "`dib plan` with the same arguments shows which element asks for it; DIB_DEBIAN_COMPONENTS names more \
                        components to look in, DIB_APT_SOURCES_CONF more archives";
const MORE_SOURCES: &str =
    "DIB_DEBIAN_COMPONENTS names more components to look in, DIB_APT_SOURCES_CONF more archives";
const SHELL: &str = "with break=after-error in the environment, the build stops there for a shell";

/// What an error is, as far as it says so itself, and what the user can do about it; nothing for errors that are not
/// `dib-deb`'s.
pub(super) type Meaning = (Option<ErrorKind>, Option<&'static str>);

/// Returns what an error means; its causes may say more.
pub(super) fn meaning(error: &(dyn Error + 'static)) -> Meaning {
    if let Some(error) = as_error::<ArchiveError>(error) {
        of_archive(error)
    } else if let Some(error) = as_error::<ReleaseError>(error) {
        of_release(error)
    } else if let Some(error) = as_error::<TransactionError>(error) {
        match error {
            TransactionError::Fetch { source, .. } => (None, advice_about_file(source)),
            TransactionError::Script { .. } | TransactionError::Dpkg { .. } => (None, Some(SHELL)),
            _ => (None, None),
        }
    } else if let Some(error) = as_error::<ConfigureError>(error) {
        let is_failure = !matches!(error, ConfigureError::Target(_) | ConfigureError::Thread(_));
        (None, is_failure.then_some(SHELL))
    } else if let Some(error) = as_error::<ResolveError>(error) {
        match error {
            ResolveError::NoPackage { .. } => (Some(ErrorKind::Configuration), Some(MISSPELT)),
            ResolveError::Removes { .. }
            | ResolveError::Apt {
                source: CommandError::Failed { .. },
                ..
            } => (Some(ErrorKind::Configuration), Some(WHO_ASKS)),
            _ => (None, None),
        }
    } else if as_error::<BootstrapError>(error).is_some() {
        (Some(ErrorKind::Configuration), Some(MORE_SOURCES))
    } else if as_error::<KeysError>(error).is_some() {
        (Some(ErrorKind::Configuration), Some(KEYS))
    } else if as_error::<SourcesError>(error).is_some() {
        (Some(ErrorKind::Configuration), None)
    } else {
        // What the kernel refused is no fault of the package.
        let is_damaged = as_error::<UnpackError>(error).is_some() && kernel_error(error).is_none();
        (is_damaged.then_some(ErrorKind::BadData), None)
    }
}

fn of_archive(error: &ArchiveError) -> Meaning {
    match error {
        ArchiveError::Release(error) => of_release(error),
        ArchiveError::Fetch { source, .. } => (None, advice_about_file(source)),
        ArchiveError::NoComponent { .. } => (
            Some(ErrorKind::Configuration),
            Some("DIB_DEBIAN_COMPONENTS names the components, separated by commas"),
        ),
        ArchiveError::NoArchitecture { .. } => (
            Some(ErrorKind::Configuration),
            Some(
                "-a names the architecture; some have an archive of their own, which DIB_DISTRIBUTION_MIRROR names",
            ),
        ),
        _ => (Some(ErrorKind::BadData), Some(CHANGED)),
    }
}

fn of_release(error: &ReleaseError) -> Meaning {
    match error {
        ReleaseError::Fetch { source, .. } => (None, advice_about_release(source)),
        ReleaseError::NoRelease { .. } => (
            Some(ErrorKind::MissingInput),
            Some("DIB_RELEASE names the release, DIB_DISTRIBUTION_MIRROR the mirror"),
        ),
        ReleaseError::Flat { .. } | ReleaseError::Name { .. } => (Some(ErrorKind::Configuration), None),
        ReleaseError::Unsigned { .. } => (Some(ErrorKind::BadData), Some(SIGN)),
        ReleaseError::Expired { .. } => (Some(ErrorKind::BadData), Some(SNAPSHOT)),
        _ => (Some(ErrorKind::BadData), Some(CHANGED)),
    }
}

/// Returns what to do about a file that the index or the release lists; where that is nothing about mirrors, the cache
/// knows better.
fn advice_about_file(error: &CacheError) -> Option<&'static str> {
    match error {
        CacheError::Status { .. } | CacheError::Mismatch { .. } => Some(INCOMPLETE),
        CacheError::GaveUp { .. } => Some(SLOW),
        _ => None,
    }
}

fn advice_about_release(error: &CacheError) -> Option<&'static str> {
    let CacheError::Refused { source, .. } = error else {
        return advice_about_file(error);
    };
    match as_error::<SignatureError>(source.as_ref())? {
        SignatureError::OtherKey { .. } | SignatureError::UnknownKeys { .. } | SignatureError::Key(_) => {
            Some(KEYS)
        }
        _ => Some(CHANGED),
    }
}

#[cfg(test)]
mod tests {
    use dib_core::HookError;

    use super::*;
    use crate::CliError;

    fn check(error: impl Into<Box<dyn Error + Send + Sync>>, kind: ErrorKind, hint: Option<&str>) {
        let error = CliError::from(HookError::Foreign(error.into()));
        let rendered = error.render();
        assert_eq!(error.kind(), kind, "{rendered}");
        let shown = rendered
            .split_once("\n  hint: ")
            .map(|(_, shown)| shown.trim_end());
        assert_eq!(shown, hint, "{rendered}");
    }

    fn url() -> String {
        "http://example.org/debian/dists/stable/InRelease".to_owned()
    }

    fn release(source: CacheError) -> ArchiveError {
        ArchiveError::from(ReleaseError::Fetch {
            base_uri: "http://example.org/debian".to_owned(),
            suite: "stable".to_owned(),
            source: Box::new(source),
        })
    }

    fn refused(source: SignatureError) -> CacheError {
        CacheError::Refused {
            url: url(),
            source: Box::new(source),
        }
    }

    #[test]
    fn releases_that_are_not_trusted() {
        let stranger = SignatureError::UnknownKeys {
            found: "F00D".to_owned(),
            keys: 2,
        };
        check(release(refused(stranger)), ErrorKind::BadData, Some(KEYS));
        let changed = SignatureError::Mismatch {
            key: "F00D".to_owned(),
        };
        check(release(refused(changed)), ErrorKind::BadData, Some(CHANGED));
        let unsigned = ReleaseError::Unsigned { url: url() };
        check(ArchiveError::from(unsigned), ErrorKind::BadData, Some(SIGN));
    }

    #[test]
    fn archives_that_lack_something() {
        let component = ArchiveError::NoComponent {
            base_uri: url(),
            suite: "stable".to_owned(),
            component: "extra".to_owned(),
            found: "main".to_owned(),
        };
        let hint = Some("DIB_DEBIAN_COMPONENTS names the components, separated by commas");
        check(component, ErrorKind::Configuration, hint);
        let package = TransactionError::Fetch {
            package: "tool 1".to_owned(),
            url: url(),
            source: Box::new(CacheError::Status {
                url: url(),
                status: "404 Not Found".to_owned(),
            }),
        };
        check(package, ErrorKind::MissingInput, Some(INCOMPLETE));
    }

    #[test]
    fn packages_that_do_not_fit_or_fail() {
        let failed = || CommandError::Failed {
            argv: vec!["tool".to_owned()],
            status: dib_sys::command::CommandStatus::Exited(3),
            last_lines: Vec::new(),
            replay: "tool".to_owned(),
        };
        let apt = ResolveError::Apt {
            names: vec!["tool".to_owned()],
            source: failed(),
        };
        check(apt, ErrorKind::Configuration, Some(WHO_ASKS));
        let missing = BootstrapError::Unsatisfied {
            package: "base-files 1".to_owned(),
            dependency: "awk".to_owned(),
            arch: "amd64".to_owned(),
        };
        check(missing, ErrorKind::Configuration, Some(MORE_SOURCES));
        let script = TransactionError::Script {
            package: "tool".to_owned(),
            source: failed(),
        };
        check(script, ErrorKind::Build, Some(SHELL));
    }
}

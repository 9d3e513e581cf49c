//! Which kind each error of the other crates is, and what the user can do about it.

use std::error::Error;
use std::io;

use dib_cache::CacheError;
use dib_core::{DuplicateElement, HookError, PlanError, RunError};
use dib_image::{
    DiskError, ExtError, ImageError, OutputError, Qcow2Error, SquashFsError, ToolError, VhdError, VmdkError,
    XfsError,
};
use dib_script::{ElementsPathError, FilesError, HookNamesError};
use dib_sys::sandbox::SandboxError;

use super::{CliError, ErrorKind, packages};

impl From<PlanError> for CliError {
    fn from(error: PlanError) -> Self {
        let kind = match error {
            PlanError::NoElements | PlanError::InvalidName(_) | PlanError::UnknownPlace { .. } => {
                ErrorKind::Usage
            }
            _ => ErrorKind::Configuration,
        };
        let hint = error.hint();
        Self::new(kind, error).hints(hint)
    }
}

impl From<DuplicateElement> for CliError {
    fn from(error: DuplicateElement) -> Self {
        Self::new(ErrorKind::Configuration, error)
    }
}

impl From<ElementsPathError> for CliError {
    fn from(error: ElementsPathError) -> Self {
        let kind = match error {
            ElementsPathError::NoDirectory { .. } => ErrorKind::MissingInput,
            _ => ErrorKind::InputOutput,
        };
        Self::new(kind, error)
    }
}

impl From<HookNamesError> for CliError {
    fn from(error: HookNamesError) -> Self {
        let kind = match error {
            HookNamesError::Grep(_) => ErrorKind::Unavailable,
            _ => ErrorKind::Usage,
        };
        Self::new(kind, error)
    }
}

impl From<FilesError> for CliError {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::Duplicate { .. } | FilesError::FileAndDirectory { .. } => {
                Self::new(ErrorKind::Configuration, error)
                    .hint("scripts find the files of all elements in one directory; rename one of the two")
            }
            _ => Self::new(ErrorKind::InputOutput, error),
        }
    }
}

impl From<SandboxError> for CliError {
    fn from(error: SandboxError) -> Self {
        let kind = match error {
            SandboxError::Threads { .. } => ErrorKind::Internal,
            _ => ErrorKind::Unavailable,
        };
        let hints = error.hints();
        Self::new(kind, error).hints(hints)
    }
}

impl From<CacheError> for CliError {
    fn from(error: CacheError) -> Self {
        let (kind, hint) = cache_kind(&error);
        with_machines_reasons(Self::new(kind, error).hints(hint.map(str::to_owned)))
    }
}

impl From<HookError> for CliError {
    fn from(error: HookError) -> Self {
        let (kind, hint) = hook_kind(&error);
        with_machines_reasons(Self::new(kind, error).hints(hint))
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        let (kind, hint) = match &error {
            RunError::Hook { source, .. } | RunError::Step { source, .. } => hook_kind(source),
            RunError::UnknownHook { .. } => (ErrorKind::Usage, None),
            RunError::Shell { .. } => (ErrorKind::Unavailable, None),
            _ => (ErrorKind::Build, None),
        };
        with_machines_reasons(Self::new(kind, error).hints(hint))
    }
}

impl From<ImageError> for CliError {
    fn from(error: ImageError) -> Self {
        let kind = match &error {
            ImageError::Disk(error) => kind_of_disk_error(error),
            ImageError::SquashFs {
                source: SquashFsError::Tool(error),
                ..
            } => match error.as_ref() {
                ToolError::Missing { .. } | ToolError::Start { .. } => ErrorKind::Unavailable,
                _ => ErrorKind::Build,
            },
            ImageError::Qcow2 {
                source: Qcow2Error::TooLarge { .. },
                ..
            }
            | ImageError::Vhd {
                source: VhdError::TooLarge(_),
                ..
            }
            | ImageError::Vmdk {
                source: VmdkError::TooLarge(_),
                ..
            } => ErrorKind::Usage,
            ImageError::Output(OutputError::Create { .. } | OutputError::NotAFileName(_)) => {
                ErrorKind::CannotCreate
            }
            _ => ErrorKind::InputOutput,
        };
        with_machines_reasons(Self::new(kind, error))
    }
}

fn kind_of_disk_error(error: &DiskError) -> ErrorKind {
    match error {
        DiskError::TooSmall { .. }
        | DiskError::PartitionTooSmall { .. }
        | DiskError::NoRoom { .. }
        | DiskError::TooLargeForMbr(_)
        | DiskError::Xfs(XfsError::Files { .. }) => ErrorKind::Usage,
        DiskError::Ext(ExtError::Tool(error)) | DiskError::Xfs(XfsError::Tool(error)) => match error {
            ToolError::Missing { .. } | ToolError::Start { .. } => ErrorKind::Unavailable,
            _ => ErrorKind::Build,
        },
        DiskError::TreeSize(_)
        | DiskError::Write { .. }
        | DiskError::Ext(ExtError::Io { .. })
        | DiskError::Xfs(XfsError::Io { .. }) => ErrorKind::InputOutput,
        _ => ErrorKind::Build,
    }
}

fn hook_kind(error: &HookError) -> (ErrorKind, Option<String>) {
    match error {
        HookError::Cache(error) => {
            let (kind, hint) = cache_kind(error);
            (kind, hint.map(str::to_owned))
        }
        // What the kernel refused is no fault of the archive.
        HookError::Extract { source, .. } if kernel_error(source.as_ref()).is_none() => {
            (ErrorKind::BadData, None)
        }
        HookError::Host { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            (ErrorKind::MissingInput, None)
        }
        HookError::Extract { .. } | HookError::Host { .. } => (ErrorKind::InputOutput, None),
        HookError::Unset { .. } | HookError::Variable { .. } => (ErrorKind::Configuration, None),
        HookError::Foreign(error) => foreign_kind(error.as_ref()),
        HookError::Hinted(hinted) => (hook_kind(hinted.error()).0, error.hint().map(str::to_owned)),
        _ => (ErrorKind::Build, None),
    }
}

/// Looks for what is known of another crate's error and of its causes. The outermost advice counts, for it knows most of
/// what was wanted.
fn foreign_kind(error: &(dyn Error + 'static)) -> (ErrorKind, Option<String>) {
    let mut cause = Some(error);
    let mut advice = None;
    let mut kind = None;
    while let Some(error) = cause.filter(|_| kind.is_none()) {
        let (known, hint) = if let Some(error) = as_error::<CacheError>(error) {
            let (kind, hint) = cache_kind(error);
            (Some(kind), hint)
        } else {
            packages::meaning(error)
        };
        kind = known;
        advice = advice.or(hint);
        cause = error.source();
    }
    (kind.unwrap_or(ErrorKind::Build), advice.map(str::to_owned))
}

/// Returns the error as what it is, in a box or not: errors that carry a large one often box it.
pub(super) fn as_error<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    error
        .downcast_ref::<E>()
        .or_else(|| error.downcast_ref::<Box<E>>().map(AsRef::as_ref))
}

fn cache_kind(error: &CacheError) -> (ErrorKind, Option<&'static str>) {
    const ONLINE: &str = "leave out --offline and unset DIB_OFFLINE for one build, which fills the cache";
    const UPDATED: &str = "a mirror that is being updated is consistent again after a while";
    const PATIENCE: &str =
        "DIB_DOWNLOAD_TIMEOUT and DIB_DOWNLOAD_RETRIES tell for how many seconds and how often to try";
    match error {
        CacheError::Disk { .. } => (ErrorKind::InputOutput, None),
        CacheError::InvalidUrl { .. } | CacheError::NameClash { .. } => (ErrorKind::Configuration, None),
        CacheError::Offline { .. } => (ErrorKind::MissingInput, Some(ONLINE)),
        CacheError::BadAndOffline { .. } => (ErrorKind::BadData, Some(ONLINE)),
        CacheError::Client(_) => (ErrorKind::Internal, None),
        CacheError::InvalidProxy { .. } => (
            ErrorKind::Usage,
            Some("the proxy comes from http_proxy or https_proxy"),
        ),
        CacheError::NoTrustedCertificates { .. } => (
            ErrorKind::Unavailable,
            Some("sudo apt-get install ca-certificates"),
        ),
        CacheError::InsecureRedirect { .. }
        | CacheError::Sums { .. }
        | CacheError::Signature { .. }
        | CacheError::Refused { .. } => (ErrorKind::BadData, None),
        CacheError::Mismatch { .. } | CacheError::NotListed { .. } => (ErrorKind::BadData, Some(UPDATED)),
        // The server knows the request and refuses it; the cache tries again what may pass.
        CacheError::Status { status, .. } if status.starts_with('4') => (ErrorKind::MissingInput, None),
        CacheError::GaveUp { .. } => (ErrorKind::TryAgain, Some(PATIENCE)),
        _ => (ErrorKind::TryAgain, None),
    }
}

/// Says so when the cause of it all is the machine's: a full disk, or programs of another architecture.
fn with_machines_reasons(error: CliError) -> CliError {
    let kernel = kernel_error(error.source.as_ref());
    let is = |kind| kernel.is_some_and(|kernel| kernel.kind() == kind);
    let (kind, hint) = if is(io::ErrorKind::StorageFull) {
        let hint = "the file system is full; -o names another place for the image, TMP_DIR one to build in, \
                    DIB_IMAGE_CACHE one for the cache";
        (ErrorKind::InputOutput, hint)
    } else if kernel.and_then(io::Error::raw_os_error) == Some(nix::libc::ENOEXEC) {
        let hint =
            "this machine can't run programs of that architecture: sudo apt-get install qemu-user-static";
        (ErrorKind::Unavailable, hint)
    } else {
        return error;
    };
    CliError { kind, ..error }.hint(hint)
}

/// Returns what the kernel said, where that is at the end of it all.
pub(super) fn kernel_error<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io_error) = error.downcast_ref::<io::Error>()
            && io_error.raw_os_error().is_some()
        {
            return Some(io_error);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_keeps_its_kind_through_a_hook() {
        let check = |error: CacheError, kind| {
            let error = CliError::from(HookError::from(error));
            assert_eq!(error.kind(), kind, "{}", error.render());
        };
        let url = || "http://example.org/x".to_owned();
        check(CacheError::Offline { url: url() }, ErrorKind::MissingInput);
        check(
            CacheError::Status {
                url: url(),
                status: "404 Not Found".to_owned(),
            },
            ErrorKind::MissingInput,
        );
        check(
            CacheError::Status {
                url: url(),
                status: "503 Service Unavailable".to_owned(),
            },
            ErrorKind::TryAgain,
        );
        check(
            CacheError::NotListed {
                name: "x".to_owned(),
                sums_url: url(),
            },
            ErrorKind::BadData,
        );
        check(
            CacheError::Cut {
                url: url(),
                received: 1,
                expected: 2,
            },
            ErrorKind::TryAgain,
        );
    }

    #[test]
    fn errors_of_archives_have_kinds() {
        let check = |error: dib_deb::ArchiveError, kind| {
            let error = CliError::from(HookError::foreign(error));
            assert_eq!(error.kind(), kind, "{}", error.render());
        };
        let url = || "http://example.org/debian/dists/stable/InRelease".to_owned();
        let fetch = |source| dib_deb::ReleaseError::Fetch {
            base_uri: "http://example.org/debian".to_owned(),
            suite: "stable".to_owned(),
            source: Box::new(source),
        };
        let offline = fetch(CacheError::Offline { url: url() });
        check(offline.into(), ErrorKind::MissingInput);
        let cut = fetch(CacheError::Cut {
            url: url(),
            received: 1,
            expected: 2,
        });
        check(cut.into(), ErrorKind::TryAgain);
        let refused = fetch(CacheError::Refused {
            url: url(),
            source: "signed by somebody else".into(),
        });
        check(refused.into(), ErrorKind::BadData);
        check(
            dib_deb::ReleaseError::Unsigned { url: url() }.into(),
            ErrorKind::BadData,
        );
        check(
            dib_deb::ArchiveError::NoComponent {
                base_uri: url(),
                suite: "stable".to_owned(),
                component: "extra".to_owned(),
                found: "main".to_owned(),
            },
            ErrorKind::Configuration,
        );
    }

    #[test]
    fn a_full_disk_is_named() {
        let source = io::Error::from_raw_os_error(nix::libc::ENOSPC);
        let error = CliError::from(HookError::Host {
            action: "write",
            path: "/a".to_owned(),
            source,
        });
        assert_eq!(error.kind(), ErrorKind::InputOutput);
        assert!(error.render().contains("TMP_DIR"), "{}", error.render());
    }

    #[test]
    fn programs_of_another_architecture_are_named() {
        let source = io::Error::from_raw_os_error(nix::libc::ENOEXEC);
        let error = CliError::from(HookError::Host {
            action: "start",
            path: "/bin/sh".to_owned(),
            source,
        });
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.render().contains("qemu-user-static"), "{}", error.render());
    }

    #[test]
    fn hints_of_plans_and_hooks_are_shown() {
        let error = CliError::from(PlanError::NoElements);
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(
            error.render().contains("\n  hint: name at least a distribution"),
            "{}",
            error.render()
        );
        let error = CliError::from(HookError::other("no shell").hinted("add one"));
        assert_eq!(error.render(), "error: no shell\n  hint: add one\n");
        assert_eq!(error.kind(), ErrorKind::Build);
    }
}

//! The element `install-static`: files of elements stand in the image where they stand in the elements' `static/`.

use std::fs::{self, Metadata};
use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8Path;
use dib_core::{Element, FileKind, HookContext, HookError, Phase};

use crate::install_bin::directory_of_hooks;

/// Names that are left out, as `rsync -C` does: what editors and tools for versions leave behind, and what compilers make.
/// Source: rsync(1), `--cvs-exclude`.
const LEFT_OUT: [&str; 14] = [
    "RCS",
    "SCCS",
    "CVS",
    "CVS.adm",
    "RCSLOG",
    "tags",
    "TAGS",
    ".make.state",
    ".nse_depinfo",
    "core",
    ".svn",
    ".git",
    ".hg",
    ".bzr",
];
const LEFT_OUT_BEGINNINGS: [&str; 6] = ["cvslog.", "#", ".#", ",", "_$", ".del-"];
const LEFT_OUT_ENDINGS: [&str; 16] = [
    "~", "$", ".old", ".bak", ".BAK", ".orig", ".rej", ".a", ".olb", ".o", ".obj", ".so", ".exe", ".Z",
    ".elc", ".ln",
];

/// Returns the element `install-static`.
#[must_use]
pub fn element() -> Element {
    Element::new("install-static")
        .about("Copies what elements have in static/ to the image, to the same place below its root")
        .hook(Phase::Install, "10-install-static-files", install_static_files)
}

/// Copies the files that the build's elements have in `static/` into the image. They belong to root and keep their modes, but
/// that nobody else may write them; links stay links; directories that the image has stay as they are.
///
/// # Errors
/// When a file can't be read or written, or a directory of the image has the name of a file.
pub fn install_static_files(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let Some(directory) = directory_of_hooks(ctx, "static") else {
        ctx.nothing("no element has files in static/");
        return Ok(());
    };
    copy_into(ctx, &directory, "")
}

/// Copies what a directory of the host holds into a directory of the target that is there. `to` ends without a slash.
pub(crate) fn copy_into(ctx: &HookContext<'_>, from: &Utf8Path, to: &str) -> Result<(), HookError> {
    let failed = |action, path: &Utf8Path| {
        let path = path.to_string();
        move |source| HookError::Host { action, path, source }
    };
    let mut entries: Vec<_> = from
        .read_dir_utf8()
        .and_then(Iterator::collect)
        .map_err(failed("list", from))?;
    entries.sort_by(|one, other| one.file_name().cmp(other.file_name()));
    for entry in entries.iter().filter(|entry| !is_left_out(entry.file_name())) {
        let (source, destination) = (entry.path(), format!("{to}/{}", entry.file_name()));
        let metadata = fs::symlink_metadata(source).map_err(failed("look at", source))?;
        if metadata.is_dir() {
            if ctx.metadata(&destination)?.is_none() {
                ctx.create_directory(&destination)?;
                ctx.target().set_mode(&destination.parse()?, mode(&metadata))?;
            }
            copy_into(ctx, source, &destination)?;
        } else if metadata.is_symlink() {
            ctx.depends_on_unknown(format!("the link {source}"));
            let points_to = source.read_link_utf8().map_err(failed("read the link", source))?;
            ctx.symlink(points_to.as_str(), &destination)?;
        } else if metadata.is_file() {
            // What is replaced keeps its mode, as rsync has it.
            let there = ctx.metadata(&destination)?;
            let there = there.filter(|there| there.kind == FileKind::Regular);
            let mode = there.map_or_else(|| mode(&metadata), |there| there.mode);
            ctx.write(&destination, ctx.read_host(source)?, mode)?;
        } else {
            ctx.nothing(format!(
                "{destination} is left out: it is no file, directory or link"
            ));
        }
    }
    Ok(())
}

/// Returns the permission bits that a copy gets under the umask of builds.
fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().mode() & 0o755
}

fn is_left_out(name: &str) -> bool {
    LEFT_OUT.contains(&name)
        || LEFT_OUT_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
        || LEFT_OUT_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::is_left_out;

    #[test]
    fn what_tools_leave_behind_is_left_out() {
        for name in ["core", ".git", "sudoers~", "#x#", "module.o", "x.orig"] {
            assert!(is_left_out(name), "{name}");
        }
        for name in ["core.conf", ".gitignore", "sudoers", "a.out", "old", ".bashrc"] {
            assert!(!is_left_out(name), "{name}");
        }
    }
}

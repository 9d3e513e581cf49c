//! The element `install-bin`: the image has the programs that elements bring for scripts.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{Element, HookContext, HookError, Phase};

const DIRECTORY: &str = "/usr/local/bin";

/// Returns the element `install-bin`.
#[must_use]
pub fn element() -> Element {
    Element::new("install-bin")
        .about("Installs the programs of elements, which their scripts call, in the image")
        .hook(Phase::PreInstall, "01-install-bin", install_bin)
}

/// Installs every element's programs in `/usr/local/bin`, owned by root, with mode 0755: those in `bin/` of the elements that are
/// directories, and those of the others.
///
/// # Errors
/// When a program can't be read or written.
pub fn install_bin(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let mut programs: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, script) in ctx.elements().flat_map(Element::programs) {
        programs.insert(name.clone(), script.clone().into_bytes());
    }
    // What stands beside the hooks is as a script may have changed it.
    if let Some(directory) = directory_of_hooks(ctx, "bin") {
        for path in ctx.host_files_below(&directory)? {
            // Upstream installs no directory, so what is in one is no program.
            if path.parent() == Some(&*directory)
                && let Some(name) = path.file_name().filter(|name| !name.starts_with('.'))
            {
                programs.insert(name.to_owned(), ctx.read_host(&path)?);
            }
        }
    }
    if programs.is_empty() {
        ctx.nothing("no element has a program");
        return Ok(());
    }
    ctx.create_directory(DIRECTORY)?;
    programs
        .iter()
        .try_for_each(|(name, program)| ctx.write(&format!("{DIRECTORY}/{name}"), program, 0o755))
}

/// Returns a directory that the elements of the build have beside their hooks, where one has it.
pub(crate) fn directory_of_hooks(ctx: &HookContext<'_>, name: &str) -> Option<Utf8PathBuf> {
    Some(ctx.hooks_directory()?.join(name)).filter(|directory| is_directory(ctx, directory))
}

/// Returns whether the host has a directory there. It is listed, so that the hook is known to depend on what it holds, and runs
/// anew once there is one.
pub(crate) fn is_directory(ctx: &HookContext<'_>, path: &Utf8Path) -> bool {
    ctx.host_files_below(path).is_ok() || path.is_dir()
}

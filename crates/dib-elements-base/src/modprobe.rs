//! The elements `modprobe`, `modprobe-blacklist` and `disable-nouveau`: which kernel modules are loaded, and how.

use dib_core::{Element, HookContext, HookError, Phase, Variable};

use crate::install_bin::is_directory;

const DIRECTORY: &str = "/etc/modprobe.d";
const BLACKLIST: &str = "/etc/modprobe.d/blacklist.conf";

/// Returns the element `modprobe`.
#[must_use]
pub fn element() -> Element {
    Element::new("modprobe")
        .about("Keeps kernel modules from being loaded")
        .variable(Variable::new(
            "DIB_MODPROBE_BLACKLIST",
            "the modules that are not loaded by themselves, separated by blanks",
        ))
        .hook(Phase::ExtraData, "50-modprobe-blacklist", modprobe_directory)
        .hook(Phase::Install, "80-modprobe-blacklist", modprobe_blacklist)
}

/// Returns the element `modprobe-blacklist`, which came before `modprobe`; it stays for those who name it.
#[must_use]
pub fn modprobe_blacklist_element() -> Element {
    Element::new("modprobe-blacklist")
        .about("Another name for modprobe, which took its place")
        .depends_on(&["modprobe"])
}

/// Returns the element `disable-nouveau`.
#[must_use]
pub fn disable_nouveau_element() -> Element {
    Element::new("disable-nouveau")
        .about("Keeps the kernel's driver for NVIDIA's graphics from being loaded")
        .depends_on(&["modprobe"])
        .hook(Phase::ExtraData, "50-disable-nouveau", disable_nouveau)
}

/// Makes modprobe's directory of configuration, which images of containers lack, and copies there what elements that are
/// directories have in `modprobe.d/`.
///
/// # Errors
/// When it can't be made, or when a file can't be read or written.
pub fn modprobe_directory(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory(DIRECTORY)?;
    let directories: Vec<_> = ctx
        .elements()
        .filter_map(|element| Some(element.directory()?.join("modprobe.d")))
        .filter(|directory| is_directory(ctx, directory))
        .collect();
    for directory in &directories {
        for file in ctx.host_files_below(directory)? {
            let is_meant = file.extension() == Some("conf") && file.parent() == Some(directory);
            if let Some(name) = file.file_name().filter(|_| is_meant) {
                ctx.write(&format!("{DIRECTORY}/{name}"), ctx.read_host(&file)?, 0o644)?;
            }
        }
    }
    Ok(())
}

/// Has modprobe, and the initramfs, do without nouveau.
///
/// # Errors
/// When a file can't be written.
pub fn disable_nouveau(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory(DIRECTORY)?;
    let options = "blacklist nouveau\noptions nouveau modeset=0\n";
    ctx.write(&format!("{DIRECTORY}/disable-nouveau.conf"), options, 0o644)?;
    if ctx.has_element("dracut-regenerate") {
        ctx.create_directory("/etc/dracut.conf.d")?;
        let omission = "omit_drivers+=\" nouveau \"\n";
        ctx.write("/etc/dracut.conf.d/disable-nouveau.conf", omission, 0o644)?;
    }
    Ok(())
}

/// Adds the modules of `DIB_MODPROBE_BLACKLIST` to the image's blacklist.
///
/// # Errors
/// When the list can't be read or written.
pub fn modprobe_blacklist(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let Some(modules) = ctx.variable("DIB_MODPROBE_BLACKLIST") else {
        ctx.nothing("DIB_MODPROBE_BLACKLIST is not set");
        return Ok(());
    };
    let (mut list, mode) = match ctx.metadata(BLACKLIST)? {
        Some(metadata) => (ctx.read(BLACKLIST)?, metadata.mode),
        None => (Vec::new(), 0o644),
    };
    for module in modules.split_whitespace() {
        list.extend_from_slice(format!("blacklist {module}\n").as_bytes());
    }
    ctx.create_directory(DIRECTORY)?;
    ctx.write(BLACKLIST, list, mode)
}

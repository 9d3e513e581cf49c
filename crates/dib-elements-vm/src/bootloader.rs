//! `bootloader`: GRUB, for BIOS and for UEFI.
//!
//! The packages are part of the plan. The hook `50-bootloader` writes `/etc/default/grub` as upstream does, has the image's own
//! `grub-mkconfig` write the menu, and puts GRUB's files where `grub-install` would: modules and core image below
//! `/boot/grub`, the program for UEFI at the removable path of the EFI system partition. What BIOS reads before there is a
//! file system, `dib-image` writes: it takes `boot.img` and `core.img` from `/boot/grub/i386-pc`.
//!
//! No block device is there to be probed. `grub-probe` is replaced, for the time of `grub-mkconfig`, by a script that knows the
//! disk to come; see `probe`.
//!
//! In reading order:
//! - `default_grub`: the text of `/etc/default/grub`.
//! - `probe`: the stand-ins for GRUB's programs that look at disks.
//! - `platform`: what firmware there is, and what GRUB needs for it.

mod default_grub;
mod platform;
mod probe;

use dib_core::{Arch, Condition, Element, HookContext, HookError, PackageMap, PackageRule, Phase, Variable};

use platform::Platform;

const DEFAULT_GRUB: &str = "/etc/default/grub";
const GRUB_DIRECTORY: &str = "/boot/grub";

/// Returns the element `bootloader`.
#[must_use]
pub fn element() -> Element {
    let mut element = Element::new("bootloader")
        .about("GRUB, so that the disk boots")
        .depends_on(&["package-installs"])
        .package_map(
            // Source: upstream's pkg-map of the element, the part for Debian and Ubuntu.
            PackageMap::new()
                .by_default("grub-efi", "efibootmgr")
                .by_default("grub-efi-amd64", "grub-efi grub-pc-bin")
                .by_default("grub-efi-arm64", "grub-efi-arm64 grub-efi-arm64-bin"),
        )
        .refused_on(
            Arch::Ppc64el,
            "GRUB is written for BIOS and UEFI only; leave out vm and bootloader",
        )
        .refused_on(
            Arch::S390x,
            "GRUB is written for BIOS and UEFI only; leave out vm and bootloader",
        )
        .hook(Phase::Finalise, "50-bootloader", bootloader);
    for rule in packages() {
        element =
            element.package_rule(rule.when(Condition::equals("DIB_SKIP_GRUB_PACKAGE_INSTALL", "False")));
    }
    for variable in variables() {
        element = element.variable(variable);
    }
    element
}

/// Lists GRUB's packages for each way to lay out a disk. Without one, nothing is installed on the disk, but the menu is
/// written all the same, so there is what BIOS would need.
fn packages() -> Vec<PackageRule> {
    let with = |package: &str, layout: &str| {
        PackageRule::new(package).when(Condition::equals("DIB_BLOCK_DEVICE", layout))
    };
    vec![
        with("grub-pc", ""),
        with("grub-pc", "mbr"),
        with("grub-pc", "gpt"),
        with("grub-efi", "efi"),
        with("grub-efi-amd64", "efi").only_on(&["amd64"]),
        with("grub-efi-arm64", "efi").only_on(&["arm64"]),
    ]
}

/// Lists what upstream's `environment.d/10-bootloader-default-cmdline` and the hook itself read.
fn variables() -> Vec<Variable> {
    vec![
        Variable::new("DIB_BLOCK_DEVICE", "how the disk is laid out: mbr, gpt or efi").default(""),
        Variable::new(
            "DIB_BOOTLOADER_DEFAULT_CMDLINE",
            "the end of the kernel's command line",
        )
        .default("nofb nomodeset gfxpayload=text"),
        Variable::new(
            "DIB_BOOTLOADER_SERIAL_CONSOLE",
            "the serial console, as in console=; by default the architecture's first",
        )
        .default(""),
        Variable::new(
            "DIB_BOOTLOADER_VIRTUAL_TERMINAL",
            "the terminal, as in console=; empty for none",
        )
        .default("tty0"),
        Variable::new(
            "DIB_BOOTLOADER_USE_SERIAL_CONSOLE",
            "True: GRUB and the kernel use the serial console as well",
        )
        .default("True"),
        Variable::new("DIB_NO_TIMER_CHECK", "True: the kernel is told no_timer_check").default("True"),
        Variable::new("DIB_GRUB_TIMEOUT", "how long GRUB shows its menu, in seconds").default("5"),
        Variable::new(
            "DIB_GRUB_TIMEOUT_STYLE",
            "how GRUB waits: menu, hidden or countdown",
        )
        .default("menu"),
        Variable::new(
            "DIB_SKIP_GRUB_PACKAGE_INSTALL",
            "True: GRUB's packages are there already",
        )
        .default("False"),
    ]
}

/// `50-bootloader`: writes GRUB's configuration and its files.
///
/// # Errors
/// When the image has no GRUB, or one of its programs fails.
pub fn bootloader(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if ctx.exists("/tmp/grub/install")? {
        ctx.nothing("an element before has taken care of the boot loader");
        return Ok(());
    }
    if ctx.variable("DIB_EXTLINUX").is_some_and(|value| value != "0") {
        return Err(HookError::other(
            "extlinux is asked for by DIB_EXTLINUX, and there is only GRUB",
        ));
    }
    if !ctx.exists("/usr/sbin/grub-mkconfig")? {
        return Err(HookError::other("the image has no grub-mkconfig")
            .hinted("GRUB's packages are not there: is DIB_SKIP_GRUB_PACKAGE_INSTALL set?"));
    }
    let settings = default_grub::Settings::of(ctx);
    if let Some(label) = settings.unfit_label() {
        return Err(HookError::other(format!(
            "the label {label:?} can't stand on the kernel's command line"
        ))
        .hinted("letters, digits and the characters - _ . + : / @ , = % can; --root-label gives it"));
    }
    ctx.create_directory(GRUB_DIRECTORY)?;
    ctx.create_directory("/etc/default")?;
    let before = if ctx.exists(DEFAULT_GRUB)? {
        String::from_utf8_lossy(&ctx.read(DEFAULT_GRUB)?).into_owned()
    } else {
        String::new()
    };
    let text = default_grub::with_settings(&before, &settings);
    ctx.write(
        DEFAULT_GRUB,
        default_grub::without_os_prober(&text).as_deref().unwrap_or(&text),
        0o644,
    )?;
    write_menu(ctx)?;
    ctx.write(DEFAULT_GRUB, &text, 0o644)?;
    let layout = ctx.variable("DIB_BLOCK_DEVICE").unwrap_or_default();
    let platforms = Platform::of(layout, ctx.arch());
    if platforms.is_empty() {
        ctx.nothing("no element of the build lays out the disk, so GRUB is not installed on it");
    }
    for platform in platforms {
        platform.install(ctx)?;
    }
    Ok(())
}

/// Has `grub-mkconfig` write the menu, with programs in the place of those that look at disks.
fn write_menu(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let stand_ins = probe::stand_ins(ctx.disk());
    for (program, script) in &stand_ins {
        if ctx.exists(program)? {
            ctx.rename(program, &put_aside(program))?;
            ctx.write(program, script, 0o755)?;
        }
    }
    // A link that leads nowhere, as some images have it, would make grub-editenv fail.
    ctx.remove("/boot/grub/grubenv")?;
    let written = ctx
        .run(&["grub-mkconfig", "-o", "/boot/grub/grub.cfg"], &[])
        .and_then(|()| ctx.run(&["grub-editenv", "/boot/grub/grubenv", "create"], &[]));
    for (program, _) in &stand_ins {
        if ctx.exists(&put_aside(program))? {
            ctx.rename(&put_aside(program), program)?;
        }
    }
    written
}

fn put_aside(program: &str) -> String {
    format!("{program}.REAL")
}

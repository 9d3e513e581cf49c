//! The kernel and the initial ramdisk that an image boots, and the elements that are about them: `baremetal`,
//! `cleanup-kernel-initrd` and `select-boot-kernel-initrd`.

mod versions;

use dib_core::{Element, HookContext, HookError, Phase, Variable};

use crate::wildcards::matches;

const BOOT: &str = "/boot";

/// What `ubuntu-signed` leaves behind to say that the signed kernel is meant.
const SIGNED_VERSION: &str = "/dib-signed-kernel-version";

/// Where a script of the image finds the function that chooses.
const FUNCTIONS: &str = "/lib/diskimage-builder/img-functions";

/// The names of the files in `/boot` that an image boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelFiles {
    /// The kernel.
    pub kernel: String,
    /// The initial ramdisk.
    pub ramdisk: String,
}

/// Returns the element `baremetal`.
#[must_use]
pub fn baremetal_element() -> Element {
    patterns(
        Element::new("baremetal")
            .about("Copies the image's kernel and ramdisk beside it, as <image>.vmlinuz and <image>.initrd"),
    )
    .hook(
        Phase::Cleanup,
        "99-extract-kernel-and-ramdisk",
        extract_kernel_and_ramdisk,
    )
}

/// Returns the element `cleanup-kernel-initrd`.
#[must_use]
pub fn cleanup_kernel_initrd_element() -> Element {
    patterns(
        Element::new("cleanup-kernel-initrd")
            .about("Leaves no kernel in the image but the one that it boots"),
    )
    .hook(Phase::Cleanup, "99-cleanup-kernel-initrd", cleanup_kernel_initrd)
}

/// Returns the element `select-boot-kernel-initrd`.
#[must_use]
pub fn select_boot_kernel_initrd_element() -> Element {
    Element::new("select-boot-kernel-initrd")
        .about("Lets scripts in the image ask which kernel and ramdisk it boots")
        .depends_on(&["install-bin"])
        .program(
            "select-boot-kernel-initrd",
            include_str!("kernel_files/select-boot-kernel-initrd.sh"),
        )
        .hook(
            Phase::ExtraData,
            "99-copy-dib-img-functions",
            copy_dib_img_functions,
        )
        .hook(
            Phase::Cleanup,
            "99-remove-dib-img-functions",
            remove_dib_img_functions,
        )
}

fn patterns(element: Element) -> Element {
    element
        .variable(Variable::new(
            "DIB_BAREMETAL_KERNEL_PATTERN",
            "the names of kernels in /boot, with * and ?; heard together with DIB_BAREMETAL_INITRD_PATTERN",
        ))
        .variable(Variable::new(
            "DIB_BAREMETAL_INITRD_PATTERN",
            "the names of initial ramdisks in /boot, with * and ?",
        ))
}

impl KernelFiles {
    /// Chooses the files that the image boots: those of the latest version. Source: `select_boot_kernel_initrd` of
    /// diskimage-builder's `img-functions`.
    ///
    /// # Errors
    /// When there is no kernel or no ramdisk, or when the image is of no distribution that is known.
    pub fn of_image(ctx: &HookContext<'_>) -> Result<Self, HookError> {
        let latest = |pattern: &str| latest(ctx, |name| matches(pattern, name));
        let patterns = (
            ctx.variable("DIB_BAREMETAL_KERNEL_PATTERN"),
            ctx.variable("DIB_BAREMETAL_INITRD_PATTERN"),
        );
        let (kernel, ramdisk) = if let (Some(kernel), Some(ramdisk)) = patterns {
            (latest(kernel)?, latest(ramdisk)?)
        } else if ctx.exists("/etc/redhat-release")? {
            of_red_hat(ctx)?
        } else if ctx.exists("/etc/debian_version")? {
            let kernel = if is_signed(ctx)? {
                latest("vmlinu*generic.efi.signed")?
            } else {
                latest("vmlinu*generic")?.or(latest("vmlinu*")?)
            };
            (kernel, latest("initrd*generic")?.or(latest("initrd*")?))
        } else if ctx.exists("/etc/SuSE-release")? || ctx.variable("DISTRO_NAME") == Some("opensuse") {
            (linked(ctx, "vmlinuz")?, linked(ctx, "initrd")?)
        } else if ctx.exists("/etc/gentoo-release")? {
            (latest("vmlinuz-*")?, latest("initramfs-*")?)
        } else {
            return Err(
                HookError::other("the image is of no distribution whose kernels are known").hinted(
                    "DIB_BAREMETAL_KERNEL_PATTERN and DIB_BAREMETAL_INITRD_PATTERN name kernel and ramdisk",
                ),
            );
        };
        let missing = |what| HookError::other(format!("the image has no {what} in {BOOT}"));
        Ok(Self {
            kernel: kernel.ok_or_else(|| missing("kernel"))?,
            ramdisk: ramdisk.ok_or_else(|| missing("initial ramdisk for its kernel"))?,
        })
    }
}

/// Copies the kernel and the initial ramdisk that the image boots to `<image>.vmlinuz` and `<image>.initrd`.
///
/// # Errors
/// When there is none, or when they can't be copied.
pub fn extract_kernel_and_ramdisk(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let files = KernelFiles::of_image(ctx)?;
    let image = ctx.required("IMAGE_NAME")?;
    ctx.copy_to_host(
        &format!("{BOOT}/{}", files.kernel),
        format!("{image}.vmlinuz").as_str().into(),
    )?;
    ctx.copy_to_host(
        &format!("{BOOT}/{}", files.ramdisk),
        format!("{image}.initrd").as_str().into(),
    )?;
    ctx.remove(SIGNED_VERSION)
}

/// Removes all that is in `/boot` of kernels other than the one that the image boots; those for debugging stay.
///
/// # Errors
/// When the image has no kernel, or when something can't be removed.
pub fn cleanup_kernel_initrd(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let files = KernelFiles::of_image(ctx)?;
    if !(ctx.exists("/etc/redhat-release")? || ctx.exists("/etc/debian_version")?) {
        ctx.nothing("the distribution removes old kernels itself");
        return Ok(());
    }
    let version = files.kernel.strip_prefix("vmlinuz-").unwrap_or(&files.kernel);
    let names = ctx.list(BOOT)?;
    let others = names
        .iter()
        .filter_map(|name| name.strip_prefix("vmlinuz-"))
        .filter(|other| !other.is_empty() && !other.contains(version) && !other.contains("debug"));
    for other in others {
        for name in names.iter().filter(|name| name.contains(other)) {
            ctx.remove(&format!("{BOOT}/{name}"))?;
        }
    }
    Ok(())
}

/// Copies the functions of `$_LIB/img-functions` into the image, for the time of the build.
///
/// # Errors
/// When they can't be read or written.
pub fn copy_dib_img_functions(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let functions = format!("{}/img-functions", ctx.required("_LIB")?);
    ctx.create_directory("/lib/diskimage-builder")?;
    ctx.write(FUNCTIONS, ctx.read_host(functions.as_str().into())?, 0o644)
}

/// Removes those functions, and their directory.
///
/// # Errors
/// When they can't be removed.
pub fn remove_dib_img_functions(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.remove(FUNCTIONS)?;
    ctx.target().remove_tree(&"/lib/diskimage-builder".parse()?)?;
    Ok(())
}

/// Returns the kernel and the ramdisk of a distribution of Red Hat's family, whose kernels with PAE come first.
fn of_red_hat(ctx: &HookContext<'_>) -> Result<(Option<String>, Option<String>), HookError> {
    let is_kernel = |name: &str| name.starts_with("vmlinuz") && !name.contains("debug");
    let kernel = match latest(ctx, |name| is_kernel(name) && name.contains("PAE"))? {
        Some(kernel) => Some(kernel),
        None => latest(ctx, is_kernel)?,
    };
    let Some(version) = kernel
        .as_deref()
        .map(|kernel| kernel.strip_prefix("vmlinuz-").unwrap_or(kernel))
    else {
        return Ok((None, None));
    };
    let ramdisk = format!("initramfs-{version}.img");
    let is_there = ctx.exists(&format!("{BOOT}/{ramdisk}"))?;
    Ok((kernel, Some(ramdisk).filter(|_| is_there)))
}

/// Returns whether the signed kernel is meant.
fn is_signed(ctx: &HookContext<'_>) -> Result<bool, HookError> {
    Ok(ctx.variable("DIB_SIGNED_KERNEL_VERSION").is_some() || ctx.exists(SIGNED_VERSION)?)
}

/// Returns the name of the latest version among the files in `/boot` that are meant.
fn latest(ctx: &HookContext<'_>, is_meant: impl Fn(&str) -> bool) -> Result<Option<String>, HookError> {
    let names = ctx.list(BOOT)?;
    Ok(names
        .into_iter()
        .filter(|name| is_meant(name))
        .max_by(|one, other| versions::compare(one, other)))
}

/// Returns the name of what a link in `/boot` points to.
fn linked(ctx: &HookContext<'_>, name: &str) -> Result<Option<String>, HookError> {
    let path = format!("{BOOT}/{name}");
    if !ctx.exists(&path)? {
        return Ok(None);
    }
    let points_to = ctx.target().read_link(&path.parse()?)?;
    let name = points_to.rsplit('/').next().unwrap_or_default().to_owned();
    let is_there = ctx.exists(&format!("{BOOT}/{name}"))?;
    Ok(Some(name).filter(|_| is_there))
}

//! `cloud-init-growpart` and `cloud-init-disable-resizefs`: what cloud-init grows at boot.

use dib_core::{Element, HookContext, HookError, PackageMap, Phase, Variable};

const CONFIGURATION: &str = "/etc/cloud/cloud.cfg";
const FRAGMENTS: &str = "/etc/cloud/cloud.cfg.d";
const DEVICES: &str = "DIB_CLOUD_INIT_GROWPART_DEVICES";

/// Returns the element `cloud-init-growpart`.
#[must_use]
pub fn growpart() -> Element {
    Element::new("cloud-init-growpart")
        .about("Has cloud-init grow the partitions of DIB_CLOUD_INIT_GROWPART_DEVICES")
        .depends_on(&["package-installs", "pkg-map"])
        .packages(&["growpart_package"])
        .package_map(
            PackageMap::new()
                .for_family("debian", "growpart_package", "cloud-guest-utils")
                .for_family("redhat", "growpart_package", "cloud-utils-growpart"),
        )
        .variable(Variable::new(
            DEVICES,
            "the devices that cloud-init grows, as a list in YAML, such as [/dev/vda1]",
        ))
        .hook(Phase::PostInstall, "55-growpart", configure_growpart)
}

/// Returns the element `cloud-init-disable-resizefs`.
#[must_use]
pub fn disable_resizefs() -> Element {
    Element::new("cloud-init-disable-resizefs")
        .about("Has cloud-init grow neither partitions nor file systems")
        .hook(
            Phase::PostInstall,
            "50-cloud-init-disable-resizefs",
            cloud_init_disable_resizefs,
        )
        .hook(
            Phase::PostInstall,
            "51-cloud-init-disable-growpart",
            cloud_init_disable_growpart,
        )
}

/// Names the devices that cloud-init grows.
///
/// # Errors
/// When `DIB_CLOUD_INIT_GROWPART_DEVICES` is not set, the image has no cloud-init or the file can't be written.
pub fn configure_growpart(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let devices = ctx.required(DEVICES)?;
    if !ctx.exists(FRAGMENTS)? {
        return Err(
            HookError::other(format!("the image has no cloud-init: there is no {FRAGMENTS}"))
                .hinted("the element cloud-init installs it"),
        );
    }
    ctx.write(
        &format!("{FRAGMENTS}/55-growpart.cfg"),
        format!(
            "#cloud-config\ngrowpart:\n    mode: auto\n    devices: {devices}\n    ignore_growroot_disabled: false\n"
        ),
        0o644,
    )
}

/// Takes the module `resizefs` out of cloud-init's configuration.
///
/// # Errors
/// When there is none or it can't be written.
pub fn cloud_init_disable_resizefs(ctx: &HookContext<'_>) -> Result<(), HookError> {
    without_module(ctx, "resizefs")
}

/// Takes the module `growpart` out of cloud-init's configuration.
///
/// # Errors
/// When there is none or it can't be written.
pub fn cloud_init_disable_growpart(ctx: &HookContext<'_>) -> Result<(), HookError> {
    without_module(ctx, "growpart")
}

/// Empties the line that names a module, however far it is indented.
fn without_module(ctx: &HookContext<'_>, module: &str) -> Result<(), HookError> {
    let contents = ctx.read(CONFIGURATION)?;
    let contents = String::from_utf8_lossy(&contents);
    let entry = format!("- {module}");
    let mut changed = String::with_capacity(contents.len());
    for line in contents.split_inclusive('\n') {
        let is_module = line.starts_with(' ') && line.trim() == entry;
        changed.push_str(if is_module { "\n" } else { line });
    }
    if changed == contents {
        ctx.nothing(format!("{CONFIGURATION} does not name {module}"));
        return Ok(());
    }
    let mode = ctx
        .metadata(CONFIGURATION)?
        .map_or(0o644, |metadata| metadata.mode);
    ctx.write_through_link(CONFIGURATION, changed, mode)
}

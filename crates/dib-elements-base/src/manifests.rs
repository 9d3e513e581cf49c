//! The element `manifests`: what went into an image is written down in it, and beside it.

use dib_core::{Element, HookContext, HookError, Phase, Variable};

/// The permission bits of manifests: they may hold what is not for every user of the machine, such as a password.
const MODE: u32 = 0o600;

/// Returns the element `manifests`.
#[must_use]
pub fn element() -> Element {
    Element::new("manifests")
        .about("Keeps what went into the image, in it and in <image>.d/dib-manifests")
        .variable(
            Variable::new(
                "DIB_MANIFEST_IMAGE_DIR",
                "the directory of the image in which elements leave manifests",
            )
            .default("/etc/dib-manifests"),
        )
        .variable(
            Variable::new(
                "DIB_MANIFEST_SAVE_DIR",
                "the directory of the host in which a copy of that directory is made",
            )
            .default("${IMAGE_NAME}.d/"),
        )
        .hook(Phase::ExtraData, "20-manifest-dir", manifest_dir)
        .hook(Phase::Cleanup, "01-copy-manifests-dir", copy_manifests_dir)
}

/// Makes `DIB_MANIFEST_IMAGE_DIR`, so that the hooks of later phases find it.
///
/// # Errors
/// When it can't be made.
pub fn manifest_dir(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory(ctx.required("DIB_MANIFEST_IMAGE_DIR")?)
}

/// Adds the build's own manifests, `dib_environment` and `dib_arguments`, and lets nobody but root read any of them.
///
/// The copy beside the image is made when there is an image.
///
/// # Errors
/// When the directory has gone meanwhile, or when a manifest can't be written.
pub fn copy_manifests_dir(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let directory = ctx.required("DIB_MANIFEST_IMAGE_DIR")?.trim_end_matches('/');
    ctx.write(
        &format!("{directory}/dib_environment"),
        ctx.dib_environment(),
        MODE,
    )?;
    let arguments = ctx.variable("DIB_ARGS").unwrap_or_default();
    ctx.write(
        &format!("{directory}/dib_arguments"),
        format!("{arguments}\n"),
        MODE,
    )?;
    for manifest in ctx.files_below(directory)? {
        if ctx
            .metadata(&manifest)?
            .is_some_and(|metadata| metadata.mode != MODE)
        {
            // Written anew it is root's as well, whoever has made it.
            ctx.write(&manifest, ctx.read(&manifest)?, MODE)?;
        }
    }
    Ok(())
}

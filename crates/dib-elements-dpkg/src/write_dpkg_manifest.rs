//! `99-write-dpkg-manifest`: which packages the image has is written down in it.

use dib_core::{HookContext, HookError};
use dib_deb::{SbomSubject, dpkg_manifest, installed_packages, spdx_document};
use jiff::Timestamp;

const STATUS: &str = "/var/lib/dpkg/status";

/// Writes two lists of the image's packages into `DIB_MANIFEST_IMAGE_DIR`: `dib-manifest-dpkg-NAME` as upstream does, and
/// `dib-manifest-spdx-NAME.json`, an SPDX document with their licences and the sums of their files.
///
/// The document bears the time `SOURCE_DATE_EPOCH` where that is set.
///
/// # Errors
/// When dpkg's status or another file can't be read, when `SOURCE_DATE_EPOCH` is no time, or when a list can't be written.
pub fn write_dpkg_manifest(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if !ctx.exists(STATUS)? {
        ctx.nothing(format!("{STATUS} is not there"));
        return Ok(());
    }
    let directory = ctx.required("DIB_MANIFEST_IMAGE_DIR")?.trim_end_matches('/');
    // The name may be a path of the host.
    let image = ctx.required("IMAGE_NAME")?.trim_end_matches('/');
    let image = image.rsplit('/').next().unwrap_or(image);
    let subject = SbomSubject {
        image,
        creator: concat!("dib-", env!("CARGO_PKG_VERSION")),
        created: time_of_creation(ctx)?,
    };
    let packages = installed_packages(ctx.target()).map_err(HookError::foreign)?;
    let document = spdx_document(ctx.target(), &packages, &subject).map_err(HookError::foreign)?;
    ctx.create_directory(directory)?;
    ctx.write(
        &format!("{directory}/dib-manifest-dpkg-{image}"),
        dpkg_manifest(&packages, &ctx.arch().to_string()),
        0o644,
    )?;
    ctx.write(
        &format!("{directory}/dib-manifest-spdx-{image}.json"),
        document,
        0o644,
    )
}

fn time_of_creation(ctx: &HookContext<'_>) -> Result<Timestamp, HookError> {
    const VARIABLE: &str = "SOURCE_DATE_EPOCH";
    let Some(text) = ctx.variable(VARIABLE) else {
        return Ok(Timestamp::now());
    };
    let seconds = text.parse().ok();
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.ok_or_else(|| HookError::Variable {
        name: VARIABLE.to_owned(),
        value: text.to_owned(),
        expected: "a time in seconds since 1970 is needed".to_owned(),
    })
}

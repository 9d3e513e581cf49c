//! What packages would make up anew for each build, fixed where a build shall give the same tree again.

use dib_core::{HookContext, HookError};

const INITIATOR_NAME: &str = "/etc/iscsi/initiatorname.iscsi";

/// Writes the name by which the image is known to iSCSI targets, from `SOURCE_DATE_EPOCH` where that is set.
///
/// The package `open-iscsi` makes up a random one when it is configured, and an initramfs holds a copy. All machines made
/// of one image share it in any case.
///
/// # Errors
/// When it can't be written.
pub(crate) fn name_iscsi_initiator(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let Some(epoch) = ctx.variable("SOURCE_DATE_EPOCH") else {
        return Ok(());
    };
    if !ctx.exists("/etc/iscsi")? || ctx.exists(INITIATOR_NAME)? {
        return Ok(());
    }
    let digest = dib_core::cache::Sha256::of(format!("iSCSI initiator of {epoch}").as_bytes()).to_string();
    let name = format!("InitiatorName=iqn.1993-08.org.debian:01:{}\n", &digest[..12]);
    ctx.write(INITIATOR_NAME, name, 0o600)
}

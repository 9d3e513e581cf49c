//! What packages would make up anew for each build, fixed where a build shall give the same tree again.

use dib_core::cache::Sha256;
use dib_core::{HookContext, HookError};

const INITIATOR_NAME: &str = "/etc/iscsi/initiatorname.iscsi";

/// Writes the name by which the image is known to iSCSI targets: made of `SOURCE_DATE_EPOCH` where that is set, else of the
/// elements' names: what the image is called must not make it another one.
///
/// The package `open-iscsi` would make up a random one when it is configured, and an initramfs holds a copy, so that none
/// would be like another. All machines made of one image share the name in any case.
///
/// # Errors
/// When it can't be written.
pub(crate) fn name_iscsi_initiator(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if !ctx.exists("/etc/iscsi")? || ctx.exists(INITIATOR_NAME)? {
        return Ok(());
    }
    let names: Vec<&str> = ctx.elements().map(|element| element.name().as_str()).collect();
    let elements = names.join(" ");
    let seed = ctx.variable("SOURCE_DATE_EPOCH").unwrap_or(&elements);
    let digest = Sha256::of(format!("iSCSI initiator of {seed}").as_bytes()).to_string();
    let name = format!("InitiatorName=iqn.1993-08.org.debian:01:{}\n", &digest[..12]);
    ctx.write(INITIATOR_NAME, name, 0o600)
}

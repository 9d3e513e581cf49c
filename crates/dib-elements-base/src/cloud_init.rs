//! `10-cloud-init`: who looks after `/etc/hosts` in the running machine.

use dib_core::{HookContext, HookError};

const CONFIGURATION: &str = "/etc/cloud/cloud.cfg.d";

/// Makes the directory of cloud-init's configuration, be it installed or not, and sets its `manage_etc_hosts` to
/// `DIB_CLOUD_INIT_ETC_HOSTS` when there is one.
///
/// # Errors
/// When the value is more than one line, or when the directory or the file can't be made.
pub fn cloud_init(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let value = ctx.variable("DIB_CLOUD_INIT_ETC_HOSTS");
    if let Some(value) = value.filter(|value| value.contains(char::is_control)) {
        return Err(HookError::Variable {
            name: "DIB_CLOUD_INIT_ETC_HOSTS".to_owned(),
            value: value.to_owned(),
            expected: "one line is needed, such as localhost".to_owned(),
        });
    }
    ctx.create_directory(CONFIGURATION)?;
    let Some(value) = value else {
        return Ok(());
    };
    ctx.write(
        &format!("{CONFIGURATION}/10_etc_hosts.cfg"),
        format!("manage_etc_hosts: {value}\n"),
        0o644,
    )
}

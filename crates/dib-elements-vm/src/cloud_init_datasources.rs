//! `cloud-init-datasources` and `cloud-init-nocloud`: where cloud-init looks for what the machine shall be.

use dib_core::{Element, HookContext, HookError, Phase, Variable};

const CONFIGURATION: &str = "/etc/cloud/cloud.cfg.d";
const SOURCES: &str = "DIB_CLOUD_INIT_DATASOURCES";
const SEED: &str = "/var/lib/cloud/seed/nocloud";

/// Returns the element `cloud-init-datasources`.
#[must_use]
pub fn datasources() -> Element {
    Element::new("cloud-init-datasources")
        .about("Has cloud-init ask only the sources of DIB_CLOUD_INIT_DATASOURCES")
        .variable(Variable::new(
            SOURCES,
            "cloud-init's data sources, separated by commas, such as ConfigDrive, OpenStack",
        ))
        .hook(
            Phase::Install,
            "05-set-cloud-init-sources",
            set_cloud_init_sources,
        )
}

/// Returns the element `cloud-init-nocloud`.
#[must_use]
pub fn nocloud() -> Element {
    Element::new("cloud-init-nocloud")
        .about("Has cloud-init ask nobody, but use files of the image, which are empty")
        .depends_on(&["cloud-init-datasources"])
        .variable(Variable::new(SOURCES, "cloud-init's data sources").default("NoCloud"))
        .hook(
            Phase::Install,
            "05-inject-local-source-data",
            inject_local_source_data,
        )
}

/// `05-set-cloud-init-sources`: names the sources to cloud-init, where it is installed.
///
/// The Ec2 source is to work on clouds that only resemble Amazon's; and with a configuration drive, which brings the network's
/// configuration, no interface is configured before that is read.
///
/// # Errors
/// When `DIB_CLOUD_INIT_DATASOURCES` is unset or more than a line, or when a file can't be written.
pub fn set_cloud_init_sources(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let sources = ctx.required(SOURCES).map_err(|error| {
        error.hinted("name them separated by commas, as in DIB_CLOUD_INIT_DATASOURCES='Ec2, NoCloud'")
    })?;
    if sources.contains(char::is_control) {
        return Err(HookError::Variable {
            name: SOURCES.to_owned(),
            value: sources.to_owned(),
            expected: "one line is needed, such as Ec2, NoCloud".to_owned(),
        });
    }
    if !ctx.exists(CONFIGURATION)? {
        ctx.nothing(format!(
            "the image has no cloud-init: there is no {CONFIGURATION}"
        ));
        return Ok(());
    }
    let write = |name: &str, text: String| ctx.write(&format!("{CONFIGURATION}/{name}"), text, 0o644);
    write(
        "91-dib-cloud-init-datasources.cfg",
        format!("datasource_list: [ {sources}, None ]\n"),
    )?;
    if sources.contains("Ec2") {
        write(
            "92-ec2-datasource.cfg",
            "#cloud-config\ndatasource:\n    Ec2:\n        strict_id: false\n".to_owned(),
        )?;
    }
    if sources.contains("ConfigDrive") {
        write(
            "93-dib-cloud-init-disable-datasource-network-activation.cfg",
            "disable_network_activation: true\n".to_owned(),
        )?;
    }
    Ok(())
}

/// `05-inject-local-source-data`: makes the files of the source `NoCloud`, empty where there are none.
///
/// Without them cloud-init would do nothing, not even make SSH host keys.
///
/// # Errors
/// When one can't be made.
pub fn inject_local_source_data(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory(SEED)?;
    for name in ["user-data", "meta-data"] {
        let path = format!("{SEED}/{name}");
        if !ctx.exists(&path)? {
            ctx.write(&path, "", 0o644)?;
        }
    }
    Ok(())
}

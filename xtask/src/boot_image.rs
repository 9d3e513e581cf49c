//! `cargo xtask boot-image`: the image that `build-image` made, in a virtual machine.

use std::process::Command;

use camino::Utf8PathBuf;

use crate::build_image;
use crate::needs;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

/// Boots an image and gives the terminal its console, where Ctrl-A X ends it.
///
/// Sets up what is missing (as root) or says what to install, builds `dib`, and runs `dib boot`.
#[derive(Debug, clap::Args)]
pub(crate) struct BootImage {
    /// The image.
    #[arg(long, value_name = "FILE", default_value = "out/image.qcow2")]
    image: Utf8PathBuf,
    /// Options for `dib boot`, such as `--test`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    dib_options: Vec<String>,
}

/// Runs the command.
pub(crate) fn boot_image(options: &BootImage) -> Result<(), TaskError> {
    needs::meet(&[needs::BOOT])?;
    let workspace = Workspace::load()?;
    let dib = build_image::build_dib(&workspace)?;
    let status = Command::new(&dib)
        .current_dir(&workspace.root)
        .arg("boot")
        .arg(&options.image)
        .args(&options.dib_options)
        .status()
        .map_err(TaskError::file("run", &dib))?;
    if status.success() {
        return Ok(());
    }
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Err(TaskError::Status {
        program: "dib".to_owned(),
        status: code.unwrap_or(1),
    })
}

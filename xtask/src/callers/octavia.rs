//! Octavia's way to call: empty arguments where an option is not wanted, and all elements in one argument.

use crate::scratch_build;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

use super::image_files;
use super::place::Place;

/// Calls as `diskimage-create.sh` of Octavia does, with elements of ours.
pub(super) fn build(_workspace: &Workspace, place: &Place) -> Result<(), TaskError> {
    let program = place.disk_image_create();
    scratch_build::succeed(place.command(program.as_str(), &[]).arg("--version"), "--version")?;
    let image = place.output().join("amphora-x64-haproxy.qcow2");
    let cache = place.directory("image-cache")?;
    let mut command = place.command(program.as_str(), &[]);
    command.args(["", "", "-a", "amd64", "-o", image.as_str(), "-t", "qcow2"]);
    command.args(["--image-size", "1", "--image-cache", cache.as_str(), ""]);
    command.arg("callers-tiny callers-word");
    command
        .env("ELEMENTS_PATH", place.elements())
        .env("DIB_IMAGE_NAME", "octavia");
    scratch_build::succeed(&mut command, "a call like Octavia's")?;
    let information = image_files::information(&image)?;
    if information["format"] != "qcow2" {
        return Err(TaskError::Check(format!("{image} is no qcow2: {information}")));
    }
    // With a single type, the extension that the name has is the image's.
    let doubled = camino::Utf8PathBuf::from(format!("{image}.qcow2"));
    if doubled.exists() {
        return Err(TaskError::Check(format!("there is {doubled}")));
    }
    image_files::check_that_there_is(&image.with_extension("d"))
}

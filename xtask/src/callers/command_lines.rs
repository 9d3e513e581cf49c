//! Command lines in the ways of callers that are not installed here: Octavia, Zuul, Bifrost, `StackHPC` and Metal3.
//!
//! What they have in common is done for real, with elements of ours.

use std::fs;
use std::process::Stdio;

use camino::Utf8PathBuf;

use crate::scratch_build;
use crate::task_error::TaskError;
use crate::workspace::Workspace;

use super::image_files;
use super::place::Place;

/// The whole disk as one file system, as Bifrost's users have it.
const ONE_FILE_SYSTEM: &str = r#"[{"local_loop": {"name": "image0"}},
 {"mkfs": {"base": "image0", "name": "mkfs_root", "mount": {"mount_point": "/", "fstab": {"options": "defaults"}}}}]"#;

/// A caller's way to call.
struct CommandLine {
    caller: &'static str,
    /// `{out}` is the directory of images, `{place}` the one above it.
    arguments: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
    /// The images and what `qemu-img` calls their formats.
    images: &'static [(&'static str, &'static str)],
    /// What else must be there.
    beside: &'static [&'static str],
    /// What must not.
    never: &'static str,
    /// Whether nothing of the build may be printed, for it goes to a file.
    is_silent: bool,
}

const COMMAND_LINES: [CommandLine; 5] = [
    // Arguments are empty where an option is not wanted, and all elements are one argument.
    CommandLine {
        caller: "octavia",
        arguments: &[
            "",
            "",
            "-a",
            "amd64",
            "-o",
            "{out}/amphora.qcow2",
            "-t",
            "qcow2",
            "--image-size",
            "1",
            "--image-cache",
            "{place}/image-cache",
            "",
            "callers-tiny callers-word",
        ],
        variables: &[],
        images: &[("amphora.qcow2", "qcow2")],
        beside: &["amphora.d"],
        // With a single type, the extension that the name has is the image's.
        never: "amphora.qcow2.qcow2",
        is_silent: false,
    },
    CommandLine {
        caller: "zuul",
        arguments: &[
            "-o",
            "{out}/zuul",
            "-t",
            "raw,qcow2",
            "--logfile",
            "{place}/log/diskimage-zuul.log",
            "callers-tiny",
            "callers-word",
        ],
        variables: &[("DIB_CHECKSUM", "1")],
        images: &[("zuul.raw", "raw"), ("zuul.qcow2", "qcow2")],
        beside: &[
            "zuul.raw.md5",
            "zuul.raw.sha256",
            "zuul.qcow2.sha256",
            "../log/diskimage-zuul.log",
        ],
        never: "zuul",
        is_silent: true,
    },
    CommandLine {
        caller: "bifrost",
        arguments: &[
            "-x",
            "-u",
            "--no-tmpfs",
            "--offline",
            "-n",
            "-a",
            "amd64",
            "-o",
            "{out}/bifrost",
            "-t",
            "qcow2",
            "--image-size",
            "1",
            "callers-tiny",
            "callers-word",
        ],
        variables: &[("DIB_BLOCK_DEVICE_CONFIG", ONE_FILE_SYSTEM)],
        images: &[("bifrost.qcow2", "qcow2")],
        beside: &["bifrost.d"],
        never: "bifrost.initramfs",
        is_silent: false,
    },
    // Elements stand before options.
    CommandLine {
        caller: "stackhpc",
        arguments: &[
            "callers-tiny",
            "callers-word",
            "-o",
            "{out}/stackhpc",
            "-t",
            "qcow2",
        ],
        variables: &[],
        images: &[("stackhpc.qcow2", "qcow2")],
        beside: &["stackhpc.d/dib-manifests"],
        never: "stackhpc",
        is_silent: false,
    },
    CommandLine {
        caller: "metal3",
        arguments: &[
            "--no-tmpfs",
            "-a",
            "amd64",
            "-o",
            "{out}/metal3.qcow2",
            "callers-tiny",
            "callers-word",
            "block-device-efi",
        ],
        variables: &[],
        images: &[("metal3.qcow2", "qcow2")],
        beside: &["metal3.d"],
        never: "metal3.qcow2.qcow2",
        is_silent: false,
    },
];

/// Calls in each way and looks at the outcome.
pub(super) fn build(_workspace: &Workspace, place: &Place) -> Result<(), TaskError> {
    let mut version = place.command(place.disk_image_create().as_str(), &[]);
    scratch_build::succeed(version.arg("--version"), "--version")?;
    place.directory("image-cache")?;
    // The place itself may not be the user's.
    place.directory("log")?;
    COMMAND_LINES.iter().try_for_each(|line| call(place, line))
}

fn call(place: &Place, line: &CommandLine) -> Result<(), TaskError> {
    let output = place.output();
    let arguments = line.arguments.iter().map(|argument| {
        argument
            .replace("{out}", output.as_str())
            .replace("{place}", place.path().as_str())
    });
    let result = place
        .command(place.disk_image_create().as_str(), &[])
        .args(arguments)
        .envs(line.variables.iter().copied())
        .env("ELEMENTS_PATH", place.elements())
        .env("DIB_IMAGE_NAME", line.caller)
        .stdin(Stdio::null())
        .output()
        .map_err(TaskError::file("run", "disk-image-create"))?;
    let printed = String::from_utf8_lossy(&result.stdout);
    let fault = |what: String| TaskError::Check(format!("called as {} does: {what}", line.caller));
    if !result.status.success() {
        let said = String::from_utf8_lossy(&result.stderr);
        return Err(fault(format!("{}\n{printed}{said}", result.status)));
    }
    // Where the log goes may be said.
    if line.is_silent && printed.lines().count() > 1 {
        return Err(fault(format!("this is printed:\n{printed}")));
    }
    for (name, format) in line.images {
        let image = output.join(name);
        let information = image_files::information(&image)?;
        if information["format"] != *format {
            return Err(fault(format!("{image} is no {format}: {information}")));
        }
    }
    for name in line.beside {
        image_files::check_that_there_is(&output.join(name))?;
    }
    let never: Utf8PathBuf = output.join(line.never);
    if fs::symlink_metadata(&never).is_ok() {
        return Err(fault(format!("there is {never}")));
    }
    Ok(())
}

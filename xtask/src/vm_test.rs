//! `cargo xtask vm-test`: images are built, booted, and looked at from inside.

mod inside;

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use crate::build_image;
use crate::local_mirror::LocalMirror;
use crate::needs;
use crate::ordinary_user;
use crate::progress;
use crate::scratch_build::{self, ScratchBuild};
use crate::task_error::TaskError;
use crate::workspace::Workspace;

use inside::Expected;

/// Builds images for each way to boot, boots them, logs in at the serial console, and checks what should hold there.
#[derive(Debug, clap::Args)]
pub(crate) struct VmTest {
    /// As root: the ordinary user who builds and boots; made when there is none of the name.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Test this `dib` instead of building one.
    #[arg(long, value_name = "FILE")]
    dib: Option<Utf8PathBuf>,
    /// Run only the cases whose names contain this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// Where a case's packages come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The host's archive.
    Host,
    /// An archive in Ubuntu's layout.
    UbuntuLayout,
}

/// An image, and what it must be once it runs.
#[derive(Debug, Clone, Copy)]
struct Case {
    name: &'static str,
    origin: Origin,
    elements: &'static [&'static str],
    /// More options for `dib build`.
    options: &'static [&'static str],
    firmware: &'static [&'static str],
    root: &'static str,
    hostname: &'static str,
}

const CASES: [Case; 4] = [
    Case {
        name: "debian on an MBR",
        origin: Origin::Host,
        elements: &["vm", "debian-minimal"],
        options: &["--boot-test"],
        firmware: &["bios"],
        root: "/dev/vda1",
        hostname: "debian",
    },
    Case {
        name: "debian on a GPT",
        origin: Origin::Host,
        elements: &["vm", "block-device-gpt", "debian-minimal"],
        options: &[],
        firmware: &["bios"],
        root: "/dev/vda2",
        hostname: "debian",
    },
    Case {
        name: "debian for BIOS and UEFI",
        origin: Origin::Host,
        elements: &["vm", "block-device-efi", "debian-minimal"],
        options: &[],
        firmware: &["bios", "uefi"],
        root: "/dev/vda3",
        hostname: "debian",
    },
    Case {
        name: "ubuntu-minimal for BIOS and UEFI",
        origin: Origin::UbuntuLayout,
        elements: &["vm", "block-device-efi", "ubuntu-minimal"],
        options: &[],
        firmware: &["bios", "uefi"],
        root: "/dev/vda3",
        hostname: "ubuntu",
    },
];

/// What every image has besides: somebody who can log in, and what a machine in a cloud has.
const MORE_ELEMENTS: [&str; 4] = ["devuser", "dhcp-all-interfaces", "growroot", "openssh-server"];
const USER: &str = "tester";
const PASSWORD: &str = "not-a-secret";
/// The size of the machine's disk: larger than any of the images.
const DISK_SIZE: &str = "4GiB";
const DISK_BYTES: u64 = 4 << 30;

/// Runs the command.
pub(crate) fn vm_test(options: &VmTest) -> Result<(), TaskError> {
    let mut groups = needs::of_build(false);
    groups.extend([needs::BOOT, needs::PUBLISHING, needs::UBUNTU_ARCHIVE]);
    needs::meet(&groups)?;
    let workspace = Workspace::load()?;
    let dib = match &options.dib {
        Some(dib) => dib.clone(),
        None => build_image::build_dib(&workspace)?,
    };
    let user = options
        .user
        .as_deref()
        .map(ordinary_user::find_or_make)
        .transpose()?;
    test_images(&workspace, &dib, user.as_ref(), &options.only)
}

/// Builds, boots and checks the images of the cases whose names contain the text.
pub(crate) fn test_images(
    workspace: &Workspace,
    dib: &Utf8Path,
    user: Option<&ordinary_user::OrdinaryUser>,
    only: &str,
) -> Result<(), TaskError> {
    for case in CASES.iter().filter(|case| case.name.contains(only)) {
        let scratch = match case.origin {
            Origin::Host => ScratchBuild::prepare_without_mirror(user, dib)?,
            Origin::UbuntuLayout => {
                ScratchBuild::prepare(user, dib, &LocalMirror::of_ubuntu_packages(workspace)?)?
            }
        };
        progress::step(format!("{}: building by {}", case.name, scratch.who()));
        let mut build = build(&scratch, case.elements, "qcow2");
        scratch_build::succeed(build.args(case.options), case.name)?;
        for firmware in case.firmware {
            progress::step(format!("{}: booting under {firmware}", case.name));
            test_inside(&scratch, case, firmware)?;
        }
    }
    Ok(())
}

/// Prepares the build of an image in which somebody can log in.
pub(crate) fn build(scratch: &ScratchBuild, elements: &[&str], types: &str) -> Command {
    let mut arguments = vec!["build", "-o", "out/image", "-t", types];
    arguments.extend(elements);
    arguments.extend(MORE_ELEMENTS);
    let mut build = scratch.dib(&arguments);
    build
        .env("DIB_DEV_USER_USERNAME", USER)
        .env("DIB_DEV_USER_PASSWORD", PASSWORD)
        .env("DIB_DEV_USER_PWDLESS_SUDO", "yes");
    build
}

fn test_inside(scratch: &ScratchBuild, case: &Case, firmware: &str) -> Result<(), TaskError> {
    let login = format!("{USER}:{PASSWORD}");
    let arguments = [
        "boot",
        "out/image.qcow2",
        "--firmware",
        firmware,
        "--disk-size",
        DISK_SIZE,
        "--login",
        &login,
        "--run",
        inside::WAIT,
        "--run",
        inside::LOOK,
    ];
    let output = scratch
        .dib(&arguments)
        .output()
        .map_err(TaskError::file("run", "dib"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(TaskError::Check(format!(
            "{}: dib boot failed: {}\n{printed}{}",
            case.name,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    let expected = Expected {
        root: case.root,
        file_system: "ext4",
        hostname: case.hostname,
        firmware,
        disk_bytes: DISK_BYTES,
    };
    let wrong = expected.compare(&printed);
    if wrong.is_empty() {
        return Ok(());
    }
    Err(TaskError::Check(format!(
        "{} under {firmware}:\n{}\nthe image says:\n{printed}",
        case.name,
        wrong.join("\n")
    )))
}

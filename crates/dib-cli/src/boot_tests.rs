//! Boot tests, as `dib boot` and a build make them, and their place for temporary files.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use dib_boot::{
    Accelerator, Arch, BootTest, BootTestError, DiskImage, Firmware, Machine, Programs, Sign, boot_test,
};
use dib_core::BootSign;
use dib_image::DiskSpec;

use crate::Console;
use crate::error::{CliError, ErrorKind};
use crate::workspace;

/// The memory of a build's machine in MiB, and its processors.
const MEMORY: u32 = 1024;
const PROCESSORS: u32 = 2;

/// A directory for the machines' files, which only this user can enter and which goes away with this.
///
/// It is locked for as long as it is used; one that is not was left by a process that was killed, and the next one removes it.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: Utf8PathBuf,
    _lock: File,
}

const SCRATCH: &str = "dib_boot.";

impl Scratch {
    /// Makes it in the directory for temporary files.
    pub(crate) fn create(temporary: Option<&str>) -> Result<Self, CliError> {
        let parent = Utf8Path::new(temporary.unwrap_or("/tmp"));
        remove_leftovers(parent);
        let template = parent.join(format!("{SCRATCH}XXXXXXXX"));
        let path = nix::unistd::mkdtemp(template.as_std_path()).map_err(|error| {
            CliError::new(ErrorKind::CannotCreate, error).hint("TMPDIR names another place")
        })?;
        let path = Utf8PathBuf::from_path_buf(path)
            .map_err(|path| CliError::new(ErrorKind::Internal, format!("{} is not UTF-8", path.display())))?;
        let lock = workspace::lock(&path)
            .and_then(|lock| lock.ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map_err(|error| CliError::new(ErrorKind::CannotCreate, error))?;
        Ok(Self { path, _lock: lock })
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is nobody's, and a failure has nobody to be told to.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what killed processes of this user have left. What can't be removed must not stop this one.
fn remove_leftovers(parent: &Utf8Path) {
    for entry in parent.read_dir_utf8().into_iter().flatten().flatten() {
        if !entry.file_name().starts_with(SCRATCH) {
            continue;
        }
        let Ok(Some(locked)) = workspace::lock(entry.path()) else {
            continue;
        };
        let user = nix::unistd::geteuid().as_raw();
        if locked.metadata().is_ok_and(|metadata| metadata.uid() == user) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Returns where the reports of a boot test are, for an image whose path begins so.
pub(crate) fn reports_of(base: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{base}.d")).join("boot-test")
}

/// Finds the programs for a build's boot test, so that what is missing shows before the build rather than after it.
pub(crate) fn programs(arch: dib_core::Arch) -> Result<Programs, CliError> {
    let known = Arch::of_name(arch.name()).ok_or_else(|| {
        let message = format!("there are no machines that boot an image of {arch}");
        CliError::new(ErrorKind::Usage, message).hint("leave out the boot test")
    })?;
    Ok(Programs::find(known)?)
}

/// Tests the disk of a build under each firmware that it is made for; `place` is the directory of the reports, and that of the
/// machines' files.
///
/// QEMU runs where the images are written, in the build's sandbox but outside of the target: it dies with the build, and the
/// host's `/dev/kvm`, which the target lacks, is there. Whether it may be used, the probe finds out.
pub(crate) fn of_build(
    wanted: &dib_core::BootTest,
    arch: dib_core::Arch,
    (image, name, disk): (&DiskImage, &Utf8Path, &DiskSpec),
    (reports, scratch): (&Utf8Path, Utf8PathBuf),
    console: &Console,
) -> Result<(), CliError> {
    let programs = programs(arch)?;
    fs::create_dir_all(&scratch).map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
    let claims = image.claims(&programs, &scratch)?;
    let firmware: Vec<Firmware> = claims
        .firmware()
        .into_iter()
        .filter(|firmware| programs.has(*firmware))
        .collect();
    // What the disk was to have, it must claim: a disk that has lost its loader must not pass for what is left of it.
    for (wanted, lost) in [
        (disk.has_efi_system_partition(), Firmware::Uefi),
        (
            disk.has_bios_boot_partition() && known_to_bios(arch),
            Firmware::Bios,
        ),
    ] {
        if wanted && !firmware.contains(&lost) {
            let message =
                format!("{name} has a partition for booting by {lost} and does not claim to boot so");
            return Err(CliError::new(ErrorKind::DoesNotBoot, message)
                .hint("its loader is not there: look at what 50-bootloader of the element bootloader did"));
        }
    }
    let test = BootTest {
        image,
        name,
        firmware: &firmware,
        machine: Machine {
            firmware: Firmware::Bios,
            memory: MEMORY,
            processors: PROCESSORS,
            disk_size: None,
            sector_size: claims.sector_size,
            ssh_port: None,
            accelerator: Accelerator::probe(&programs, &scratch),
        },
        sign: match wanted.sign {
            BootSign::Login => Sign::LoginPrompt,
            BootSign::CloudInit => Sign::CloudInitFinished,
        },
        limit: Duration::from_secs(wanted.limit),
        reports,
        scratch: &scratch,
    };
    run(&programs, &test, &mut |line| console.say(line))
}

/// Returns whether machines of that architecture have a BIOS.
fn known_to_bios(arch: dib_core::Arch) -> bool {
    matches!(arch, dib_core::Arch::Amd64 | dib_core::Arch::I386)
}

/// Makes a test and says how it goes, line by line.
pub(crate) fn run(
    programs: &Programs,
    test: &BootTest<'_>,
    say: &mut dyn FnMut(&str),
) -> Result<(), CliError> {
    if test.firmware.is_empty() {
        return Err(BootTestError::NoClaim(test.name.to_owned()).into());
    }
    let names: Vec<String> = test.firmware.iter().map(Firmware::to_string).collect();
    let accelerator = match test.machine.accelerator {
        Accelerator::Kvm => "KVM",
        Accelerator::Tcg => "QEMU alone, since KVM runs no guest here",
    };
    say(&format!(
        "booting {} under {} with {accelerator}",
        test.name,
        names.join(", then ")
    ));
    boot_test(programs, test, &mut |result| {
        let outcome = if result.failure.is_none() {
            "it is up"
        } else {
            "it has failed"
        };
        say(&format!(
            "{}: {outcome} after {:.1} s",
            result.firmware,
            result.time.as_secs_f64()
        ));
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_goes_away_and_what_is_used_stays() {
        let parent = tempfile::tempdir().unwrap();
        let parent = Utf8Path::from_path(parent.path()).unwrap();
        let left = parent.join("dib_boot.left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join("overlay.qcow2"), "").unwrap();
        let used = Scratch::create(Some(parent.as_str())).unwrap();
        let other = Scratch::create(Some(parent.as_str())).unwrap();
        assert!(!left.exists());
        assert!(used.path().exists());
        let path = other.path().to_owned();
        drop(other);
        assert!(!path.exists());
    }
}

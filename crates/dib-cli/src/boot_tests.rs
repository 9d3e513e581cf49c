//! Boot tests, as `dib boot` and a build make them, and their place for temporary files.

use camino::{Utf8Path, Utf8PathBuf};
use dib_boot::machine::Firmware;
use dib_boot::{Accelerator, BootTest, Programs, boot_test};

use crate::error::{CliError, ErrorKind};

/// A directory for the machines' files, which only this user can enter and which goes away with this.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: Utf8PathBuf,
}

impl Scratch {
    /// Makes it in the directory for temporary files.
    pub(crate) fn create(temporary: Option<&str>) -> Result<Self, CliError> {
        let template = Utf8Path::new(temporary.unwrap_or("/tmp")).join("dib_boot.XXXXXXXX");
        let path = nix::unistd::mkdtemp(template.as_std_path()).map_err(|error| {
            CliError::new(ErrorKind::CannotCreate, error).hint("TMPDIR names another place")
        })?;
        let path = Utf8PathBuf::from_path_buf(path)
            .map_err(|path| CliError::new(ErrorKind::Internal, format!("{} is not UTF-8", path.display())))?;
        Ok(Self { path })
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is nobody's, and a failure has nobody to be told to.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Returns where the reports of a boot test are, for an image whose path begins so.
pub(crate) fn reports_of(base: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{base}.d")).join("boot-test")
}

/// Makes a test and says how it goes, line by line.
pub(crate) fn run(
    programs: &Programs,
    test: &BootTest<'_>,
    say: &mut dyn FnMut(&str),
) -> Result<(), CliError> {
    let names: Vec<String> = test.firmware.iter().map(Firmware::to_string).collect();
    let accelerator = match test.machine.accelerator {
        Accelerator::Kvm => "KVM",
        Accelerator::Tcg => "QEMU alone, since KVM runs no guest here",
    };
    say(&format!(
        "booting {} under {} with {accelerator}",
        test.image.path,
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

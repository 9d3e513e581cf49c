//! What the elements' files in `environment.d` say, worked out in a sandbox: whatever they start ends with this program.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};

use camino::Utf8Path;
use dib_script::environment_files;
use dib_sys::sandbox::{ExitReport, SandboxOptions, run_in_sandbox};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::error::{CliError, ErrorKind};

/// What the files say, or why they say nothing.
type Said = Result<BTreeMap<String, String>, String>;

/// Works out which variables the environment files of the elements in these directories set; `known` is the environment
/// that they find.
///
/// # Errors
/// When this program is interrupted meanwhile, or no file for the result can be made. What is wrong with the elements'
/// files is in the result.
pub(crate) fn evaluate(
    directories: &[&Utf8Path],
    known: &BTreeMap<String, String>,
) -> Result<Said, CliError> {
    let evaluated = || environment_files::evaluate(directories, known).map_err(|error| error.to_string());
    if environment_files::of_elements(directories.iter().copied()).is_ok_and(|files| files.is_empty()) {
        return Ok(Ok(BTreeMap::new()));
    }
    let failed = |error: std::io::Error| CliError::new(ErrorKind::InputOutput, error);
    // The sandbox's process and this one share it.
    let mut result = File::from(
        memfd_create(c"environment", MFdFlags::MFD_CLOEXEC).map_err(|error| failed(error.into()))?,
    );
    let body = || u8::from(write(&result, &evaluated()).is_err());
    match run_in_sandbox(&SandboxOptions::default(), body) {
        Ok(ExitReport::Exited(0)) => read(&mut result).map_err(failed),
        Ok(ExitReport::Interrupted(signal)) => Err(CliError::interrupted(signal)),
        Ok(_) => Ok(Err("what reads them was killed".to_owned())),
        // There can be a plan where there can be no build.
        Err(_) => Ok(evaluated()),
    }
}

fn write(mut file: &File, said: &Said) -> std::io::Result<()> {
    file.write_all(&serde_json::to_vec(said)?)
}

fn read(file: &mut File) -> std::io::Result<Said> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

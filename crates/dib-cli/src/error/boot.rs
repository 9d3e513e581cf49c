//! The kinds of errors of machines and boot tests.

use dib_boot::{BootTestError, ImageError, MachineError, MissingProgram, RunError, ScriptError};

use super::{CliError, ErrorKind};

impl From<MissingProgram> for CliError {
    fn from(error: MissingProgram) -> Self {
        let hint = install(&error);
        Self::new(ErrorKind::Unavailable, error).hint(hint)
    }
}

impl From<ImageError> for CliError {
    fn from(error: ImageError) -> Self {
        let hint = match &error {
            ImageError::NotWhole { path } => Some(format!(
                "if you trust it, make a whole one: qemu-img convert -O qcow2 {path} whole.qcow2"
            )),
            _ => None,
        };
        let error = Self::new(of_image(&error), error);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl From<MachineError> for CliError {
    fn from(error: MachineError) -> Self {
        match error {
            MachineError::Missing(error) => error.into(),
            error => Self::new(of_machine(&error), error),
        }
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Interrupted(signal) => Self::interrupted(signal),
            error => Self::new(of_run(&error), error),
        }
    }
}

impl From<BootTestError> for CliError {
    fn from(error: BootTestError) -> Self {
        match error {
            BootTestError::Image(error) => error.into(),
            BootTestError::Machine(error) => error.into(),
            BootTestError::Run(error) => error.into(),
            BootTestError::NoClaim(_) | BootTestError::DoesNotBoot { .. } => {
                Self::new(ErrorKind::DoesNotBoot, error)
            }
            error => Self::new(ErrorKind::InputOutput, error),
        }
    }
}

impl From<ScriptError> for CliError {
    fn from(error: ScriptError) -> Self {
        match error {
            ScriptError::Machine(error) => error.into(),
            ScriptError::Run(error) => error.into(),
            ScriptError::Failed { status, .. } => Self::new(ErrorKind::OfCommand(status), error),
            error => Self::new(ErrorKind::DoesNotBoot, error),
        }
    }
}

fn install(missing: &MissingProgram) -> String {
    format!("install it: apt-get install {}", missing.package)
}

fn of_image(error: &ImageError) -> ErrorKind {
    match error {
        ImageError::Read { .. } => ErrorKind::MissingInput,
        ImageError::NotADisk { .. } | ImageError::Misnamed { .. } => ErrorKind::Usage,
        _ => ErrorKind::BadData,
    }
}

fn of_machine(error: &MachineError) -> ErrorKind {
    match error {
        MachineError::Overlay { .. } => ErrorKind::BadData,
        _ => ErrorKind::InputOutput,
    }
}

fn of_run(error: &RunError) -> ErrorKind {
    match error {
        RunError::Start { .. } | RunError::Qemu { .. } => ErrorKind::Unavailable,
        _ => ErrorKind::InputOutput,
    }
}

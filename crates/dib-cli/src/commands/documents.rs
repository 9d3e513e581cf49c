//! Completions and manual pages, made of the command lines' definitions.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use clap::ValueEnum as _;
use clap_complete::Shell;

use crate::arguments::{CommandName, definition};
use crate::error::{CliError, ErrorKind};

#[derive(Debug, thiserror::Error)]
#[error("failed to write the manual pages into {directory}")]
struct ManualError {
    directory: Utf8PathBuf,
    source: io::Error,
}

/// Returns a shell's completions for a command.
pub(super) fn completions(shell: Shell, command: CommandName) -> String {
    let mut definition = definition(command);
    let name = definition.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut definition, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes a manual page for each command and subcommand.
///
/// # Errors
/// When a page can't be written.
pub(super) fn write_manual(directory: &Utf8Path) -> Result<(), CliError> {
    for command in CommandName::value_variants().iter().copied() {
        clap_mangen::generate_to(definition(command), directory).map_err(|source| {
            CliError::new(
                ErrorKind::CannotCreate,
                ManualError {
                    directory: directory.to_owned(),
                    source,
                },
            )
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_complete_both_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = completions(shell, CommandName::Dib);
            assert!(script.contains("elements"), "{shell}");
            assert!(
                completions(shell, CommandName::DiskImageCreate).contains("no-tmpfs"),
                "{shell}"
            );
        }
    }

    #[test]
    fn each_command_has_a_manual_page() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        write_manual(path).unwrap();
        for name in [
            "dib",
            "dib-build",
            "dib-plan",
            "dib-cache-prune",
            "dib-elements-show",
            "disk-image-create",
            "ramdisk-image-create",
            "dib-run-parts",
            "element-info",
            "cache-url",
            "diskimage-builder",
            "dib-schema",
        ] {
            assert!(path.join(format!("{name}.1")).is_file(), "{name}");
        }
        let page = std::fs::read_to_string(path.join("disk-image-create.1")).unwrap();
        assert!(
            page.contains("Exit codes") && page.contains("DIB_IMAGE_CACHE"),
            "{page}"
        );
        let error = write_manual(&path.join("missing")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CannotCreate);
    }
}

//! The hooks of an element that is a directory: which of its files are some, and how they are run.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use camino::Utf8Path;
use dib_core::hook::HookName;
use dib_core::install_type::InstallType;
use dib_core::{Hook, HookBody, HookContext, HookError, Phase, Program};
use dib_sys::command::CommandError;

use crate::environment_files;
use crate::error::ElementError;
use crate::hook_names::HookNames;
use crate::world::devices;

/// Where the hooks' files stand in the target while a phase runs that works there; upstream's place.
pub(crate) const IN_TARGET: &str = "/tmp/in_target.d";
/// The variable by which hooks know the device of the disk, where it has one.
const DEVICE: &str = "IMAGE_BLOCK_DEVICE";
/// What a hook of the phase `block-device` writes to say that it has made the disk's device.
const OWN_DEVICE: &str = "IMAGE_BLOCK_DEVICE=";

/// How many bytes of a file Linux looks at to find out what runs it.
const FIRST_BYTES: usize = 256;

/// Lists the hooks of an element.
///
/// Those in `install.d/<name>-<type>-install` run where the install type of that name, which as a rule is the element's, is
/// that one.
///
/// # Errors
/// When a directory can't be listed.
pub(crate) fn hooks_of(directory: &Utf8Path) -> Result<Vec<Hook>, ElementError> {
    let mut hooks = Vec::new();
    must_be_directory(&directory.join(environment_files::DIRECTORY))?;
    for phase in Phase::ALL {
        let files = directory.join(format!("{phase}.d"));
        must_be_directory(&files)?;
        for name in runnable(&files, &HookNames::default())? {
            hooks.push(script(phase, name, None));
        }
    }
    for name in names(&directory.join("install.d"))? {
        let Some(install_type) = install_type_of_directory(&name) else {
            continue;
        };
        for name in runnable(&directory.join("install.d").join(&name), &HookNames::default())? {
            hooks.push(script(Phase::Install, name, Some(install_type.clone())));
        }
    }
    Ok(hooks)
}

/// Refuses what stands where hooks are looked for and can't hold any. A link that leads nowhere is as good as nothing.
fn must_be_directory(path: &Utf8Path) -> Result<(), ElementError> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => Err(ElementError::NoDirectory {
            path: path.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Reads the name of a directory in `install.d` as `<name>-<type>-install`.
pub(crate) fn install_type_of_directory(name: &str) -> Option<InstallType> {
    let (of, install_type) = name.strip_suffix("-install")?.rsplit_once('-')?;
    Some(InstallType {
        of: of.to_owned(),
        name: install_type.to_owned(),
    })
}

/// Returns a hook that is a script.
pub(crate) fn script(phase: Phase, name: HookName, install_type: Option<InstallType>) -> Hook {
    let body = HookBody::Program(Arc::new(Script {
        phase,
        name: name.clone(),
    }));
    Hook {
        phase,
        name,
        install_type,
        body,
        inputs: None,
    }
}

/// Lists the executable files in a directory whose names are hooks', in no order; none where there is no such directory.
pub(crate) fn runnable(directory: &Utf8Path, counted: &HookNames) -> Result<Vec<HookName>, ElementError> {
    let mut programs = names(directory)?;
    // A link that leads nowhere is no file, and upstream passes it over as well.
    programs.retain(|name| {
        fs::metadata(directory.join(name))
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    });
    let (hooks, _) = counted.divide(programs)?;
    Ok(hooks
        .iter()
        .filter_map(|name| name.parse::<HookName>().ok())
        .collect())
}

/// Lists the files in a directory that are none of these hooks.
pub(crate) fn passed_over(directory: &Utf8Path, hooks: &[HookName]) -> Result<Vec<String>, ElementError> {
    let mut names = names(directory)?;
    names.retain(|name| !hooks.iter().any(|hook| hook.as_str() == name) && !directory.join(name).is_dir());
    Ok(names)
}

/// Lists the names in a directory, sorted; none where there is no such directory. What is no UTF-8 is no hook.
pub(crate) fn names(directory: &Utf8Path) -> Result<Vec<String>, ElementError> {
    let failed = |source| ElementError::Read {
        path: directory.to_owned(),
        source,
    };
    let entries = match directory.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => return Err(failed(error)),
    };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// A file in the hooks' directory of the build.
struct Script {
    phase: Phase,
    name: HookName,
}

impl Program for Script {
    fn run(&self, ctx: &HookContext<'_>) -> Result<(), HookError> {
        let hooks = ctx
            .hooks_directory()
            .ok_or_else(|| HookError::other("a script runs in a build alone"))?;
        let inside = format!("{}.d/{}", self.phase, self.name);
        let file = hooks.join(&inside);
        let shell = shell_for(&file)?;
        let with_shell = |path: String| {
            shell
                .iter()
                .map(|shell| (*shell).to_owned())
                .chain([path])
                .collect()
        };
        if self.phase.runs_in_target() {
            let command: Vec<String> = with_shell(format!("{IN_TARGET}/{inside}"));
            let again = format!("chroot \"$TMP_MOUNT_PATH\" {}", command.join(" "));
            return ctx
                .run_with_environment(command, ctx.environment())
                .map_err(|error| explained(ctx, replayed_by(error, &again), &file));
        }
        let observer = ctx.observer();
        let mut made_device = false;
        ctx.run_on_host_with(with_shell(file.to_string()), ctx.environment(), &mut |line| {
            made_device |= line.starts_with(OWN_DEVICE);
            observer.output(line);
        })
        .map_err(|error| {
            let again = format!("\"$TMP_HOOKS_PATH\"/{inside}");
            explained(ctx, replayed_by(error, &again), &file)
        })?;
        devices::lend(ctx)?;
        if made_device && self.phase == Phase::BlockDevice {
            return Err(
                HookError::other(format!("{file} has made a block device of its own"))
                    .hinted(
                        "lay out the disk by a block-device-*.yaml or DIB_BLOCK_DEVICE_CONFIG instead; with --loop, as root, the \
                         build makes it and sets IMAGE_BLOCK_DEVICE",
                    ),
            );
        }
        Ok(())
    }
}

/// Says what to do about a script that failed where it may be for want of the disk's device.
fn explained(ctx: &HookContext<'_>, error: HookError, file: &Utf8Path) -> HookError {
    let has_failed = matches!(error, HookError::Command(CommandError::Failed { .. }));
    let wants_device = || {
        let text = fs::read(file).unwrap_or_default();
        String::from_utf8_lossy(&text).contains(DEVICE)
    };
    if has_failed && ctx.variable(DEVICE).is_none() && wants_device() {
        return error.hinted(
            "it looks for the disk at a block device (IMAGE_BLOCK_DEVICE): --loop attaches it to one, as root; the built-in \
             elements, bootloader among them, need none",
        );
    }
    error
}

/// Says how a script that failed is run again: in the shell of a break point, which has all of its many variables.
fn replayed_by(error: HookError, line: &str) -> HookError {
    match error {
        HookError::Command(CommandError::Failed {
            argv,
            status,
            last_lines,
            ..
        }) => HookError::Command(CommandError::Failed {
            argv,
            status,
            last_lines,
            replay: format!("{line}  (in the shell that break=after-error opens)"),
        }),
        other => other,
    }
}

/// Returns the shell that a script needs before it where its first line names none, as the shell that upstream's
/// `dib-run-parts` is would run it.
fn shell_for(file: &Utf8Path) -> Result<Option<&'static str>, HookError> {
    let failed = |source| HookError::Host {
        action: "read",
        path: file.to_string(),
        source,
    };
    let mut start = Vec::new();
    let mut reader = File::open(file).map_err(failed)?.take(FIRST_BYTES as u64);
    reader.read_to_end(&mut start).map_err(failed)?;
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if let Some(interpreter) = line.strip_prefix(b"#!").map(<[u8]>::trim_ascii_start) {
        // Linux takes neither for a script, and then it is upstream's shell that runs it.
        let is_cut = line.len() == FIRST_BYTES && !interpreter.contains(&b' ');
        if interpreter.is_empty() || is_cut {
            return Ok(Some("bash"));
        }
        if line.ends_with(b"\r") {
            return Err(HookError::other(format!(
                "{file} has lines that end as on Windows (CR LF), and no interpreter is called {:?}",
                String::from_utf8_lossy(&line[2..])
            ))
            .hinted("convert the file, by dos2unix or sed -i 's/\\r$//'"));
        }
        return Ok(None);
    }
    if start.starts_with(b"\x7fELF") {
        return Ok(None);
    }
    if line.contains(&0) {
        return Err(HookError::other(format!(
            "{file} is neither a script nor a program of Linux"
        )));
    }
    Ok(Some("bash"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_files_with_plain_names_are_hooks() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(parent.path()).unwrap().join("mine");
        for (name, mode) in [
            ("install.d/50-run", 0o755),
            ("install.d/60-not-executable", 0o644),
            ("install.d/70-with.dot", 0o755),
            ("install.d/directory/x", 0o755),
            ("install.d/mine-source-install/10-build", 0o755),
            ("install.d/with-more-of-it-package-install/10-get", 0o755),
            ("cleanup.d/9-last", 0o755),
        ] {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        std::os::unix::fs::symlink("nowhere", directory.join("install.d/80-dangling")).unwrap();
        let hooks = hooks_of(&directory).unwrap();
        let shown: Vec<_> = hooks
            .iter()
            .map(|hook| match &hook.install_type {
                Some(wanted) => format!("{hook:?} where {} is {}", wanted.of, wanted.name),
                None => format!("{hook:?}"),
            })
            .collect();
        assert_eq!(
            shown,
            [
                "install.d/50-run",
                "cleanup.d/9-last",
                "install.d/10-build where mine is source",
                "install.d/10-get where with-more-of-it is package"
            ]
        );
    }

    #[test]
    fn the_first_line_decides_who_runs_a_script() {
        let check = |contents: &[u8]| {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), contents).unwrap();
            let path = Utf8Path::from_path(file.path()).unwrap();
            shell_for(path).map_err(|error| error.to_string().replace(path.as_str(), "FILE"))
        };
        assert_eq!(check(b"#!/bin/sh\necho"), Ok(None));
        assert_eq!(check(b"\x7fELF\x02"), Ok(None));
        assert_eq!(check(b"echo\n"), Ok(Some("bash")));
        assert_eq!(check(b""), Ok(Some("bash")));
        assert_eq!(check(b"#!\necho\n"), Ok(Some("bash")));
        assert_eq!(check(&[b"#!/", &[b'x'; 300][..]].concat()), Ok(Some("bash")));
        assert_eq!(
            check(b"\x00\x01\x02"),
            Err("FILE is neither a script nor a program of Linux".to_owned())
        );
        assert_eq!(
            check(b"#!/bin/bash\r\necho\r\n"),
            Err(
                "FILE has lines that end as on Windows (CR LF), and no interpreter is called \"/bin/bash\\r\"".to_owned()
            )
        );
    }
}

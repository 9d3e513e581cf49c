//! The library and the programs, run by the shells they are for.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{Kind, files};

mod boot_kernel;
mod programs;
mod run_parts;
mod sudo;

/// A build's directory with the library and the programs in it.
struct Build {
    directory: TempDir,
}

impl Build {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for file in files() {
            let parent = directory.path().join(match file.kind {
                Kind::Library => "lib",
                Kind::Program => "bin",
            });
            fs::create_dir_all(&parent).unwrap();
            write(&parent.join(file.name), file.bytes, file.mode);
        }
        Self { directory }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    /// Writes a file below the build's directory, and the directories above it.
    fn write(&self, path: &str, contents: &str, mode: u32) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, contents.as_bytes(), mode);
        path
    }

    /// Returns a command with the programs first on its path and the usual variables.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
        command
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("_LIB", self.path("lib"))
            .env("TMP_BUILD_DIR", self.directory.path())
            .current_dir(self.directory.path());
        command
    }

    /// Runs a script as elements begin theirs.
    fn bash(&self, script: &str) -> Output {
        self.command("bash")
            .args(["-c", &format!("set -eu -o pipefail\n{script}")])
            .output()
            .unwrap()
    }
}

fn write(path: &Path, contents: &[u8], mode: u32) {
    fs::write(path, contents).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns what a script printed, which must have ended well.
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    stdout(output)
}

#[test]
fn every_file_that_is_kept_is_offered() {
    let kept = |directory: &str| -> BTreeSet<String> {
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let offered = |kind| -> BTreeSet<String> {
        let of_kind = files().iter().filter(|file| file.kind == kind);
        of_kind.map(|file| file.name.to_owned()).collect()
    };
    assert_eq!(offered(Kind::Library), kept("lib"));
    assert_eq!(offered(Kind::Program), kept("bin"));
}

#[test]
fn every_file_is_what_its_shell_can_read() {
    let build = Build::new();
    for file in files() {
        let path = build.path(match file.kind {
            Kind::Library => "lib",
            Kind::Program => "bin",
        });
        let text = String::from_utf8_lossy(file.bytes);
        let shell = match text.lines().next().unwrap() {
            "#!/bin/sh" => "sh",
            "#!/usr/bin/env python3" => continue,
            _ => "bash",
        };
        let output = build
            .command(shell)
            .arg("-n")
            .arg(path.join(file.name))
            .output()
            .unwrap();
        printed(&output);
    }
}

#[test]
fn sourcing_the_library_does_nothing() {
    let build = Build::new();
    let script = r#"
        for file in die common-defaults common-functions img-defaults img-functions elements-functions \
            ramdisk-defaults ramdisk-functions; do source "$_LIB/$file"; done
        echo "$DIB_RUN_PARTS"
    "#;
    let expected = format!("{}\n", build.path("lib/dib-run-parts").display());
    assert_eq!(printed(&build.bash(script)), expected);
    let mut entries: Vec<_> = fs::read_dir(build.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    entries.sort();
    assert_eq!(entries, ["bin", "lib"]);
}

#[test]
fn die_ends_with_the_status_before_it() {
    let build = Build::new();
    let output = build.bash("source $_LIB/die; bash -c 'exit 7' || die no  luck; echo not here");
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(stdout(&output), "no luck\n");
    // It is there in the shells that a script starts.
    let output = build.bash("source $_LIB/die; bash -c 'false || die inner'");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "inner\n");
}

#[test]
fn what_scripts_must_leave_to_dib_says_so() {
    let build = Build::new();
    fs::create_dir(build.path("hooks")).unwrap();
    for call in [
        "mk_build_dir",
        "create_base",
        "cleanup_build_dir",
        "unmount_image",
        "finalise_base",
    ] {
        let output = build.bash(&format!(
            "source $_LIB/common-functions; source $_LIB/img-functions; {call}"
        ));
        assert_eq!(output.status.code(), Some(1), "{call}");
        let expected = format!("ERROR: {call} is not for scripts under dib: ");
        assert!(stderr(&output).starts_with(&expected), "{call}");
    }
}

#[test]
fn a_build_inside_the_build_has_its_directories_while_it_lasts() {
    let build = Build::new();
    let output = build.bash(
        "source $_LIB/common-functions
        unset TMP_BUILD_DIR; export TMP_DIR=$PWD
        mk_build_dir >/dev/null
        echo image >$TMP_IMAGE_PATH
        DIB_CHECKSUM=sha256 save_image $PWD/ramdisk.img
        echo another >$TMP_IMAGE_PATH
        save_image $PWD/ramdisk.img
        echo $TMP_BUILD_DIR $TMP_IMAGE_DIR",
    );
    let out = printed(&output);
    for directory in out.lines().last().unwrap().split(' ') {
        assert!(!Path::new(directory).exists(), "{directory}");
    }
    assert_eq!(
        fs::read_to_string(build.path("ramdisk.img")).unwrap(),
        "another\n"
    );
    // The first is there under another name, with its checksum.
    let old: Vec<_> = fs::read_dir(build.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("ramdisk-"))
        .collect();
    assert_eq!(old.len(), 2, "{old:?}");
}

#[test]
fn break_points_are_whole_names() {
    let build = Build::new();
    let check = |asked: &str| {
        let script =
            format!("source $_LIB/common-functions; break={asked} check_break before-root echo stopped");
        printed(&build.bash(&script))
    };
    assert_eq!(check("before-root"), "stopped\n");
    assert_eq!(check("after-error,before-root"), "stopped\n");
    assert_eq!(check("before-root-2"), "");
    assert_eq!(check("''"), "");
}

#[test]
fn hooks_of_a_phase_run_and_what_they_print_can_be_evaluated() {
    let build = Build::new();
    build.write(
        "hooks/block-device.d/10-a",
        "#!/bin/sh\necho noise; echo IMAGE_BLOCK_DEVICE=/dev/x\n",
        0o755,
    );
    let script = "source $_LIB/common-functions; export TMP_HOOKS_PATH=$PWD/hooks
        eval_run_d block-device IMAGE_BLOCK_DEVICE= 2>/dev/null >&2; echo $IMAGE_BLOCK_DEVICE";
    assert_eq!(printed(&build.bash(script)), "/dev/x\n");
    build.write("hooks/block-device.d/20-b", "#!/bin/sh\nexit 3\n", 0o755);
    assert_eq!(build.bash(script).status.code(), Some(1));
}

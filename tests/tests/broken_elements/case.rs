//! A broken element, and what is expected of the program that meets it.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};

use crate::world::{Ran, World, run};

/// The element that is broken.
pub(super) const BROKEN: &str = "broken";
/// How many seconds a program may take before it is taken to hang.
const PATIENCE: &str = "120";

/// What stands at a path.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A file.
    File(Vec<u8>),
    /// A file that can be run.
    Program(Vec<u8>),
    /// A file with these permissions.
    Mode(u32, Vec<u8>),
    /// A file of so many bytes, all zero.
    Sparse(u64),
    /// A symbolic link.
    Link(String),
    Directory,
    Fifo,
    Socket,
}

/// What the program makes of it.
#[derive(Debug, Clone)]
pub(super) enum Expected {
    /// All goes well, and this is said by the build.
    Builds(String),
    /// All goes well, and this is not said by the build.
    Ignored(String),
    /// Neither plan nor build is made, and this is said.
    Refused(String),
    /// The plan is made, and the build fails, saying this.
    Fails(String),
}

/// A broken element.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) name: String,
    /// What stands where below the directory of elements; the bytes of paths may be any.
    pub(super) contents: Vec<(Vec<u8>, Content)>,
    /// The elements that are asked for.
    pub(super) elements: Vec<String>,
    pub(super) expected: Expected,
}

impl Case {
    pub(super) fn new(name: impl Into<String>, expected: Expected) -> Self {
        Self {
            name: name.into(),
            contents: vec![(BROKEN.into(), Content::Directory)],
            elements: vec!["myorg-tiny".to_owned(), BROKEN.to_owned()],
            expected,
        }
    }

    /// Puts something below the directory of elements.
    pub(super) fn with(mut self, path: impl AsRef<[u8]>, content: Content) -> Self {
        self.contents.push((path.as_ref().to_owned(), content));
        self
    }

    /// Asks for these elements instead.
    pub(super) fn asking_for(mut self, elements: &[&str]) -> Self {
        self.elements = elements.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// Has what is missing of an operating system for scripts to run in the target put there first.
    pub(super) fn with_programs(self) -> Self {
        const COPY: &str = r#"#!/bin/bash
set -eu -o pipefail
for program in bash sh env cat; do
    path=$(type -P "$program")
    mkdir -p "$TARGET_ROOT/bin"
    cp -L "$path" "$TARGET_ROOT/bin/$program"
    for library in $(ldd "$path" | grep -o '/[^ )]*'); do
        mkdir -p "$TARGET_ROOT${library%/*}"
        cp -L "$library" "$TARGET_ROOT$library"
    done
done
"#;
        let mut case = self.with("programs/root.d/20-programs", program(COPY));
        case.elements.push("programs".to_owned());
        case
    }
}

/// A file of this text.
pub(super) fn file(text: impl AsRef<[u8]>) -> Content {
    Content::File(text.as_ref().to_owned())
}

/// A file of this text that can be run.
pub(super) fn program(text: impl AsRef<[u8]>) -> Content {
    Content::Program(text.as_ref().to_owned())
}

/// A link that leads there.
pub(super) fn link(to: &str) -> Content {
    Content::Link(to.to_owned())
}

/// What is expected of a file that only root can read.
pub(super) fn closed(root: Expected, others: Expected) -> Expected {
    if geteuid().is_root() { root } else { others }
}

/// Checks all of the cases, some at a time, and tells of all that went wrong.
pub(super) fn check_all(cases: &[Case]) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            wrong.extend(check(case).err().map(|fault| format!("{}: {fault}", case.name)));
        }
        wrong
    };
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n\n")
    );
}

/// Checks one; what is wrong is told.
fn check(case: &Case) -> Result<(), String> {
    let world = World::new();
    let elements = world.path("home/elements");
    fs::create_dir(&elements).unwrap();
    for (path, content) in &case.contents {
        put(&elements.as_std_path().join(OsStr::from_bytes(path)), content);
    }
    let go = |arguments: &[&str]| {
        let mut command = with_patience(&world.program("myorg-dib"));
        command.env("ELEMENTS_PATH", &elements).args(arguments);
        run(&mut command)
    };
    let with_elements = |command: &[&str]| {
        let elements = case.elements.iter().map(String::as_str);
        go(&command.iter().copied().chain(elements).collect::<Vec<_>>())
    };
    let plan = with_elements(&["plan"]);
    let build = with_elements(&["build", "-t", "tar"]);
    let is_built = match &case.expected {
        Expected::Builds(says) => {
            ends_with(&plan, 0, "")?;
            ends_with(&build, 0, says)?;
            true
        }
        Expected::Ignored(says_not) => {
            ends_with(&plan, 0, "")?;
            ends_with(&build, 0, "")?;
            if build.stderr.contains(says_not) {
                return Err(format!("{says_not:?} is said:\n{}", build.stderr));
            }
            true
        }
        Expected::Refused(says) => {
            ends_with(&plan, 78, says)?;
            ends_with(&build, 78, says)?;
            // Whatever is wrong with it, the others are there, and it can be looked at.
            ends_with(&go(&["plan", "myorg-tiny"]), 0, "")?;
            ends_with(&go(&["elements", "show", BROKEN]), 0, "")?;
            ends_with(&go(&["elements"]), 0, "")?;
            false
        }
        Expected::Fails(says) => {
            ends_with(&plan, 0, "")?;
            ends_with(&build, 1, says)?;
            false
        }
    };
    let made = world.names("out").contains(&"image.tar".to_owned());
    if made != is_built {
        return Err(format!("in the output there is {:?}", world.names("out")));
    }
    world.assert_nothing_is_left();
    // Where there is no permission, a directory can't even be removed.
    for (path, content) in &case.contents {
        if matches!(content, Content::Directory) {
            let path = elements.as_std_path().join(OsStr::from_bytes(path));
            let _ = fs::set_permissions(path, Permissions::from_mode(0o755));
        }
    }
    Ok(())
}

/// Returns the same command, which ends with status 124 where it hangs.
fn with_patience(command: &Command) -> Command {
    let mut patient = Command::new("timeout");
    patient
        .args(["--kill-after=5", PATIENCE])
        .arg(command.get_program());
    patient.env_clear().envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    if let Some(directory) = command.get_current_dir() {
        patient.current_dir(directory);
    }
    patient
}

/// Checks how a program ended and what it said.
fn ends_with(ran: &Ran, code: i32, says: &str) -> Result<(), String> {
    let told = ["panicked", "RUST_BACKTRACE", "stack overflow"];
    let is_fine = ran.code == Some(code)
        && ran.stderr.contains(says)
        && !told.iter().any(|word| ran.stderr.contains(word));
    if is_fine {
        return Ok(());
    }
    let start: String = ran.stderr.chars().take(4000).collect();
    Err(format!(
        "status {:?} and not {code}, or {says:?} is not said:\n{start}",
        ran.code
    ))
}

fn put(path: &Path, content: &Content) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let write = |bytes: &[u8], mode: u32| {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    match content {
        Content::File(bytes) => write(bytes, 0o644),
        Content::Program(bytes) => write(bytes, 0o755),
        Content::Mode(mode, bytes) => write(bytes, *mode),
        Content::Sparse(length) => fs::File::create(path).unwrap().set_len(*length).unwrap(),
        Content::Link(to) => symlink(to, path).unwrap(),
        Content::Directory => fs::create_dir_all(path).unwrap(),
        Content::Fifo => mkfifo(path, Mode::from_bits_truncate(0o755)).unwrap(),
        Content::Socket => drop(UnixListener::bind(path).unwrap()),
    }
}

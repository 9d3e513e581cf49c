//! Runs scripts in a tree, each as a layer of its own: `layers DIRECTORY TREE.tar [SCRIPT…]`, and says what they took.
//!
//! The directory gets a tmpfs, unless `TMPFS=0`. With `LAYERS` set to a number, as many small layers lie above the tree
//! before the first script runs; with `LAYERS=none`, there is no overlay at all.
#![expect(clippy::print_stderr, reason = "an example to try by hand")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::process::{Command, ExitCode};
use std::time::Instant;

use camino::Utf8Path;
use dib_sys::command::{Stdin, TargetCommand, run_in_target};
use dib_sys::mounts::{kernel_file_systems, tmpfs};
use dib_sys::overlay::{LayerStack, probe};
use dib_sys::sandbox::{ExitReport, SandboxOptions, run_in_sandbox};
use dib_sys::{TargetPath, TargetRoot};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let body = || match run(&arguments) {
        Ok(()) => 0,
        Err(error) => {
            let mut error: Option<&dyn Error> = Some(&*error);
            while let Some(this) = error {
                eprintln!("error: {this}");
                error = this.source();
            }
            1
        }
    };
    match run_in_sandbox(&SandboxOptions::default(), body) {
        Ok(ExitReport::Exited(status)) => status.into(),
        other => {
            eprintln!("{other:?}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [directory, tar, scripts @ ..] = arguments else {
        return Err("usage: layers DIRECTORY TREE.tar [SCRIPT…]".into());
    };
    let directory = Utf8Path::new(directory);
    fs::create_dir_all(directory)?;
    if std::env::var("TMPFS").as_deref() != Ok("0") {
        tmpfs(directory, None)?;
    }
    let (tree, layers) = (directory.join("tree"), directory.join("layers"));
    fs::create_dir(&tree)?;
    fs::create_dir(&layers)?;
    probe(&layers)?;
    let mut stack = LayerStack::begin(&tree, &layers)?;
    let root = TargetRoot::open(&tree)?;
    timed("unpack", || {
        Command::new("tar")
            .args(["--numeric-owner", "-C", tree.as_str(), "-xf", tar])
            .status()
    })?;
    kernel_file_systems(&root)?;
    fs::copy("/etc/resolv.conf", tree.join("etc/resolv.conf"))?;
    let with_layers = std::env::var("LAYERS").unwrap_or_else(|_| "1".to_owned());
    let seal = |stack: &mut LayerStack| -> Result<(), Box<dyn Error>> {
        if with_layers != "none" {
            let seal = timed("seal", || stack.seal(&root))?;
            eprintln!("{seal:?}");
        }
        Ok(())
    };
    seal(&mut stack)?;
    for number in 1..with_layers.parse().unwrap_or(1) {
        // In a directory that is looked into often.
        fs::write(tree.join(format!("etc/layer-{number}")), "")?;
        fs::write(tree.join(format!("usr/bin/layer-{number}")), "")?;
        stack.seal(&root)?;
    }
    for script in scripts {
        eprintln!("$ {script}");
        let command = TargetCommand {
            argv: ["sh", "-ec", script].map(str::to_owned).to_vec(),
            environment: BTreeMap::from(
                [
                    (
                        "PATH",
                        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    ),
                    ("DEBIAN_FRONTEND", "noninteractive"),
                ]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
            ),
            working_directory: TargetPath::root(),
            stdin: Stdin::Nothing,
        };
        let outcome = timed("run", || {
            run_in_target(&root, &command, &mut |_, line| eprintln!("  {line}"))
        })?;
        outcome.require_success(&command)?;
        seal(&mut stack)?;
    }
    Ok(())
}

/// Does it, and says how long it took.
fn timed<T, E>(what: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let start = Instant::now();
    let result = work();
    eprintln!("{what}: {:.3} s", start.elapsed().as_secs_f64());
    result
}

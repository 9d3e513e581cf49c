//! `cargo xtask build-image`: from a fresh machine to an image, in one command.

use std::env;
use std::fs;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use xshell::cmd;

use crate::local_mirror::LocalMirror;
use crate::needs;
use crate::progress;
use crate::report;
use crate::scratch_build;
use crate::task_error::TaskError;
use crate::vm_build::{self, InMachine};
use crate::workspace::Workspace;

/// Builds an image; without elements: `debian-minimal` of Debian's current release, from this host's own mirror.
///
/// Sets up what is missing (as root) or says what to install, builds `dib`, and runs it. The image is `out/image.qcow2`
/// unless the options after `--`, which go to `dib build`, say otherwise.
#[derive(Debug, clap::Args)]
pub(crate) struct BuildImage {
    /// Where Ubuntu comes from: `local` makes and serves a mirror of images, or for ubuntu-minimal of packages, else a
    /// URL of images. Without elements: builds `ubuntu`.
    #[arg(long, value_name = "local|URL")]
    mirror: Option<String>,
    /// Build inside a small virtual machine: for hosts that forbid user namespaces.
    #[arg(long)]
    vm: bool,
    /// The elements to build.
    elements: Vec<String>,
    /// Options for `dib build`.
    #[arg(last = true)]
    dib_options: Vec<String>,
}

impl BuildImage {
    /// The build with neither elements nor a mirror named, with options for `dib build`.
    pub(crate) fn with_defaults(dib_options: &[&str]) -> Self {
        let dib_options = dib_options.iter().map(|&option| option.to_owned()).collect();
        Self {
            mirror: None,
            vm: false,
            elements: Vec::new(),
            dib_options,
        }
    }

    /// The build of `ubuntu` from a mirror that is made and served here.
    pub(crate) fn of_local_ubuntu(dib_options: &[&str]) -> Self {
        Self {
            mirror: Some("local".to_owned()),
            ..Self::with_defaults(dib_options)
        }
    }
}

/// Runs the command.
pub(crate) fn build_image(options: &BuildImage) -> Result<(), TaskError> {
    let mirror = options.mirror.as_deref();
    let is_of_packages = options.elements.iter().any(|element| element == "ubuntu-minimal");
    needs::meet(&needs::of_build(mirror == Some("local") && !is_of_packages))?;
    let workspace = Workspace::load()?;
    let dib = build_dib(&workspace)?;

    let mut command = Command::new(&dib);
    command
        .current_dir(&workspace.root)
        .env("PATH", needs::path_with_administrators_programs());
    match mirror {
        Some("local") if is_of_packages => {
            command.envs(LocalMirror::of_ubuntu_packages(&workspace)?.variables());
        }
        Some("local") => {
            command.envs(LocalMirror::of_cloud_images(&workspace)?.variables());
        }
        Some(url) => {
            command.env("DIB_CLOUD_IMAGES", url);
        }
        None => {}
    }
    command.arg("build");
    for (option, default) in [("-o", "out/image"), ("-t", "qcow2")] {
        if !options.dib_options.iter().any(|given| given.starts_with(option)) {
            command.args([option, default]);
        }
    }
    command.args(&options.dib_options);
    match &*options.elements {
        [] if mirror.is_some() => command.arg("ubuntu"),
        [] => command.arg("debian-minimal"),
        elements => command.args(elements),
    };

    let base = workspace.root.join(output_base(&options.dib_options));
    if let Some(directory) = base.parent() {
        fs::create_dir_all(directory).map_err(TaskError::file("create", directory))?;
    }
    progress::step("building the image");
    let status = if options.vm {
        in_machine(&workspace, &mut command, &base)?
    } else {
        let status = command.status().map_err(TaskError::file("run", &dib))?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        code.unwrap_or(1)
    };
    if status != 0 {
        return Err(TaskError::Status {
            program: "dib".to_owned(),
            status,
        });
    }
    // A report is there whenever dib itself names the output's base as we do; its absence spoils no image.
    if let Ok(report) = report::of_build(&base) {
        print!("{}", report.table(&workspace.root)?);
    }
    Ok(())
}

/// Runs the build in a machine of its own, which may write the output and the image cache.
fn in_machine(workspace: &Workspace, command: &mut Command, base: &Utf8Path) -> Result<u8, TaskError> {
    let output = base.parent().unwrap_or(&workspace.root).to_owned();
    let cache = match env::var("DIB_IMAGE_CACHE") {
        Ok(cache) if !cache.is_empty() => Utf8PathBuf::from(cache),
        _ => workspace.target.join("vm-build/cache"),
    };
    fs::create_dir_all(&cache).map_err(TaskError::file("create", &cache))?;
    command.env("DIB_IMAGE_CACHE", &cache);
    vm_build::run(
        workspace,
        &InMachine {
            command,
            directories: vec![workspace.root.clone(), workspace.target.clone(), output, cache],
        },
    )
}

/// Builds `dib` for use and says where it is.
pub(crate) fn build_dib(workspace: &Workspace) -> Result<Utf8PathBuf, TaskError> {
    progress::step("building dib");
    let shell = workspace.shell()?;
    cmd!(shell, "cargo build --release --package dib-cli --bin dib")
        .quiet()
        .run()?;
    Ok(workspace.target.join("release/dib"))
}

/// Finds the root file system that the local mirror publishes as tar.gz.
pub(crate) fn local_archive(workspace: &Workspace) -> Result<Utf8PathBuf, TaskError> {
    let images = workspace.target.join("mirror/noble/current");
    let name = scratch_build::names_in(&images)?
        .into_iter()
        .find(|name| name.ends_with("-root.tar.gz"));
    name.map(|name| images.join(name))
        .ok_or_else(|| TaskError::Check(format!("no root.tar.gz in {images}")))
}

/// The base of the output's name: the last `-o` among the options without a format's extension, else our own.
fn output_base(dib_options: &[String]) -> Utf8PathBuf {
    let mut base = "out/image";
    let mut options = dib_options.iter().map(String::as_str);
    while let Some(option) = options.next() {
        match option {
            "-o" => base = options.next().unwrap_or(base),
            _ => base = option.strip_prefix("-o").unwrap_or(base),
        }
    }
    let path = Utf8Path::new(base);
    match path.extension() {
        Some("qcow2" | "raw" | "tar") => path.with_extension(""),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outputs_base() {
        for (options, expected) in [
            (&[][..], "out/image"),
            (&["-u", "-o", "x/y.qcow2"], "x/y"),
            (&["-ox.d/y", "-n"], "x.d/y"),
            (&["-o"], "out/image"),
        ] {
            let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
            assert_eq!(output_base(&options), expected);
        }
    }
}

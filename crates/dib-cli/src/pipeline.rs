//! The way of a build: plan, sandbox, phases, images. One direction, no going back.

use std::error::Error as _;
use std::io::Write as _;

use camino::Utf8PathBuf;
use dib_core::variables::Origin;
use dib_core::{Build, ImageSpec, Journal, LoopDevice, Plan, Registry, SandboxMachine, Variables};
use dib_image::{DiskSpec, WrittenImage};
use dib_script::{Places, ScriptWorld};
use dib_sys::TargetRoot;
use dib_sys::sandbox::{ExitReport, SandboxOptions, run_in_sandbox};

use crate::download_cache::open_cache;
use crate::kept_images::{Keeping, KeptImages};
use crate::layers::Layers;
use crate::report::Told;
use crate::workspace::{self, BuildDirectory};
use crate::{
    CliError, Console, ConsoleOptions, ErrorKind, Stream, attached_disk, boot_tests, disk, hook_scripts,
    images, report,
};

/// Builds an image.
///
/// The build runs in a sandbox; this process only waits for it, and removes what it leaves however it ends.
///
/// # Errors
/// When no plan can be made, when there can be no sandbox, or when the build fails or is interrupted. What went wrong
/// in the sandbox has been shown by then, and the error only carries its exit code.
pub fn build(registry: &Registry, spec: &ImageSpec, console: &ConsoleOptions) -> Result<(), CliError> {
    let (plan, disk) = disk::plan(registry, spec)?;
    dib_script::hooks_directory::check_files(&plan)?;
    if spec.output.boot_test.is_some() {
        let programs = boot_tests::programs(spec.arch)?;
        if disk.has_efi_system_partition() {
            programs.uefi()?;
        }
    }
    let directory = BuildDirectory::create(&workspace::parent_directory(spec))?;
    let result = in_sandbox(|| match console.open() {
        Ok(console) => build_and_clear(&plan, &disk, &directory, &console),
        Err(error) => shown(&error),
    });
    let cleared = if directory.is_cleared() {
        Ok(())
    } else {
        in_sandbox(|| directory.clear().map_or_else(|error| shown(&error), |()| 0))
    };
    if result.is_err() {
        // The build is over, so what it left unfinished is nobody's. What can't be removed now is the next build's.
        let _ = dib_image::remove_leftovers(spec.output.directory());
    }
    let removed = cleared.and_then(|()| directory.remove());
    // The build's own error is the one that counts.
    result.and(removed)
}

/// Removes directories whose files may belong to subordinate users.
///
/// # Errors
/// When one can't be removed.
pub(crate) fn remove_in_sandbox(directories: &[Utf8PathBuf]) -> Result<(), CliError> {
    in_sandbox(|| {
        let remove = |directory: &Utf8PathBuf| {
            std::fs::remove_dir_all(directory).map_err(|error| {
                CliError::new(ErrorKind::InputOutput, error).hint(format!("remove {directory} by hand"))
            })
        };
        directories
            .iter()
            .try_for_each(remove)
            .map_or_else(|error| shown(&error), |()| 0)
    })
}

/// Runs `body` in a sandbox. It shows its own errors and returns an exit code.
fn in_sandbox(body: impl FnOnce() -> u8) -> Result<(), CliError> {
    match run_in_sandbox(&SandboxOptions::default(), body)? {
        ExitReport::Exited(0) => Ok(()),
        ExitReport::Exited(code) => Err(CliError::reported(code)),
        ExitReport::Killed(signal) => {
            let message = format!("the work in the sandbox was killed by signal {signal}");
            Err(CliError::new(ErrorKind::Build, message)
                .hint("the kernel kills for want of memory; --no-tmpfs needs less"))
        }
        ExitReport::Interrupted(signal) => Err(CliError::interrupted(signal)),
        _ => Err(CliError::new(
            ErrorKind::Internal,
            "the sandbox ended in an unknown way",
        )),
    }
}

/// Shows an error where there is no console, and returns its exit code.
fn shown(error: &CliError) -> u8 {
    // Nobody is left to tell when standard error is closed.
    let _ = Stream::Stderr.writer().write_all(error.render().as_bytes());
    error.kind().exit_code()
}

fn build_and_clear(plan: &Plan<'_>, disk: &DiskSpec, directory: &BuildDirectory, console: &Console) -> u8 {
    let spec = plan.spec();
    remove_leftovers(spec, console);
    let result = directory.prepare(spec).and_then(|in_memory| {
        let place = if in_memory { "in memory" } else { "on disk" };
        console.say(&format!(
            "building {} in {} ({place})",
            spec.elements.join(" "),
            directory.path()
        ));
        let result = build_in_sandbox(plan, disk, directory, console);
        // A failure to clear shows from outside, where it is tried once more, or is the end of the sandbox's to make good.
        let _ = if in_memory {
            directory.forget()
        } else {
            directory.clear()
        };
        if let Some(keeping) = result? {
            keeping.finish(console);
        }
        Ok(())
    });
    console.finish();
    result.map_or_else(
        |error| {
            console.show_error(&error);
            error.kind().exit_code()
        },
        |()| 0,
    )
}

fn build_in_sandbox(
    plan: &Plan<'_>,
    disk: &DiskSpec,
    directory: &BuildDirectory,
    console: &Console,
) -> Result<Option<Keeping>, CliError> {
    let spec = plan.spec();
    let world = ScriptWorld::of(plan, directory.places());
    let variables = variables(plan, &directory.places(), &world);
    let program = this_program().map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
    world.write(plan, &program)?;
    hook_scripts::write(&directory.hooks(), plan, &program)
        .and_then(|()| hook_scripts::write_state(directory.path(), plan, &directory.tree(), &variables))
        .map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
    let layers = Layers::open(plan, console);
    let layered = match &layers {
        Some(layers) => layers.begin(directory, &program, console)?,
        None => None,
    };
    let target =
        TargetRoot::open(&directory.tree()).map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
    let journal = journal(spec, console);
    let cache = open_cache(spec, console)?;
    let build = Build::new(
        plan,
        variables,
        &target,
        &SandboxMachine,
        &cache,
        &journal,
        console,
    )
    .with_surroundings(&world);
    let build = match &layered {
        Some(layered) => build.with_layering(layered),
        None => build,
    };
    let kept = match (&layers, &layered) {
        (Some(layers), Some(layered)) => Some(KeptImages::of(layers.images(), layered, plan)?),
        _ => None,
    };
    let (images, keeping) = match spec.loop_device {
        LoopDevice::Unused => match reused(&build, disk, kept.as_ref(), directory, console)? {
            Some(images) => (images, None),
            None => built(&build, disk, kept.as_ref(), directory, console)?,
        },
        LoopDevice::Attached => (
            attached_disk::build(&build, &world, disk, directory, console)?,
            None,
        ),
    };
    for image in &images {
        images::announce(image, console);
    }
    drop(kept);
    drop(target);
    if let Some(layered) = layered {
        // Where the image is an earlier build's, nothing was to be decided.
        if !layered.decisions().is_empty() {
            console.say(&format!("layers: {}", layered.summary()));
        }
        layered
            .unmount()
            .map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
    }
    Ok(keeping)
}

/// Takes the images of a build before that came to the same, if there is one.
fn reused(
    build: &Build<'_>,
    disk: &DiskSpec,
    kept: Option<&KeptImages<'_>>,
    directory: &BuildDirectory,
    console: &Console,
) -> Result<Option<Vec<WrittenImage>>, CliError> {
    let Some(kept) = kept else {
        return Ok(None);
    };
    let Some(found) = kept.find(build)? else {
        return Ok(None);
    };
    let images = match found.copy(kept) {
        Ok(images) => images,
        Err(error) => {
            let causes = std::iter::successors(error.source(), |cause| (*cause).source());
            let causes: Vec<String> = causes.map(ToString::to_string).collect();
            let cause = causes.join(": ");
            console.say(&format!(
                "the image of an earlier build can't be used, and is made anew: {cause}"
            ));
            return Ok(None);
        }
    };
    console.say("nothing has changed: the image is that of an earlier build");
    images::test(&images, build, disk, directory, console)?;
    let images = images.publish()?;
    report::write(&build.plan.spec().output.base, found.told(), &images, build)?;
    Ok(Some(images))
}

/// Runs the phases, and writes the images.
fn built(
    build: &Build<'_>,
    disk: &DiskSpec,
    kept: Option<&KeptImages<'_>>,
    directory: &BuildDirectory,
    console: &Console,
) -> Result<(Vec<WrittenImage>, Option<Keeping>), CliError> {
    let phases = build.run_phases()?;
    let complete = images::write(build, disk, None, kept, directory, console)?;
    let layers = kept.map(KeptImages::layers).unwrap_or_default();
    let told = Told::of(build, &phases, &layers)?;
    let (images, keeping) = match complete {
        Some(complete) => {
            images::test(&complete, build, disk, directory, console)?;
            let keeping = kept.and_then(|kept| kept.keep(&complete, &told));
            (complete.publish()?, keeping)
        }
        None => (Vec::new(), None),
    };
    report::write(&build.plan.spec().output.base, &told, &images, build)?;
    Ok((images, keeping))
}

/// Removes what killed builds have left, here and beside the output.
fn remove_leftovers(spec: &ImageSpec, console: &Console) {
    let mut removed = workspace::remove_leftovers(&workspace::parent_directory(spec));
    // What can't be removed must not stop this build.
    removed.extend(dib_image::remove_leftovers(spec.output.directory()).unwrap_or_default());
    for path in removed {
        console.say(&format!("removed {path}, which a killed build has left"));
    }
}

/// Returns the plan's variables with those that are known now.
pub(crate) fn variables(plan: &Plan<'_>, places: &Places, world: &ScriptWorld) -> Variables {
    let mut variables = plan.variables().clone();
    for (name, value) in [
        ("TARGET_ROOT", &places.tree),
        ("TMP_MOUNT_PATH", &places.tree),
        ("TMP_BUILD_DIR", &places.build),
        ("TMP_HOOKS_PATH", &places.hooks),
    ] {
        variables.set(name, value.as_str(), Origin::Build);
    }
    for (name, value) in world.variables(plan) {
        variables.set(&name, &value, Origin::Build);
    }
    variables
}

/// Returns the path of this program's file.
pub(crate) fn this_program() -> std::io::Result<Utf8PathBuf> {
    Utf8PathBuf::try_from(std::env::current_exe()?).map_err(std::io::Error::other)
}

fn journal(spec: &ImageSpec, console: &Console) -> Journal {
    if spec.trace == 0 {
        return Journal::new();
    }
    let console = console.clone();
    Journal::followed_by(move |entry| console.follow(entry))
}

//! The steps that a build takes between phases, whatever its elements are.
//!
//! They are upstream's: the resolver file is put aside and back, kernel file systems are there while commands may
//! run in the target, and the finished tree is tidied. Source: `create_base`, `unmount_image` and `finalise_base` of
//! diskimage-builder.

use dib_sys::{FileKind, TargetPath};

use crate::journal::UNMOUNTED_ALL;
use crate::runner::RunError;
use crate::{Build, Effect, HookContext, HookError, LoopDevice, Phase};

const RESOLVER: &str = "/etc/resolv.conf";
/// Elements may put here what the image shall have as its resolver file; upstream documents the name.
const RESOLVER_ASIDE: &str = "/etc/resolv.conf.ORIG";

/// Returns the names of the steps that come before a phase, and after it.
pub(crate) fn steps(phase: Phase) -> (&'static [&'static str], &'static [&'static str]) {
    match phase {
        Phase::Root => (&[READ_TIME], &[LOOK_AT_TARGET, RESOLVER_STEP, KERNEL_STEP]),
        Phase::PostRoot => (&[], &[UNMOUNT]),
        Phase::PreFinalise => (&[FSTAB_STEP, KERNEL_STEP], &[]),
        Phase::Cleanup => (&[], &[UNMOUNT, RESOLVER_BACK_STEP, TIDY, CLAMP_TIMES]),
        _ => (&[], &[]),
    }
}

/// Returns the name of the step that ends a phase where there are scripts.
pub(crate) fn end_of(phase: Phase) -> &'static str {
    match phase {
        Phase::Root => "end the phase root",
        Phase::ExtraData => "end the phase extra-data",
        Phase::PreInstall => "end the phase pre-install",
        Phase::Install => "end the phase install",
        Phase::PostInstall => "end the phase post-install",
        Phase::PostRoot => "end the phase post-root",
        Phase::BlockDevice => "end the phase block-device",
        Phase::PreFinalise => "end the phase pre-finalise",
        Phase::Finalise => "end the phase finalise",
        Phase::Cleanup => "end the phase cleanup",
    }
}

const READ_TIME: &str = "read SOURCE_DATE_EPOCH";
const LOOK_AT_TARGET: &str = "look at the target";
const RESOLVER_STEP: &str = "put the resolver file aside";
const KERNEL_STEP: &str = "mount kernel file systems";
const UNMOUNT: &str = "unmount";
const FSTAB_STEP: &str = "write /etc/fstab";
const RESOLVER_BACK_STEP: &str = "put the resolver file back";
const TIDY: &str = "tidy the tree";
const CLAMP_TIMES: &str = "clamp times";

/// Takes the steps that come before a phase.
pub(crate) fn before(build: &Build<'_>, phase: Phase) -> Result<(), RunError> {
    match phase {
        // It is needed at the end, but a mistake in it shows at once.
        Phase::Root => step(build, phase, READ_TIME, |ctx| latest_time(ctx).map(drop)),
        Phase::PreFinalise => {
            step(build, phase, FSTAB_STEP, write_fstab)?;
            step(build, phase, KERNEL_STEP, mount_kernel_file_systems)
        }
        _ => Ok(()),
    }
}

/// Takes the steps that come after a phase.
pub(crate) fn after(build: &Build<'_>, phase: Phase) -> Result<(), RunError> {
    match phase {
        Phase::Root => {
            build.take_step(phase, LOOK_AT_TARGET, &|| Ok(()), |_| {
                if is_empty(build)? {
                    return Err(RunError::EmptyTarget);
                }
                Ok(())
            })?;
            step(build, phase, RESOLVER_STEP, put_resolver_aside)?;
            step(build, phase, KERNEL_STEP, mount_kernel_file_systems)
        }
        Phase::PostRoot => step(build, phase, UNMOUNT, unmount_all),
        Phase::Cleanup => {
            step(build, phase, UNMOUNT, unmount_all_but_the_disk)?;
            step(build, phase, RESOLVER_BACK_STEP, put_resolver_back)?;
            step(build, phase, TIDY, tidy)?;
            step(build, phase, CLAMP_TIMES, clamp_times)
        }
        _ => Ok(()),
    }
}

fn step(
    build: &Build<'_>,
    phase: Phase,
    name: &'static str,
    take: fn(&HookContext<'_>) -> Result<(), HookError>,
) -> Result<(), RunError> {
    build.take_step(phase, name, &|| Ok(()), |ctx| {
        take(ctx).map_err(|source| RunError::Step {
            step: name,
            source: Box::new(source),
        })
    })
}

/// Tells the image what its disk is like, where that is known.
fn write_fstab(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let fstab = &ctx.build().plan.disk().fstab;
    if fstab.is_empty() {
        return Ok(());
    }
    ctx.create_directory("/etc")?;
    ctx.write("/etc/fstab", fstab, 0o644)
}

/// Returns whether the target holds nothing but what hooks may leave there without making a root file system.
fn is_empty(build: &Build<'_>) -> Result<bool, RunError> {
    let names = build
        .target
        .list(&TargetPath::root())
        .map_err(|error| RunError::Step {
            step: "look at the target",
            source: Box::new(error.into()),
        })?;
    Ok(names.iter().all(|name| name == "lost+found" || name == "tmp"))
}

fn mount_kernel_file_systems(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.mount_kernel_file_systems()
}

fn unmount_all(ctx: &HookContext<'_>) -> Result<(), HookError> {
    unmount_all_but(ctx, &[])
}

/// Unmounts all that the build has mounted, and leaves the disk's file systems where they are at a loop device.
fn unmount_all_but_the_disk(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let plan = ctx.build().plan;
    let mut kept = Vec::new();
    if plan.spec().loop_device == LoopDevice::Attached {
        let file_systems = plan.disk().file_systems.iter();
        for file_system in file_systems.filter(|file_system| file_system.mount_point.starts_with('/')) {
            kept.push(file_system.mount_point.parse()?);
        }
    }
    unmount_all_but(ctx, &kept)
}

fn unmount_all_but(ctx: &HookContext<'_>, kept: &[TargetPath]) -> Result<(), HookError> {
    ctx.build().machine.unmount_all(ctx.build().target, kept)?;
    ctx.record(Effect::Mount {
        what: UNMOUNTED_ALL.to_owned(),
    });
    Ok(())
}

/// Puts the host's resolver file where commands in the target look for it.
fn put_resolver_aside(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if ctx.exists(RESOLVER)? {
        ctx.rename(RESOLVER, RESOLVER_ASIDE)?;
    }
    // The fallback is upstream's too.
    ctx.saw_host_file("/etc/resolv.conf".into());
    let host = std::fs::read("/etc/resolv.conf").unwrap_or_else(|_| b"nameserver 8.8.8.8\n".to_vec());
    ctx.create_directory("/etc")?;
    ctx.write(RESOLVER, host, 0o644)
}

/// Puts the image's own resolver file back, unless a package has replaced ours by a symbolic link meanwhile.
fn put_resolver_back(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let replaced = ctx
        .metadata(RESOLVER)?
        .is_some_and(|metadata| metadata.kind == FileKind::Symlink);
    if replaced {
        return ctx.remove(RESOLVER_ASIDE);
    }
    ctx.remove(RESOLVER)?;
    if ctx.exists(RESOLVER_ASIDE)? {
        ctx.rename(RESOLVER_ASIDE, RESOLVER)?;
    }
    Ok(())
}

/// Leaves no traces of the build: empties `/tmp`, logs and root's log files.
fn tidy(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.remove_contents("/tmp")?;
    for log in ctx.files_below("/var/log")? {
        ctx.truncate(&log)?;
    }
    for log in ctx.files_below("/root")?.iter().filter(|path| is_log(path)) {
        ctx.remove(log)?;
    }
    Ok(())
}

/// The variable by which the makers of reproducible builds agree on a time, in seconds since 1970:
/// <https://reproducible-builds.org/specs/source-date-epoch/>.
const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Returns the time after which nothing in the tree may have been changed, when there is one.
fn latest_time(ctx: &HookContext<'_>) -> Result<Option<i64>, HookError> {
    let Some(text) = ctx.variable(SOURCE_DATE_EPOCH) else {
        return Ok(None);
    };
    let latest = text.parse().map_err(|_| HookError::Variable {
        name: SOURCE_DATE_EPOCH.to_owned(),
        value: text.to_owned(),
        expected: "a time in seconds since 1970 is needed".to_owned(),
    })?;
    Ok(Some(latest))
}

/// Lets nothing in the tree be later than `SOURCE_DATE_EPOCH`, when that is set.
fn clamp_times(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if let Some(latest) = latest_time(ctx)? {
        let entries = ctx.build().target.clamp_times(latest)?;
        ctx.build().clamp_device_nodes(latest);
        ctx.record(Effect::ClampTimes { latest, entries });
    }
    Ok(())
}

fn is_log(path: &str) -> bool {
    path.strip_suffix(".log").is_some_and(|stem| !stem.ends_with('/'))
}

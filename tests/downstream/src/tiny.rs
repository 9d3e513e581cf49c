//! The element `myorg-tiny`: an operating system of a handful of files, made without any download.
//!
//! It boots nothing; it lets tests take the whole way from phases to images in a second, and without a network.

use dib_core::{Element, HookContext, HookError, Phase, Variable};

/// Returns the element `myorg-tiny`.
#[must_use]
pub fn element() -> Element {
    Element::new("myorg-tiny")
        .about("An operating system of a handful of files, to try builds with")
        .provides(&["operating-system"])
        .variable(
            Variable::new(
                "DIB_INIT_SYSTEM",
                "the init system; it has none, and the name does no harm",
            )
            .default("sysv"),
        )
        .hook(Phase::Root, "10-tiny-root", tiny_root)
        .hook(Phase::Install, "50-tiny-command", tiny_command)
        .hook(Phase::Cleanup, "50-tiny-report", tiny_report)
}

fn tiny_root(ctx: &HookContext<'_>) -> Result<(), HookError> {
    for directory in ["/etc", "/tmp", "/root", "/var/log", "/usr/bin"] {
        ctx.create_directory(directory)?;
    }
    ctx.write("/etc/hostname", "tiny\n", 0o644)?;
    ctx.symlink("/run/systemd/resolve/stub-resolv.conf", "/etc/resolv.conf")?;
    ctx.write("/var/log/install.log", "a log of the build\n", 0o640)?;
    ctx.write("/root/build.log", "another\n", 0o600)?;
    ctx.write("/usr/bin/passwd", "no program\n", 0o4755)
}

/// Runs the command that `MYORG_COMMAND` names, with the host's programs: the tree has none of its own.
fn tiny_command(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let Some(command) = ctx.variable("MYORG_COMMAND") else {
        ctx.nothing("MYORG_COMMAND is not set");
        return Ok(());
    };
    for directory in ["/bin", "/lib", "/lib64", "/usr"] {
        if std::fs::metadata(directory).is_ok() {
            ctx.create_directory(directory)?;
            ctx.bind_mount(directory.into(), directory)?;
        }
    }
    ctx.run(&["/bin/sh", "-c", command], &[])
}

/// Leaves a word of where the build was.
fn tiny_report(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let lines: Vec<String> = ["ARCH", "IMAGE_NAME", "IMAGE_ELEMENT", "DIB_ROOT_LABEL"]
        .iter()
        .map(|name| format!("{name}={}\n", ctx.variable(name).unwrap_or_default()))
        .collect();
    ctx.write("/etc/tiny-report", lines.concat(), 0o644)
}

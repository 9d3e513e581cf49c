//! `99-block-daemons`: installing a package starts no daemon.
//!
//! Each program that would start one is put aside under the name `….REAL`, and a fake takes its place until the
//! phase `cleanup`.

use dib_core::{FileKind, HookContext, HookError};

/// A program that starts daemons, and what stands in for it.
struct Fake {
    path: &'static str,
    script: &'static str,
    /// Whether the fake is needed even where there is no program to put aside.
    always: bool,
}

const FAKES: [Fake; 3] = [
    Fake {
        path: "/sbin/start-stop-daemon",
        script: "#!/bin/sh\necho\necho \"Warning: Fake start-stop-daemon called, doing nothing\"\n",
        always: false,
    },
    Fake {
        path: "/sbin/initctl",
        script: "#!/bin/sh\necho \"initctl (tripleo 1.0)\"\necho \"Warning: Fake initctl called, doing nothing\"\n",
        always: false,
    },
    // Debian's policy interface; 101 means that the action is not allowed.
    Fake {
        path: "/usr/sbin/policy-rc.d",
        script: "#!/bin/sh\nexit 101\n",
        always: true,
    },
];

impl Fake {
    fn aside(&self) -> String {
        format!("{}.REAL", self.path)
    }

    fn is_in_place(&self, ctx: &HookContext<'_>) -> Result<bool, HookError> {
        let is_file = ctx
            .metadata(self.path)?
            .is_some_and(|metadata| metadata.kind == FileKind::Regular);
        Ok(is_file && ctx.read(self.path)? == self.script.as_bytes())
    }
}

/// Puts fakes in the place of what starts daemons. Run again, it changes nothing.
///
/// # Errors
/// When a program can't be put aside or a fake can't be written.
pub fn block_daemons(ctx: &HookContext<'_>) -> Result<(), HookError> {
    for fake in &FAKES {
        if fake.is_in_place(ctx)? {
            continue;
        }
        let exists = ctx.exists(fake.path)?;
        if exists {
            ctx.rename(fake.path, &fake.aside())?;
        }
        if exists || fake.always {
            ctx.write(fake.path, fake.script, 0o755)?;
        }
    }
    Ok(())
}

/// Undoes [`block_daemons`].
///
/// Where a package has brought a newer program meanwhile, that one stays and the one put aside goes.
///
/// # Errors
/// When a fake can't be removed or a program can't be put back.
pub fn unblock_daemons(ctx: &HookContext<'_>) -> Result<(), HookError> {
    for fake in &FAKES {
        let faked = fake.is_in_place(ctx)?;
        match (faked, ctx.exists(&fake.aside())?) {
            (true, true) => ctx.rename(&fake.aside(), fake.path)?,
            (true, false) => ctx.remove(fake.path)?,
            (false, true) => ctx.remove(&fake.aside())?,
            (false, false) => {}
        }
    }
    Ok(())
}

//! `12-debian-locale-gen`: which locales the image has, and which it speaks.

use dib_core::{HookContext, HookError};

/// What is answered for the package `locales`: en_US.UTF-8 is made, and is what it would speak by default.
const ANSWERS: &str = "locales locales/locales_to_be_generated multiselect en_US.UTF-8 UTF-8\n\
                       locales locales/default_environment_locale select en_US.UTF-8\n";
const ANSWERS_FILE: &str = "/tmp/dib-locale-answers";
/// Which locales are to be made, and the file that `locale-gen` then writes with all of them.
const WANTED: &str = "/etc/locale.gen";
const MADE: &str = "/usr/lib/locale/locale-archive";
/// The one line of the former that is no comment then.
const GENERATED: &str = "en_US.UTF-8 UTF-8";

/// Answers for the package `locales` before it is configured, so that it makes the locale by itself, beside other work.
///
/// # Errors
/// When debconf can't take the answers.
pub(crate) fn answer_beforehand(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if ctx.exists("/var/lib/dpkg/info/locales.postinst")? && ctx.exists("/usr/bin/debconf-set-selections")? {
        answer(ctx)?;
    }
    Ok(())
}

/// Makes the locale en_US.UTF-8, unless it is there and the only one, and has the image speak
/// `DIB_DEBOOTSTRAP_DEFAULT_LOCALE`.
///
/// # Errors
/// When the package `locales` can't be configured anew, or the file not be written.
pub fn debian_locale_gen(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let locale = ctx.required("DIB_DEBOOTSTRAP_DEFAULT_LOCALE")?;
    if is_made(ctx)? {
        ctx.nothing(format!("the package locales has made {GENERATED}"));
    } else {
        ctx.remove(WANTED)?;
        answer(ctx)?;
        ctx.run(
            &["dpkg-reconfigure", "--frontend", "noninteractive", "locales"],
            &[],
        )?;
    }
    // Debian 13 has the file elsewhere, and a link here.
    ctx.write_through_link(
        "/etc/default/locale",
        format!("LANG={locale}\nLC_ALL={locale}\n"),
        0o644,
    )
}

fn answer(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory("/tmp")?;
    ctx.write(ANSWERS_FILE, ANSWERS, 0o644)?;
    ctx.run(&["debconf-set-selections", ANSWERS_FILE], &[])?;
    ctx.remove(ANSWERS_FILE)
}

/// Returns whether `/etc/locale.gen` names the locale and no other, and locales were made since it does.
fn is_made(ctx: &HookContext<'_>) -> Result<bool, HookError> {
    let (Some(wanted), Some(made)) = (ctx.metadata(WANTED)?, ctx.metadata(MADE)?) else {
        return Ok(false);
    };
    if made.mtime < wanted.mtime {
        return Ok(false);
    }
    let text = String::from_utf8_lossy(&ctx.read(WANTED)?).into_owned();
    let wanted = text.lines().map(str::trim);
    let wanted: Vec<_> = wanted
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    Ok(wanted == [GENERATED])
}

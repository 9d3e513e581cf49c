//! `12-debian-locale-gen`: which locales the image has, and which it speaks.

use dib_core::{HookContext, HookError};

/// What is answered for the package `locales`: en_US.UTF-8 is made, and is what it would speak by default.
const ANSWERS: &str = "locales locales/locales_to_be_generated multiselect en_US.UTF-8 UTF-8\n\
                       locales locales/default_environment_locale select en_US.UTF-8\n";

/// Makes the locale en_US.UTF-8 and has the image speak `DIB_DEBOOTSTRAP_DEFAULT_LOCALE`.
///
/// # Errors
/// When the package `locales` can't be configured anew, or the file not be written.
pub fn debian_locale_gen(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let locale = ctx.required("DIB_DEBOOTSTRAP_DEFAULT_LOCALE")?;
    ctx.remove("/etc/locale.gen")?;
    ctx.write("/tmp/dib-locale-answers", ANSWERS, 0o644)?;
    ctx.run(&["debconf-set-selections", "/tmp/dib-locale-answers"], &[])?;
    ctx.remove("/tmp/dib-locale-answers")?;
    ctx.run(
        &["dpkg-reconfigure", "--frontend", "noninteractive", "locales"],
        &[],
    )?;
    // Debian 13 has the file elsewhere, and a link here.
    ctx.write_through_link(
        "/etc/default/locale",
        format!("LANG={locale}\nLC_ALL={locale}\n"),
        0o644,
    )
}

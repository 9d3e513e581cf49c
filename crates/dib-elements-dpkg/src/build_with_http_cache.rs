//! `50-build-with-http-cache`: apt uses the host's proxy while the image is built.

use dib_core::{HookContext, HookError};

const CONFIGURATION: &str = "/etc/apt/apt.conf.d/60img-build-proxy";

/// Makes apt use `http_proxy`, when there is one.
///
/// # Errors
/// When the proxy can't stand in apt's configuration or the file can't be written.
pub fn build_with_http_cache(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let Some(proxy) = ctx.variable("http_proxy") else {
        ctx.nothing("http_proxy is not set");
        return Ok(());
    };
    if proxy.contains(|character: char| character == '"' || character.is_control()) {
        return Err(HookError::Variable {
            name: "http_proxy".to_owned(),
            value: proxy.to_owned(),
            expected: "an address without quotes and control characters is needed".to_owned(),
        });
    }
    ctx.create_directory("/etc/apt/apt.conf.d")?;
    ctx.write(
        CONFIGURATION,
        format!("Acquire::http::Proxy \"{proxy}\";\n"),
        0o644,
    )
}

/// Undoes [`build_with_http_cache`]: the image's own network has another proxy, or none.
///
/// # Errors
/// When the file can't be removed.
pub fn remove_img_build_proxy(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.remove(CONFIGURATION)
}

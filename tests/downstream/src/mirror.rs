//! The element `myorg-mirror`: a base image and packages from a mirror of the organisation's own.
//!
//! The mirror's index names the base image's checksum and the packages' versions, a line `NAME VERSION-OR-CHECKSUM` for
//! each. What the hooks did stands as long as what the index says of it.

use std::io::Read as _;

use dib_core::cache::{CacheKey, Check, Download};
use dib_core::{Element, HookContext, HookError, Phase, Variable};

/// What the index calls the base image.
const BASE: &str = "base";

/// Returns the element `myorg-mirror`.
#[must_use]
pub fn element() -> Element {
    Element::new("myorg-mirror")
        .about("A base image and packages from my organisation's mirror")
        .variable(Variable::new("MYORG_MIRROR", "the address of the mirror"))
        .variable(Variable::new("MYORG_FLAVOUR", "the packages' flavour"))
        .hook(Phase::Root, "15-mirror-base", mirror_base)
        .inputs_of(Phase::Root, "15-mirror-base", checksum_of_base)
        .hook(Phase::Root, "16-mirror-packages", mirror_packages)
        .inputs_of(Phase::Root, "16-mirror-packages", index_as_a_whole)
}

fn mirror_base(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let checksum = entry(&index(ctx)?, BASE)?;
    let check = checksum.parse().map(Check::Sha256).map_err(HookError::foreign)?;
    let base = fetch(ctx, "base", check)?;
    ctx.create_directory("/etc")?;
    ctx.write("/etc/base", base, 0o644)
}

fn mirror_packages(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let index = index(ctx)?;
    let packages: Vec<&str> = index.lines().filter(|line| !line.starts_with(BASE)).collect();
    let flavour = ctx.variable("MYORG_FLAVOUR").unwrap_or("none");
    ctx.write(
        "/etc/packages",
        format!("{}\n{flavour}\n", packages.join("\n")),
        0o644,
    )
}

fn checksum_of_base(ctx: &HookContext<'_>) -> Result<Vec<(String, String)>, HookError> {
    let checksum = entry(&index(ctx)?, BASE)?;
    Ok(vec![("the base image".to_owned(), checksum)])
}

fn index_as_a_whole(ctx: &HookContext<'_>) -> Result<Vec<(String, String)>, HookError> {
    Ok(vec![("the mirror's index".to_owned(), index(ctx)?)])
}

fn index(ctx: &HookContext<'_>) -> Result<String, HookError> {
    fetch(ctx, "index", Check::Unverified)
}

fn entry(index: &str, name: &str) -> Result<String, HookError> {
    let mut entries = index.lines().filter_map(|line| line.split_once(' '));
    entries
        .find(|(other, _)| *other == name)
        .map(|(_, value)| value.to_owned())
        .ok_or_else(|| HookError::other(format!("the mirror's index has no {name}")))
}

fn fetch(ctx: &HookContext<'_>, name: &str, check: Check) -> Result<String, HookError> {
    let mirror = ctx.required("MYORG_MIRROR")?;
    let mut fetched = ctx.fetch(&Download {
        url: format!("{mirror}/{name}"),
        cached_as: CacheKey::new(format!("myorg-{name}")).map_err(HookError::foreign)?,
        check,
    })?;
    let mut text = String::new();
    fetched
        .file
        .read_to_string(&mut text)
        .map_err(HookError::foreign)?;
    Ok(text)
}

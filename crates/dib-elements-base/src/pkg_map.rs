//! The element `pkg-map`: programs in the image know what elements' names of packages stand for.

use dib_core::{Element, HookContext, HookError, Phase};

const DIRECTORY: &str = "/usr/share/pkg-map";

/// The program `pkg-map`, which reads these maps.
const PROGRAM: &str = include_str!("pkg_map/pkg-map.sh");

/// Returns the element `pkg-map`.
#[must_use]
pub fn element() -> Element {
    Element::new("pkg-map")
        .about("Maps names of packages to those of the distribution, and keeps the maps in the image")
        .program("pkg-map", PROGRAM)
        .hook(Phase::ExtraData, "10-create-pkg-map-dir", create_pkg_map_dir)
}

/// Writes the map of each element that has one to `/usr/share/pkg-map/<element>`, as JSON.
///
/// The plan has mapped the elements' own packages by then; these files are for scripts that run in the image.
///
/// # Errors
/// When the directory or a file can't be made.
pub fn create_pkg_map_dir(ctx: &HookContext<'_>) -> Result<(), HookError> {
    ctx.create_directory(DIRECTORY)?;
    for element in ctx.elements() {
        let Some(map) = element.package_mapping() else {
            continue;
        };
        let mut json =
            serde_json::to_string_pretty(map).map_err(|error| HookError::other(error.to_string()))?;
        json.push('\n');
        ctx.write(&format!("{DIRECTORY}/{}", element.name()), json, 0o644)?;
    }
    Ok(())
}

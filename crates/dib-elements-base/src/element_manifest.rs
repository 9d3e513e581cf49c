//! The element `element-manifest`: the image says which elements it is made of.

use dib_core::{Element, HookContext, HookError, Phase, Variable};

/// Returns the element `element-manifest`.
#[must_use]
pub fn element() -> Element {
    Element::new("element-manifest")
        .about("Writes down in the image which elements it is made of")
        .depends_on(&["manifests"])
        .variable(
            Variable::new(
                "DIB_ELEMENT_MANIFEST_PATH",
                "the file of the image that lists its elements",
            )
            .default("${DIB_MANIFEST_IMAGE_DIR}/dib-element-manifest"),
        )
        .hook(
            Phase::ExtraData,
            "75-inject-element-manifest",
            inject_element_manifest,
        )
}

/// Writes the names of the build's elements to `DIB_ELEMENT_MANIFEST_PATH`, a line each.
///
/// # Errors
/// When the file can't be written.
pub fn inject_element_manifest(ctx: &HookContext<'_>) -> Result<(), HookError> {
    let path = ctx.required("DIB_ELEMENT_MANIFEST_PATH")?;
    let mut names = String::new();
    for element in ctx.elements() {
        names.push_str(element.name().as_str());
        names.push('\n');
    }
    if let Some((directory, _)) = path
        .rsplit_once('/')
        .filter(|(directory, _)| !directory.is_empty())
    {
        ctx.create_directory(directory)?;
    }
    ctx.write(path, names, 0o644)
}

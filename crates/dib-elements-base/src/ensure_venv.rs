//! The element `ensure-venv`: `python3 -m venv` works in the image.

use dib_core::{Element, PackageMap};

/// Returns the element `ensure-venv`.
#[must_use]
pub fn element() -> Element {
    let name = "python3-venv";
    let map = PackageMap::new()
        .by_default(name, "")
        .for_family("debian", name, name)
        .for_family("gentoo", name, "dev-lang/python")
        .for_family("redhat", name, "python3")
        .for_family("suse", name, "python3");
    Element::new("ensure-venv")
        .about("Makes sure that python3 -m venv works")
        .depends_on(&["package-installs"])
        .packages(&[name])
        .package_map(map)
}

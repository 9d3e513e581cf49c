//! The element `dib-run-parts`: a distribution's package of the program of that name.

use dib_core::Element;

/// Returns the element `dib-run-parts`.
///
/// `base` installs the program that comes with dib, in `/usr/local/bin`.
#[must_use]
pub fn element() -> Element {
    Element::new("dib-run-parts")
        .about("Installs the distribution's package of dib-run-parts; base brings the program without it")
        .depends_on(&["package-installs"])
        .packages(&["dib-utils"])
}

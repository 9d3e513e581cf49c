//! The element `no-final-image`: what a build makes is not a disk.

use dib_core::Element;

/// Returns the element `no-final-image`.
///
/// It has no hook: the plan itself leaves out the images of the disk.
#[must_use]
pub fn element() -> Element {
    Element::new("no-final-image").about("Has the build write no image of a disk, as for a ramdisk")
}

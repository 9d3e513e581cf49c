//! The element `ubuntu`: the root file system that Ubuntu publishes for its cloud images.

use dib_core::{Element, Phase, Variable};

use crate::cache_ubuntu_tarball;

/// Returns the element `ubuntu`.
#[must_use]
pub fn element() -> Element {
    Element::new("ubuntu")
        .about("Ubuntu, from the root file system of its published cloud images")
        .depends_on(&["dpkg", "ubuntu-common"])
        .provides(&["operating-system"])
        .variable(
            Variable::new(
                "DIB_CLOUD_IMAGES",
                "where the images are: the directory above the releases', or a release's own that ends in /current",
            )
            .default("https://cloud-images.ubuntu.com"),
        )
        .variable(Variable::new(
            "BASE_IMAGE_FILE",
            "the image's file name; unset: chosen from what the verified sums list",
        ))
        .variable(Variable::new("SHA256SUMS", "the address of the sums; unset: beside the image"))
        .variable(Variable::new("DIB_LOCAL_IMAGE", "an image file of the host to use without any download"))
        .variable(
            Variable::new("DIB_VERIFY", "0: the sums' signature is not checked, which is unsafe").default("1"),
        )
        .variable(Variable::new(
            "DIB_UBUNTU_KEYRING",
            "a file with the OpenPGP key to trust instead of Ubuntu's, for a mirror with its own signature",
        ))
        .hook(Phase::Root, "10-cache-ubuntu-tarball", cache_ubuntu_tarball::cache_ubuntu_tarball)
}

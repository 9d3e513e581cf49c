//! The element `cache-url`: scripts can download files, once for all builds.

use dib_core::{Element, PackageMap, PackageRule};

/// The program `cache-url`.
const PROGRAM: &str = include_str!("cache_url/cache-url.sh");

/// Returns the element `cache-url`.
#[must_use]
pub fn element() -> Element {
    let map = PackageMap::new()
        .for_family("redhat", "curl", "")
        .for_distribution("gentoo", "curl", "net-misc/curl");
    Element::new("cache-url")
        .about("Brings the program cache-url, by which scripts download files")
        .depends_on(&["package-installs"])
        .package_rule(PackageRule::new("curl"))
        .package_map(map)
        .program("cache-url", PROGRAM)
}

//! Writes what a tree's packages are: `sbom DIRECTORY ARCH` makes `dib-manifest-dpkg` and `dib-manifest-spdx.json` in the
//! current directory.
#![expect(clippy::print_stderr, reason = "an example to try by hand")]

use std::error::Error;
use std::fs;
use std::time::Instant;

use dib_deb::{SbomSubject, dpkg_manifest, installed_packages, spdx_document};
use dib_sys::TargetRoot;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, arch] = arguments.as_slice() else {
        return Err("usage: sbom DIRECTORY ARCH".into());
    };
    let start = Instant::now();
    let target = TargetRoot::open(directory.as_str().into())?;
    let packages = installed_packages(&target)?;
    fs::write("dib-manifest-dpkg", dpkg_manifest(&packages, arch))?;
    let subject = SbomSubject {
        image: "image",
        creator: "dib-example",
        created: jiff::Timestamp::UNIX_EPOCH,
    };
    fs::write(
        "dib-manifest-spdx.json",
        spdx_document(&target, &packages, &subject)?,
    )?;
    eprintln!(
        "{} packages in {} ms",
        packages.len(),
        start.elapsed().as_millis()
    );
    Ok(())
}

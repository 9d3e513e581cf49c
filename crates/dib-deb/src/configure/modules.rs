//! What depends on what among the modules of kernels (depmod(8)), found out while other packages are configured.
//!
//! A kernel's script does it while nothing else goes on, and it takes seconds, since every module is decompressed. It
//! needs nothing but the modules and its own configuration, which are there as soon as all packages are unpacked. So
//! it is done at once on a thread of its own, and a stand-in that the kernel's script meets in `PATH` sees that it is done.
//! What was found out is kept in the image cache.

mod kept;
pub(super) mod plain;

use dib_sys::command::{Bind, Stdin, TargetCommand, run_in_target_with};
use dib_sys::{TargetError, TargetPath};

use self::plain::Plain;
use super::{OURS, path};
use crate::transaction::Place;

/// Where each kernel has a directory, named after its version.
const MODULES: &str = "/usr/lib/modules";
const PROGRAM: &str = "/usr/sbin/depmod";
const STAND_IN: &str = include_str!("depmod.sh");

/// Puts the stand-in there, and returns the kernels to do it for.
pub(super) fn begin(place: Place<'_>) -> Result<Vec<String>, TargetError> {
    let target = place.target;
    if target.metadata(&path(PROGRAM))?.is_none() {
        return Ok(Vec::new());
    }
    let versions = match target.list(&path(MODULES)) {
        Ok(versions) => versions,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    target.write(&path(&format!("{OURS}/depmod")), STAND_IN.as_bytes(), 0o755)?;
    // What is already known is left to the kernel's script, if it runs at all.
    let mut unknown = Vec::new();
    for version in versions {
        let is_there = |name: &str| match format!("{MODULES}/{version}/{name}").parse::<TargetPath>() {
            Ok(path) => Ok(target.metadata(&path)?.is_some()),
            Err(_) => Ok::<bool, TargetError>(false),
        };
        if is_there("kernel")? && !is_there("modules.dep")? {
            unknown.push(version);
        }
    }
    Ok(unknown)
}

/// Finds it out for these kernels; when that fails, their scripts will try again and tell. Returns the modules that were
/// decompressed for that.
pub(super) fn find_out<'a>(place: Place<'a>, versions: &[String]) -> Result<Vec<Plain<'a>>, TargetError> {
    let mut decompressed = Vec::new();
    for version in versions {
        let (begun, done) = (mark(version, "begun"), mark(version, "done"));
        place.target.write(&begun, b"", 0o644)?;
        let directory = path(&format!("{MODULES}/{version}"));
        let key = kept::key(place.target, &directory)?;
        if kept::take(place.cache, &key, place.target, &directory)? {
            place.target.rename(&begun, &done)?;
            continue;
        }
        let plain = Plain::make(place.target, version).unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::debug!(error, "modules are not decompressed beforehand");
            None
        });
        let is_known = match &plain {
            Some(plain) if run_depmod(place, version, &plain.binds()) => {
                kept::copy(place.target, &plain.place(), &directory)?;
                true
            }
            _ => run_depmod(place, version, &[]),
        };
        if is_known {
            // Renamed, as the stand-in wants to know when it began.
            place.target.rename(&begun, &done)?;
            // Another package's script may have added a module meanwhile. And a cache that can't be written to makes the next
            // build slower, but this one no worse.
            if kept::key(place.target, &directory)? == key {
                let _ = kept::keep(place.cache, &key, place.target, &directory);
            }
        }
        decompressed.extend(plain);
    }
    Ok(decompressed)
}

/// Runs depmod for a kernel, and returns whether it succeeded.
fn run_depmod(place: Place<'_>, version: &str, binds: &[Bind]) -> bool {
    let command = TargetCommand {
        argv: vec![PROGRAM.to_owned(), version.to_owned()],
        environment: place.environment.clone(),
        working_directory: TargetPath::root(),
        stdin: Stdin::Nothing,
    };
    let mut on_line = |_, line: &str| place.progress.line(line);
    let outcome = run_in_target_with(place.target, &command, binds, &mut on_line);
    outcome.is_ok_and(|outcome| outcome.status.is_success())
}

fn mark(version: &str, state: &str) -> TargetPath {
    path(&format!("{OURS}/depmod-{version}.{state}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use camino::Utf8Path;
    use dib_cache::Cache;
    use dib_sys::TargetRoot;

    use super::*;
    use crate::progress::Quiet;

    #[test]
    fn kernels_whose_modules_are_not_known_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let target = TargetRoot::open(root).unwrap();
        let cache = Cache::open(&root.join("cache")).unwrap();
        let place = Place {
            cache: &cache,
            target: &target,
            environment: &BTreeMap::new(),
            progress: &Quiet,
        };
        let make = |name: &str| target.create_directory_all(&path(name), 0o755).unwrap();
        make("/usr/sbin");
        make(OURS);
        assert_eq!(begin(place).unwrap(), [""; 0]);
        target.write(&path(PROGRAM), b"", 0o755).unwrap();
        assert_eq!(begin(place).unwrap(), [""; 0]);
        for name in ["6.1/kernel", "6.2/kernel", "6.2/modules.dep", "extra"] {
            make(&format!("{MODULES}/{name}"));
        }
        assert_eq!(begin(place).unwrap(), ["6.1"]);
        assert_eq!(
            target.read_to_string(&path(&format!("{OURS}/depmod"))).unwrap(),
            STAND_IN
        );
    }
}

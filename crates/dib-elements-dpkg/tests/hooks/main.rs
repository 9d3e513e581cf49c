//! Snapshots of what this crate's hooks do, and of their undoing.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod apt_files;
mod apt_keyring;
mod apt_lists;
mod block_apt_translations;
mod block_daemons;
mod build_with_http_cache;
mod install_packages;
mod package_installs;
mod shared_apt_cache;
mod trim_dpkg;
mod write_dpkg_manifest;

use dib_elements_dpkg::register;
use dib_testing::Fixture;

/// The sum of no sources at all: what the mark of a target without any holds.
const OF_NO_SOURCES: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A target as a Debian package manager leaves it.
fn debian() -> Fixture {
    Fixture::new(register)
        .directory("/etc/apt/apt.conf.d")
        .directory("/etc/dpkg/dpkg.cfg.d")
        .directory("/usr/sbin")
        .directory("/var/cache/apt/archives")
}

/// A target whose directory `path` is an absolute link to a directory of the host.
fn hostile(path: &str) -> Fixture {
    let fixture = Fixture::new(register).directory("/usr/sbin");
    let host = fixture.host();
    std::fs::create_dir_all(host.join("apt/apt.conf.d")).unwrap();
    std::fs::create_dir_all(host.join("dpkg/dpkg.cfg.d")).unwrap();
    std::fs::write(host.join("start-stop-daemon"), "the host's\n").unwrap();
    fixture.symlink(host.as_str(), path)
}

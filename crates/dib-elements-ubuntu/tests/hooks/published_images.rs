//! A server on loopback that publishes images as Ubuntu does, with a signature of its own, and the hook that fetches them.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;

use dib_core::Phase;
use dib_elements_ubuntu::{ubuntu, ubuntu_common};
use dib_testing::{Fixture, Recording, Server, SigningKey};
use sha2::{Digest, Sha256};

pub(crate) const DIRECTORY: &str = "/noble/current";
pub(crate) const GZIP: &str = "noble-server-cloudimg-amd64-root.tar.gz";
pub(crate) const XZ: &str = "noble-server-cloudimg-amd64-root.tar.xz";
const HOOK: &str = "10-cache-ubuntu-tarball";

/// What [`World::record`] shows of the usual build.
pub(crate) const BUILT: &str = "\
journal
  fetch [current]/SHA256SUMS (downloaded, signed by [fingerprint])
  fetch [current]/noble-server-cloudimg-amd64-root.tar.gz (downloaded, sha256 [sha256])
  extract noble-server-cloudimg-amd64-root.tar.gz (4 entries, 14 bytes)
target
  + all of noble
";

/// A root file system of two files, owned by whoever runs the test, since only a sandbox may give files away.
pub(crate) fn root_tar(hostname: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |path: &str, kind: tar::EntryType, mode: u32, contents: &str| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(nix::unistd::geteuid().as_raw().into());
        header.set_gid(nix::unistd::getegid().as_raw().into());
        header.set_mtime(1_700_000_000);
        header.set_size(contents.len() as u64);
        archive
            .append_data(&mut header, path, contents.as_bytes())
            .unwrap();
    };
    add("etc/", tar::EntryType::Directory, 0o755, "");
    add("etc/hostname", tar::EntryType::Regular, 0o644, hostname);
    add("usr/bin/", tar::EntryType::Directory, 0o755, "");
    add("usr/bin/passwd", tar::EntryType::Regular, 0o4755, "program\n");
    archive.into_inner().unwrap()
}

/// What a recording shows of [`root_tar`] in a target that was empty.
fn tree_of(hostname: &str) -> String {
    format!(
        "  + /etc/ 0755\n  + /etc/hostname 0644\n    | {hostname}\n\
         \x20 + /usr/ 0755\n  + /usr/bin/ 0755\n  + /usr/bin/passwd 4755\n    | program\n"
    )
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn sums(files: &[(&str, &[u8])]) -> String {
    let mut list = String::new();
    for (name, contents) in files {
        for byte in Sha256::digest(contents) {
            write!(list, "{byte:02x}").unwrap();
        }
        writeln!(list, " *{name}").unwrap();
    }
    list
}

/// A server with a signature of its own, and a hook that trusts it.
pub(crate) struct World {
    pub(crate) server: Server,
    key: SigningKey,
    pub(crate) fixture: Fixture,
}

impl World {
    pub(crate) fn new() -> Self {
        let (server, key) = (Server::start(), SigningKey::generate());
        let fixture = Fixture::new(|registry| {
            registry.add(ubuntu::element())?;
            registry.add(ubuntu_common::element())
        });
        let path = fixture.host().join("key.asc");
        fs::write(&path, key.public()).unwrap();
        let fixture = fixture
            .variable("DIB_CLOUD_IMAGES", &server.url())
            .variable("DIB_UBUNTU_KEYRING", path.as_str())
            .shown_as(&key.fingerprint(), "fingerprint")
            .shown_as(&server.url(), "server");
        Self { server, key, fixture }
    }

    /// A world whose server has one image.
    pub(crate) fn with_noble() -> Self {
        let (world, image) = (Self::new(), gzip(&root_tar("noble\n")));
        world.list(&sums(&[(GZIP, &image)])).image(GZIP, &image);
        world
    }

    /// Adds a signed list of sums to what the server answers with.
    pub(crate) fn list(&self, list: &str) -> &Self {
        self.server.serve(&format!("{DIRECTORY}/SHA256SUMS"), list);
        self.server.serve(
            &format!("{DIRECTORY}/SHA256SUMS.gpg"),
            self.key.sign(list.as_bytes()),
        );
        self
    }

    pub(crate) fn image(&self, name: &str, contents: &[u8]) -> &Self {
        self.server.serve(&format!("{DIRECTORY}/{name}"), contents);
        self
    }

    pub(crate) fn run(&self) -> Recording {
        self.fixture.record(Phase::Root, HOOK)
    }

    /// Records the hook, with one line for all that [`root_tar`] puts into the target.
    pub(crate) fn record(&self) -> String {
        let mut text = self.run().to_string();
        for hostname in ["noble", "mine", "local"] {
            text = text.replace(&tree_of(hostname), &format!("  + all of {hostname}\n"));
        }
        text.replace("[server]/noble/current", "[current]")
    }

    /// Returns the names of the files that were asked for past caches.
    pub(crate) fn past_caches(&self) -> Vec<String> {
        let requests = self.server.requests();
        let names = requests
            .iter()
            .filter_map(|request| request.strip_suffix(" (no-cache)")?.rsplit('/').next());
        names.map(str::to_owned).collect()
    }

    pub(crate) fn with(self, change: impl FnOnce(Fixture) -> Fixture) -> Self {
        Self {
            fixture: change(self.fixture),
            ..self
        }
    }

    /// Returns the names in the cache, without the cache's own directories.
    pub(crate) fn cached(&self) -> Vec<String> {
        let entries = self.fixture.cache().read_dir_utf8().unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }
}

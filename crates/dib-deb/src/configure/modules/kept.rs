//! Indexes of modules kept in the image cache.
//!
//! What `depmod` writes depends on nothing but the modules, the lists beside them, its configuration and itself. So the key
//! is a digest of the contents of all these, and not of what their packages are called.

use std::fs::{self, File};
use std::io::{self, Read as _};

use camino::Utf8PathBuf;
use dib_cache::{Cache, HashingReader, Sha256};
use dib_sys::{FileKind, TargetError, TargetPath, TargetRoot, WalkStep};

use super::super::kept_files;

/// How many indexes are kept.
const KEPT: usize = 16;
/// Changes whenever what a key is made of, or the format of a kept file does.
const FORMAT: &str = "dib depmod 1\n";
/// depmod itself, and the library that reads modules.
const PROGRAMS: [&str; 2] = ["/usr/bin/kmod", "/usr/sbin/depmod"];
const LIBRARIES: &str = "/usr/lib";
/// Its configuration (depmod.d(5)).
const CONFIGURATION: [&str; 4] = [
    "/etc/depmod.d",
    "/run/depmod.d",
    "/usr/lib/depmod.d",
    "/usr/local/lib/depmod.d",
];

/// Returns the digest of all that the index of a directory of modules depends on.
pub(super) fn key(target: &TargetRoot, modules: &TargetPath) -> Result<Sha256, TargetError> {
    let mut all = files(target, modules)?;
    all.retain(|path| path.parent().as_ref() != Some(modules) || !path.file_name().is_some_and(is_made));
    let mut inputs = digests(target, all)?;
    let mut others: Vec<TargetPath> = PROGRAMS.iter().map(|name| path(name)).collect();
    for directory in CONFIGURATION {
        others.extend(files(target, &path(directory))?);
    }
    others.extend(libraries(target)?);
    inputs.extend(digests(target, others)?);
    let lines = inputs.iter().map(|(name, digest)| format!("{digest} {name}\n"));
    let text: String = std::iter::once(FORMAT.to_owned()).chain(lines).collect();
    Ok(Sha256::of(text.as_bytes()))
}

/// Writes the index that is kept under a key, if one is and it is whole, and returns whether it was.
pub(super) fn take(
    cache: &Cache,
    key: &Sha256,
    target: &TargetRoot,
    modules: &TargetPath,
) -> Result<bool, TargetError> {
    let place = directory(cache).join(key.to_string());
    let Ok(bytes) = fs::read(&place) else {
        return Ok(false);
    };
    let Some(kept) = parse(key, &bytes) else {
        return Ok(false);
    };
    for (name, contents) in kept {
        let Ok(path) = modules.join(name) else {
            return Ok(false);
        };
        target.write(&path, contents, 0o644)?;
    }
    kept_files::note_use(&place);
    Ok(true)
}

/// Keeps the index of a directory of modules under a key.
pub(super) fn keep(cache: &Cache, key: &Sha256, target: &TargetRoot, modules: &TargetPath) -> io::Result<()> {
    let mut contents = Vec::new();
    for (name, bytes) in index(target, modules).map_err(io::Error::other)? {
        contents.extend(format!("{name} {}\n", bytes.len()).bytes());
        contents.extend(bytes);
    }
    let file = [format!("{}\n", digest_of(key, &contents)).as_bytes(), &contents].concat();
    kept_files::write(&directory(cache), &key.to_string(), &file, KEPT)
}

/// Copies the index of one directory of modules into another.
pub(super) fn copy(target: &TargetRoot, from: &TargetPath, to: &TargetPath) -> Result<(), TargetError> {
    for (name, bytes) in index(target, from)? {
        target.write(&to.join(&name).expect("a name in a directory"), &bytes, 0o644)?;
    }
    Ok(())
}

/// Returns the names and contents of the files that are the index of a directory of modules.
fn index(target: &TargetRoot, modules: &TargetPath) -> Result<Vec<(String, Vec<u8>)>, TargetError> {
    let mut found = Vec::new();
    for name in target.list(modules)? {
        let path = modules.join(&name).expect("a name in a directory");
        let metadata = target.metadata(&path)?;
        if is_made(&name) && metadata.is_some_and(|metadata| metadata.kind == FileKind::Regular) {
            let bytes = target.read(&path)?;
            found.push((name, bytes));
        }
    }
    Ok(found)
}

/// Returns whether depmod makes the file of that name: lists that come with a kernel are no part of the index.
fn is_made(name: &str) -> bool {
    name.starts_with("modules.") && !SHIPPED.contains(&name)
}

/// The lists that come with a kernel.
const SHIPPED: [&str; 3] = ["modules.builtin", "modules.builtin.modinfo", "modules.order"];

fn directory(cache: &Cache) -> Utf8PathBuf {
    cache.directory().join("depmod")
}

/// Returns what stands at the beginning of a kept file, so that it is known to be whole and of this key.
fn digest_of(key: &Sha256, contents: &[u8]) -> Sha256 {
    Sha256::of(&[key.as_bytes(), contents].concat())
}

/// Splits a kept file into names and contents; `None` when it is damaged.
fn parse<'b>(key: &Sha256, bytes: &'b [u8]) -> Option<Vec<(&'b str, &'b [u8])>> {
    let (digest, mut rest) = line(bytes)?;
    if digest.parse() != Ok(digest_of(key, rest)) {
        return None;
    }
    let mut files = Vec::new();
    while !rest.is_empty() {
        let (header, after) = line(rest)?;
        let (name, length) = header.rsplit_once(' ')?;
        let length: usize = length.parse().ok()?;
        if name.contains('/') || !name.starts_with("modules.") || length > after.len() {
            return None;
        }
        let (contents, next) = after.split_at(length);
        files.push((name, contents));
        rest = next;
    }
    Some(files)
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

/// Returns the files and links below a directory, in order; none when it is not there.
fn files(target: &TargetRoot, directory: &TargetPath) -> Result<Vec<TargetPath>, TargetError> {
    let mut found = Vec::new();
    if target.metadata(directory)?.is_some() {
        target.walk(directory, &mut |path, metadata| {
            if matches!(metadata.kind, FileKind::Regular | FileKind::Symlink) {
                found.push(path.clone());
            }
            WalkStep::Descend
        })?;
    }
    Ok(found)
}

/// Returns every libkmod in the directories of libraries.
fn libraries(target: &TargetRoot) -> Result<Vec<TargetPath>, TargetError> {
    let mut found = Vec::new();
    for name in target.list(&path(LIBRARIES))? {
        let directory = path(LIBRARIES).join(&name).expect("a name in a directory");
        if name.contains("-linux-") && target.open_directory(&directory).is_ok() {
            let libraries = target.list(&directory)?;
            let libraries = libraries
                .iter()
                .filter(|library| library.starts_with("libkmod.so"));
            found.extend(libraries.map(|library| directory.join(library).expect("a name in a directory")));
        }
    }
    Ok(found)
}

/// Returns each file's digest beside its path; what isn't there has none.
fn digests(target: &TargetRoot, files: Vec<TargetPath>) -> Result<Vec<(TargetPath, String)>, TargetError> {
    let mut digests = Vec::with_capacity(files.len());
    for path in files {
        let digest = match target.open_file(&path) {
            Ok(file) => digest(file).map_err(|source| TargetError::Path {
                path: path.clone(),
                operation: "read",
                source,
            })?,
            Err(error) if error.is_not_found() => "-".to_owned(),
            // A link, such as those that name a library or stand for a program: its target is hashed by its own name.
            Err(TargetError::NotRegular { .. }) => target.read_link(&path)?,
            Err(error) => return Err(error),
        };
        digests.push((path, digest));
    }
    Ok(digests)
}

fn digest(file: File) -> io::Result<String> {
    let mut reader = HashingReader::new(file);
    let mut buffer = vec![0; 128 << 10];
    while reader.read(&mut buffer)? > 0 {}
    Ok(reader.finish()?.0.to_string())
}

fn path(text: &str) -> TargetPath {
    text.parse().expect("a constant path is well-formed")
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;

    struct World {
        _directory: tempfile::TempDir,
        cache: Cache,
        target: TargetRoot,
    }

    fn world() -> World {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        fs::create_dir_all(path.join("target")).unwrap();
        let world = World {
            cache: Cache::open(&path.join("cache")).unwrap(),
            target: TargetRoot::open(&path.join("target")).unwrap(),
            _directory: directory,
        };
        for file in [
            "/usr/bin/kmod",
            "/usr/lib/x86_64-linux-gnu/libkmod.so.2",
            "/usr/lib/modules/6.1/modules.order",
            "/usr/lib/modules/6.1/kernel/a.ko.xz",
        ] {
            world.write(file, file);
        }
        world
            .target
            .symlink("../bin/kmod", &super::path("/usr/sbin/depmod"))
            .unwrap();
        world
    }

    impl World {
        fn write(&self, file: &str, contents: &str) {
            let file = path(file);
            for directory in [file.parent().unwrap(), path("/usr/sbin")] {
                self.target.create_directory_all(&directory, 0o755).unwrap();
            }
            self.target.write(&file, contents.as_bytes(), 0o644).unwrap();
        }

        fn key(&self) -> Sha256 {
            key(&self.target, &modules()).unwrap()
        }
    }

    fn modules() -> TargetPath {
        path("/usr/lib/modules/6.1")
    }

    #[test]
    fn an_index_comes_back_as_it_was_kept() {
        let world = world();
        let key = world.key();
        assert!(!take(&world.cache, &key, &world.target, &modules()).unwrap());
        world.write("/usr/lib/modules/6.1/modules.dep", "a dep\n");
        world.write("/usr/lib/modules/6.1/modules.dep.bin", "\0\n");
        assert_eq!(world.key(), key, "the index is no part of it");
        keep(&world.cache, &key, &world.target, &modules()).unwrap();
        for name in ["modules.dep", "modules.dep.bin"] {
            let file = modules().join(name).unwrap();
            world.target.remove_file(&file).unwrap();
        }
        assert!(take(&world.cache, &key, &world.target, &modules()).unwrap());
        let read = |name: &str| world.target.read(&modules().join(name).unwrap()).unwrap();
        assert_eq!(read("modules.dep"), b"a dep\n");
        assert_eq!(read("modules.dep.bin"), b"\0\n");
        assert_eq!(read("modules.order"), b"/usr/lib/modules/6.1/modules.order");
    }

    #[test]
    fn whatever_depmod_reads_is_part_of_the_key() {
        let world = world();
        let mut seen = vec![world.key()];
        for file in [
            "/usr/lib/modules/6.1/kernel/a.ko.xz",
            "/usr/lib/modules/6.1/updates/b.ko",
            "/usr/lib/modules/6.1/modules.order",
            "/usr/bin/kmod",
            "/usr/lib/x86_64-linux-gnu/libkmod.so.2",
            "/etc/depmod.d/local.conf",
        ] {
            world.write(file, "changed");
            let key = world.key();
            assert!(!seen.contains(&key), "{file}");
            seen.push(key);
        }
    }

    #[test]
    fn what_is_damaged_is_not_taken() {
        let world = world();
        let key = world.key();
        world.write("/usr/lib/modules/6.1/modules.dep", "a dep\n");
        keep(&world.cache, &key, &world.target, &modules()).unwrap();
        let place = directory(&world.cache).join(key.to_string());
        let whole = fs::read(&place).unwrap();
        for position in [0, 70, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[position] ^= 1;
            fs::write(&place, &damaged).unwrap();
            assert!(!take(&world.cache, &key, &world.target, &modules()).unwrap());
        }
        let outside = b"../x 1\nx";
        let forged = [format!("{}\n", digest_of(&key, outside)).as_bytes(), outside].concat();
        fs::write(&place, forged).unwrap();
        assert!(!take(&world.cache, &key, &world.target, &modules()).unwrap());

        let other = Sha256::of(b"another key");
        fs::write(directory(&world.cache).join(other.to_string()), whole).unwrap();
        assert!(!take(&world.cache, &other, &world.target, &modules()).unwrap());
    }
}

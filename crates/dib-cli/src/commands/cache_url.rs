//! `cache-url`: brings a file to where it is wanted, through the cache of downloads.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileTypeExt;

use camino::{Utf8Path, Utf8PathBuf};
use dib_cache::{CacheError, CacheKey, Check, Download, Origin, Sha256};

use crate::arguments::{CacheUrlArguments, ImageOptions};
use crate::download_cache::open_cache;
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};
use crate::image_spec::spec_from;
use crate::log::{ConsoleOptions, Explanations, Loudness, Stream, Timestamps};
use crate::stdout;

/// The exit status by which upstream's script says that there is no such file.
const NOT_FOUND: u8 = 44;

/// Brings the file, and says how it came.
///
/// # Errors
/// When it can't be had, or can't be put where it is wanted.
pub(super) fn run(arguments: &CacheUrlArguments, environment: &Environment) -> Result<(), CliError> {
    let destination = environment.absolute(arguments.destination.as_str());
    let (url, shown) = (arguments.url.as_str(), without_credentials(&arguments.url));
    if let Some(path) = url.strip_prefix("file://") {
        let path = local_path(path);
        let mut file = File::open(&path).map_err(|error| failed("open", &path, error))?;
        put(&mut file, &destination)?;
        return stdout::print(&format!("copied {path}\n"));
    }
    let spec = spec_from(&ImageOptions::default(), environment, &[])?;
    let console = ConsoleOptions {
        stream: Stream::Stderr,
        loudness: Loudness::Shown,
        timestamps: Timestamps::Omitted,
        explanations: Explanations::Omitted,
        log_file: None,
        filter: environment.get("DIB_LOG").unwrap_or("warn").to_owned(),
    }
    .open()?;
    let mut cache = open_cache(&spec, &console)?;
    if arguments.force {
        cache = cache.past_caches();
    }
    let fetched = cache.fetch(&Download {
        url: url.to_owned(),
        cached_as: key_of(url, &destination, &spec.image_cache),
        check: Check::Unverified,
    });
    console.finish();
    let mut fetched = fetched.map_err(|error| match &error {
        CacheError::Status { status, .. } if status.starts_with("404") => {
            CliError::new(ErrorKind::OfCommand(NOT_FOUND), error)
        }
        _ => error.into(),
    })?;
    if fetched.path != destination {
        put(&mut fetched.file, &destination)?;
    }
    stdout::print(&match fetched.origin {
        Origin::Downloaded => format!("downloaded {shown}\n"),
        Origin::Revalidated => format!("{shown} has not changed: the copy in the cache is taken\n"),
        Origin::Cached => format!("the copy of {shown} in the cache is taken\n"),
    })
}

/// Returns a file's name in the cache: that of its destination where this is in the cache, else one made of its URL.
fn key_of(url: &str, destination: &Utf8Path, image_cache: &Utf8Path) -> CacheKey {
    let in_cache = destination
        .strip_prefix(image_cache)
        .ok()
        .and_then(|below| CacheKey::new(below.as_str()).ok());
    in_cache.unwrap_or_else(|| {
        CacheKey::new(format!("cache-url/{}", Sha256::of(url.as_bytes())))
            .expect("a sum in hexadecimal digits can name a file")
    })
}

/// Returns the path that stands in a URL after `file://`, where some hosts stand before it and bytes may be escaped.
fn local_path(text: &str) -> Utf8PathBuf {
    let text = text
        .strip_prefix("localhost")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(text);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).map_or_else(|_| text.into(), Utf8PathBuf::from)
}

/// Writes a file to a named pipe, or in one step to where another file may be.
fn put(file: &mut File, destination: &Utf8Path) -> Result<(), CliError> {
    if fs::metadata(destination).is_ok_and(|metadata| metadata.file_type().is_fifo()) {
        let mut pipe = File::options()
            .write(true)
            .open(destination)
            .map_err(|error| failed("open", destination, error))?;
        return io::copy(file, &mut pipe)
            .map(drop)
            .map_err(|error| failed("write", destination, error));
    }
    let directory = destination.parent().unwrap_or(Utf8Path::new("/"));
    let name = destination.file_name().unwrap_or_default();
    if name.is_empty() || destination.is_dir() {
        return Err(failed("write", destination, io::ErrorKind::IsADirectory.into()));
    }
    fs::create_dir_all(directory).map_err(|error| failed("make", directory, error))?;
    let partial = directory.join(format!(".{name}.{}", std::process::id()));
    let written = File::create(&partial)
        .and_then(|mut copy| io::copy(file, &mut copy))
        .and_then(|_| fs::rename(&partial, destination));
    written.map_err(|error| {
        // What is wrong is told; the rest of it is of no use.
        let _ = fs::remove_file(&partial);
        failed("write", destination, error)
    })
}

/// Leaves out of a URL the password that it may hold.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

fn failed(action: &'static str, path: &Utf8Path, source: io::Error) -> CliError {
    let kind = match (action, source.kind()) {
        ("open", io::ErrorKind::NotFound) => ErrorKind::MissingInput,
        ("open", _) => ErrorKind::InputOutput,
        _ => ErrorKind::CannotCreate,
    };
    let path = path.to_owned();
    CliError::new(kind, CopyError { action, path, source })
}

#[derive(Debug, thiserror::Error)]
#[error("failed to {action} {path}")]
struct CopyError {
    action: &'static str,
    path: Utf8PathBuf,
    source: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_in_the_cache_has_its_name_there() {
        let check = |destination: &str, expected: &str| {
            let key = key_of("http://example.org/a", destination.into(), "/cache".into());
            assert_eq!(key.as_str(), expected);
        };
        let by_url = format!("cache-url/{}", Sha256::of(b"http://example.org/a"));
        check("/cache/a.img", "a.img");
        check("/cache/sub/a.img", "sub/a.img");
        check("/cache/../a.img", &by_url);
        check("/cache/.hidden", &by_url);
        check("/elsewhere/a.img", &by_url);
    }

    #[test]
    fn paths_stand_in_urls() {
        assert_eq!(local_path("/a/b%20c%zz%4"), "/a/b c%zz%4");
        assert_eq!(local_path("localhost/a"), "/a");
        assert_eq!(local_path("/a%ff"), "/a%ff");
        assert_eq!(
            without_credentials("https://me:secret@example.org/a@b"),
            "https://example.org/a@b"
        );
        assert_eq!(
            without_credentials("https://example.org/a@b"),
            "https://example.org/a@b"
        );
    }

    #[test]
    fn a_file_of_this_machine_is_copied() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        fs::write(path.join("a"), "content").unwrap();
        let environment = Environment::of(&[("HOME", path.as_str())]);
        let run_to = |name: &str, destination: &Utf8Path| {
            let arguments = CacheUrlArguments {
                force: false,
                url: format!("file://{path}/{name}"),
                destination: destination.to_owned(),
            };
            run(&arguments, &environment)
        };
        let copy = path.join("new/b");
        run_to("a", &copy).unwrap();
        assert_eq!(fs::read_to_string(&copy).unwrap(), "content");
        assert_eq!(
            run_to("missing", &copy).unwrap_err().kind(),
            ErrorKind::MissingInput
        );
        assert_eq!(run_to("a", path).unwrap_err().kind(), ErrorKind::CannotCreate);
        assert_eq!(path.join("new").read_dir_utf8().unwrap().count(), 1);
    }
}

//! Sources that are git repositories. The host's `git` does the work, on a clone of each in the image cache.

use std::fs;
use std::thread;
use std::time::Duration;

use camino::Utf8Path;
use dib_core::{HookContext, HookError};

use super::entry::Repository;
use super::{TEMPORARY, cleared_temporary, create_parent};

/// How often a server is asked, and how long it is given in between.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(5);

const ALL_HEADS_AND_TAGS: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// Has a repository in its place, and returns the commit that is checked out there; `None` where it was there already.
pub(super) fn provide(
    ctx: &HookContext<'_>,
    repository: &Repository,
    cache: &Utf8Path,
) -> Result<Option<String>, HookError> {
    let cached = cache.join(repository.cached_as());
    bring_up_to_date(ctx, repository, &cached)?;
    if ctx.exists(&repository.destination)? {
        require_same(ctx, repository, &cached)?;
        return Ok(None);
    }
    create_parent(ctx, &repository.destination)?;
    let temporary = cleared_temporary(ctx)?;
    // Hard links would have the image's files be those of the cache.
    let clone = ["clone", "-q", "--no-hardlinks", "--"];
    git_in_image(
        ctx,
        &[&clone[..], &[cached.as_str(), temporary.as_str()]].concat(),
    )?;
    let git_there =
        |arguments: &[&str]| git_in_image(ctx, &[&["-C", temporary.as_str()], arguments].concat());
    let reference = repository.reference.as_str();
    let commit = if reference == "*" {
        let fetch = ["fetch", "-q", "--prune", "--update-head-ok", cached.as_str()];
        git_there(&[&fetch[..], &ALL_HEADS_AND_TAGS].concat())?;
        "HEAD"
    } else {
        let branch = format!("{reference}:{}", branch_of(reference));
        git_there(&["fetch", "-q", cached.as_str(), &branch])?;
        git_there(&["reset", "-q", "--hard", "FETCH_HEAD"])?;
        "FETCH_HEAD"
    };
    let commit = commit_of(ctx, &temporary, commit)?;
    ctx.rename(TEMPORARY, &repository.destination)?;
    Ok(Some(commit))
}

/// The branch of the image's repository that is at what was asked for.
fn branch_of(reference: &str) -> String {
    format!("fetch_{reference}")
}

/// Clones a repository into the cache or fetches what is new in it; neither where the build is offline and the cache has what is
/// asked for.
fn bring_up_to_date(
    ctx: &HookContext<'_>,
    repository: &Repository,
    cached: &Utf8Path,
) -> Result<(), HookError> {
    let Repository {
        name,
        location,
        reference,
        ..
    } = repository;
    if !cached.exists() {
        let partial = cached.with_file_name(format!("{}.tmp", cached.file_name().unwrap_or_default()));
        patiently(location, || {
            if partial.exists() {
                fs::remove_dir_all(&partial).map_err(failed("remove", &partial))?;
            }
            git(ctx, &["clone", "-q", "--", location, partial.as_str()])
        })?;
        fs::rename(&partial, cached).map_err(failed("rename", &partial))?;
    }
    let have = || reference != "*" && commit_of(ctx, cached, reference).is_ok();
    if ctx.variable("DIB_OFFLINE").is_some() && have() {
        return Ok(());
    }
    let fetch = [
        "-C",
        cached.as_str(),
        "fetch",
        "-q",
        "--prune",
        "--update-head-ok",
        "--",
        location.as_str(),
    ];
    // A server gives what has a name. A commit is among what all the names lead to, if it is anywhere.
    let named = format!("+{reference}:{reference}");
    let is_fetched = reference != "*" && git(ctx, &[&fetch[..], &[named.as_str()]].concat()).is_ok();
    if !is_fetched {
        patiently(location, || git(ctx, &[&fetch[..], &ALL_HEADS_AND_TAGS].concat()))?;
    }
    if reference == "*" || have() {
        return Ok(());
    }
    Err(
        HookError::other(format!("{location} has no commit by the name {reference}")).hinted(format!(
            "set {}, or name the reference in the last word of the line of {name}",
            repository.variable("DIB_REPOREF")
        )),
    )
}

/// Returns an error unless what stands in the repository's place is the same, from an earlier line or run.
fn require_same(ctx: &HookContext<'_>, repository: &Repository, cached: &Utf8Path) -> Result<(), HookError> {
    let Repository {
        name,
        destination,
        reference,
        ..
    } = repository;
    let git_directory = format!("{}/.git", destination.trim_end_matches('/'));
    let read = |file: &str| -> Result<String, HookError> {
        let path = format!("{git_directory}/{file}");
        let contents = if ctx.exists(&path)? {
            ctx.read(&path)?
        } else {
            Vec::new()
        };
        Ok(String::from_utf8_lossy(&contents).into_owned())
    };
    if origin(&read("config")?) != Some(cached.as_str()) {
        return Err(HookError::other(format!(
            "{destination} can't get the repository {name}: something else stands there"
        ))
        .hinted("two elements that put sources into one place can't be used together"));
    }
    let head = format!("refs/heads/{}", branch_of(reference));
    let has_head = ctx.exists(&format!("{git_directory}/{head}"))?
        || read("packed-refs")?
            .lines()
            .any(|line| line.ends_with(&format!(" {head}")));
    if reference == "*" || has_head {
        Ok(())
    } else {
        Err(HookError::other(format!(
            "{destination} has the repository {name} already, at another reference than {reference}"
        )))
    }
}

/// Returns where a repository was cloned from, by its file `config`.
fn origin(config: &str) -> Option<&str> {
    let mut lines = config
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != r#"[remote "origin"]"#);
    lines.next()?;
    lines
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix("url")?.trim_start().strip_prefix('='))
        .map(str::trim)
}

/// Returns the number of a commit.
fn commit_of(ctx: &HookContext<'_>, repository: &Utf8Path, name: &str) -> Result<String, HookError> {
    let name = format!("{name}^{{commit}}");
    let argv = [
        "git",
        "-C",
        repository.as_str(),
        "rev-parse",
        "-q",
        "--verify",
        &name,
    ]
    .map(str::to_owned);
    let mut commit = String::new();
    let is_number = |line: &str| line.len() >= 40 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    ctx.run_on_host_with(argv.to_vec(), ctx.environment(), &mut |line| {
        if is_number(line) {
            line.clone_into(&mut commit);
        } else {
            ctx.observer().output(line);
        }
    })?;
    Ok(commit)
}

/// Runs the host's git, which asks nobody for a password.
fn git(ctx: &HookContext<'_>, arguments: &[&str]) -> Result<(), HookError> {
    ctx.run_on_host(&[&["git"], arguments].concat(), &[("GIT_TERMINAL_PROMPT", "0")])
}

/// Runs the host's git for files of the image, whose modes are not to depend on who builds it.
fn git_in_image(ctx: &HookContext<'_>, arguments: &[&str]) -> Result<(), HookError> {
    let git = ["sh", "-c", r#"umask 022; exec git "$@""#, "git"];
    ctx.run_on_host(&[&git, arguments].concat(), &[("GIT_TERMINAL_PROMPT", "0")])
}

/// Tries again where it is a server that failed.
fn patiently(location: &str, mut attempt: impl FnMut() -> Result<(), HookError>) -> Result<(), HookError> {
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(HookError::Command(_)) if is_remote(location) => thread::sleep(PAUSE),
            result => return result,
        }
    }
    attempt()
}

/// Returns whether a repository is on another machine, by an address or as `host:path`.
fn is_remote(location: &str) -> bool {
    match location.split_once(':') {
        Some((before, _)) => before != "file" && !before.contains('/'),
        None => false,
    }
}

fn failed(action: &'static str, path: &Utf8Path) -> impl FnOnce(std::io::Error) -> HookError {
    let path = path.to_string();
    move |source| HookError::Host { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_told_from_directories() {
        for location in ["https://example.org/a", "me@example.org:a", "git://example.org/a"] {
            assert!(is_remote(location), "{location}");
        }
        for location in ["/srv/a", "file:///srv/a", "./a:b"] {
            assert!(!is_remote(location), "{location}");
        }
    }

    #[test]
    fn the_origin_is_the_remotes() {
        let config =
            "[core]\n\turl = no\n[remote \"origin\"]\n\tfetch = +refs\n\turl = /srv/a\n[branch \"master\"]\n";
        assert_eq!(origin(config), Some("/srv/a"));
        assert_eq!(origin("[remote \"origin\"]\n[core]\n\turl = no\n"), None);
        assert_eq!(origin(""), None);
    }
}

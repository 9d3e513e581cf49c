//! Sources that are archives or single files.

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::cache::{CacheKey, Check, Download};
use dib_core::{FileKind, HookContext, HookError};

use super::entry::Repository;
use super::{TEMPORARY, cleared_temporary, create_parent};
use crate::wildcards::matches;

/// Has what an archive holds in its place: all of it where the reference is `.`, what is in the directory of that name otherwise,
/// and in those whose names match where it has `*` or `?`. It belongs to root.
pub(super) fn provide_contents(
    ctx: &HookContext<'_>,
    repository: &Repository,
    cache: &Utf8Path,
) -> Result<(), HookError> {
    let archive = fetched(ctx, repository, cache)?;
    let temporary = cleared_temporary(ctx)?;
    ctx.create_directory(TEMPORARY)?;
    let tar = [
        "tar",
        "--extract",
        "--no-same-owner",
        "--same-permissions",
        "--directory",
        temporary.as_str(),
        "--file",
        archive.as_str(),
    ];
    ctx.run_on_host(&tar, &[])?;
    let wanted = directories(ctx, TEMPORARY, &repository.reference)?;
    if wanted.is_empty() {
        return Err(HookError::other(format!(
            "{} has no directory {}; it has {}",
            repository.location,
            repository.reference,
            ctx.list(TEMPORARY)?.join(", ")
        ))
        .hinted(format!(
            "set {} to . for all of it",
            repository.variable("DIB_REPOREF")
        )));
    }
    create_parent(ctx, &repository.destination)?;
    for directory in &wanted {
        merge(ctx, directory, repository.destination.trim_end_matches('/'))?;
    }
    ctx.target().remove_tree(&TEMPORARY.parse()?)?;
    Ok(())
}

/// Has a file in its place, owned by root with mode 0644.
pub(super) fn provide_file(
    ctx: &HookContext<'_>,
    repository: &Repository,
    cache: &Utf8Path,
) -> Result<(), HookError> {
    let file = fetched(ctx, repository, cache)?;
    create_parent(ctx, &repository.destination)?;
    let temporary = cleared_temporary(ctx)?;
    fs::copy(&file, &temporary).map_err(|source| HookError::Host {
        action: "copy",
        path: file.to_string(),
        source,
    })?;
    ctx.target().set_mode(&TEMPORARY.parse()?, 0o644)?;
    ctx.rename(TEMPORARY, &repository.destination)
}

/// Returns the path of what a source is on the host: in the cache, or where a `file:` address says.
fn fetched(
    ctx: &HookContext<'_>,
    repository: &Repository,
    cache: &Utf8Path,
) -> Result<Utf8PathBuf, HookError> {
    if let Some(path) = repository.location.strip_prefix("file://") {
        ctx.depends_on_unknown(&repository.location);
        return Ok(path.into());
    }
    let name = format!(
        "{}/{}",
        cache.file_name().unwrap_or_default(),
        repository.cached_as()
    );
    let file = ctx.fetch(&Download {
        url: repository.location.clone(),
        cached_as: CacheKey::new(name).map_err(HookError::foreign)?,
        check: Check::Unverified,
    })?;
    Ok(file.path)
}

/// Returns the directories below one that a relative path with `*` and `?` in it matches, by name. No `*` stands for a name that
/// begins with a dot.
fn directories(ctx: &HookContext<'_>, below: &str, pattern: &str) -> Result<Vec<String>, HookError> {
    let mut found = vec![below.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
        let mut next = Vec::new();
        for directory in &found {
            for name in ctx.list(directory)? {
                let path = format!("{directory}/{name}");
                let is_hidden = name.starts_with('.') && !part.starts_with('.');
                let metadata = ctx.metadata(&path)?;
                if !is_hidden
                    && matches(part, &name)
                    && metadata.is_some_and(|metadata| metadata.kind == FileKind::Directory)
                {
                    next.push(path);
                }
            }
        }
        found = next;
    }
    Ok(found)
}

/// Moves what is at a path to another; where directories stand at both, what is in the one goes into the other.
fn merge(ctx: &HookContext<'_>, from: &str, to: &str) -> Result<(), HookError> {
    let is_directory = |path: &str| Ok::<_, HookError>(ctx.target().open_directory(&path.parse()?).is_ok());
    let moved_is_directory = ctx
        .metadata(from)?
        .is_some_and(|metadata| metadata.kind == FileKind::Directory);
    if !(moved_is_directory && is_directory(to)?) {
        return ctx.rename(from, to);
    }
    ctx.list(from)?
        .iter()
        .try_for_each(|name| merge(ctx, &format!("{from}/{name}"), &format!("{to}/{name}")))
}

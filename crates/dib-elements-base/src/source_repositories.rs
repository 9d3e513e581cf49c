//! The element `source-repositories`: sources that elements name are in the image, from git or an archive.
//!
//! What an element wants stands in its files `source-repository-*`, a line each: `NAME TYPE DESTINATION LOCATION [REF]`.
//! Source of the format, the variables and the names in the cache: diskimage-builder's element `source-repositories`.

mod archive;
mod entry;
mod git;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::{Element, HookContext, HookError, PackageMap, PackageRule, Phase, Variable};

use entry::{Kind, Repository};

/// Where the sources' directories in the image are listed.
const LIST: &str = "/etc/dib-source-repositories";

/// Where sources are put together before they go to their place, by one step: a name that no path of an image goes through, so
/// that programs of the host can't be led out of the target by its links.
const TEMPORARY: &str = "/.dib-source-repository";

/// Returns the element `source-repositories`.
#[must_use]
pub fn element() -> Element {
    let map = ["redhat", "suse"].iter().fold(PackageMap::new(), |map, family| {
        map.for_family(family, "git", "git-core")
    });
    Element::new("source-repositories")
        .about("Puts sources that elements name into the image, from git or archives")
        .depends_on(&["cache-url", "manifests", "package-installs"])
        .package_rule(PackageRule::new("git"))
        .package_map(
            map.for_family("gentoo", "git", "dev-vcs/git")
                .by_default("git", "git"),
        )
        .variable(Variable::new(
            "NO_SOURCE_REPOSITORIES",
            "set: no sources are fetched at all",
        ))
        .variable(Variable::new(
            "DIB_GITREPOBASE",
            "what stands in place of the server in the addresses of all git repositories",
        ))
        .hook(Phase::ExtraData, "98-source-repositories", source_repositories)
}

/// Fetches the sources that the build's elements name, and puts them where they say.
///
/// The user changes a source by `DIB_REPOTYPE_<name>`, `DIB_REPOLOCATION_<name>` and `DIB_REPOREF_<name>`, in whose names `_`
/// stands for what is neither letter nor digit. One whose install type (`DIB_INSTALLTYPE_<name>`) is not `source` is left out.
/// Repositories and files are kept in the image cache, and builds take turns on it.
///
/// # Errors
/// When a line can't be understood, a source can't be fetched, or something else stands in its place.
pub fn source_repositories(ctx: &HookContext<'_>) -> Result<(), HookError> {
    if ctx.variable("NO_SOURCE_REPOSITORIES").is_some() {
        ctx.nothing("NO_SOURCE_REPOSITORIES is set");
        return Ok(());
    }
    let files = files(ctx)?;
    if files.is_empty() {
        ctx.nothing("no element names a source repository");
        return Ok(());
    }
    let cache = camino::absolute_utf8(ctx.image_cache().join("source-repositories")).map_err(|source| {
        HookError::Host {
            action: "find",
            path: ctx.image_cache().to_string(),
            source,
        }
    })?;
    ctx.create_host_directory(&cache)?;
    let mut manifest = String::new();
    for file in &files {
        let _turn = ctx.lock_host_file(&cache.join("repositories_flock"))?;
        let lines = entry::lines(ctx, file)?;
        for (index, line) in lines.iter().enumerate() {
            let repository = Repository::parse(line)
                .ok_or_else(|| {
                    HookError::other(format!("{file} has {line:?}, which is no source repository"))
                })
                .map_err(|error| {
                    error.hinted(
                        "a line is NAME TYPE DESTINATION LOCATION [REF], and TYPE git, tar, file or package",
                    )
                })?
                .changed_by_user(ctx)?;
            ctx.observer().output(&format!(
                "{} ({} of {} in {})",
                repository.name,
                index + 1,
                lines.len(),
                file.file_name().unwrap_or_default()
            ));
            if let Some(line) = provide(ctx, &repository, &cache)? {
                manifest.push_str(&line);
            }
        }
    }
    if manifest.is_empty() {
        return Ok(());
    }
    let directory = ctx.required("DIB_MANIFEST_IMAGE_DIR")?.trim_end_matches('/');
    let image = Utf8Path::new(ctx.required("IMAGE_NAME")?);
    ctx.create_directory(directory)?;
    ctx.write(
        &format!(
            "{directory}/dib-manifest-git-{}",
            image.file_name().unwrap_or_default()
        ),
        manifest,
        0o644,
    )
}

/// Returns the files of elements that name repositories, by name.
fn files(ctx: &HookContext<'_>) -> Result<Vec<Utf8PathBuf>, HookError> {
    let Some(directory) = ctx.hooks_directory() else {
        return Ok(Vec::new());
    };
    let mut files = ctx.host_files_below(directory)?;
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default();
        let is_meant = name.starts_with("source-repository-") && !name.ends_with('~');
        is_meant && path.parent() == Some(directory)
    });
    Ok(files)
}

/// Has a source in its place, and returns its line in the manifest of git repositories where it is one.
fn provide(
    ctx: &HookContext<'_>,
    repository: &Repository,
    cache: &Utf8Path,
) -> Result<Option<String>, HookError> {
    if repository.install_type(ctx) != "source" {
        ctx.nothing(format!("{} is not installed from source", repository.name));
        return Ok(None);
    }
    let line = match repository.kind {
        Kind::Git => git::provide(ctx, repository, cache)?.map(|commit| {
            let Repository {
                name,
                destination,
                location,
                ..
            } = repository;
            format!("{name} git {destination} {location} {commit}\n")
        }),
        Kind::Tar => archive::provide_contents(ctx, repository, cache).map(|()| None)?,
        Kind::File => archive::provide_file(ctx, repository, cache).map(|()| None)?,
        Kind::Package => {
            return Err(HookError::other(format!(
                "{} is to be installed from source, but is known as a package only",
                repository.name
            ))
            .hinted(format!("set {}=package", repository.variable("DIB_INSTALLTYPE"))));
        }
    };
    let mut list = if ctx.exists(LIST)? {
        ctx.read(LIST)?
    } else {
        Vec::new()
    };
    list.extend_from_slice(format!("{}\n", repository.destination).as_bytes());
    ctx.create_directory("/etc")?;
    ctx.write(LIST, list, 0o644)?;
    Ok(line)
}

/// Returns the path by which programs of the host reach what is put together, once nothing is left of an earlier attempt.
fn cleared_temporary(ctx: &HookContext<'_>) -> Result<Utf8PathBuf, HookError> {
    ctx.target().remove_tree(&TEMPORARY.parse()?)?;
    let target = Utf8Path::new(ctx.required("TMP_MOUNT_PATH")?);
    Ok(target.join(TEMPORARY.trim_start_matches('/')))
}

/// Makes the directory that a source's destination is in.
fn create_parent(ctx: &HookContext<'_>, destination: &str) -> Result<(), HookError> {
    match destination.trim_end_matches('/').rsplit_once('/') {
        Some((parent, _)) if !parent.is_empty() => ctx.create_directory(parent),
        _ => Ok(()),
    }
}

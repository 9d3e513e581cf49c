//! `dib cache`: what the image cache holds, whether it is what was verified, and making room.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use dib_cache::{Cache, Condition, Prune, Pruned};
use indicatif::BinaryBytes;

use crate::arguments::{CacheArguments, CacheCommand, PruneOptions};
use crate::environment::Environment;
use crate::error::{CliError, ErrorKind};
use crate::quantities::{age_from, size_from};
use crate::{image_spec, layers, pipeline, stdout};

/// Directories that hooks keep beside the downloads: packages, compiler results, and what kernels' packages were turned into.
const KEPT_BY_HOOKS: [&str; 4] = ["apt", "ccache", "depmod", "initramfs"];

/// Runs a subcommand of `dib cache`.
pub(super) fn run(arguments: &CacheArguments, environment: &Environment) -> Result<(), CliError> {
    let directory = image_spec::image_cache(arguments.image_cache.as_deref(), environment)?;
    if !directory.is_dir() {
        let message = format!("there is no cache in {directory}");
        return Err(CliError::new(ErrorKind::MissingInput, message)
            .hint("--image-cache or DIB_IMAGE_CACHE names another directory"));
    }
    let cache = Cache::open(&directory)?;
    match &arguments.command {
        CacheCommand::List => stdout::print(&list(&cache)?),
        CacheCommand::Verify => verify(&cache),
        CacheCommand::Prune(options) => prune(&cache, options),
    }
}

fn list(cache: &Cache) -> Result<String, CliError> {
    let mut rows = Vec::new();
    let mut total = 0;
    for entry in cache.entries()? {
        total += entry.size;
        let used = jiff::Timestamp::try_from(entry.used_at).map_or_else(
            |_| "-".to_owned(),
            |time| time.strftime("%Y-%m-%d %H:%M").to_string(),
        );
        rows.push((entry.size, used, format!("{}  {}", entry.name, entry.url)));
    }
    for directory in kept_by_hooks(cache) {
        let size = size_of(&directory);
        total += size;
        let name = directory.file_name().unwrap_or_default();
        rows.push((size, "-".to_owned(), format!("{name}/  kept by hooks")));
    }
    if let Some(store) = layers::store_of(cache.directory())? {
        let layers = store.layers().map_err(failed)?;
        let size = layers.iter().map(|layer| layer.size).sum();
        total += size;
        rows.push((
            size,
            "-".to_owned(),
            format!("layers/  {} layers of builds", layers.len()),
        ));
        let images = store.images().images().map_err(failed)?;
        let size = images.iter().map(|image| image.size).sum();
        total += size;
        rows.push((
            size,
            "-".to_owned(),
            format!("layers/  {} images of builds", images.len()),
        ));
    }
    let mut text = format!("{:>10}  {:16}  name\n", "size", "last used (UTC)");
    for (size, used, name) in rows {
        writeln!(text, "{:>10}  {used:16}  {name}", human(size)).expect("a String takes all text");
    }
    writeln!(
        text,
        "{:>10}  {:16}  in all, in {}",
        human(total),
        "",
        cache.directory()
    )
    .expect("a String takes all text");
    Ok(text)
}

fn human(bytes: u64) -> String {
    BinaryBytes(bytes).to_string()
}

fn verify(cache: &Cache) -> Result<(), CliError> {
    let mut bad = 0;
    let mut text = String::new();
    for (entry, condition) in cache.verify()? {
        let word = match condition {
            Condition::Good => "good",
            Condition::Damaged { .. } => "damaged",
            Condition::Missing => "missing",
        };
        bad += usize::from(condition != Condition::Good);
        writeln!(text, "{word:8} {}", entry.name).expect("a String takes all text");
    }
    if let Some(store) = layers::store_of(cache.directory())? {
        for layer in store.verify().map_err(failed)? {
            let word = if layer.damage.is_none() { "good" } else { "removed" };
            writeln!(text, "{word:8} {}", layer.pack).expect("a String takes all text");
            bad += usize::from(layer.damage.is_some());
        }
    }
    stdout::print(&text)?;
    if bad == 0 {
        return Ok(());
    }
    let message = format!("{bad} of the cache's files are not what was verified");
    Err(CliError::new(ErrorKind::BadData, message).hint("the next build fetches them again"))
}

fn prune(cache: &Cache, options: &PruneOptions) -> Result<(), CliError> {
    let mut prunes = Vec::new();
    prunes.extend(max_age(options)?.map(Prune::UnusedFor));
    prunes.extend(max_size(options)?.map(Prune::DownToSize));
    if options.all {
        prunes.push(Prune::Everything);
    }
    for what in prunes {
        stdout::print(&told(&cache.prune(what)?))?;
    }
    prune_layers(cache, options)?;
    let mut directories = kept_by_hooks(cache);
    directories.extend(Some(cache.directory().join(layers::DIRECTORY)).filter(|path| path.is_dir()));
    if options.all && !directories.is_empty() {
        pipeline::remove_in_sandbox(&directories)?;
        for directory in directories {
            stdout::print(&format!("removed {directory}\n"))?;
        }
    }
    Ok(())
}

/// Removes layers, which have a limit of their own: those not used for so long, and then the least recently used.
fn prune_layers(cache: &Cache, options: &PruneOptions) -> Result<(), CliError> {
    let (age, size) = (max_age(options)?, max_size(options)?);
    let Some(store) = layers::store_of(cache.directory())?.filter(|_| age.is_some() || size.is_some()) else {
        return Ok(());
    };
    let pruned = store
        .prune(size.unwrap_or(u64::MAX), age.unwrap_or(Duration::MAX))
        .map_err(failed)?;
    let mut text = String::new();
    for (pack, size) in &pruned.removed {
        writeln!(text, "removed {pack} ({})", human(*size)).expect("a String takes all text");
    }
    for pack in &pruned.in_use {
        writeln!(text, "left {pack}, which another process works with").expect("a String takes all text");
    }
    stdout::print(&text)
}

fn failed(error: dib_layers::StoreError) -> CliError {
    CliError::new(ErrorKind::InputOutput, error)
}

fn told(pruned: &Pruned) -> String {
    let mut text = String::new();
    let removed = pruned.removed.iter().map(|entry| entry.name.to_string());
    let leftovers = pruned.leftovers.iter().map(Utf8PathBuf::to_string);
    for name in removed.chain(leftovers) {
        writeln!(text, "removed {name}").expect("a String takes all text");
    }
    for name in &pruned.in_use {
        writeln!(text, "left {name}, which another process works on").expect("a String takes all text");
    }
    writeln!(text, "{} are free again", human(pruned.freed)).expect("a String takes all text");
    text
}

fn kept_by_hooks(cache: &Cache) -> Vec<Utf8PathBuf> {
    KEPT_BY_HOOKS
        .iter()
        .map(|name| cache.directory().join(name))
        .filter(|path| path.is_dir())
        .collect()
}

/// Sums up the sizes of a directory's files, as far as they can be seen.
fn size_of(directory: &Utf8Path) -> u64 {
    let Ok(entries) = directory.read_dir_utf8() else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match fs::symlink_metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() => size_of(entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn max_age(options: &PruneOptions) -> Result<Option<Duration>, CliError> {
    let age = options.older_than.as_deref().map(age_from).transpose();
    age.map_err(|error| CliError::new(ErrorKind::Usage, error).hint("--older-than takes an age such as 30d"))
}

fn max_size(options: &PruneOptions) -> Result<Option<u64>, CliError> {
    let size = options.max_size.as_deref().map(size_from).transpose();
    size.map_err(|error| CliError::new(ErrorKind::Usage, error).hint("--max-size takes a size such as 10GiB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(directory: &Utf8Path, command: CacheCommand) -> CacheArguments {
        CacheArguments {
            image_cache: Some(directory.to_string()),
            command,
        }
    }

    #[test]
    fn what_hooks_keep_is_listed_with_its_size() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        fs::create_dir_all(path.join("apt/ubuntu")).unwrap();
        fs::write(path.join("apt/ubuntu/vim.deb"), [0; 2048]).unwrap();
        for name in ["depmod", "initramfs"] {
            fs::create_dir(path.join(name)).unwrap();
            fs::write(path.join(name).join("kept"), [0; 1024]).unwrap();
        }
        let listed = list(&Cache::open(path).unwrap()).unwrap();
        for (size, name) in [("2.00", "apt"), ("1.00", "depmod"), ("1.00", "initramfs")] {
            let line = format!("  {size} KiB  -                 {name}/  kept by hooks\n");
            assert!(listed.contains(&line), "{listed}");
        }
        assert!(listed.ends_with(&format!("in all, in {path}\n")), "{listed}");
    }

    #[test]
    fn a_missing_cache_is_not_made() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("none");
        let error = run(&arguments(&path, CacheCommand::List), &Environment::of(&[])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::MissingInput);
        assert!(!path.exists());
    }

    #[test]
    fn an_empty_cache_is_good() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        run(&arguments(path, CacheCommand::Verify), &Environment::of(&[])).unwrap();
        let everything = PruneOptions {
            older_than: None,
            max_size: None,
            all: true,
        };
        run(
            &arguments(path, CacheCommand::Prune(everything)),
            &Environment::of(&[]),
        )
        .unwrap();
    }
}

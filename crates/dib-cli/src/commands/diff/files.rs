//! Files: out of the images' archives, or else out of the layers.

mod packages_of_files;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use camino::{Utf8Path, Utf8PathBuf};
use dib_core::journal::Actor;
use dib_core::{Entry, Phase};
use dib_layers::LayeredTree;
use serde::Serialize;

use super::archive::{self, ArchivedTree};
use super::effects;
use super::nodes::{self, Contents, Node, NodeKind, Nodes};
use super::{Change, Compared, Side};
use crate::built_image::{name_of, name_of_layer};
use crate::error::{CliError, ErrorKind};

use self::packages_of_files::PackagesOfFiles;

/// A path at which the images differ.
#[derive(Debug, Serialize)]
pub(super) struct FileChange {
    pub(super) path: String,
    pub(super) change: Change,
    /// What differs, where both have something there.
    pub(super) what: Vec<Aspect>,
    /// The hook that wrote it last; in the second image, unless only the first has it.
    pub(super) hook: Option<String>,
    /// The package that it belongs to.
    pub(super) package: Option<String>,
}

/// Something in which two files differ.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Aspect {
    pub(super) of: &'static str,
    pub(super) old: String,
    pub(super) new: String,
}

/// What is known of an image's files.
struct Tree<'s> {
    nodes: Nodes,
    source: Source<'s>,
}

/// Where a tree comes from.
enum Source<'s> {
    Archive(BTreeMap<Vec<u8>, Vec<u8>>),
    Layers(LayeredTree<'s>),
}

/// Returns whether a path is that of dpkg's list of a package's files.
pub(super) fn is_package_list(path: &[u8]) -> bool {
    path.starts_with(b"var/lib/dpkg/info/") && path.ends_with(b".list")
}

/// Compares the files of two images. Adds to `notes` what was not looked at.
///
/// # Errors
/// When an archive or a layer can't be read.
pub(super) fn compare(
    old: &Side,
    new: &Side,
    notes: &mut Vec<String>,
) -> Result<Compared<FileChange>, CliError> {
    let layered = (Tree::of_layers(old)?, Tree::of_layers(new)?);
    if let (Some(archive), Some(other)) = (old.archive(), new.archive()) {
        let (archive, other) = read_both(&archive, &other)?;
        let trees = (
            Tree::of_archive(archive, &layered.0.nodes),
            Tree::of_archive(other, &layered.1.nodes),
        );
        return changes(&trees.0, &trees.1, notes).map(Compared::Changes);
    }
    for side in [old, new] {
        if let Some(reason) = side.lacks_layers() {
            let reason = format!("{reason}, and not both images were written as tar as well");
            return Ok(Compared::Unknown(reason));
        }
    }
    let untold: BTreeSet<String> = [old, new].into_iter().flat_map(Side::untold).collect();
    if !untold.is_empty() {
        let names: Vec<String> = untold.into_iter().collect();
        notes.push(format!(
            "what commands wrote in {} is not compared",
            names.join(", ")
        ));
    }
    changes(&layered.0, &layered.1, notes).map(Compared::Changes)
}

/// Reads two archives at once.
fn read_both(old: &Utf8Path, new: &Utf8Path) -> Result<(ArchivedTree, ArchivedTree), CliError> {
    let read = |path: &Utf8Path| {
        archive::read(path).map_err(|error| {
            CliError::new(ErrorKind::InputOutput, error).hint(format!("{path} can't be read"))
        })
    };
    thread::scope(|scope| {
        let old = scope.spawn(|| read(old));
        let new = read(new);
        let old = old
            .join()
            .map_err(|_| CliError::new(ErrorKind::Internal, "a thread has panicked"))?;
        Ok((old?, new?))
    })
}

impl Side {
    /// Returns the archive that was written with an image, if it is still the same one.
    fn archive(&self) -> Option<Utf8PathBuf> {
        let (path, size) = self.image.archive()?;
        let metadata = path.metadata().ok()?;
        (metadata.len() == size).then_some(path)
    }

    /// Returns why the layers do not hold the tree, if they don't.
    fn lacks_layers(&self) -> Option<String> {
        if let Err(reason) = &self.layers {
            return Some(reason.clone());
        }
        let is_of_layers =
            |actor: &Actor| matches!(actor, Actor::Hook { phase, .. } if *phase <= Phase::PostRoot);
        let untold = self
            .outside()
            .find(|entry| is_of_layers(&entry.actor) && effects::is_untold(&entry.effect))?;
        let base = &self.image.base;
        Some(format!(
            "{base} has no layer of {}, which ran commands",
            name_of(&untold.actor)
        ))
    }

    /// Returns what the journal has that no layer has.
    fn outside(&self) -> impl Iterator<Item = &Entry> {
        let journal = self.image.journal().iter();
        journal.filter(|entry| self.image.is_outside_layers(entry))
    }

    /// Returns whose changes of files are neither in the layers nor in the journal.
    fn untold(&self) -> impl Iterator<Item = String> {
        let untold = self.outside().filter(|entry| effects::is_untold(&entry.effect));
        untold.map(|entry| name_of(&entry.actor))
    }
}

impl<'s> Tree<'s> {
    /// Returns what layers and the journal tell of an image's files.
    fn of_layers(side: &'s Side) -> Result<Self, CliError> {
        let layers = side.known_layers();
        let used = side.image.used().iter().zip(layers);
        let names: Vec<String> = used
            .map(|(used, layer)| name_of_layer(&used.unit, layer.description()))
            .collect();
        let tree = LayeredTree::of(layers).map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
        let mut nodes = nodes::of_layers(&tree, &names);
        for entry in side.outside() {
            effects::apply(&mut nodes, entry);
        }
        Ok(Self {
            nodes,
            source: Source::Layers(tree),
        })
    }

    /// Returns what an archive tells, and what is known beside it of who wrote the files.
    fn of_archive(archive: ArchivedTree, known: &Nodes) -> Self {
        let mut nodes = archive.nodes;
        for (path, node) in &mut nodes {
            node.by = known.get(path).and_then(|known| known.by.clone());
        }
        Self {
            nodes,
            source: Source::Archive(archive.package_lists),
        }
    }
}

fn changes(old: &Tree<'_>, new: &Tree<'_>, notes: &mut Vec<String>) -> Result<Vec<FileChange>, CliError> {
    let others = Contentwise::of(old, new)?;
    if others.unknown > 0 {
        let count = others.unknown;
        notes.push(format!(
            "files that were written after the layers are compared by size alone: {count}"
        ));
    }
    let paths: BTreeSet<&Vec<u8>> = old.nodes.keys().chain(new.nodes.keys()).collect();
    let mut packages = (None, None);
    let mut changes = Vec::new();
    for path in paths {
        let (node, other) = (old.nodes.get(path), new.nodes.get(path));
        let (change, what) = match (node, other) {
            (None, _) => (Change::Added, Vec::new()),
            (_, None) => (Change::Removed, Vec::new()),
            (Some(node), Some(other)) => (
                Change::Changed,
                aspects(node, other, others.differing.contains(path)),
            ),
        };
        if change == Change::Changed && what.is_empty() {
            continue;
        }
        let (tree, lists) = if other.is_some() {
            (new, &mut packages.1)
        } else {
            (old, &mut packages.0)
        };
        let lists = match lists {
            Some(lists) => lists,
            None => lists.insert(PackagesOfFiles::of(tree)?),
        };
        changes.push(FileChange {
            path: format!("/{}", String::from_utf8_lossy(path)),
            change,
            what,
            hook: other.or(node).and_then(|node| node.by.clone()),
            package: lists.package_of(path),
        });
    }
    Ok(changes)
}

/// What a comparison of files' contents came to.
struct Contentwise<'t> {
    /// The files of equal size whose contents differ.
    differing: BTreeSet<&'t Vec<u8>>,
    /// How many files of equal size can't be compared.
    unknown: usize,
}

impl<'t> Contentwise<'t> {
    fn of(old: &'t Tree<'_>, new: &'t Tree<'_>) -> Result<Self, CliError> {
        let mut contentwise = Self {
            differing: BTreeSet::new(),
            unknown: 0,
        };
        let mut paths = Vec::new();
        let mut pairs: Vec<(&[u8], &[u8])> = Vec::new();
        for (path, node) in &old.nodes {
            let other = new.nodes.get(path).map(|other| &other.kind);
            let (
                NodeKind::File { size, contents },
                Some(NodeKind::File {
                    size: other_size,
                    contents: other,
                }),
            ) = (&node.kind, other)
            else {
                continue;
            };
            if size != other_size || *size == 0 {
                continue;
            }
            match (contents, other) {
                (Contents::Sum(sum), Contents::Sum(other)) => {
                    if sum != other {
                        contentwise.differing.insert(path);
                    }
                }
                (Contents::InLayers(place), Contents::InLayers(other)) => {
                    paths.push(path);
                    pairs.push((place, other));
                }
                _ => contentwise.unknown += 1,
            }
        }
        if let (Source::Layers(old), Source::Layers(new)) = (&old.source, &new.source) {
            let same = old
                .have_same_contents(new, &pairs)
                .map_err(|error| CliError::new(ErrorKind::InputOutput, error))?;
            let differing = paths.into_iter().zip(same).filter(|(_, same)| !same);
            contentwise.differing.extend(differing.map(|(path, _)| path));
        }
        Ok(contentwise)
    }
}

/// Returns in what two nodes differ, as far as both are known.
fn aspects(old: &Node, new: &Node, contents_differ: bool) -> Vec<Aspect> {
    let mut aspects = Vec::new();
    let mut add = |of, old: String, new: String| aspects.push(Aspect { of, old, new });
    let is_link = |node: &Node| matches!(node.kind, NodeKind::Symlink { .. });
    match (&old.kind, &new.kind) {
        (NodeKind::File { size, .. }, NodeKind::File { size: other, .. }) => {
            if size != other || contents_differ {
                add("contents", format!("{size} bytes"), format!("{other} bytes"));
            }
        }
        (NodeKind::Symlink { target }, NodeKind::Symlink { target: other }) => {
            if target != other {
                let shown = |target: &[u8]| String::from_utf8_lossy(target).into_owned();
                add("target", shown(target), shown(other));
            }
        }
        (kind, other) => {
            if kind != other {
                add("kind", kind.in_words(), other.in_words());
            }
        }
    }
    if let (Some(mode), Some(other)) = (old.mode, new.mode)
        && mode != other
        && !is_link(old)
        && !is_link(new)
    {
        add("mode", format!("{mode:04o}"), format!("{other:04o}"));
    }
    if let (Some(owner), Some(other)) = (old.owner, new.owner)
        && owner != other
    {
        let shown = |(user, group)| format!("{user}:{group}");
        add("owner", shown(owner), shown(other));
    }
    let is_known = |node: &Node| node.owner.is_some();
    if old.extended != new.extended && is_known(old) && is_known(new) {
        let shown = |node: &Node| {
            let names = node.extended.keys().map(|name| String::from_utf8_lossy(name));
            names.collect::<Vec<_>>().join(", ")
        };
        add("attributes", shown(old), shown(new));
    }
    aspects
}

impl NodeKind {
    fn in_words(&self) -> String {
        match self {
            Self::Directory => "directory".to_owned(),
            Self::File { .. } => "file".to_owned(),
            Self::Symlink { .. } => "link".to_owned(),
            Self::Other(words) => words.clone(),
        }
    }
}

#[cfg(test)]
mod tests;

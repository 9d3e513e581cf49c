//! From either form of the document to a flat list of nodes, each with its name and its base.

use dib_yaml::{Node, Place, Value};

use super::LayoutFault;
use super::error::Misplaced;

/// The kinds of nodes there are.
pub(super) const KINDS: [&str; 5] = ["local_loop", "partitioning", "mkfs", "mount", "fstab"];
/// A kind that upstream has besides.
const LVM: [&str; 1] = ["lvm"];

/// A node, before its keys have a meaning.
#[derive(Debug)]
pub(super) struct FlatNode<'d> {
    /// One of [`KINDS`].
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) base: Option<String>,
    pub(super) place: Place,
    /// All keys but its name, its base, its partitions and the nodes within it.
    pub(super) fields: Vec<(&'d Node, &'d Node)>,
    /// Those of a `partitioning`, when it has any.
    pub(super) partitions: Option<Vec<FlatPartition<'d>>>,
}

/// A partition, before its keys have a meaning.
#[derive(Debug)]
pub(super) struct FlatPartition<'d> {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) fields: Vec<(&'d Node, &'d Node)>,
}

impl FlatNode<'_> {
    /// Returns how an error names it.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

/// Makes a flat list of the document's nodes; a node within another comes behind it.
pub(super) fn flatten(document: &Node) -> Result<Vec<FlatNode<'_>>, Misplaced> {
    let Value::Sequence(entries) = &document.value else {
        return Err(from_yaml(
            document.wrong_kind("the configuration of the disk", "a list"),
        ));
    };
    let mut nodes = Vec::new();
    for entry in entries {
        let Value::Mapping(pairs) = &entry.value else {
            return Err((Some(entry.place), LayoutFault::Entry));
        };
        let [(key, value)] = pairs.as_slice() else {
            return Err((Some(entry.place), LayoutFault::Entry));
        };
        let Some(kind) = kind_of(key)? else {
            let name = key.text("the name of a node").map_err(from_yaml)?.to_owned();
            return Err((Some(key.place), LayoutFault::UnknownNode { name }));
        };
        add(&mut nodes, kind, key.place, value, None)?;
    }
    Ok(nodes)
}

/// Returns the kind of node that a key names, when it names one.
fn kind_of(key: &Node) -> Result<Option<&'static str>, Misplaced> {
    let name = key.text("a key").map_err(from_yaml)?;
    if LVM.contains(&name) {
        return Err((Some(key.place), LayoutFault::Lvm));
    }
    Ok(KINDS.into_iter().find(|kind| *kind == name))
}

fn add<'d>(
    nodes: &mut Vec<FlatNode<'d>>,
    kind: &'static str,
    place: Place,
    value: &'d Node,
    parent: Option<&str>,
) -> Result<(), Misplaced> {
    let pairs = value.mapping(&format!("the node {kind}")).map_err(from_yaml)?;
    let base = text_of(pairs, "base")?.or(parent).map(str::to_owned);
    let name = match (text_of(pairs, "name")?, &base) {
        (Some(name), _) => name.to_owned(),
        // Upstream makes a name of these two, and others refer to it.
        (None, Some(base)) => format!("{kind}_{base}"),
        (None, None) => {
            let key = if kind == "local_loop" { "name" } else { "base" };
            let node = format!("the node {kind}");
            return Err((Some(place), LayoutFault::Missing { node, key }));
        }
    };
    let index = nodes.len();
    nodes.push(FlatNode {
        kind,
        name: name.clone(),
        base,
        place,
        fields: Vec::new(),
        partitions: None,
    });
    for (key, value) in pairs {
        if let Some(kind) = kind_of(key)? {
            add(nodes, kind, key.place, value, Some(&name))?;
            continue;
        }
        match key.text("a key").map_err(from_yaml)? {
            "name" | "base" => {}
            "partitions" if kind == "partitioning" => {
                let partitions = add_partitions(nodes, value)?;
                nodes[index].partitions = Some(partitions);
            }
            _ => nodes[index].fields.push((key, value)),
        }
    }
    Ok(())
}

fn add_partitions<'d>(
    nodes: &mut Vec<FlatNode<'d>>,
    list: &'d Node,
) -> Result<Vec<FlatPartition<'d>>, Misplaced> {
    let Value::Sequence(entries) = &list.value else {
        return Err(from_yaml(list.wrong_kind("partitions", "a list")));
    };
    let mut partitions = Vec::new();
    for entry in entries {
        let pairs = entry.mapping("a partition").map_err(from_yaml)?;
        let Some(name) = text_of(pairs, "name")? else {
            let (node, key) = ("a partition".to_owned(), "name");
            return Err((Some(entry.place), LayoutFault::Missing { node, key }));
        };
        let mut fields = Vec::new();
        for (key, value) in pairs {
            match kind_of(key)? {
                Some(kind) => add(nodes, kind, key.place, value, Some(name))?,
                None => fields.push((key, value)),
            }
        }
        partitions.push(FlatPartition {
            name: name.to_owned(),
            place: entry.place,
            fields,
        });
    }
    Ok(partitions)
}

/// Returns the text behind a key, when the key is there.
fn text_of<'d>(pairs: &'d [(Node, Node)], wanted: &str) -> Result<Option<&'d str>, Misplaced> {
    for (key, value) in pairs {
        if key.text("a key").map_err(from_yaml)? == wanted {
            return value.text(wanted).map(Some).map_err(from_yaml);
        }
    }
    Ok(None)
}

/// Makes a fault of a document one of a layout.
pub(super) fn from_yaml(misplaced: dib_yaml::Misplaced) -> Misplaced {
    (Some(misplaced.place), LayoutFault::Document(misplaced.fault))
}

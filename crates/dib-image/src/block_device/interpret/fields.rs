//! Reading the values of nodes' keys.

use dib_yaml::{Node, Value};

use super::super::error::Misplaced;
use super::super::flat::from_yaml;
use super::super::{LayoutFault, PartitionSize};

pub(super) fn key_of(key: &Node) -> Result<&str, Misplaced> {
    text(key, "a key")
}

pub(super) fn text<'n>(node: &'n Node, what: &str) -> Result<&'n str, Misplaced> {
    node.text(what).map_err(from_yaml)
}

pub(super) fn list<'n>(node: &'n Node, what: &str) -> Result<&'n [Node], Misplaced> {
    match &node.value {
        Value::Sequence(nodes) => Ok(nodes),
        _ => Err(from_yaml(node.wrong_kind(what, "a list"))),
    }
}

pub(super) fn read_bytes(title: &str, value: &Node) -> Result<u64, Misplaced> {
    PartitionSize::parse_bytes(text(value, "a size")?).map_err(|source| {
        let node = title.to_owned();
        (Some(value.place), LayoutFault::Size { node, source })
    })
}

pub(super) fn read_number(title: &str, value: &Node, key: &'static str) -> Result<u32, Misplaced> {
    let found = text(value, key)?;
    found
        .parse()
        .map_err(|_| wrong_value(title, value, key, "a number", found))
}

pub(super) fn wrong_value(
    title: &str,
    value: &Node,
    key: &'static str,
    wanted: &'static str,
    found: &str,
) -> Misplaced {
    let fault = LayoutFault::Value {
        node: title.to_owned(),
        key,
        wanted,
        found: found.to_owned(),
    };
    (Some(value.place), fault)
}

pub(super) fn unknown_key(title: &str, key: &Node, known: &'static [&'static str]) -> Misplaced {
    let place = key.place;
    let name = key.text("a key").unwrap_or_default().to_owned();
    let fault = LayoutFault::UnknownKey {
        node: title.to_owned(),
        key: name,
        known,
    };
    (Some(place), fault)
}

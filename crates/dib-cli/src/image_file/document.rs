//! A file's text becomes entries.

use dib_yaml::{Node, Value as Yaml};

use super::error::{Fault, Misplaced};
use super::keys::{KEYS, Key, Kind, Role, Value};

/// What a file says of an image at one place.
pub(super) type Entry = Vec<(&'static Key, Value)>;

/// Reads the entries of a document, and returns with them all that is wrong with it.
pub(super) fn entries(text: &str) -> (Vec<Entry>, Vec<Misplaced>) {
    let mut faults = Vec::new();
    let entries = dib_yaml::parse(text)
        .and_then(|document| {
            let nodes = list(&document, "the file")?;
            Ok(nodes.iter().map(|node| entry(node, &mut faults)).collect())
        })
        .unwrap_or_else(|misplaced| {
            faults.push(misplaced.into());
            Vec::new()
        });
    (entries, faults)
}

fn entry(node: &Node, faults: &mut Vec<Misplaced>) -> Entry {
    let mut entry = Entry::new();
    // An image of which nothing is said is more likely a slip of the pen than meant.
    let Yaml::Mapping(pairs) = &node.value else {
        faults.push(node.wrong_kind("an image", "a mapping").into());
        return entry;
    };
    for (key, value) in pairs {
        match known(key).and_then(|key| Ok((key, read(key, value, faults)?))) {
            Ok(pair) => entry.push(pair),
            Err(misplaced) => faults.push(misplaced),
        }
    }
    entry
}

fn known(key: &Node) -> Result<&'static Key, Misplaced> {
    let name = key.text("a key")?;
    KEYS.iter().find(|known| known.name == name).ok_or_else(|| {
        let name = name.to_owned();
        at(key, Fault::UnknownKey { name })
    })
}

/// Reads a key's value. What is wrong with parts of it is put with the faults.
fn read(key: &'static Key, value: &Node, faults: &mut Vec<Misplaced>) -> Result<Value, Misplaced> {
    Ok(match key.kind {
        Kind::Text => Value::Text(text(key.name, value)?),
        Kind::Switch => Value::Switch(value.switch(key.name)?),
        Kind::Number => Value::Number(number(key, value, 1, None)?),
        Kind::Levels(most) => Value::Number(number(key, value, 0, Some(most))?),
        Kind::Choice(what, names) => Value::Text(choice(key, value, what, names)?),
        Kind::Texts => {
            let what = format!("an entry of {}", key.name);
            Value::Texts(each(list(value, key.name)?, faults, |node| text(&what, node)))
        }
        Kind::Choices(what, names) => Value::Texts(each(list(value, key.name)?, faults, |node| {
            choice(key, node, what, names)
        })),
        Kind::TextsByName => {
            // A null is most likely a value that was forgotten.
            let Yaml::Mapping(pairs) = &value.value else {
                return Err(value.wrong_kind(key.name, "a mapping").into());
            };
            Value::TextsByName(each(pairs, faults, |(name, value)| {
                let found = text(&format!("a name in {}", key.name), name)?;
                if matches!(key.role, Role::Environment) && !is_variable_name(&found) {
                    return Err(at(name, Fault::VariableName(found)));
                }
                let value = text(&found, value)?;
                Ok((found, value))
            }))
        }
    })
}

/// Reads each of several parts, and puts what is wrong with some with the faults.
fn each<P, T>(parts: &[P], faults: &mut Vec<Misplaced>, read: impl Fn(&P) -> Result<T, Misplaced>) -> Vec<T> {
    let mut values = Vec::with_capacity(parts.len());
    for part in parts {
        match read(part) {
            Ok(value) => values.push(value),
            Err(misplaced) => faults.push(misplaced),
        }
    }
    values
}

fn list<'n>(node: &'n Node, what: &str) -> Result<&'n [Node], dib_yaml::Misplaced> {
    match &node.value {
        Yaml::Sequence(nodes) => Ok(nodes),
        _ => Err(node.wrong_kind(what, "a list")),
    }
}

fn text(what: &str, node: &Node) -> Result<String, Misplaced> {
    let text = node.text(what)?;
    if text.contains('\0') {
        return Err(at(node, Fault::Nul(what.to_owned())));
    }
    Ok(text.to_owned())
}

fn choice(
    key: &'static Key,
    node: &Node,
    what: &'static str,
    names: &'static [&'static str],
) -> Result<String, Misplaced> {
    let name = node.text(key.name)?.to_owned();
    if names.contains(&name.as_str()) {
        return Ok(name);
    }
    let fault = Fault::UnknownName {
        key: key.name,
        what,
        name,
        known: names,
    };
    Err(at(node, fault))
}

/// Reads a number in digits. One that begins with a zero would be another to some readers of YAML, and one in quotes is
/// a text.
fn number(key: &'static Key, node: &Node, least: u64, most: Option<u64>) -> Result<u64, Misplaced> {
    let found = node.text(key.name)?;
    let is_quoted = matches!(node.value, Yaml::Text { is_quoted: true, .. });
    let is_plain = !is_quoted
        && found.bytes().all(|byte| byte.is_ascii_digit())
        && (found == "0" || !found.starts_with('0'));
    match found.parse::<u64>() {
        Ok(number) if is_plain && number >= least && most.is_none_or(|most| number <= most) => Ok(number),
        _ => {
            let fault = Fault::Number {
                key: key.name,
                least,
                most,
                found: found.to_owned(),
            };
            Err(at(node, fault))
        }
    }
}

/// Returns whether a shell can have a variable of that name.
fn is_variable_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(is_part) && !name.starts_with(|first: char| first.is_ascii_digit())
}

fn at(node: &Node, fault: Fault) -> Misplaced {
    Misplaced {
        place: node.place,
        fault,
    }
}

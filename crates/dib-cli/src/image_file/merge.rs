//! Entries that belong to one image become one.

use std::collections::BTreeMap;

use super::document::Entry;
use super::keys::{IMAGE_NAME, Value};

/// What an image is called that no entry names.
const DEFAULT_NAME: &str = "image";

/// What files say of an image.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) name: String,
    values: BTreeMap<&'static str, Value>,
}

impl Image {
    /// Returns the value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }
}

/// Puts entries together by their images, in the order in which images come up first. What a later entry says goes
/// behind a list, over a mapping's names, and in the place of everything else.
pub(super) fn images(entries: Vec<Entry>) -> Vec<Image> {
    let mut images: Vec<Image> = Vec::new();
    let mut name = DEFAULT_NAME.to_owned();
    for entry in entries {
        let own_name = entry.iter().find_map(|(key, value)| match value {
            Value::Text(name) if key.name == IMAGE_NAME => Some(name),
            _ => None,
        });
        if let Some(own_name) = own_name {
            name.clone_from(own_name);
        }
        let index = images
            .iter()
            .position(|image| image.name == name)
            .unwrap_or_else(|| {
                images.push(Image {
                    name: name.clone(),
                    values: BTreeMap::new(),
                });
                images.len() - 1
            });
        for (key, value) in entry {
            add(&mut images[index].values, key.name, value);
        }
    }
    images
}

fn add(values: &mut BTreeMap<&'static str, Value>, key: &'static str, value: Value) {
    match (values.get_mut(key), value) {
        (Some(Value::Texts(before)), Value::Texts(more)) => before.extend(more),
        (Some(Value::TextsByName(before)), Value::TextsByName(more)) => {
            for (name, text) in more {
                match before.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, old)) => *old = text,
                    None => before.push((name, text)),
                }
            }
        }
        (_, value) => {
            values.insert(key, value);
        }
    }
}

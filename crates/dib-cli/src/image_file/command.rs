//! An image becomes the command line that builds it.

use std::fmt;

use dib_sys::command::{quote, without_password};

use super::keys::{KEYS, Kind, Role, Value};
use super::merge::Image;

const DISK_IMAGE_CREATE: &str = "disk-image-create";
const RAMDISK_IMAGE_CREATE: &str = "ramdisk-image-create";

/// How an image is built: a program's arguments, and variables over those of the environment.
///
/// It is displayed as a line for a shell, without passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageCommand {
    /// What the image is called in the files.
    pub(crate) name: String,
    /// The name of the program.
    pub(crate) program: &'static str,
    /// What follows it.
    pub(crate) arguments: Vec<String>,
    /// The variables.
    pub(crate) variables: Vec<(String, String)>,
}

impl ImageCommand {
    /// Returns how an image is built.
    pub(super) fn of(image: &Image) -> Self {
        let mut command = Self {
            name: image.name.clone(),
            program: DISK_IMAGE_CREATE,
            arguments: Vec::new(),
            variables: Vec::new(),
        };
        for key in KEYS {
            let Some(value) = image.get(key.name) else {
                continue;
            };
            match (key.role, value) {
                (Role::Option(option), value) => add_option(&mut command.arguments, option, key.kind, value),
                (Role::Elements, Value::Texts(elements)) => {
                    command.arguments.extend_from_slice(elements);
                }
                (Role::Environment, Value::TextsByName(variables)) => command.variables.clone_from(variables),
                (Role::Ramdisk, Value::Switch(true)) => command.program = RAMDISK_IMAGE_CREATE,
                _ => {}
            }
        }
        command
    }
}

/// Adds an option as its value wants it; an empty value wants none.
fn add_option(arguments: &mut Vec<String>, option: &'static str, kind: Kind, value: &Value) {
    let mut add = |value: String| {
        if !value.is_empty() {
            arguments.extend([option.to_owned(), value]);
        }
    };
    match value {
        Value::Text(text) => add(text.clone()),
        Value::Texts(texts) => add(texts.join(",")),
        Value::TextsByName(texts) => {
            let pairs: Vec<String> = texts
                .iter()
                .map(|(name, text)| format!("{name}={text}"))
                .collect();
            add(pairs.join(","));
        }
        Value::Switch(true) => arguments.push(option.to_owned()),
        Value::Switch(false) => {}
        Value::Number(levels) if matches!(kind, Kind::Levels(_)) => {
            arguments.extend((0..*levels).map(|_| option.to_owned()));
        }
        Value::Number(number) => add(number.to_string()),
    }
}

impl fmt::Display for ImageCommand {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.variables {
            write!(formatter, "{name}={} ", quote(&without_password(name, value)))?;
        }
        formatter.write_str(self.program)?;
        for argument in &self.arguments {
            write!(formatter, " {}", quote(argument))?;
        }
        Ok(())
    }
}

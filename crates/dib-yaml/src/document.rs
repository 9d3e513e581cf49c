//! YAML, and with it JSON, as a tree in which every node knows its place.
//!
//! Scalars stay text, since all that is declared in such files is text but for a few switches, for which
//! [`Node::switch`] knows YAML 1.1's words as upstream's YAML library does.

mod merge_key;

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use crate::error::{Fault, Misplaced, Place};

/// How many nodes a document may have, and how many may be copied for aliases.
const MOST_NODES: usize = 100_000;
/// How many bytes the texts of nodes that are copied may have.
const MOST_COPIED_BYTES: usize = 16 << 20;

/// A node of a document.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it holds.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing is there, or the word `null`.
    Null,
    /// A scalar.
    Text {
        /// What it says.
        text: String,
        /// Whether it stands in quotes or in a block, and so is a text whatever it says.
        is_quoted: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// Keys with their values, in their order.
    Mapping(Vec<(Node, Node)>),
}

/// Reads a document. An empty one is a null.
///
/// # Errors
/// When the text is no YAML, holds two documents or a key twice, or is made too large by aliases.
pub fn parse(text: &str) -> Result<Node, Misplaced> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| syntax(&error))?;
        builder.take(event, place(span.start))?;
    }
    Ok(builder.root.unwrap_or(Node {
        place: Place { line: 1, column: 1 },
        value: Value::Null,
    }))
}

fn syntax(error: &ScanError) -> Misplaced {
    Misplaced {
        place: place(*error.marker()),
        fault: Fault::Syntax(error.info()),
    }
}

fn place(marker: Marker) -> Place {
    Place {
        line: marker.line(),
        column: marker.col() + 1,
    }
}

/// The tree as far as it is read.
#[derive(Default)]
struct Builder {
    root: Option<Node>,
    /// The collections that are open, the innermost last.
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    copies: Copies,
}

/// How much of the tree is copies that anchors and aliases make.
#[derive(Default)]
struct Copies {
    nodes: usize,
    bytes: usize,
}

struct Open {
    place: Place,
    anchor: usize,
    kind: Kind,
    /// A mapping's are its keys and values in turn.
    nodes: Vec<Node>,
}

enum Kind {
    Sequence,
    Mapping,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Misplaced> {
        let mut open = |kind, anchor| {
            self.open.push(Open {
                place,
                anchor,
                kind,
                nodes: Vec::new(),
            });
        };
        match event {
            Event::DocumentStart(..) if self.root.is_some() => Err(Misplaced {
                place,
                fault: Fault::SecondDocument,
            }),
            Event::SequenceStart(_, anchor, _) => {
                open(Kind::Sequence, anchor);
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                open(Kind::Mapping, anchor);
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(closed) = self.open.pop() else {
                    return Ok(());
                };
                let value = match closed.kind {
                    Kind::Sequence => Value::Sequence(closed.nodes),
                    Kind::Mapping => Value::Mapping(pairs(closed.nodes)?),
                };
                let node = Node {
                    place: closed.place,
                    value,
                };
                self.add(node, closed.anchor)
            }
            Event::Scalar(text, style, anchor, _) => {
                let value = scalar(text.into_owned(), style);
                self.add(Node { place, value }, anchor)
            }
            Event::Alias(anchor) => {
                // The parser knows that the anchor is there, but not whether it is closed yet.
                let Some(node) = self.anchors.get(&anchor) else {
                    let fault = Fault::Syntax("an alias stands in what it stands for".to_owned());
                    return Err(Misplaced { place, fault });
                };
                let node = Node {
                    place,
                    ..self.copies.of(node, place)?
                };
                self.add(node, 0)
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Misplaced> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(Misplaced {
                place: node.place,
                fault: Fault::TooLarge,
            });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, self.copies.of(&node, node.place)?);
        }
        match self.open.last_mut() {
            Some(parent) => parent.nodes.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }
}

impl Copies {
    /// Returns a copy of a node, unless there are too many; `place` is where it is wanted.
    fn of(&mut self, node: &Node, place: Place) -> Result<Node, Misplaced> {
        let (nodes, bytes) = size(node);
        self.nodes += nodes;
        self.bytes += bytes;
        if self.nodes > MOST_NODES || self.bytes > MOST_COPIED_BYTES {
            return Err(Misplaced {
                place,
                fault: Fault::TooLarge,
            });
        }
        Ok(node.clone())
    }
}

/// Makes a mapping's pairs of its keys and values in turn.
fn pairs(nodes: Vec<Node>) -> Result<Vec<(Node, Node)>, Misplaced> {
    let mut pairs = Vec::with_capacity(nodes.len() / 2);
    let mut given = HashSet::new();
    let mut nodes = nodes.into_iter();
    while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
        if let Value::Text { text, .. } = &key.value
            && !given.insert(text.clone())
        {
            return Err(key.fault(Fault::GivenTwice(text.clone())));
        }
        pairs.push((key, value));
    }
    if pairs.iter().any(|(key, _)| merge_key::is_it(key)) {
        return merge_key::merge(pairs, given);
    }
    Ok(pairs)
}

fn scalar(text: String, style: ScalarStyle) -> Value {
    let is_quoted = style != ScalarStyle::Plain;
    if !is_quoted && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Text { text, is_quoted }
}

/// Counts the nodes of a tree and the bytes of their texts.
fn size(node: &Node) -> (usize, usize) {
    let sum = |(nodes, bytes), node| {
        let (more_nodes, more_bytes) = size(node);
        (nodes + more_nodes, bytes + more_bytes)
    };
    match &node.value {
        Value::Null => (1, 0),
        Value::Text { text, .. } => (1, text.len()),
        Value::Sequence(nodes) => nodes.iter().fold((1, 0), sum),
        Value::Mapping(pairs) => pairs
            .iter()
            .flat_map(|(key, value)| [key, value])
            .fold((1, 0), sum),
    }
}

impl Node {
    fn fault(&self, fault: Fault) -> Misplaced {
        Misplaced {
            place: self.place,
            fault,
        }
    }

    /// Returns the pairs of a mapping; a null has none. `what` names the node in an error.
    ///
    /// # Errors
    /// When it is something else.
    pub fn mapping(&self, what: &str) -> Result<&[(Node, Node)], Misplaced> {
        match &self.value {
            Value::Mapping(pairs) => Ok(pairs),
            Value::Null => Ok(&[]),
            _ => Err(self.wrong_kind(what, "a mapping")),
        }
    }

    /// Returns a scalar's text.
    ///
    /// # Errors
    /// When it is something else.
    pub fn text(&self, what: &str) -> Result<&str, Misplaced> {
        match &self.value {
            Value::Text { text, .. } => Ok(text),
            _ => Err(self.wrong_kind(what, "a text")),
        }
    }

    /// Returns whether a switch is on, in the words that YAML 1.1 has for it.
    ///
    /// Source: the type `bool` of YAML 1.1's repository of types.
    ///
    /// # Errors
    /// When it is something else, or in quotes.
    pub fn switch(&self, what: &str) -> Result<bool, Misplaced> {
        const ON: [&str; 3] = ["true", "yes", "on"];
        const OFF: [&str; 3] = ["false", "no", "off"];
        if let Value::Text {
            text,
            is_quoted: false,
        } = &self.value
        {
            let is_one = |words: [&str; 3]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
            if is_one(ON) {
                return Ok(true);
            }
            if is_one(OFF) {
                return Ok(false);
            }
        }
        Err(self.wrong_kind(what, "true or false"))
    }

    /// Makes the fault that this node is of the wrong kind.
    #[must_use]
    pub fn wrong_kind(&self, what: &str, wanted: &'static str) -> Misplaced {
        let found = match self.value {
            Value::Null => "nothing",
            Value::Text { .. } => "a text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        };
        self.fault(Fault::WrongKind {
            what: what.to_owned(),
            wanted,
            found,
        })
    }
}

#[cfg(test)]
mod tests;

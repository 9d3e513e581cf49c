//! YAML, and with it JSON, as a tree in which every node knows its place.
//!
//! Scalars stay text, since all that is declared in such files is text but for a few switches, for which
//! [`Node::switch`] knows YAML 1.1's words as upstream's YAML library does.

mod merge_key;

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError};

use crate::error::{Fault, Misplaced, Place};

/// How many nodes a document may have, those that aliases repeat included.
const MOST_NODES: usize = 100_000;

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
                let Some(mut node) = self.anchors.get(&anchor).cloned() else {
                    let fault = Fault::Syntax("an alias stands in what it stands for".to_owned());
                    return Err(Misplaced { place, fault });
                };
                node.place = place;
                self.nodes += size(&node) - 1;
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
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(parent) => parent.nodes.push(node),
            None => self.root = Some(node),
        }
        Ok(())
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

/// Counts the nodes of a tree.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Null | Value::Text { .. } => 0,
        Value::Sequence(nodes) => nodes.iter().map(size).sum(),
        Value::Mapping(pairs) => pairs.iter().map(|(key, value)| size(key) + size(value)).sum(),
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
mod tests {
    use super::*;

    /// Prints a tree as nested brackets.
    fn print(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Text { text, .. } => text.clone(),
            Value::Sequence(nodes) => format!("[{}]", nodes.iter().map(print).collect::<Vec<_>>().join(" ")),
            Value::Mapping(pairs) => {
                let pairs = pairs
                    .iter()
                    .map(|(key, value)| format!("{}={}", print(key), print(value)));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(" "))
            }
        }
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(print(&parse(text).unwrap()), expected, "for {text:?}");
    }

    fn check_fault(text: &str, line: usize, column: usize, message: &str) {
        let Misplaced { place, fault } = parse(text).unwrap_err();
        assert_eq!(
            (place, fault.to_string().as_str()),
            (Place { line, column }, message),
            "for {text:?}"
        );
    }

    #[test]
    fn yaml_and_json_become_one_tree() {
        check("", "null");
        check("# nothing\n", "null");
        check("a:\nb: {c: ~}\nd:\n- 1\n- '2'\n", "{a=null b={c=null} d=[1 2]}");
        check(
            "{\n\t\"a\":\tnull,\n\t\"b\": [\"c\", true]\n}\n",
            "{a=null b=[c true]}",
        );
        check("a: 'null'\n", "{a=null}");
        check("a: &x [1, 2]\nb: *x\n", "{a=[1 2] b=[1 2]}");
    }

    #[test]
    fn nodes_know_their_places() {
        let document = parse("a: 1\nb:\n  ccc: [x]\n").unwrap();
        let b = &document.mapping("it").unwrap()[1].1;
        let (key, value) = &b.mapping("b").unwrap()[0];
        assert_eq!(key.place, Place { line: 3, column: 3 });
        assert_eq!(value.place, Place { line: 3, column: 8 });
    }

    #[test]
    fn faults_have_places() {
        check_fault("a: [\n", 1, 4, "unclosed bracket '['");
        check_fault(
            "a: 1\n---\nb: 2\n",
            2,
            1,
            "a second document begins here, and only one is read",
        );
        check_fault("a: &x [*x]\n", 1, 8, "an alias stands in what it stands for");
        check_fault("a:\nb:\n  c: 1\n  'c': 2\n", 4, 3, "\"c\" is given twice");
        check_fault("{\"a\": 1, \"a\": 1}", 1, 10, "\"a\" is given twice");
        check("a: {x: 1}\nb: {x: 1}\n", "{a={x=1} b={x=1}}");
    }

    #[test]
    fn aliases_make_no_bomb() {
        let level = |level: usize| {
            let before = format!("*a{}", level - 1);
            format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "))
        };
        let text = "a0: &a0 [x]\n".to_owned() + &(1..12).map(level).collect::<String>();
        assert_eq!(parse(&text).unwrap_err().fault, Fault::TooLarge);
    }

    #[test]
    fn switches_have_the_words_of_yaml_1_1() {
        let switch = |text: &str| parse(text).unwrap().switch("it").ok();
        for text in ["True", "true", "yes", "On"] {
            assert_eq!(switch(text), Some(true), "for {text}");
        }
        for text in ["False", "no", "OFF"] {
            assert_eq!(switch(text), Some(false), "for {text}");
        }
        for text in ["'true'", "1", "", "[]"] {
            assert_eq!(switch(text), None, "for {text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a-b:{}\\[\\],\"'\\-&*#|> \t\n!%~?]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_text_at_all_panics(text in ".{0,60}") {
            let _ = parse(&text);
        }
    }
}

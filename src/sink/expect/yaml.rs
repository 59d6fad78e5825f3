//! YAML as a tree that knows its lines. Capped in depth; without aliases, so that a small file stays small.

use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::ScanError;

/// A place in the file with what stands there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// From 1.
    pub(super) line: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// As it is written, without quotes.
    Scalar(String),
    List(Vec<Node>),
    /// In the order of the file; keys that come twice are there twice.
    Map(Vec<(Node, Node)>),
}

/// Why a text is no such tree.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unreadable {
    pub(super) line: usize,
    pub(super) cause: String,
}

/// An expectations file has five levels.
const DEPTH: usize = 16;

impl From<ScanError> for Unreadable {
    fn from(error: ScanError) -> Self {
        Self { line: error.marker().line(), cause: error.info().to_owned() }
    }
}

/// A list or map that is not finished; a map's key waits for its value.
struct Open {
    line: usize,
    is_map: bool,
    members: Vec<Node>,
}

impl Open {
    fn close(self) -> Node {
        if !self.is_map {
            return Node { line: self.line, kind: Kind::List(self.members) };
        }
        let mut pairs = Vec::with_capacity(self.members.len() / 2);
        let mut members = self.members.into_iter();
        while let (Some(key), Some(value)) = (members.next(), members.next()) {
            pairs.push((key, value));
        }
        Node { line: self.line, kind: Kind::Map(pairs) }
    }
}

/// Reads the one document of `text`; `None` if it is empty. Goes by events and not by recursion, so that no depth of
/// nesting can exhaust the stack.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Unreadable> {
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    loop {
        let (event, marker) = parser.next_token()?;
        let line = marker.line();
        let done = match event {
            Event::StreamEnd => return Ok(root),
            Event::Alias(_) => return Err(Unreadable { line, cause: "aliases are not understood".to_owned() }),
            Event::DocumentStart if root.is_some() => {
                return Err(Unreadable { line, cause: "a second document".to_owned() });
            }
            Event::Scalar(text, ..) => Some(Node { line, kind: Kind::Scalar(text) }),
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() == DEPTH {
                    return Err(Unreadable { line, cause: format!("more than {DEPTH} levels") });
                }
                open.push(Open { line, is_map: matches!(event, Event::MappingStart(..)), members: Vec::new() });
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(Open::close),
            Event::Nothing | Event::StreamStart | Event::DocumentStart | Event::DocumentEnd => None,
        };
        match (done, open.last_mut()) {
            (Some(node), Some(parent)) => parent.members.push(node),
            (Some(node), None) => root = Some(node),
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(line: usize, text: &str) -> Node {
        Node { line, kind: Kind::Scalar(text.to_owned()) }
    }

    #[test]
    fn every_node_knows_its_line() {
        let tree = parse("# first\nexpect:\n  - { a: 1,\n      b: '2' }\n").unwrap().unwrap();
        let inner =
            Node { line: 3, kind: Kind::Map(vec![(scalar(3, "a"), scalar(3, "1")), (scalar(4, "b"), scalar(4, "2"))]) };
        let list = Node { line: 3, kind: Kind::List(vec![inner]) };
        assert_eq!(tree, Node { line: 2, kind: Kind::Map(vec![(scalar(2, "expect"), list)]) });
    }

    #[test]
    fn an_empty_file_is_no_tree() {
        assert_eq!(parse(""), Ok(None));
        assert_eq!(parse("# nothing\n"), Ok(None));
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        assert_eq!(parse("a: 1\nb: [").unwrap_err().line, 3);
        let alias = parse("a: &x 1\nb: *x\n").unwrap_err();
        assert_eq!((alias.line, &*alias.cause), (2, "aliases are not understood"));
        assert_eq!(parse("a: 1\n---\nb: 2\n").unwrap_err().cause, "a second document");
    }

    #[test]
    fn no_depth_of_nesting_exhausts_the_stack() {
        assert_eq!(parse(&"[".repeat(20)).unwrap_err().cause, "more than 16 levels");
        for nested in ["[", "{a: ", "- ", "? "] {
            assert!(parse(&nested.repeat(100_000)).is_err(), "{nested}");
        }
    }
}

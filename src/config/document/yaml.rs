//! YAML into a [`Node`], from the parser's events: with positions, without recursion, bounded.

use std::collections::HashMap;

use yaml_rust2::Event;
use yaml_rust2::parser::Parser;
use yaml_rust2::scanner::{Marker, ScanError, TScalarStyle};

use super::{Entry, Format, Kind, MAX_DEPTH, Node, Position, Problem, Refused, Size};

/// Reads one document. An empty text is an empty table.
pub(super) fn parse(text: &str) -> Result<Node, Refused> {
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder::default();
    loop {
        let (event, marker) = parser.next_token().map_err(|e| syntax(&e, text))?;
        if event == Event::StreamEnd {
            break;
        }
        builder.take(event, position(marker))?;
    }
    Ok(builder.root.unwrap_or(Node { at: Position { line: 1, column: 1 }, kind: Kind::Table(Vec::new()) }))
}

/// Puts the tree together; what is open stands on a stack.
#[derive(Default)]
struct Builder {
    root: Option<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    /// Of all that was read, aliases written out.
    size: Size,
    /// Of what anchors stand at, which is there twice.
    kept: Size,
}

struct Open {
    at: Position,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Table { entries: Vec<Entry>, key: Option<(Position, String)> },
}

impl Builder {
    fn take(&mut self, event: Event, at: Position) -> Result<(), Refused> {
        match event {
            Event::DocumentStart if self.root.is_some() => {
                Err(refuse(at, "a settings file is one document: remove what follows from here on"))
            }
            Event::Scalar(text, style, anchor, _) => self.complete(Node { at, kind: scalar(text, style) }, anchor),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).ok_or_else(|| refuse(at, "unknown alias"))?;
                grow(&mut self.size, node.size(), at)?;
                let node = node.clone();
                self.put(node, 0)
            }
            Event::SequenceStart(anchor, _) => self.open(Open { at, anchor, kind: OpenKind::List(Vec::new()) }),
            Event::MappingStart(anchor, _) => {
                self.open(Open { at, anchor, kind: OpenKind::Table { entries: Vec::new(), key: None } })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            _ => Ok(()),
        }
    }

    fn open(&mut self, open: Open) -> Result<(), Refused> {
        if self.open.len() >= MAX_DEPTH {
            return Err(refuse(open.at, "nested too deeply"));
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Refused> {
        let Some(Open { at, anchor, kind }) = self.open.pop() else { return Ok(()) };
        let kind = match kind {
            OpenKind::List(nodes) => Kind::List(nodes),
            OpenKind::Table { entries, .. } => Kind::Table(entries),
        };
        self.complete(Node { at, kind }, anchor)
    }

    /// Takes in a node of the text; what is in it was taken in before.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Refused> {
        let bytes = if let Kind::Scalar(text) = &node.kind { text.len() } else { 0 };
        grow(&mut self.size, Size { nodes: 1, bytes }, node.at)?;
        self.put(node, anchor)
    }

    fn put(&mut self, node: Node, anchor: usize) -> Result<(), Refused> {
        if anchor > 0 {
            grow(&mut self.kept, node.size(), node.at)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::List(nodes)) => nodes.push(node),
            Some(OpenKind::Table { entries, key }) => match key.take() {
                None => *key = Some((node.at, key_of(node, entries)?)),
                Some((at, key)) => entries.push(Entry { at, key, value: node }),
            },
        }
        Ok(())
    }
}

fn key_of(node: Node, entries: &[Entry]) -> Result<String, Refused> {
    let key = match node.kind {
        Kind::Scalar(key) => super::key(Format::Yaml, node.at, key)?,
        _ => return Err(refuse(node.at, "a key is a single word")),
    };
    match entries.iter().find(|entry| entry.key == key) {
        Some(first) => Err(Refused { at: node.at, problem: Problem::Twice { first: first.at.line } }),
        None => Ok(key),
    }
}

fn scalar(text: String, style: TScalarStyle) -> Kind {
    let is_null = style == TScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
    if is_null { Kind::Null } else { Kind::Scalar(text) }
}

/// Adds to what there is, if it is not too much.
fn grow(size: &mut Size, by: Size, at: Position) -> Result<(), Refused> {
    *size = size.and(by);
    if size.is_too_large() { Err(refuse(at, "too large when its aliases are written out")) } else { Ok(()) }
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

fn refuse(at: Position, cause: &str) -> Refused {
    Format::Yaml.refuse(at, cause)
}

fn syntax(error: &ScanError, text: &str) -> Refused {
    let at = position(*error.marker());
    let line = text.lines().nth(at.line - 1).unwrap_or_default();
    let indent = &line[..line.len() - line.trim_start().len()];
    let hint = match error.info() {
        _ if indent.contains('\t') => " (the line begins with a tab: indent with spaces)",
        info if info.contains("mapping values are not allowed") => {
            " (a text with \": \" in it needs quotes, and a key has to be on a line of its own)"
        }
        _ => "",
    };
    refuse(at, &format!("{}{hint}", error.info()))
}

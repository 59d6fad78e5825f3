//! TOML into a [`Node`], with positions.

use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeInteger, DeString, DeTable, DeValue};

use super::{Entry, Format, Kind, MAX_DEPTH, Node, Position, Refused};

/// Reads a document.
pub(super) fn parse(text: &str) -> Result<Node, Refused> {
    let lines = Lines::new(text);
    let root = DeTable::parse(text).map_err(|e| {
        let at = lines.position(e.span().map_or(0, |span| span.start));
        Format::Toml.refuse(at, e.message().lines().collect::<Vec<_>>().join("; "))
    })?;
    let node = Node { at: Position { line: 1, column: 1 }, kind: table(root.get_ref(), &lines, 0)? };
    if node.size().is_too_large() { Err(Format::Toml.refuse(node.at, "more than any settings are")) } else { Ok(node) }
}

fn table(table: &DeTable<'_>, lines: &Lines<'_>, depth: usize) -> Result<Kind, Refused> {
    let mut entries: Vec<(Range<usize>, &Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)> =
        table.iter().map(|(key, value)| (key.span(), key, value)).collect();
    entries.sort_by_key(|(span, ..)| span.start);
    let entries = entries.into_iter().map(|(span, key, value)| {
        let at = lines.position(span.start);
        let key = super::key(Format::Toml, at, key.get_ref().to_string())?;
        Ok(Entry { at, key, value: node(value, at, lines, depth + 1)? })
    });
    Ok(Kind::Table(entries.collect::<Result<_, _>>()?))
}

fn node(value: &Spanned<DeValue<'_>>, at: Position, lines: &Lines<'_>, depth: usize) -> Result<Node, Refused> {
    if depth > MAX_DEPTH {
        return Err(Format::Toml.refuse(at, "nested too deeply"));
    }
    let kind = match value.get_ref() {
        DeValue::String(text) => Kind::Scalar(text.to_string()),
        DeValue::Integer(number) => Kind::Scalar(integer(number)),
        DeValue::Float(number) => Kind::Scalar(number.to_string()),
        DeValue::Boolean(value) => Kind::Scalar(value.to_string()),
        DeValue::Datetime(time) => Kind::Scalar(time.to_string()),
        DeValue::Array(values) => {
            let nodes = values.iter().map(|v| node(v, lines.position(v.span().start), lines, depth + 1));
            Kind::List(nodes.collect::<Result<_, _>>()?)
        }
        DeValue::Table(inner) => table(inner, lines, depth)?,
    };
    Ok(Node { at, kind })
}

/// In decimal digits, whatever the radix was.
fn integer(number: &DeInteger<'_>) -> String {
    match i128::from_str_radix(number.as_str(), number.radix()) {
        Ok(value) => value.to_string(),
        Err(_) => number.as_str().to_owned(),
    }
}

/// Finds the line of a byte.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { text, starts }
    }

    fn position(&self, byte: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= byte).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let before = self.text.get(start..byte).unwrap_or_default();
        Position { line, column: before.chars().count() + 1 }
    }
}

//! Reads an expectations file. All that is wrong with it is told at once, each with its line.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::bound::Bound;
use super::yaml::{self, Kind, Node};
use super::{Expectation, Pattern, Want};
use crate::sink::text::escaped;

/// The largest file that is read.
const MAX_FILE: u64 = 1 << 20;
const KEYS: [&str; 7] = ["metric", "resource", "attributes", "value", "points", "retracted", "absent"];

/// An expectations file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
    /// It says something that is not understood.
    #[error("{}", Problems(path, problems))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// All that is wrong, in the order of the file.
        problems: Vec<Problem>,
    },
}

/// One thing that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// On which line, from 1.
    pub line: usize,
    /// Where: `expect[0].value`.
    pub key: String,
    /// What and what to do.
    pub message: String,
}

struct Problems<'a>(&'a Path, &'a [Problem]);

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Problem { line, key, message }) in self.1.iter().enumerate() {
            write!(f, "{}{}:{line}: ", if i == 0 { "" } else { "\n" }, self.0.display())?;
            let colon = if key.is_empty() { "" } else { ": " };
            write!(f, "{}{colon}{}", escaped(key), message)?;
        }
        Ok(())
    }
}

/// Reads the file at `path`.
pub fn read(path: &Path) -> Result<Vec<Expectation>, FileError> {
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text));
    if let Err(cause) = read {
        return Err(FileError::Read { path: path.to_owned(), cause });
    }
    let too_large = || vec![Problem { line: 1, key: String::new(), message: "larger than 1 MiB".to_owned() }];
    let read = if text.len() as u64 > MAX_FILE { Err(too_large()) } else { parse(&text) };
    read.map_err(|problems| FileError::Wrong { path: path.to_owned(), problems })
}

/// Reads the text of a file; at least one expectation has to be in it.
pub fn parse(text: &str) -> Result<Vec<Expectation>, Vec<Problem>> {
    let mut reader = Reader::default();
    let expectations = match yaml::parse(text) {
        Ok(root) => reader.root(root.as_ref()),
        Err(unreadable) => {
            reader.problem(unreadable.line, "", format!("not YAML: {}", unreadable.cause));
            Vec::new()
        }
    };
    if reader.problems.is_empty() { Ok(expectations) } else { Err(reader.problems) }
}

/// Collects what is wrong on the way.
#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
}

/// The settings of one expectation, as they stand there.
#[derive(Default)]
struct Draft {
    metric: Option<Pattern>,
    resource: Vec<(String, Pattern)>,
    attributes: Vec<(String, Pattern)>,
    value: Option<Bound>,
    points: Option<u64>,
    retracted: bool,
    absent: bool,
}

impl Reader {
    fn problem(&mut self, line: usize, key: &str, message: impl Into<String>) {
        self.problems.push(Problem { line, key: key.to_owned(), message: message.into() });
    }

    fn root(&mut self, root: Option<&Node>) -> Vec<Expectation> {
        let line = root.map_or(1, |node| node.line);
        let mut list = None;
        if let Some(pairs) = root.and_then(|node| self.map(node, "")) {
            for (key, value) in pairs {
                if self.known(key, "", &["expect"]).is_some() {
                    list = Some((key.line, value));
                }
            }
        }
        let Some((line, node)) = list else {
            if self.problems.is_empty() {
                self.problem(line, "", "there is no `expect:` with a list of expectations");
            }
            return Vec::new();
        };
        match &node.kind {
            Kind::List(items) if !items.is_empty() => items
                .iter()
                .enumerate()
                .filter_map(|(i, item)| self.expectation(item, &format!("expect[{i}]")))
                .collect(),
            _ => {
                self.problem(line, "expect", "a list with at least one expectation is wanted");
                Vec::new()
            }
        }
    }

    fn expectation(&mut self, node: &Node, at: &str) -> Option<Expectation> {
        let mut draft = Draft::default();
        let pairs = self.map(node, at)?;
        let before = self.problems.len();
        for (key, value) in pairs {
            if let Some(known) = self.known(key, at, &KEYS) {
                self.setting(&mut draft, known, value, &format!("{at}.{known}"));
            }
        }
        let Draft { metric, resource, attributes, value, points, retracted, absent } = draft;
        if metric.is_none() && self.problems.len() == before {
            self.problem(node.line, at, "`metric` is missing: a name or a glob such as \"container.*\"");
        }
        if absent && (retracted || points.is_some()) {
            self.problem(
                node.line,
                at,
                "`absent` does not go with `retracted` or `points`: what never comes has neither",
            );
        }
        let want = match (absent, retracted) {
            (true, _) => Want::Absent,
            (false, true) => Want::Retracted(points.unwrap_or(1)),
            (false, false) => Want::Points(points.unwrap_or(1)),
        };
        Some(Expectation { line: node.line, metric: metric?, resource, attributes, value, want })
    }

    fn setting(&mut self, draft: &mut Draft, key: &str, node: &Node, at: &str) {
        match key {
            "metric" => draft.metric = self.pattern(node, at),
            "resource" => draft.resource = self.patterns(node, at),
            "attributes" => draft.attributes = self.patterns(node, at),
            "value" => draft.value = self.scalar(node, at, "a comparison such as \">= 0\", or a number", Bound::parse),
            "points" => draft.points = self.scalar(node, at, "a whole number from 1", count),
            "retracted" => draft.retracted = self.scalar(node, at, "true or false", truth).unwrap_or_default(),
            _ => draft.absent = self.scalar(node, at, "true or false", truth).unwrap_or_default(),
        }
    }

    /// The key, if it is one of `known`, and not twice in its map.
    fn known(&mut self, key: &Node, at: &str, known: &[&'static str]) -> Option<&'static str> {
        let Kind::Scalar(text) = &key.kind else {
            self.problem(key.line, at, "a key has to be a word");
            return None;
        };
        let found = known.iter().find(|k| *k == text);
        if found.is_none() {
            let nearest = known.iter().map(|k| (strsim::jaro_winkler(k, text), k)).max_by(|a, b| a.0.total_cmp(&b.0));
            let hint = match nearest {
                Some((likeness, nearest)) if likeness > 0.7 => format!("; did you mean `{nearest}`?"),
                _ => format!("; known are {}", known.join(", ")),
            };
            let dot = if at.is_empty() { "" } else { "." };
            self.problem(key.line, &format!("{at}{dot}{text}"), format!("unknown key{hint}"));
        }
        found.copied()
    }

    /// The pairs of a map. A key that comes twice is a problem.
    fn map<'n>(&mut self, node: &'n Node, at: &str) -> Option<&'n [(Node, Node)]> {
        let Kind::Map(pairs) = &node.kind else {
            self.problem(node.line, at, "`key: value` pairs are wanted");
            return None;
        };
        for (i, (key, _)) in pairs.iter().enumerate() {
            if pairs[..i].iter().any(|(earlier, _)| earlier.kind == key.kind) {
                self.problem(key.line, at, "a key comes twice");
            }
        }
        Some(pairs)
    }

    fn patterns(&mut self, node: &Node, at: &str) -> Vec<(String, Pattern)> {
        let mut out = Vec::new();
        for (key, value) in self.map(node, at).unwrap_or_default() {
            let Kind::Scalar(name) = &key.kind else {
                self.problem(key.line, at, "a key has to be a word");
                continue;
            };
            if let Some(pattern) = self.pattern(value, &format!("{at}.{name}")) {
                out.push((name.clone(), pattern));
            }
        }
        out
    }

    fn pattern(&mut self, node: &Node, at: &str) -> Option<Pattern> {
        let Kind::Scalar(text) = &node.kind else {
            self.problem(node.line, at, "a text or a glob is wanted");
            return None;
        };
        match Pattern::try_new(text) {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                self.problem(node.line, at, escaped(&error.to_string()));
                None
            }
        }
    }

    fn scalar<T>(&mut self, node: &Node, at: &str, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let Kind::Scalar(text) = &node.kind else {
            self.problem(node.line, at, format!("{wanted} is wanted"));
            return None;
        };
        let read = read(text);
        if read.is_none() {
            self.problem(node.line, at, format!("`{}` is not {wanted}", escaped(text)));
        }
        read
    }
}

fn count(text: &str) -> Option<u64> {
    text.parse().ok().filter(|n| *n > 0)
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with `text`, as `LINE key: message`.
    fn wrong(text: &str) -> Vec<String> {
        let problems = parse(text).expect_err("the text is wrong");
        problems.iter().map(|p| format!("{} {}: {}", p.line, p.key, p.message)).collect()
    }

    fn shown(text: &str) -> Vec<String> {
        parse(text).expect("the text is right").iter().map(Expectation::to_string).collect()
    }

    #[test]
    fn reads_what_the_manual_shows() {
        let text = r#"
expect:
  - { metric: container.cpu.time, resource: { container.name: web }, attributes: { cpu.mode: user }, value: ">= 0", points: 2 }
  - { metric: container.memory.usage, resource: { container.name: web }, retracted: true }
  - { metric: "container.*", resource: { container.name: db }, absent: true }    # must not arrive until the others are met
"#;
        assert_eq!(
            shown(text),
            [
                "container.cpu.time{cpu.mode=user} of container.name=web: 2 points, value >= 0",
                "container.memory.usage of container.name=web: retracted",
                "container.* of container.name=db: absent",
            ]
        );
        let lines: Vec<usize> = parse(text).unwrap().iter().map(|e| e.line).collect();
        assert_eq!(lines, [3, 4, 5]);
    }

    #[test]
    fn numbers_need_no_quotes_and_false_is_as_good_as_nothing() {
        let text =
            "expect:\n- metric: a\n  value: 3\n  retracted: false\n  absent: false\n- metric: b\n  value: -0.5\n";
        assert_eq!(shown(text), ["a: 1 point, value == 3", "b: 1 point, value == -0.5"]);
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line_and_the_nearest() {
        assert_eq!(
            wrong("expect:\n  - metric: a\n    resorce: { container.name: web }\n  - { metric: b, colour: red }\n"),
            [
                "3 expect[0].resorce: unknown key; did you mean `resource`?",
                "4 expect[1].colour: unknown key; known are metric, resource, attributes, value, points, retracted, absent",
            ]
        );
        assert_eq!(wrong("expects:\n  - metric: a\n"), ["1 expects: unknown key; did you mean `expect`?"]);
    }

    #[test]
    fn wrong_values_are_all_told_at_once() {
        assert_eq!(
            wrong(
                "expect:\n- metric: [a]\n  value: '=> 0'\n  points: 0\n- metric: b\n  retracted: yes\n  resource: web\n- metric: 'a['\n"
            ),
            [
                "2 expect[0].metric: a text or a glob is wanted",
                "3 expect[0].value: `=> 0` is not a comparison such as \">= 0\", or a number",
                "4 expect[0].points: `0` is not a whole number from 1",
                "6 expect[1].retracted: `yes` is not true or false",
                "7 expect[1].resource: `key: value` pairs are wanted",
                "8 expect[2].metric: error parsing glob 'a[': unclosed character class; missing ']'",
            ]
        );
    }

    #[test]
    fn what_contradicts_itself_is_told() {
        let contradiction = "`absent` does not go with `retracted` or `points`: what never comes has neither";
        for more in ["points: 2", "retracted: true"] {
            let text = format!("expect:\n- {{ metric: a, absent: true, {more} }}\n");
            assert_eq!(wrong(&text), [format!("2 expect[0]: {contradiction}")]);
        }
        assert_eq!(wrong("expect:\n- { metric: a, metric: b }\n"), ["2 expect[0]: a key comes twice"]);
        let missing = "`metric` is missing: a name or a glob such as \"container.*\"";
        assert_eq!(wrong("expect:\n- { points: 2 }\n"), [format!("2 expect[0]: {missing}")]);
    }

    #[test]
    fn a_file_without_expectations_is_wrong() {
        let none = "1 : there is no `expect:` with a list of expectations";
        assert_eq!(wrong(""), [none]);
        assert_eq!(wrong("{}"), [none]);
        for text in ["expect:\n", "expect: []", "expect: web"] {
            assert_eq!(wrong(text), ["1 expect: a list with at least one expectation is wanted"], "{text}");
        }
        assert_eq!(wrong("- a\n"), ["1 : `key: value` pairs are wanted"]);
        assert_eq!(wrong("expect:\n- web\n"), ["2 expect[0]: `key: value` pairs are wanted"]);
        assert!(wrong("expect: [")[0].contains("not YAML"));
    }

    #[test]
    fn an_error_names_the_file_the_line_and_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.yaml");
        std::fs::write(&path, "expect:\n- { metric: a, point: 2 }\n- { metric: b, \"\\e[2J\": 2 }\n").unwrap();
        let told = read(&path).unwrap_err().to_string();
        let at = path.display();
        assert!(told.starts_with(&format!("{at}:2: expect[0].point: unknown key; did you mean `points`?\n{at}:3: ")));
        assert!(!told.contains('\x1b'), "{told}");
        assert!(matches!(read(&dir.path().join("none.yaml")), Err(FileError::Read { .. })));
        std::fs::write(&path, " ".repeat(2 << 20)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("larger than 1 MiB"));
    }
}

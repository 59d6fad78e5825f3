//! `containers`: which containers are watched.

use ::config::Value;
use serde_json::Value as Json;

use super::error::Problem;
use super::setting::{Key, Reader, Scalar, Setting, Shape, scalar_shape, section};
use crate::filter::{Filter, Matcher, Pattern, Rule};
use crate::model::container::State;

section! {
    /// Which containers are watched.
    pub struct Containers {
        /// Containers to watch; empty: all. Each entry holds name, image, label or state, or several of them that have
        /// to match together: { name: web-* }, { image: /nginx/ }, { label: tier=back }, { state: running }.
        /// A pattern is a literal, a glob or a /regex/.
        pub include: Vec<Rule> = Vec::new(),
        /// Containers not to watch, written alike; wins over include. A container can also exclude itself with the label
        /// dockpulse.enable=false.
        pub exclude: Vec<Rule> = Vec::new(),
        /// Whether the state series of stopped containers are kept.
        pub stopped: bool = true,
        /// How many containers are watched at most. Those that were first stay, the others are counted.
        pub max: u32 = 10_000,
    }
}

impl Containers {
    /// The filter that they describe.
    pub fn filter(&self) -> Filter {
        Filter { include: self.include.clone(), exclude: self.exclude.clone() }
    }
}

const KEYS: &[Key] = &[
    Key { name: "name", doc: &[" The container's name."], shape: scalar_shape::<PatternText> },
    Key { name: "image", doc: &[" Its image, with or without the tag."], shape: scalar_shape::<PatternText> },
    Key { name: "label", doc: &[" A label: KEY, or KEY=PATTERN."], shape: scalar_shape::<LabelText> },
    Key { name: "state", doc: &[" Its state."], shape: scalar_shape::<StateWord> },
];

impl Setting for Rule {
    fn shape() -> Shape {
        Shape::Table(KEYS)
    }

    fn read(&mut self, value: &Value, reader: &mut Reader<'_>) {
        let Some(table) = reader.table(value) else { return };
        let mut texts: Vec<_> = table.iter().filter(|(key, _)| KEYS.iter().any(|k| k.name == **key)).collect();
        texts.sort_by_key(|(key, _)| *key);
        for (key, value) in texts {
            reader.at_key(key, |r| {
                let matcher = match key.as_str() {
                    "name" => r.scalar::<PatternText>(value).map(|p| Matcher::Name(p.0)),
                    "image" => r.scalar::<PatternText>(value).map(|p| Matcher::Image(p.0)),
                    "label" => r.scalar::<LabelText>(value).map(|l| l.0),
                    _ => r.scalar::<StateWord>(value).map(|s| Matcher::State(s.0)),
                };
                self.0.extend(matcher);
            });
        }
        reader.unknown_keys(table, KEYS);
        if table.is_empty() {
            reader.report(Problem::Rule("an entry holds name, image, label or state".to_owned()));
        }
    }

    fn write(&self) -> Json {
        let texts = self.0.iter().map(|matcher| match matcher {
            Matcher::Name(pattern) => ("name", pattern.to_string()),
            Matcher::Image(pattern) => ("image", pattern.to_string()),
            Matcher::Label { key, value: None } => ("label", key.clone()),
            Matcher::Label { key, value: Some(pattern) } => ("label", format!("{key}={pattern}")),
            Matcher::State(state) => ("state", state.as_str().to_owned()),
        });
        super::schema::object(texts.map(|(k, v)| (k, v.into())).collect())
    }
}

#[derive(PartialEq)]
struct PatternText(Pattern);

impl Scalar for PatternText {
    const EXPECTED: &'static str = "a name, a glob like web-* or a /regex/";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        // No name and no image begins with a slash; whoever writes one means a regex, or copied it from inspect.
        if text.starts_with('/') && !(text.ends_with('/') && text.len() > 1) {
            return Err(Some("write it without the slash, or as a /regex/ with a slash at its end too".to_owned()));
        }
        Pattern::parse(text).map(Self).map_err(|e| Some(e.to_string()))
    }

    fn write(&self) -> Json {
        self.0.to_string().into()
    }
}

#[derive(PartialEq)]
struct LabelText(Matcher);

impl Scalar for LabelText {
    const EXPECTED: &'static str = "a label as KEY or KEY=PATTERN";

    fn parse(text: &str) -> Result<Self, Option<String>> {
        Matcher::label(text).map(Self).map_err(|e| Some(e.to_string()))
    }

    fn write(&self) -> Json {
        self.0.to_string().into()
    }
}

#[derive(PartialEq)]
struct StateWord(State);

impl Scalar for StateWord {
    const EXPECTED: &'static str = "a state";
    const WORDS: &'static [&'static str] =
        &["created", "running", "paused", "restarting", "removing", "exited", "dead"];

    fn parse(text: &str) -> Result<Self, Option<String>> {
        match State::parse(text) {
            State::Unknown => Err(None),
            state => Ok(Self(state)),
        }
    }

    fn write(&self) -> Json {
        self.0.as_str().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_the_model_is_a_word() {
        let words: Vec<_> = State::KNOWN.iter().map(|s| s.as_str()).collect();
        assert_eq!(StateWord::WORDS, words);
    }
}

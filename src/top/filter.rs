//! Which containers are shown: by words in what is seen of them.

use crate::status::{ContainerRow, EngineRow};

/// The longest text that is taken.
pub const LONGEST: usize = 200;

/// Words that all have to be there; one with `!` before it must not be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    text: String,
    words: Vec<(bool, String)>,
}

impl Filter {
    /// Of what the user wrote; small and large letters are the same.
    pub fn new(text: &str) -> Self {
        let text: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        let word = |word: &str| match word.strip_prefix('!') {
            Some(not) => (false, not.to_lowercase()),
            None => (true, word.to_lowercase()),
        };
        let words = text.split_whitespace().map(word).filter(|(_, word)| !word.is_empty()).collect();
        Self { text, words }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a container passes: each word is looked for in its name, image, state, health, id (from its beginning)
    /// and its engine's name.
    pub fn passes(&self, row: &ContainerRow, engine: Option<&EngineRow>) -> bool {
        self.words.iter().all(|(wanted, word)| holds(row, engine, word) == *wanted)
    }
}

fn holds(row: &ContainerRow, engine: Option<&EngineRow>, word: &str) -> bool {
    let health = row.health.as_deref().unwrap_or_default();
    let exact = row.id.starts_with(word) || *row.state == *word || health == word;
    let inside = [Some(&row.name), Some(&row.image), engine.map(|engine| &engine.name)];
    exact || inside.into_iter().flatten().any(|text| contains(text, word))
}

/// Whether `word`, which is in small letters, is in the text.
fn contains(text: &str, word: &str) -> bool {
    if text.is_ascii() && word.is_ascii() {
        let (text, word) = (text.as_bytes(), word.as_bytes());
        return text.windows(word.len().max(1)).any(|part| part.eq_ignore_ascii_case(word));
    }
    text.to_lowercase().contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ContainerRow {
        ContainerRow {
            id: "69df0eab".into(),
            name: "Web-1".into(),
            image: "registry/nginx:1.27".into(),
            state: "running".into(),
            health: Some("unhealthy".into()),
            ..ContainerRow::default()
        }
    }

    #[test]
    fn all_words_have_to_be_there_in_small_or_large_letters() {
        let engine = EngineRow { name: "Größe".into(), ..EngineRow::default() };
        for text in ["", "web", "WEB", "nginx -1", "69df", "running", "unhealthy", "größe", "!db", "web !exited", " ! "]
        {
            assert!(Filter::new(text).passes(&row(), Some(&engine)), "{text}");
        }
        for text in ["db", "web db", "!web", "0eab", "run", "healthy", "!running", "größer"] {
            assert!(!Filter::new(text).passes(&row(), Some(&engine)), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_bounded_and_holds_no_control_characters() {
        let filter = Filter::new(&format!("a\x1b[2J{}", "x".repeat(10_000)));
        assert_eq!(filter.text().chars().count(), LONGEST);
        assert!(filter.text().starts_with("a[2Jx"));
    }
}

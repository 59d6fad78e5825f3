//! `${env:NAME}` and `${file:PATH}` in the values of the settings file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Environment;

/// A secret, token or certificate is smaller.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Where the values come from.
pub(super) struct Expansion<'a> {
    /// For `${env:NAME}`.
    pub(super) environment: &'a Environment,
    /// What a relative `${file:PATH}` is relative to: the directory of the settings file.
    pub(super) directory: PathBuf,
}

/// Why a `${…}` cannot be expanded. Never says what is in a file or variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("${{env:{name}}}: the variable {name} is not set")]
    NotSet { name: String },
    #[error("${{file:{path}}}: cannot read the file: {cause}")]
    Unreadable { path: String, cause: String },
    #[error("${{{text}}} is not known: write ${{env:NAME}} or ${{file:PATH}}, or $${{ for ${{ itself")]
    Unknown { text: String },
    #[error("a ${{ without its }}; write $${{ for ${{ itself")]
    Open,
}

/// A value with its variables put in, and the files that it takes the rest from.
#[derive(Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// As it was written, and where that is.
    File(String, PathBuf),
}

impl Expansion<'_> {
    /// `text` with everything expanded, `None` if there is nothing to expand. What was put in is not expanded again.
    pub(super) fn expand(&self, text: &str) -> Result<Option<String>, Refused> {
        self.template(text)?.map(|template| template.text()).transpose()
    }

    /// The same without having read the files.
    pub(super) fn template(&self, text: &str) -> Result<Option<Template>, Refused> {
        if !text.contains("${") {
            return Ok(None);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            if let Some(literal) = before.strip_suffix('$') {
                parts.push(Part::Text(format!("{literal}${{")));
                rest = &from[2..];
                continue;
            }
            let (inner, after) = from[2..].split_once('}').ok_or(Refused::Open)?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(self.part(inner)?);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Some(Template(parts)))
    }

    fn part(&self, inner: &str) -> Result<Part, Refused> {
        if let Some(name) = inner.strip_prefix("env:") {
            let value = self.environment.get(name).map(|value| Part::Text(value.to_owned()));
            return value.ok_or_else(|| Refused::NotSet { name: name.escape_debug().to_string() });
        }
        if let Some(path) = inner.strip_prefix("file:") {
            return Ok(Part::File(path.escape_debug().to_string(), self.directory.join(path)));
        }
        Err(Refused::Unknown { text: inner.escape_debug().to_string() })
    }
}

impl Template {
    /// Whether it can be another later: it has files, and not what can be read only once.
    pub(super) fn can_change(&self) -> bool {
        let mut files = self.0.iter().filter_map(|part| match part {
            Part::File(_, path) => Some(path),
            Part::Text(_) => None,
        });
        files.clone().next().is_some() && files.all(|path| path.is_file())
    }

    /// Reads the files again. An empty one is being written, or is of no use.
    ///
    /// # Errors
    /// When one of them cannot be read; never says what is in it.
    pub fn read_again(&self) -> Result<String, String> {
        for part in &self.0 {
            if let Part::File(name, path) = part {
                match path.metadata() {
                    Ok(it) if !it.is_file() => return Err(format!("${{file:{name}}}: that is no file")),
                    Ok(it) if it.len() == 0 => return Err(format!("${{file:{name}}}: the file is empty")),
                    // What else is wrong shows when it is read.
                    _ => {}
                }
            }
        }
        self.text().map_err(|refused| refused.to_string())
    }

    fn text(&self) -> Result<String, Refused> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::File(name, path) => {
                    let unreadable = |cause| Refused::Unreadable { path: name.clone(), cause };
                    out.push_str(&read(path).map_err(unreadable)?);
                }
            }
        }
        Ok(out)
    }
}

/// Says nothing: a variable may be a secret.
impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// The text of a file without the line break at its end.
fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| e.to_string())?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("it has more than {MAX_FILE_BYTES} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<Option<String>, Refused> {
        let environment = [("NAME", "va${env:NAME}lue"), ("EMPTY", "")].into_iter().collect();
        Expansion { environment: &environment, directory: "/nowhere".into() }.expand(text)
    }

    #[test]
    fn variables_stand_anywhere_in_a_value_and_are_not_expanded_twice() {
        for (text, expected) in [
            ("plain", None),
            ("$NAME and $$", None),
            ("${env:NAME}", Some("va${env:NAME}lue")),
            ("a${env:EMPTY}b${env:EMPTY}c", Some("abc")),
            ("$${env:NAME}", Some("${env:NAME}")),
        ] {
            assert_eq!(expand(text).unwrap().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_expanded_is_named() {
        for (text, word) in [
            ("${env:NOPE}", "NOPE is not set"),
            ("${NAME}", "${env:NAME} or ${file:PATH}"),
            ("${env:NAME", "without its }"),
            ("${file:x/y}", "${file:x/y}: cannot read"),
        ] {
            let error = expand(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_s_text_comes_without_its_last_line_break() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("token"), " s3cret \r\n").unwrap();
        std::fs::write(directory.path().join("large"), "x".repeat(70_000)).unwrap();
        std::fs::write(directory.path().join("binary"), [0xff, 0xfe]).unwrap();
        let environment = Environment::default();
        let expansion = Expansion { environment: &environment, directory: directory.path().to_owned() };
        assert_eq!(expansion.expand("Bearer ${file:token}").unwrap().as_deref(), Some("Bearer  s3cret "));
        assert!(expansion.expand("${file:large}").is_err());
        assert!(expansion.expand("${file:binary}").is_err());
    }

    #[test]
    fn a_file_s_value_can_be_read_again_and_says_why_if_it_cannot() {
        let directory = tempfile::tempdir().unwrap();
        let token = directory.path().join("token");
        std::fs::write(&token, "one\n").unwrap();
        let environment = [("KIND", "Bearer")].into_iter().collect();
        let expansion = Expansion { environment: &environment, directory: directory.path().to_owned() };
        let template = expansion.template("${env:KIND} ${file:token}").unwrap().unwrap();
        assert!(template.can_change() && !format!("{template:?}").contains("Bearer"));
        std::fs::write(&token, "two\n").unwrap();
        assert_eq!(template.read_again().as_deref(), Ok("Bearer two"));
        std::fs::write(&token, "").unwrap();
        assert_eq!(template.read_again().unwrap_err(), "${file:token}: the file is empty");
        std::fs::remove_file(&token).unwrap();
        assert!(template.read_again().unwrap_err().starts_with("${file:token}: cannot read the file: No such file"));
        std::fs::create_dir(&token).unwrap();
        assert_eq!(template.read_again().unwrap_err(), "${file:token}: that is no file");
        assert!(!expansion.template("${env:KIND}").unwrap().unwrap().can_change());
        assert!(!expansion.template("${file:token}").unwrap().unwrap().can_change());
    }
}

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

impl Expansion<'_> {
    /// `text` with everything expanded, `None` if there is nothing to expand. What was put in is not expanded again.
    pub(super) fn expand(&self, text: &str) -> Result<Option<String>, Refused> {
        if !text.contains("${") {
            return Ok(None);
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            if let Some(literal) = before.strip_suffix('$') {
                out.push_str(literal);
                out.push_str("${");
                rest = &from[2..];
                continue;
            }
            let (inner, after) = from[2..].split_once('}').ok_or(Refused::Open)?;
            out.push_str(before);
            out.push_str(&self.value(inner)?);
            rest = after;
        }
        out.push_str(rest);
        Ok(Some(out))
    }

    fn value(&self, inner: &str) -> Result<String, Refused> {
        if let Some(name) = inner.strip_prefix("env:") {
            let value = self.environment.get(name).map(str::to_owned);
            return value.ok_or_else(|| Refused::NotSet { name: name.escape_debug().to_string() });
        }
        if let Some(path) = inner.strip_prefix("file:") {
            let unreadable = |cause| Refused::Unreadable { path: path.escape_debug().to_string(), cause };
            return read(&self.directory.join(path)).map_err(unreadable);
        }
        Err(Refused::Unknown { text: inner.escape_debug().to_string() })
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
}

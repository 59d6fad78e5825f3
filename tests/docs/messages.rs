//! `docs/troubleshooting.md`: every event has its entry, and the words of every error are found there.

use std::fs;
use std::path::Path;

use syn::{Attribute, Item, LitStr};

use crate::pages::page;

const PAGE: &str = "troubleshooting.md";

/// Files whose errors a user can see: on the command line, in the log, or as the cause in a line of the log.
const ERRORS: &[&str] = &[
    "src/app/mod.rs",
    "src/config/contexts.rs",
    "src/config/error.rs",
    "src/config/expand.rs",
    "src/control/client.rs",
    "src/control/report.rs",
    "src/control/socket.rs",
    "src/export/classify.rs",
    "src/export/settings.rs",
    "src/filter.rs",
    "src/model/engine.rs",
    "src/sink/expect/file.rs",
    "src/sink/run.rs",
    "src/sink/server.rs",
    "src/telemetry/log/mod.rs",
    "src/telemetry/sdk.rs",
    "src/tls/failure.rs",
    "src/tls/files.rs",
    "src/tls/mod.rs",
];
/// Fewer letters in a row say nothing.
const SHORTEST: usize = 8;

fn source(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// In one line, without what marks text up; `#` is no word of any message.
fn plain(text: &str) -> String {
    let text = text.replace(['`', '*'], "").replace("\\|", "|");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_event_has_its_entry() {
    let page = page(PAGE);
    let code = source("src/telemetry/event/mod.rs");
    let (_, body) = code.split_once("pub fn name(&self)").expect("the names of events");
    let body = body.split("\n    }\n").next().unwrap();
    let names: Vec<&str> = body.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(names.len() > 40, "only {} names found", names.len());
    for name in names {
        assert!(page.contains(&format!("| `{name}` |")), "docs/{PAGE} has no row for the event {name}");
    }
}

/// The files below a folder, with their text.
fn texts(folder: &Path) -> Vec<String> {
    let mut out = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            out.extend(texts(&entry));
        } else {
            out.push(fs::read_to_string(&entry).unwrap());
        }
    }
    out
}

#[test]
fn every_check_of_doctor_has_its_entry() {
    let page = page(PAGE);
    let (_, section) = page.split_once("## What doctor says").expect("its section");
    for code in texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/doctor")) {
        let code = code.split("#[cfg(test)]").next().unwrap();
        for call in ["sheet.ok(", "sheet.warn(", "sheet.fail(", "listen(", "judge("] {
            let first = code.split(call).skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"'));
            for check in first.map(|rest| rest.split('"').next().unwrap()) {
                let cells = [format!("| `{check}`"), format!(", `{check}` |")];
                assert!(cells.iter().any(|cell| section.contains(cell)), "docs/{PAGE}: doctor's {check} has no row");
            }
        }
    }
}

/// The text of `#[error("…")]`.
fn message(attributes: &[Attribute]) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("error"))?;
    let tokens = attribute.meta.require_list().ok()?.tokens.to_string();
    let mut escaped = false;
    let end = tokens.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let literal = tokens.get(..=end?.0).filter(|text| text.starts_with('"'))?;
    syn::parse_str::<LitStr>(literal).ok().map(|literal| literal.value())
}

/// The messages of a file's errors.
fn messages(path: &str) -> Vec<String> {
    let mut out = Vec::new();
    for item in syn::parse_file(&source(path)).unwrap().items {
        match item {
            Item::Struct(item) => out.extend(message(&item.attrs)),
            Item::Enum(item) => out.extend(item.variants.iter().filter_map(|variant| message(&variant.attrs))),
            _ => {}
        }
    }
    out
}

/// What of a message is always the same: the longest part between what is filled in.
fn fixed(message: &str) -> Option<String> {
    let mut depth = 0;
    let outside: String = message
        .chars()
        .map(|c| {
            depth += i32::from(c == '{');
            let shown = if depth == 0 { c } else { '\0' };
            depth -= i32::from(c == '}');
            shown
        })
        .collect();
    let longest =
        outside.split('\0').map(|part| plain(part).trim_matches([' ', ':', ';', ',', '(', ')', '"']).to_owned());
    longest.max_by_key(String::len).filter(|part| part.len() >= SHORTEST)
}

#[test]
fn the_words_of_every_error_are_found() {
    let page = plain(&page(PAGE));
    let mut missing = Vec::new();
    let mut seen = 0;
    for path in ERRORS {
        for words in messages(path).iter().filter_map(|message| fixed(message)) {
            seen += 1;
            if !page.contains(&words) {
                missing.push(format!("{path}: {words}"));
            }
        }
    }
    assert!(seen > 60, "only {seen} messages found");
    assert!(missing.is_empty(), "docs/{PAGE} does not say what these mean:\n{}", missing.join("\n"));
}

#[test]
fn what_a_message_always_says_is_found_in_it() {
    for (message, words) in [
        ("cannot connect to {endpoint}: {cause}{}", Some("cannot connect to")),
        ("GET {path}: the connection broke: {cause}", Some("the connection broke")),
        ("{}{problem}", None),
        ("export.endpoint {endpoint:?} is not a URL; write it", Some("is not a URL; write it")),
    ] {
        assert_eq!(fixed(message).as_deref(), words, "{message}");
    }
}

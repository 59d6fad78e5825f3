//! The README is right: its tables are what the program does, its commands parse. (`tests/docs` follows its links.)
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use dockpulse::convert::Profile;
use dockpulse::{cli, config};
use serde_yaml_ng::Value as Yaml;

#[path = "support/everything.rs"]
mod everything;

use everything::Described;

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// What stands between `<!-- name…` and `<!-- /name -->`.
fn between(name: &str) -> String {
    let text = readme();
    let (_, rest) = text.split_once(&format!("<!-- {name}")).unwrap_or_else(|| panic!("no part {name}"));
    let (_, rest) = rest.split_once("-->").unwrap();
    rest.split_once(&format!("<!-- /{name} -->")).unwrap_or_else(|| panic!("no end of {name}")).0.to_owned()
}

/// The cells of a table's rows, without its head.
fn rows(table: &str) -> Vec<Vec<String>> {
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The words in backquotes.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

// -- metrics ------------------------------------------------------------------------------------------------------

#[test]
fn the_table_of_metrics_is_what_is_sent() {
    let table = rows(&between("metrics"));
    let names: Vec<String> = table.iter().flat_map(|row| quoted(&row[0])).collect();
    let known: Vec<&str> = Profile::Semconv.metrics().iter().map(|metric| metric.name).collect();
    assert_eq!(names, known, "names and their order");
    let told: BTreeMap<String, Described> =
        names.into_iter().zip(&table).map(|(name, row)| (name, (row[1].clone(), quoted(&row[2])))).collect();
    assert_eq!(told, everything::of(Profile::Semconv));
}

// -- settings -----------------------------------------------------------------------------------------------------

/// The keys of the default file with their values as they would be written, lists of tables as `name[].key`.
fn defaults() -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let file: Yaml = serde_yaml_ng::from_str(&config::default_file()).unwrap();
    flatten("", &file, &mut out);
    out
}

fn flatten(path: &str, value: &Yaml, out: &mut BTreeMap<String, String>) {
    let text = match value {
        Yaml::Mapping(table) if !table.is_empty() => {
            for (key, value) in table {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{}", key.as_str().unwrap()), value, out);
            }
            return;
        }
        Yaml::Sequence(list) if !list.is_empty() => return flatten(&format!("{path}[]"), &list[0], out),
        Yaml::Mapping(_) => "{}".to_owned(),
        Yaml::Sequence(_) => "[]".to_owned(),
        Yaml::Null => String::new(),
        other => serde_yaml_ng::to_string(other).unwrap().trim().trim_matches('\'').to_owned(),
    };
    out.insert(path.to_owned(), text);
}

#[test]
fn the_table_of_settings_has_every_key_with_its_default() {
    let mut defaults = defaults();
    for row in rows(&between("settings")) {
        let key = quoted(&row[0]).pop_first().unwrap();
        let told = quoted(&row[1]).pop_first().unwrap_or_default();
        assert_eq!(defaults.remove(&key), Some(told), "{key}");
    }
    let left: BTreeSet<String> = defaults.into_keys().collect();
    assert!(left.is_empty(), "keys that are not in the table: {left:?}");
}

// -- the rest -----------------------------------------------------------------------------------------------------

/// The lines of the blocks for a shell, without comments; lines that are continued are joined.
fn shell_lines() -> Vec<String> {
    let text = readme().replace("\\\n", " ");
    let mut out = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => out.push(line.split(" # ").next().unwrap().trim().to_owned()),
            _ => {}
        }
    }
    out
}

#[test]
fn the_commands_are_understood() {
    let mut seen = 0;
    for line in shell_lines() {
        let Some(at) = line.rfind("dockpulse ").filter(|at| *at == 0 || line[..*at].ends_with([' ', '/'])) else {
            continue;
        };
        let command = line[at..].split_whitespace().take_while(|word| !matches!(*word, ">" | "|"));
        let words = command.map(OsString::from);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let parsed = cli::parse(words, &mut out, &mut err);
        assert!(parsed.is_ok(), "{line}: {}", String::from_utf8_lossy(&err));
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} commands found");
}

/// The text of all Rust files below a folder.
fn sources(folder: &Path) -> String {
    let mut out = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out += &sources(&path);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out += &fs::read_to_string(&path).unwrap();
        }
    }
    out
}

#[test]
fn the_complaints_of_others_users_are_shown_not_to_happen_by_tests_that_exist() {
    let table = rows(&between("complaints"));
    assert_eq!(table.len(), 14);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code = sources(&root.join("src")) + &sources(&root.join("tests"));
    for row in table {
        let tests = quoted(&row[2]);
        assert!(!tests.is_empty(), "{}: nothing shows it", row[0]);
        for test in tests {
            assert!(code.contains(&format!("fn {test}()")), "{}: there is no test {test}", row[0]);
        }
    }
}

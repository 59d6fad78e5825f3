//! The pages, and the parts of them that are generated.

use std::fs;
use std::path::PathBuf;

/// Where a page is; `README.md` and the like are beside `docs/`.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

pub(crate) fn page(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|e| panic!("docs/{name}: {e}"))
}

/// What stands between `<!-- name…` and `<!-- /name -->`.
pub(crate) fn between<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("<!-- {name}")).unwrap_or_else(|| panic!("no part {name}"));
    let (_, rest) = rest.split_once("-->\n").unwrap();
    rest.split_once(&format!("<!-- /{name} -->")).unwrap_or_else(|| panic!("no end of {name}")).0.trim()
}

/// The cells of each row of each table, without the heads.
pub(crate) fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |i: &usize| lines[*i].starts_with("| ") && !lines.get(i + 1).is_some_and(|l| l.starts_with("|---"));
    (0..lines.len()).filter(is_row).map(|i| cells(lines[i])).collect()
}

/// The words in backquotes.
pub(crate) fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// A row of a table; empty cells as one writes them.
pub(crate) fn row(cells: &[&str]) -> String {
    format!("| {} |", cells.join(" | ")).replace("|  |", "| |").replace("|  |", "| |")
}

/// Parts of a page are what is generated. With `UPDATE=1` they are written anew.
#[expect(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
pub(crate) fn check(name: &str, parts: &[(&str, String)]) {
    let text = page(name);
    let update = std::env::var("UPDATE").is_ok_and(|value| value == "1");
    let new = parts.iter().fold(text.clone(), |text, (part, content)| {
        let (before, rest) = text.split_once(&format!("<!-- {part}")).unwrap();
        let (mark, rest) = rest.split_once("-->\n").unwrap();
        let (_, after) = rest.split_once(&format!("<!-- /{part} -->")).unwrap();
        format!("{before}<!-- {part}{mark}-->\n{}\n<!-- /{part} -->{after}", content.trim())
    });
    if update && new != text {
        fs::write(path(name), new).unwrap();
        return;
    }
    for (part, content) in parts {
        let (is, should) = (between(&text, part), content.trim());
        let first = is.lines().zip(should.lines()).find(|(is, should)| is != should);
        assert!(is == should, "docs/{name}, {part}: UPDATE=1 cargo test --test docs writes it anew; {first:?}");
    }
}

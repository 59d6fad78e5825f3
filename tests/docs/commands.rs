//! What the pages tell to type is understood.

use std::ffi::OsString;

use dockpulse::cli;

use crate::pages::{page, path};

/// The lines of the blocks for a shell, without comments; lines that are continued are joined.
fn shell_lines(text: &str) -> Vec<String> {
    let text = text.replace("\\\n", " ");
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

/// The words of a line, as a shell has them; of quotes the single ones.
fn words(line: &str) -> Vec<OsString> {
    let mut out = Vec::new();
    for (i, part) in line.split('\'').enumerate() {
        match i % 2 {
            0 => out.extend(part.split_whitespace().map(OsString::from)),
            _ => out.push(part.into()),
        }
    }
    out
}

/// The arguments, if the line runs the program. `dockpulse` is the name of an image, a service and a target, too.
fn arguments(line: &str) -> Option<&str> {
    let at = line.rfind("dockpulse ").filter(|at| *at == 0 || line[..*at].ends_with([' ', '/']))?;
    // What follows belongs to another program, or to the shell.
    let rest = [" | ", " > ", " && "].iter().fold(&line[at..], |rest, end| rest.split(end).next().unwrap());
    rest.split_whitespace().nth(1)?.starts_with(|c: char| c.is_ascii_lowercase()).then_some(rest)
}

#[test]
fn the_commands_are_understood() {
    let names = std::fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut seen = 0;
    for name in names.filter(|name| name.ends_with(".md")) {
        for line in shell_lines(&page(&name)) {
            let Some(rest) = arguments(&line) else { continue };
            let words = words(rest.trim_end_matches([' ', '&']));
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let parsed = cli::parse(words, &mut out, &mut err);
            assert!(parsed.is_ok() || err.is_empty(), "{name}: {line}: {}", String::from_utf8_lossy(&err));
            seen += 1;
        }
    }
    assert!(seen >= 15, "only {seen} commands found");
}

//! `dockpulse man`: the manual pages, made from the definition of the command line.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::args::Cli;

/// Writes the page of the command with this path of names, `["config", "check"]`; without names that of dockpulse itself.
/// `false`: there is no such command.
///
/// # Errors
/// If it cannot be written.
pub(super) fn page(names: &[String], out: &mut impl Write) -> io::Result<bool> {
    let mut command = &root();
    for name in names {
        let Some(inner) = command.find_subcommand(name) else { return Ok(false) };
        command = inner;
    }
    out.write_all(&render(command)?)?;
    Ok(true)
}

/// Writes all pages into a directory. Returns how many there are.
///
/// # Errors
/// If one of them cannot be written.
pub(super) fn pages(directory: &Path) -> io::Result<usize> {
    let mut waiting = vec![root()];
    let mut written = 0;
    while let Some(command) = waiting.pop() {
        let path = directory.join(Man::new(command.clone()).get_filename());
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        fs::write(&path, render(&command)?).map_err(named)?;
        written += 1;
        waiting.extend(command.get_subcommands().cloned());
    }
    Ok(written)
}

fn root() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// All but what clap says after its help, of which the generator would make one paragraph, comes from the generator.
fn render(command: &Command) -> io::Result<Vec<u8>> {
    let version = concat!("dockpulse ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(version).manual("dockpulse");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(text) = command.get_after_help() {
        sections(&text.to_string()).to_writer(&mut page)?;
    }
    Ok(page)
}

/// Of each paragraph that begins with `Words:` a section; lines that are indented stay as they are.
fn sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    for paragraph in text.split("\n\n") {
        let (heading, body) = paragraph.split_once(':').unwrap_or(("", paragraph));
        let is_heading = !heading.is_empty() && heading.len() < 20 && !heading.contains('\n');
        let body = if is_heading { body } else { paragraph };
        match is_heading {
            true => roff.control("SH", [heading.to_uppercase().as_str()]),
            false => roff.control("PP", []),
        };
        for line in body.lines().filter(|line| !line.trim().is_empty()) {
            if line.starts_with("  ") {
                roff.control("nf", []).text([roman(line)]).control("fi", []);
            } else {
                roff.text([roman(line.trim())]);
            }
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(names: &[&str]) -> Option<String> {
        let mut out = Vec::new();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        page(&names, &mut out).unwrap().then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_page_has_the_name_the_flags_and_the_examples_line_by_line() {
        let page = text(&["run"]).unwrap();
        for line in [".TH dockpulse-run 1", ".SH SETTINGS", ".SH EXAMPLES", ".SH SIGNALS", "  dockpulse run\n.fi"] {
            assert!(page.contains(line), "no {line} in {page}");
        }
        assert!(text(&[]).unwrap().contains("dockpulse\\-sink(1)"));
        assert!(text(&["config", "check"]).unwrap().contains(".TH dockpulse-config-check 1"));
    }

    #[test]
    fn of_what_is_no_command_there_is_no_page() {
        assert_eq!(text(&["frobnicate"]), None);
        assert_eq!(text(&["run", "check"]), None);
    }

    #[test]
    fn every_command_has_a_page_in_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let written = pages(directory.path()).unwrap();
        let files = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!((written, files), (1 + commands(&root()), written));
        assert!(directory.path().join("dockpulse-config-schema.1").exists());
        let error = pages(Path::new("/nonexistent")).unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/dockpulse.1: "), "{error}");
    }

    fn commands(command: &Command) -> usize {
        command.get_subcommands().map(|inner| 1 + commands(inner)).sum()
    }
}

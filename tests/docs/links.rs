//! Every relative link of every page leads to a file that is there, and to a heading that is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::pages::path;

/// The pages: those under `docs/`, and those beside it.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut out: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root.join(name)).into();
    let docs = fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().path());
    out.extend(docs.filter(|path| path.extension().is_some_and(|e| e == "md")));
    out
}

/// The text without blocks of code.
fn prose(text: &str) -> String {
    let mut inside = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What GitHub makes of each heading, the second one of a kind with `-1`.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let text = prose(text);
    let headings =
        text.lines().filter_map(|line| line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim()));
    let mut out = BTreeSet::new();
    for heading in headings {
        let is_kept = |c: &char| c.is_alphanumeric() || ['-', '_', ' '].contains(c);
        let slug: String = heading.to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-");
        let count = seen.entry(slug.clone()).or_default();
        out.insert(if *count == 0 { slug.clone() } else { format!("{slug}-{count}") });
        *count += 1;
    }
    out
}

fn targets(text: &str) -> Vec<String> {
    let text = prose(text);
    let links = text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned());
    links.filter(|link| !link.contains("://")).collect()
}

/// `docs/../README.md` is `README.md`.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut out, part| {
        match part {
            Component::ParentDir => drop(out.pop()),
            other => out.push(other),
        }
        out
    })
}

#[test]
fn the_links_lead_somewhere() {
    let mut seen = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in targets(&text) {
            let (file, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(file, anchor)| (file, Some(anchor)));
            let there = if file.is_empty() { page.clone() } else { plain(&page.parent().unwrap().join(file)) };
            assert!(there.exists(), "{}: {link} is not there", page.display());
            if let Some(anchor) = anchor {
                let anchors = anchors(&fs::read_to_string(&there).unwrap());
                assert!(anchors.contains(anchor), "{}: {link}: no such heading; there are {anchors:?}", page.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} links found");
}

#[test]
fn every_page_is_in_the_index() {
    let index = fs::read_to_string(path("README.md")).unwrap();
    let linked: BTreeSet<String> = targets(&index).into_iter().collect();
    for page in fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        if page.ends_with(".md") && page != "README.md" {
            assert!(linked.contains(&page), "docs/README.md does not link {page}");
        }
    }
}

//! The rules of the house that the compiler does not know: which part may know which, what the pure parts keep away
//! from, how large a file gets, how files begin and what modules are called.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails loudly")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use syn::visit::Visit;
use syn::{Attribute, Item, UseTree};

/// Which parts of the crate a part may know besides itself, and why. Code for tests is free.
const MAY_KNOW: &[(&str, &[&str], &str)] = &[
    ("model", &[], "the words that all share know nobody"),
    ("filter", &["model"], "decides by what is listed"),
    // The way of the data. Stages know the words, not each other.
    ("engine", &["model", "tls"], "a stage; speaks TLS to engines"),
    ("probe", &["model"], "a stage"),
    ("convert", &["model"], "a stage"),
    ("ledger", &["model"], "a stage"),
    ("outbox", &["model"], "a stage"),
    ("export", &["model", "tls"], "a stage; speaks TLS to collectors"),
    // Beside it.
    ("telemetry", &["model"], "says reasons and engine errors in words"),
    ("config", &["model", "filter"], "a rule of a filter and an API version are values of settings"),
    (
        "explain",
        &["model", "filter", "convert", "telemetry"],
        "a report of one container: its rule by the filter, its identity by convert, shown escaped",
    ),
    (
        "doctor",
        &["model", "engine", "export", "outbox", "status", "telemetry", "tls"],
        "looks at what the agent needs, by the calls that the agent makes; shown escaped",
    ),
    ("status", &["model"], "what is going on, in the words of the model"),
    ("tls", &[], "files of certificates to connections, for engines and collectors alike: it knows neither"),
    (
        "control",
        &["model", "status", "explain", "telemetry"],
        "messages of the board's rows and of a report; what is shown of them is escaped",
    ),
    ("sim", &["model", "engine"], "it is an engine, behind the same trait"),
    ("sink", &["model"], "a collector: it knows OTLP, and the clock"),
    ("web", &["model", "status"], "shows what is on the board"),
    ("demo", &["model", "sink"], "shows what the sink believes"),
    ("top", &["model", "status", "telemetry"], "shows what a board tells, escaped"),
    // The composition.
    ("pipeline", &["model", "engine", "probe", "convert", "ledger"], "one engine's way from findings to batches"),
    (
        "app",
        &[
            "model",
            "filter",
            "engine",
            "probe",
            "convert",
            "ledger",
            "outbox",
            "export",
            "telemetry",
            "config",
            "sim",
            "sink",
            "demo",
            "explain",
            "top",
            "control",
            "doctor",
            "pipeline",
            "status",
            "tls",
            "web",
        ],
        "the root: settings become running parts",
    ),
    ("cli", &["model", "telemetry", "config", "sink", "top", "control", "app"], "arguments → commands"),
];

/// Parts that do no I/O, wait for nothing and read no clock: all they know is passed to them.
const PURE: &[&str] = &["probe", "convert", "ledger", "filter", "explain"];
const IMPURE: &[&str] = &[
    "tokio",
    "tokio_stream",
    "futures_util",
    "hyper",
    "hyper_util",
    "tonic",
    "bollard",
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
];

/// The most lines of a file; test files may be half as long again, for their tables of cases.
const MOST_LINES: usize = 400;
const MOST_LINES_OF_TESTS: usize = 600;
/// Longer files, with the lines that they may have and why they are one subject.
const LONGER: &[(&str, usize, &str)] = &[
    (GENERATED, 2200, "it is generated"),
    ("src/probe/core.rs", 530, "one state machine: what is due, and how an engine fails and recovers"),
    ("src/outbox/durable/core.rs", 460, "one state machine: what is written, given out and kept in memory, and when"),
];

/// What no person has written: its lints are told where it is taken in.
const GENERATED: &str = "src/control/v1.rs";

const BAD_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "misc"];

/// A file of the crate's source.
struct Source {
    /// From the crate's root.
    path: String,
    lines: usize,
    /// The names of its modules from the crate's root down.
    module: Vec<String>,
    /// Compiled for tests only.
    is_test: bool,
    /// What its code outside of tests names: paths that begin with `crate` or with `extern` and a crate's name.
    names: BTreeSet<Vec<String>>,
    /// Lints that are turned off without a word why.
    silenced: usize,
}

/// All modules that are reached from `src/lib.rs`.
static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let mut out = Vec::new();
    read(&root().join("src/lib.rs"), Vec::new(), false, &mut out);
    out
});

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &Path, module: Vec<String>, is_test: bool, out: &mut Vec<Source>) {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    for item in &syntax.items {
        let Item::Mod(child) = item else { continue };
        if child.content.is_none() {
            let name = child.ident.to_string();
            let inner = module.iter().chain([&name]).cloned().collect();
            let at = named_path(&child.attrs).map_or_else(|| file_of(file, &name), |path| file.with_file_name(path));
            read(&at, inner, is_test || is_for_tests(&child.attrs), out);
        }
    }
    let path = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    let names = if is_test { BTreeSet::new() } else { Names::of(&syntax, &module) };
    let mut silenced = Silenced::default();
    silenced.visit_file(&syntax);
    out.push(Source { path, lines: text.lines().count(), module, is_test, names, silenced: silenced.wrong });
}

/// Where `mod name;` in `file` is.
fn file_of(file: &Path, name: &str) -> PathBuf {
    let stem = file.file_stem().unwrap();
    let folder = file.parent().unwrap();
    let folder = if ["lib", "mod"].iter().any(|s| stem == *s) { folder.to_owned() } else { folder.join(stem) };
    let flat = folder.join(format!("{name}.rs"));
    if flat.exists() { flat } else { folder.join(name).join("mod.rs") }
}

/// The file of `#[path = "…"]`.
fn named_path(attributes: &[Attribute]) -> Option<String> {
    let path = attributes.iter().find(|a| a.path().is_ident("path"))?;
    let syn::Meta::NameValue(pair) = &path.meta else { return None };
    match &pair.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|a| a.path().is_ident("cfg") && a.parse_args::<syn::Path>().is_ok_and(|p| p.is_ident("test")))
}

/// Collects what the code outside of tests names: absolute paths, from `crate` or an external crate on.
struct Names {
    module: Vec<String>,
    found: BTreeSet<Vec<String>>,
}

impl Names {
    fn of(file: &syn::File, module: &[String]) -> BTreeSet<Vec<String>> {
        let mut names = Self { module: module.to_vec(), found: BTreeSet::new() };
        names.visit_file(file);
        names.found
    }

    fn add(&mut self, path: &[String]) {
        let Some(first) = path.first() else { return };
        let absolute = match first.as_str() {
            "crate" => path[1..].to_vec(),
            "self" => self.module.iter().chain(&path[1..]).cloned().collect(),
            "super" => {
                let ups = path.iter().take_while(|p| *p == "super").count();
                let up = self.module.len().checked_sub(ups).unwrap();
                self.module[..up].iter().chain(&path[ups..]).cloned().collect()
            }
            _ => {
                self.found.insert([&["extern".to_owned()], path].concat());
                return;
            }
        };
        self.found.insert([&["crate".to_owned()], absolute.as_slice()].concat());
    }

    fn add_tree(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |ident: &syn::Ident| [prefix, &[ident.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.add(&with(&name.ident)),
            UseTree::Rename(rename) => self.add(&with(&rename.ident)),
            UseTree::Glob(_) => self.add(prefix),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(prefix, tree)),
        }
    }
}

impl<'a> Visit<'a> for Names {
    fn visit_item(&mut self, item: &'a Item) {
        if !is_for_tests(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        self.module.push(item.ident.to_string());
        syn::visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        if path.segments.len() > 1 {
            self.add(&path.segments.iter().map(|s| s.ident.to_string()).collect::<Vec<_>>());
        }
        syn::visit::visit_path(self, path);
    }

    /// What stands inside of a macro is no syntax yet; its paths are told by their text.
    fn visit_macro(&mut self, item: &'a syn::Macro) {
        let text = item.tokens.to_string().replace(' ', "");
        for (at, _) in text.match_indices("crate::") {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            let name: String = text[at + "crate::".len()..].chars().take_while(|c| word(*c)).collect();
            self.add(&["crate".to_owned(), name]);
        }
        self.visit_path(&item.path);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(i) => &i.attrs,
        Item::Enum(i) => &i.attrs,
        Item::Fn(i) => &i.attrs,
        Item::Impl(i) => &i.attrs,
        Item::Macro(i) => &i.attrs,
        Item::Mod(i) => &i.attrs,
        Item::Static(i) => &i.attrs,
        Item::Struct(i) => &i.attrs,
        Item::Trait(i) => &i.attrs,
        Item::Type(i) => &i.attrs,
        Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

/// The parts of the crate, and which others each of them names, with a file where.
fn edges() -> BTreeMap<String, BTreeMap<String, String>> {
    let mut out: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for source in SOURCES.iter().filter(|s| !s.is_test && !s.module.is_empty()) {
        let known = out.entry(source.module[0].clone()).or_default();
        let parts = source.names.iter().filter(|n| n[0] == "crate").filter_map(|n| n.get(1).cloned());
        for part in parts.filter(|part| *part != source.module[0]) {
            known.entry(part).or_insert_with(|| source.path.clone());
        }
    }
    out
}

fn may_know(part: &str) -> &'static [&'static str] {
    let row = MAY_KNOW.iter().find(|(name, ..)| *name == part);
    row.unwrap_or_else(|| panic!("{part} is new: say in MAY_KNOW whom it may know, and why")).1
}

#[test]
fn a_part_knows_only_whom_it_may_know() {
    let mut wrong = Vec::new();
    for (part, known) in edges() {
        let allowed = may_know(&part);
        let bad = known.into_iter().filter(|(other, _)| !allowed.contains(&other.as_str()));
        wrong.extend(bad.map(|(other, file)| format!("{file}: {part} must not know {other}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_a_part_may_know_it_does_know() {
    let edges = edges();
    for (part, allowed, _) in MAY_KNOW {
        let known = edges.get(*part).unwrap_or_else(|| panic!("there is no {part}"));
        let stale: Vec<_> = allowed.iter().filter(|other| !known.contains_key(**other)).collect();
        assert!(stale.is_empty(), "{part} no longer knows {stale:?}: take it out of the table");
    }
}

#[test]
fn pure_parts_do_no_input_or_output() {
    let mut wrong = Vec::new();
    for source in SOURCES.iter().filter(|s| !s.is_test && s.module.first().is_some_and(|m| PURE.contains(&&**m))) {
        for name in source.names.iter().filter(|n| n[0] == "extern") {
            let path = format!("{}::", name[1..].join("::"));
            if let Some(bad) = IMPURE.iter().find(|bad| path.starts_with(&format!("{bad}::"))) {
                wrong.push(format!("{}: uses {bad}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_belongs_to_the_crate_and_says_what_it_is() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    for file in files.iter().filter(|file| !file.ends_with("src/main.rs")) {
        let path = file.strip_prefix(root()).unwrap().to_str().unwrap();
        assert!(SOURCES.iter().any(|s| s.path == path), "{path} is in no module");
    }
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.starts_with("//! "), "{}: the first line does not say what it is", file.display());
    }
}

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

#[test]
fn a_file_stays_readable() {
    let mut wrong = Vec::new();
    for source in SOURCES.iter() {
        let longer = LONGER.iter().find(|(path, ..)| *path == source.path).map(|(_, most, _)| *most);
        let most = longer.unwrap_or(if source.is_test { MOST_LINES_OF_TESTS } else { MOST_LINES });
        if source.lines > most {
            let lines = source.lines;
            wrong.push(format!("{}: {lines} lines, {most} at most: split it by subject", source.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_exception_for_a_long_file_is_needed() {
    for (path, ..) in LONGER {
        let lines = SOURCES.iter().find(|s| s.path == *path).map_or(0, |s| s.lines);
        assert!(lines > MOST_LINES, "{path} has {lines} lines: take it out of LONGER");
    }
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    for source in SOURCES.iter() {
        let bad = source.module.last().filter(|name| BAD_NAMES.contains(&name.as_str()));
        assert!(bad.is_none(), "{}: name it after what it does", source.path);
    }
}

/// Collects lints that are turned off without a word why.
#[derive(Default)]
struct Silenced {
    wrong: usize,
}

impl<'a> Visit<'a> for Silenced {
    fn visit_attribute(&mut self, attribute: &'a Attribute) {
        let syn::Meta::List(list) = &attribute.meta else { return };
        let silences = list.path.is_ident("allow") || list.path.is_ident("expect");
        self.wrong += usize::from(silences && !list.tokens.to_string().contains("reason"));
    }
}

#[test]
fn a_lint_is_turned_off_with_a_reason() {
    for source in SOURCES.iter().filter(|source| source.path != GENERATED) {
        assert_eq!(source.silenced, 0, "{}: a lint is turned off without a reason", source.path);
    }
}

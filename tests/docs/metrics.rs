//! `docs/metrics.md` and `docs/migration.md`: the tables are what is sent, the queries ask for what there is.

use std::collections::{BTreeMap, BTreeSet};

use dockpulse::convert::{KnownMetric, Profile};
use dockpulse::model::series::Kind;

use crate::everything;
use crate::pages::{between, check, page, quoted, row, rows};

const PAGE: &str = "metrics.md";
const PROFILES: [(&str, Profile); 3] = [
    ("semconv", Profile::Semconv),
    ("docker_stats", Profile::DockerStats),
    ("docker_exporter", Profile::DockerExporter),
];

/// What the page says of each metric of a profile: that alone is written by hand.
fn meanings(part: &str) -> BTreeMap<String, String> {
    let told = rows(between(&page(PAGE), part)).into_iter();
    told.map(|row| (quoted(&row[0])[0].clone(), row.last().unwrap().clone())).collect()
}

/// The table that a profile's metrics are worth.
fn table(part: &str, profile: Profile) -> String {
    let (sent, meanings) = (everything::of(profile), meanings(part));
    let mut lines = vec![
        "| metric | kind, unit | attributes | by default | in Prometheus | |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    let is_shown = |metric: &&KnownMetric| part == "semconv" || !metric.name.starts_with("dockpulse.");
    for metric in profile.metrics().iter().filter(is_shown) {
        let (kind, attributes) = &sent[metric.name];
        let attributes: Vec<_> = attributes.iter().map(|name| format!("`{name}`")).collect();
        let by_default = if metric.by_default { "yes" } else { "no" };
        let meaning = meanings.get(metric.name).map_or("", String::as_str);
        let in_prometheus = format!("`{}`", in_prometheus(metric));
        let name = format!("`{}`", metric.name);
        lines.push(row(&[&name, kind, &attributes.join(", "), by_default, &in_prometheus, meaning]));
    }
    lines.join("\n")
}

#[test]
fn the_tables_of_the_profiles_are_what_is_sent() {
    check(PAGE, &PROFILES.map(|(part, profile)| (part, table(part, profile))));
}

#[test]
fn every_metric_has_a_meaning() {
    for (part, profile) in PROFILES {
        let meanings = meanings(part);
        for metric in profile.metrics().iter().filter(|metric| !metric.name.starts_with("dockpulse.")) {
            let meaning = meanings.get(metric.name).map_or("", String::as_str);
            assert!(meaning.len() > 3, "docs/{PAGE}, {part}: say in the last column what {} is", metric.name);
        }
    }
}

/// How the Collector and Prometheus name a metric by default: the unit's word and `_total` are appended unless they are
/// there.
fn in_prometheus(metric: &KnownMetric) -> String {
    let mut tokens: Vec<&str> = metric.name.split(|c: char| !c.is_alphanumeric()).collect();
    let word = match metric.unit {
        unit if unit.contains('{') => "",
        "By" => "bytes",
        "s" => "seconds",
        "ns" => "nanoseconds",
        "ms" => "milliseconds",
        "1" if metric.kind == Kind::Gauge => "ratio",
        unit => panic!("{unit} is not among those that are used"),
    };
    if !word.is_empty() && !tokens.contains(&word) {
        tokens.push(word);
    }
    if metric.kind == Kind::Counter {
        tokens.retain(|token| *token != "total");
        tokens.push("total");
    }
    tokens.join("_")
}

/// The names of metrics in a query: what is neither a label nor a word of the language.
fn asked_for(query: &str) -> BTreeSet<String> {
    let mut depth = 0;
    let outside: String = query
        .chars()
        .map(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if depth > 0 { ' ' } else { c }
        })
        .collect();
    let words = outside.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_metric = |w: &&str| ["container_", "docker_", "dockpulse_"].iter().any(|p| w.starts_with(p));
    // A label to group by is named like an attribute.
    words.filter(is_metric).filter(|word| *word != "container_name").map(str::to_owned).collect()
}

#[test]
fn what_to_use_instead_exists_and_the_queries_ask_for_it() {
    let metrics = Profile::Semconv.metrics();
    let shown: BTreeSet<String> = metrics.iter().map(in_prometheus).collect();
    let mut seen = 0;
    let page = page("migration.md");
    // The tables of settings have two columns.
    for row in rows(between(&page, "tables")).into_iter().filter(|row| row.len() > 2) {
        assert_eq!(row.len(), 4, "{row:?}");
        for name in quoted(&row[1]) {
            assert!(metrics.iter().any(|metric| metric.name == name), "{name}: {row:?}");
        }
        for query in quoted(row.last().unwrap()) {
            let asked = asked_for(&query);
            assert!(!asked.is_empty() && asked.is_subset(&shown), "{query}: {asked:?}");
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} queries found");
}

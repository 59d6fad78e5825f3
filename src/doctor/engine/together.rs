//! What engines have in common that they must not.

use std::collections::BTreeMap;

use super::super::line::{Line, Sheet};
use super::{Findings, Subject};

/// Engines that are one and the same, and engines that look alike.
pub(in super::super) fn judge_together(subjects: &[Subject], findings: &[Findings]) -> Vec<Line> {
    let mut sheet = Sheet::of("engines");
    if subjects.len() < 2 {
        return sheet.into_lines();
    }
    same_containers(subjects, findings, &mut sheet);
    same_names(subjects, findings, &mut sheet);
    let lines = sheet.into_lines();
    if !lines.is_empty() {
        return lines;
    }
    let mut sheet = Sheet::of("engines");
    sheet.ok("identity", "no two of them have a name or a container in common");
    sheet.into_lines()
}

fn same_containers(subjects: &[Subject], findings: &[Findings], sheet: &mut Sheet) {
    let mut owners = BTreeMap::new();
    let mut pairs = BTreeMap::new();
    for (i, findings) in findings.iter().enumerate() {
        let seen = findings.calls.as_ref().and_then(|calls| calls.list.as_ref().ok());
        for id in seen.into_iter().flat_map(|seen| &seen.ids) {
            if let Some(first) = owners.insert(id, i) {
                *pairs.entry((first, i)).or_insert(0_usize) += 1;
            }
        }
    }
    for ((a, b), count) in pairs {
        let [a, b] = [a, b].map(|i| subjects.get(i).map(Subject::called).unwrap_or_default());
        let found = format!("{a} and {b} list {count} containers both: each of their series would be sent twice");
        sheet.fail("identity", found, "they are one engine: leave one of them out of engines");
    }
}

fn same_names(subjects: &[Subject], findings: &[Findings], sheet: &mut Sheet) {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, (subject, findings)) in subjects.iter().zip(findings).enumerate() {
        let reported = findings.reached.as_ref().ok().and_then(|info| info.host_name.as_deref());
        if let Some(name) = subject.name.as_deref().or(reported) {
            by_name.entry(name).or_default().push(i);
        }
    }
    for (name, all) in by_name.into_iter().filter(|(_, all)| all.len() > 1) {
        let endpoints: Vec<&str> = all.iter().filter_map(|i| Some(subjects.get(*i)?.endpoint.as_str())).collect();
        let found = format!("{} are all called {name} in dockpulse.engine.name and in logs", endpoints.join(", "));
        sheet.warn("identity", found, "give each a name of its own: engines[].name");
    }
}

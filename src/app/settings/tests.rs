//! Whatever the settings and the engines say, no two things share an identity in Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::config::{Flags, Sources};
use crate::convert::Converter;
use crate::model::batch::SeriesPoint;
use crate::model::container::{ContainerId, Details, Labels, Listed, State};
use crate::model::engine::EngineInfo;
use crate::model::observation::{EngineStatus, Facts, Usage};
use crate::model::sample::{BlockDevice, Cpu, Memory, Network, Sample, Traffic};
use crate::model::series::{AttributeValue, Resource};
use crate::model::time::{Monotonic, UnixNanos};

const KEYS: &[&str] = &[
    "a",
    "com.example.team",
    "com.docker.compose.service",
    "com.docker.compose.project",
    "com.docker.swarm.service.name",
    "com.hashicorp.nomad.alloc_id",
    "io.kubernetes.container.name",
    "io.kubernetes.pod.name",
];

/// Names that attributes might be given: good ones, and those that would hide something.
const TARGETS: &[&str] = &[
    "team",
    "owner.team",
    "owner_team",
    "Team",
    "service.name",
    "service.namespace",
    "service.instance.id",
    "service_instance_id",
    "container.id",
    "container-id",
    "container.name",
    "container_name",
    "container.image.tags",
    "host.name",
    "cpu.mode",
    "cpu_mode",
    "network.interface.name",
    "container.status.state",
    "dockpulse.engine.name",
    "k8s.pod.name",
    "name",
    "interface",
    "instance",
    "job",
    "__name__",
    "1st",
    "größe",
];

/// Values that differ only in what Prometheus folds, in case, or behind the cut; and such that look like others' ids.
fn values() -> impl Strategy<Value = String> {
    let long = "x".repeat(1024);
    let odd = [
        "web".to_owned(),
        "WEB".to_owned(),
        "we.b".to_owned(),
        "we_b".to_owned(),
        "web\u{7}\n\u{1b}[2J".to_owned(),
        "b\u{fffd}d".to_owned(),
        String::new(),
        " ".to_owned(),
        "a/b".to_owned(),
        format!("{:064x}", 1),
        format!("{long}a"),
        format!("{long}b"),
        "é".repeat(500_000),
    ];
    prop_oneof![4 => select(odd.to_vec()), 1 => any::<String>()]
}

/// One line of the settings.
#[derive(Debug, Clone)]
enum Entry {
    Label(&'static str, &'static str),
    Env(&'static str, &'static str),
    Switch(Index, bool),
    OnPoints(&'static str),
    Extra(&'static str, &'static str),
    Name(usize, Option<&'static str>),
    Profile(&'static str),
}

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let target = || select(TARGETS);
    let entry = prop_oneof![
        (select(KEYS), target()).prop_map(|(key, to)| Entry::Label(key, to)),
        (select(&["A", "B"][..]), target()).prop_map(|(key, to)| Entry::Env(key, to)),
        (any::<Index>(), any::<bool>()).prop_map(|(which, on)| Entry::Switch(which, on)),
        target().prop_map(Entry::OnPoints),
        (target(), select(&["x", "y", "web"][..])).prop_map(|(key, value)| Entry::Extra(key, value)),
        (0..ENGINES, proptest::option::of(select(&["h", "H", "tcp://e0:1", "tcp://e1:1"][..])))
            .prop_map(|(engine, name)| Entry::Name(engine, name)),
        select(Profile::WORDS).prop_map(Entry::Profile),
    ];
    prop::collection::vec(entry, 0..16)
}

const ENGINES: usize = 3;

/// The settings with these entries, if they are right.
fn load(entries: &[Entry]) -> Option<Settings> {
    let mut attributes: BTreeMap<&str, serde_json::Value> = BTreeMap::new();
    let mut engines: Vec<serde_json::Value> =
        (0..ENGINES).map(|i| serde_json::json!({ "endpoint": format!("tcp://e{i}:1") })).collect();
    let (mut on_points, mut extra, mut profile) = (Vec::new(), Vec::new(), "semconv");
    for entry in entries {
        let mut set = |part, key: &str, value: serde_json::Value| {
            attributes.entry(part).or_insert_with(|| serde_json::json!({}))[key] = value;
        };
        match entry {
            Entry::Label(key, to) => set("labels", key, (*to).into()),
            Entry::Env(key, to) => set("env", key, (*to).into()),
            Entry::Switch(which, on) => {
                let names = convert::built_in();
                set("resource", names[which.index(names.len())], on.to_string().into());
            }
            Entry::OnPoints(name) => on_points.push(*name),
            Entry::Extra(key, value) => extra.push(format!("{key}={value}")),
            Entry::Name(engine, Some(name)) => engines[*engine]["name"] = (*name).into(),
            Entry::Profile(word) => profile = word,
            Entry::Name(engine, None) => drop(engines[*engine].as_object_mut().and_then(|e| e.remove("name"))),
        }
    }
    attributes.insert("on_points", on_points.into());
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    let yaml = serde_json::json!({ "profile": profile, "attributes": attributes, "engines": engines });
    std::fs::write(file.path(), yaml.to_string()).unwrap();
    let sources = Sources {
        flags: Flags { config: Some(file.path().to_owned()), ..Flags::default() },
        environment: [("OTEL_RESOURCE_ATTRIBUTES", extra.join(","))].into_iter().collect(),
        working_directory: PathBuf::from("/nonexistent"),
        system_directory: PathBuf::from("/nonexistent"),
    };
    config::load(&sources, &known()).ok().map(|loaded| loaded.settings)
}

/// The settings with as many of the entries as are right together.
fn settings(entries: Vec<Entry>) -> Settings {
    let mut taken = Vec::new();
    for entry in entries {
        taken.push(entry);
        if load(&taken).is_none() {
            taken.pop();
        }
    }
    load(&taken).unwrap()
}

/// A container without its id: name, image, labels, variables.
type Made = (Option<String>, String, Vec<(&'static str, String)>, Option<Vec<(&'static str, String)>>);

fn made() -> impl Strategy<Value = Made> {
    let name = proptest::option::of(values().prop_filter("a name", |name| !name.is_empty()));
    let pairs = |keys| prop::collection::vec((select(keys), values()), 0..4);
    (name, values(), pairs(KEYS), proptest::option::of(pairs(&["A", "B"])))
}

fn texts(pairs: &[(&'static str, String)]) -> Labels {
    Labels::new(pairs.iter().map(|(k, v)| ((*k).into(), v.as_str().into())).collect())
}

fn facts(number: usize, (name, image, labels, env): &Made, engine: &Arc<EngineInfo>) -> Facts {
    Facts {
        engine: engine.clone(),
        listed: Listed {
            id: ContainerId::try_new(&format!("{number:064x}")).unwrap(),
            name: name.as_deref().map(Into::into),
            image: image.as_str().into(),
            image_id: "sha256:aa".into(),
            state: State::Running,
            up_for: None,
            exit_code: None,
            health: None,
            labels: texts(labels),
        },
        details: env.as_ref().map(|env| Arc::new(Details { env: texts(env), ..Details::default() })),
        run_start: UnixNanos(1),
        restarts_start: UnixNanos(1),
        oom_kills: 0,
        kills_since: None,
    }
}

fn usage() -> Usage {
    let traffic = Traffic { bytes: Some(1), ..Traffic::default() };
    let network = |interface: &str| Network { interface: interface.into(), receive: traffic, transmit: traffic };
    let device =
        BlockDevice { number: Some((8, 0)), read_bytes: Some(1), written_bytes: Some(1), reads: None, writes: None };
    let sample = Sample {
        cpu: Cpu { user: Some(1), system: Some(1), ..Cpu::default() },
        memory: Memory { usage: Some(1), faults: Some(2), major_faults: Some(1), ..Memory::default() },
        networks: vec![network("eth.0"), network("eth_0")],
        devices: vec![device],
        ..Sample::default()
    };
    Usage { sample, at: Monotonic::default(), previous: None, since: Vec::new() }
}

// -- what Prometheus makes of it ------------------------------------------------------------------------------------

fn label(name: &str) -> String {
    let folded: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if folded.starts_with(|c: char| c.is_ascii_digit()) { format!("key_{folded}") } else { folded }
}

fn text(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => text.to_string(),
        AttributeValue::List(list) => format!("{list:?}"),
    }
}

/// The labels of a series: job and instance from the resource, the point's attributes, and, where a collector is told to
/// (`resource_to_telemetry_conversion`), those of the resource in their place. Names that are folded into one have their
/// values joined; empty labels are none.
fn prometheus(resource: &Resource, point: &SeriesPoint, whole: bool) -> BTreeMap<String, String> {
    let of = |key: &str| resource.text(key).map(|t| t.to_string()).unwrap_or_default();
    let mut attributes: BTreeMap<String, String> =
        point.attributes.pairs().iter().map(|(k, v)| ((*k).to_owned(), v.to_string())).collect();
    attributes.extend(resource.on_points().iter().map(|(k, v)| (k.to_string(), v.to_string())));
    if whole {
        attributes.extend(resource.attributes().iter().map(|(k, v)| (k.to_string(), text(v))));
    }
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in attributes {
        let joined = labels.entry(label(&key)).or_default();
        *joined = if joined.is_empty() { value } else { format!("{joined};{value}") };
    }
    let (namespace, name) = (of("service.namespace"), of("service.name"));
    let job = if namespace.is_empty() { name } else { format!("{namespace}/{name}") };
    labels.extend([
        ("job".to_owned(), job),
        ("instance".to_owned(), of("service.instance.id")),
        ("__name__".to_owned(), label(point.metric.name)),
    ]);
    labels.retain(|_, value| !value.is_empty());
    labels
}

#[derive(Default)]
struct Seen {
    plain: BTreeSet<BTreeMap<String, String>>,
    whole: BTreeSet<BTreeMap<String, String>>,
}

impl Seen {
    fn add(&mut self, resource: &Resource, points: &[SeriesPoint]) -> Result<(), TestCaseError> {
        for point in points {
            let plain = prometheus(resource, point, false);
            prop_assert!(plain.contains_key("job") && plain.contains_key("instance"), "{:?}", plain);
            prop_assert!(self.plain.insert(plain), "{} twice: {:?}", point.metric.name, resource);
            let whole = prometheus(resource, point, true);
            prop_assert!(self.whole.insert(whole), "{} twice on the whole: {:?}", point.metric.name, resource);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn no_two_series_are_one_in_prometheus(
        entries in entries(),
        hosts in prop::collection::vec(proptest::option::of(select(&["h", "H", "h.x", "h_x"][..])), ENGINES),
        containers in prop::collection::vec((0..ENGINES, made()), 1..8),
    ) {
        let settings = settings(entries);
        let mut seen = Seen::default();
        for (i, engine) in settings.engines.iter().enumerate() {
            let pipeline = pipeline(&settings, engine, "agent");
            let info = Arc::new(EngineInfo { host_name: hosts[i].map(Into::into), ..EngineInfo::default() });
            // As the pipeline calls it.
            let name = pipeline.name.or(info.host_name.clone()).unwrap_or(pipeline.endpoint);
            let mut converter = Converter::new(name, pipeline.convert);
            let status = EngineStatus {
                engine: info.clone(),
                up: true,
                containers: Some([1; 7]),
                last_success: UnixNanos(1),
            };
            seen.add(&converter.engine_resource(), &converter.engine(&status))?;
            for (number, (_, made)) in containers.iter().enumerate().filter(|(_, (at, _))| *at == i) {
                let facts = facts(number, made, &info);
                let resource = converter.resource(&facts);
                for (key, value) in resource.attributes() {
                    prop_assert!(text(value).len() <= 1024 + 4, "{} is too long", key);
                }
                let mut points = converter.state(&facts);
                points.extend(converter.usage(&facts, &usage()));
                seen.add(&resource, &points)?;
            }
        }
    }
}

#[test]
fn two_engines_on_one_host_have_series_of_their_own() {
    let settings = load(&[Entry::Name(1, Some("h"))]).unwrap();
    let instances: Vec<String> = settings
        .engines
        .iter()
        .map(|engine| {
            let settings = pipeline(&settings, engine, "agent");
            // All three report the same host name.
            let name = settings.name.unwrap_or_else(|| "h".into());
            let resource = Converter::new(name, settings.convert).engine_resource();
            resource.text("service.instance.id").unwrap().to_string()
        })
        .collect();
    assert_eq!(instances, ["agent/tcp://e0:1", "agent/h", "agent/tcp://e2:1"]);
}

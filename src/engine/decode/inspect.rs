//! `/containers/ID/json`: what the list does not tell.

use serde::Deserialize;

use super::super::lenient::{Flag, Many, Number, Object, Part, Word};
use super::{state, utf8};
use crate::model::Text;
use crate::model::container::{Details, Health, Labels, MoreDetails, State};
use crate::model::engine::Wanted;
use crate::model::time::UnixNanos;

/// The most bytes of a command line that are kept.
const COMMAND: usize = 4096;

/// Reads an inspect answer.
///
/// # Errors
/// When it is no whole JSON object.
pub fn inspect(body: &[u8], wanted: &Wanted) -> Result<Details, serde_json::Error> {
    let Object::<Answer>(answer) = serde_json::from_str(&utf8(body))?;
    Ok(answer.details(wanted))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Answer {
    name: Word,
    created: Word,
    path: Word,
    args: Many<Word>,
    restart_count: Number,
    state: Part<StateOf>,
    host_config: Part<HostConfig>,
    config: Part<Config>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct StateOf {
    status: Word,
    running: Flag,
    paused: Flag,
    restarting: Flag,
    #[serde(rename = "OOMKilled")]
    oom_killed: Flag,
    exit_code: ExitCode,
    started_at: Word,
    health: Part<HealthOf>,
}

/// An exit code; Windows has negative ones.
#[derive(Debug, Default)]
struct ExitCode(Option<i64>);

impl<'de> Deserialize<'de> for ExitCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(serde_json::Value::deserialize(deserializer)?.as_i64()))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HealthOf {
    status: Word,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HostConfig {
    memory: Number,
    cpu_shares: Number,
    nano_cpus: Number,
    cpu_quota: Number,
    cpu_period: Number,
    cpuset_cpus: Word,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Config {
    hostname: Word,
    image: Word,
    cmd: Many<Word>,
    env: Many<Word>,
}

impl Answer {
    fn details(self, wanted: &Wanted) -> Details {
        let state = self.state.0;
        let command = std::iter::once(&self.path).chain(&self.args.0);
        Details {
            state: state.known(),
            name: Some(self.name.as_str().trim_start_matches('/')).filter(|n| !n.is_empty()).map(Text::from),
            created: UnixNanos::parse_rfc3339(self.created.as_str()),
            started_at: UnixNanos::parse_rfc3339(state.started_at.as_str()),
            restart_count: self.restart_count.get(),
            exit_code: state.exit_code.0,
            oom_killed: state.oom_killed.0,
            health: Health::parse(state.health.0.status.as_str()),
            memory_limit: self.host_config.0.memory.get().filter(|limit| *limit > 0),
            cpu_limit: self.host_config.0.cpus(),
            hostname: text(&self.config.0.hostname),
            command_line: joined(command),
            env: env(&self.config.0.env.0, wanted),
            more: wanted.detail.then(|| Box::new(more(&self.config.0, &self.host_config.0))),
        }
    }
}

fn more(config: &Config, host: &HostConfig) -> MoreDetails {
    MoreDetails {
        image: text(&config.image),
        command: joined(config.cmd.0.iter()),
        cpu_shares: host.cpu_shares.get(),
        cpu_limit: host.first_of_cpus(),
    }
}

fn text(word: &Word) -> Option<Text> {
    (!word.is_empty()).then(|| word.as_str().into())
}

fn joined<'a>(words: impl Iterator<Item = &'a Word>) -> Option<Text> {
    let mut line = String::new();
    for (i, word) in words.enumerate() {
        line.push_str(if i == 0 { "" } else { " " });
        line.push_str(word.as_str());
        line.truncate(line.floor_char_boundary(COMMAND));
    }
    Some(line.trim().into()).filter(|text: &Text| !text.is_empty())
}

impl StateOf {
    /// The word, or what the flags say if the word is unknown.
    fn known(&self) -> Option<State> {
        match state(self.status.as_str()) {
            State::Unknown if self.restarting.0 => Some(State::Restarting),
            State::Unknown if self.paused.0 => Some(State::Paused),
            State::Unknown if self.running.0 => Some(State::Running),
            State::Unknown => None,
            state => Some(state),
        }
    }
}

impl HostConfig {
    /// The tightest of what limits the processors, in CPUs.
    fn cpus(&self) -> Option<f64> {
        self.all_of_cpus().into_iter().flatten().reduce(f64::min)
    }

    /// The first of what limits the processors, in CPUs.
    fn first_of_cpus(&self) -> Option<f64> {
        self.all_of_cpus().into_iter().flatten().next()
    }

    /// `--cpus`, the size of `--cpuset-cpus`, `--cpu-quota`. A quota without a period has the kernel's, 100 ms.
    fn all_of_cpus(&self) -> [Option<f64>; 3] {
        const PERIOD: i64 = 100_000;
        let positive = |n: &Number| n.get().filter(|n| *n > 0);
        let nano = positive(&self.nano_cpus).map(|n| n as f64 / 1e9);
        let period = positive(&self.cpu_period).unwrap_or(PERIOD) as f64;
        let quota = positive(&self.cpu_quota).map(|q| q as f64 / period);
        let set = cpuset(self.cpuset_cpus.as_str()).map(f64::from);
        [nano, set, quota]
    }
}

/// How many processors `0-2,7` names.
fn cpuset(text: &str) -> Option<u32> {
    let mut count = 0u32;
    for range in text.split(',').map(str::trim).filter(|r| !r.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        count = count.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
    }
    (count > 0).then_some(count)
}

fn env(variables: &[Word], wanted: &Wanted) -> Labels {
    let pair = |w: &Word| {
        let (name, value) = w.as_str().split_once('=')?;
        wanted.env.contains(name).then(|| (Text::from(name), Text::from(value)))
    };
    Labels::new(variables.iter().filter_map(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Details {
        let wanted = Wanted { env: ["REGION".to_owned()].into(), ..Wanted::default() };
        inspect(text.as_bytes(), &wanted).expect("an inspect answer")
    }

    #[test]
    fn the_cpu_limit_is_the_tightest_of_cpus_quota_and_set() {
        for (config, limit) in [
            (r#"{"NanoCpus":2500000000}"#, Some(2.5)),
            (r#"{"CpuQuota":50000,"CpuPeriod":100000}"#, Some(0.5)),
            (r#"{"CpuQuota":150000}"#, Some(1.5)),
            (r#"{"CpuQuota":-1}"#, None),
            (r#"{"CpusetCpus":"0-2,7"}"#, Some(4.0)),
            (r#"{"CpusetCpus":"0-1","NanoCpus":3000000000}"#, Some(2.0)),
            (r#"{"CpusetCpus":"2-0"}"#, None),
            (r#"{"CpusetCpus":"x"}"#, None),
            (r#"{"NanoCpus":0,"CpusetCpus":""}"#, None),
            ("7", None),
        ] {
            assert_eq!(read(&format!(r#"{{"HostConfig":{config}}}"#)).cpu_limit, limit, "{config}");
        }
    }

    #[test]
    fn of_a_command_line_the_beginning_is_kept() {
        let text = format!(r#"{{"Path":"","Args":["sh","","{0}","{0}"]}}"#, "é".repeat(1500));
        let line = read(&text).command_line.expect("a command line");
        assert_eq!(line.len(), COMMAND - " ".len());
        assert!(line.starts_with("sh  éé"), "{line}");
    }

    #[test]
    fn more_is_read_only_where_it_is_wanted() {
        let text = r#"{"HostConfig":{"CpuShares":512,"CpusetCpus":"0-1","NanoCpus":3000000000,"CpuQuota":50000},
            "Config":{"Image":"nginx:1.27","Cmd":["sh","-c","x"]},"Path":"/entry.sh","Args":["sh","-c","x"]}"#;
        assert_eq!(read(text).more, None);
        let wanted = Wanted { detail: true, ..Wanted::default() };
        let details = inspect(text.as_bytes(), &wanted).expect("an inspect answer");
        let more = MoreDetails {
            image: Some("nginx:1.27".into()),
            command: Some("sh -c x".into()),
            cpu_shares: Some(512),
            cpu_limit: Some(3.0),
        };
        assert_eq!((details.more, details.cpu_limit), (Some(Box::new(more)), Some(0.5)));
        let odd = inspect(br#"{"HostConfig":{"CpuShares":-1},"Config":{"Cmd":null,"Image":7}}"#, &wanted);
        assert_eq!(odd.expect("an inspect answer").more, Some(Box::default()));
    }

    #[test]
    fn only_the_variables_that_are_wanted_are_read() {
        let details = read(r#"{"Config":{"Env":["PASSWORD=x","REGION=eu=1","REGION2=y",7]}}"#);
        assert_eq!(details.env, Labels::new(vec![("REGION".into(), "eu=1".into())]));
    }

    #[test]
    fn an_unknown_state_is_told_by_the_flags() {
        assert_eq!(read(r#"{"State":{"Status":"hibernating","Running":true}}"#).state, Some(State::Running));
        assert_eq!(read(r#"{"State":{"Status":"exited","Running":true}}"#).state, Some(State::Exited));
        assert_eq!(read(r#"{"State":{}}"#).state, None);
    }

    #[test]
    fn parts_of_a_wrong_shape_are_absent() {
        let details = read(r#"{"State":[1],"HostConfig":"x","Config":null,"RestartCount":"2","Created":7,"Name":{}}"#);
        assert_eq!(details, Details::default());
        assert!(inspect(b"[]", &Wanted::default()).is_err() && inspect(b"", &Wanted::default()).is_err());
    }
}

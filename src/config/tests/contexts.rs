//! Contexts of the docker client, in folders as it writes them.

use proptest::prelude::*;

use super::*;

fn id(name: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, name.as_bytes());
    digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

impl World {
    /// A context as `docker context create` writes it.
    fn context(self, name: &str, host: &str, more: &str) -> Self {
        let json = serde_json::json!({ "Name": name, "Metadata": {}, "Endpoints": { "docker": { "Host": host } } });
        let text = json.to_string().replace("\"Host\"", &format!("{more}\"Host\""));
        self.file(&format!(".docker/contexts/meta/{}/meta.json", id(name)), &text)
    }

    fn tls(self, name: &str, files: &[&str]) -> Self {
        let folder = format!(".docker/contexts/tls/{}/docker", id(name));
        files.iter().fold(self, |world, file| world.file(&format!("{folder}/{file}"), "x"))
    }

    /// With its folder as `HOME`.
    fn home(self, more: &[(&str, &str)]) -> Self {
        let home = self.directory.path().display().to_string();
        let mut env = vec![("HOME", home.as_str())];
        env.extend(more);
        self.env(&env)
    }

    #[track_caller]
    fn endpoint(&self) -> (String, String) {
        let loaded = self.loaded();
        let origin = loaded.origins.get("engines[0].endpoint").to_string();
        let folder = format!("{}/", self.directory.path().display());
        (loaded.settings.engines[0].endpoint.to_string(), origin.replace(&folder, ""))
    }
}

#[track_caller]
fn leads(world: World, endpoint: &str, origin: &str) {
    assert_eq!(world.endpoint(), (endpoint.to_owned(), origin.to_owned()));
}

const LOCAL: &str = "unix:///var/run/docker.sock";
const YAML: &str = "engines: [{context: prod}]";

fn with(yaml: &str) -> World {
    World::with(yaml).context("prod", "ssh://me@prod", "").context("dev", "unix:///dev.sock", "")
}

#[test]
fn a_folder_is_called_by_the_digest_of_its_context_s_name() {
    assert_eq!(id("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn a_context_of_the_settings_says_where_the_engine_is() {
    leads(with(YAML).home(&[]), "ssh://me@prod", "docker context prod");
    leads(with(YAML).home(&[("DOCKER_HOST", "tcp://other")]), "ssh://me@prod", "docker context prod");
    leads(with("engines: [{context: dev}]").home(&[]), "unix:///dev.sock", "docker context dev");
    leads(with("").home(&[("DOCKPULSE_ENGINES__0__CONTEXT", "dev")]), "unix:///dev.sock", "docker context dev");
    // The default context is what the variables say.
    let default = "engines: [{context: default}]";
    leads(with(default).home(&[]), LOCAL, "default");
    leads(with(default).home(&[("DOCKER_HOST", "tcp://h:1"), ("DOCKER_CONTEXT", "dev")]), "tcp://h:1", "DOCKER_HOST");
    leads(World::with(YAML).context("prod", "", "").home(&[]), LOCAL, "default");
}

#[test]
fn without_an_endpoint_the_order_is_docker_s() {
    let current = |yaml: &str| with(yaml).file(".docker/config.json", r#"{"auths":{},"currentContext":"prod"}"#);
    leads(current("").home(&[]), "ssh://me@prod", "docker context prod");
    leads(current("").home(&[("DOCKER_CONTEXT", "dev")]), "unix:///dev.sock", "docker context dev");
    leads(current("").home(&[("DOCKER_CONTEXT", "dev"), ("DOCKER_HOST", "tcp://h:1")]), "tcp://h:1", "DOCKER_HOST");
    leads(current("").home(&[("DOCKER_CONTEXT", "default")]), LOCAL, "default");
    leads(current("engines: [{name: a}]").home(&[]), "ssh://me@prod", "docker context prod");
    leads(current("engines: [{endpoint: 'tcp://x:1'}]").home(&[]), "tcp://x:1", "dockpulse.yaml:1:12");
    leads(current("").env(&[]), LOCAL, "default");
    let moved = current("");
    let folder = moved.directory.path().join(".docker").display().to_string();
    leads(moved.env(&[("DOCKER_CONFIG", &folder)]), "ssh://me@prod", "docker context prod");
}

#[test]
fn the_client_s_settings_are_gone_without_if_they_cannot_be_read() {
    for text in ["{\"auths\": {\"canary\"", "[3]", "{\"currentContext\": 3}"] {
        let world = with("").file(".docker/config.json", text).home(&[]);
        let loaded = world.loaded();
        assert_eq!(loaded.settings.engines[0].endpoint.to_string(), LOCAL);
        let [warning] = &loaded.warnings[..] else { panic!("one warning") };
        let line = warning.to_string();
        assert!(line.contains("config.json: the docker client's settings") && !line.contains("canary"), "{line}");
    }
    for text in ["{}", "{\"currentContext\": \"\"}"] {
        let world = with("").file(".docker/config.json", text).home(&[]);
        assert!(world.loaded().warnings.is_empty(), "{text}");
    }
}

#[test]
fn a_context_brings_the_certificates_that_are_stored_with_it() {
    let tcp = |host| World::with(YAML).context("prod", host, "");
    let files = |world: World| {
        let engine = world.settings().engines[0].clone();
        let tls = [engine.tls.ca_file, engine.tls.cert_file, engine.tls.key_file];
        let names = tls.iter().flatten().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
        (engine.endpoint.to_string(), names.collect::<Vec<_>>().join(" "))
    };
    let expected = |endpoint: &str, names: &str| (endpoint.to_owned(), names.to_owned());
    assert_eq!(files(tcp("tcp://h:1").home(&[])), expected("tcp://h:1", ""));
    let all = ["ca.pem", "cert.pem", "key.pem"];
    assert_eq!(files(tcp("tcp://h:1").tls("prod", &all).home(&[])), expected("https://h:1", "ca.pem cert.pem key.pem"));
    assert_eq!(files(tcp("tcp://h:1").tls("prod", &all[..1]).home(&[])), expected("https://h:1", "ca.pem"));
    assert_eq!(files(tcp("tcp://h:1").tls("prod", &[".hidden"]).home(&[])), expected("https://h:1", ""));
    assert_eq!(files(tcp("unix:///s").tls("prod", &all).home(&[])), expected("unix:///s", ""));
    let own = World::with("engines: [{context: prod, tls: {ca_file: /mine.pem}}]").context("prod", "tcp://h:1", "");
    assert_eq!(files(own.tls("prod", &all).home(&[])), expected("https://h:1", "mine.pem"));
}

#[track_caller]
fn refused(world: World, words: &[&str]) {
    let errors = world.errors();
    assert!(words.iter().all(|word| errors.contains(word)), "{words:?} in {errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn a_context_that_cannot_be_used_is_told_with_the_reason() {
    let unknown = "engines[0].context: there is no docker context \"prdo\" in .docker, did you mean prod? there are: dev, prod, default";
    refused(with("engines: [{context: prdo}]").home(&[]), &["dockpulse.yaml:1:12: ", unknown]);
    refused(
        with("").home(&[("DOCKER_CONTEXT", "xyz")]),
        &["DOCKER_CONTEXT: engines[0].endpoint: there is no docker context \"xyz\"", "; there are: dev, prod, default"],
    );
    let chosen = with("").file(".docker/config.json", r#"{"currentContext":"gone"}"#);
    refused(chosen.home(&[]), &[".docker/config.json: engines[0].endpoint: there is no docker context \"gone\""]);
    refused(with(YAML).env(&[]), &["DOCKER_CONFIG or HOME: neither is set"]);
    let skips = World::with(YAML).context("prod", "tcp://h:1", "\"SkipTLSVerify\":true,");
    refused(skips.home(&[]), &["skips the verification of the engine's certificate, which dockpulse never does"]);
    let pipe = World::with(YAML).context("prod", "npipe:////./pipe/docker_engine", "");
    refused(pipe.home(&[]), &["leads to \"npipe:////./pipe/docker_engine\": npipe is for engines on Windows"]);
    let meta = format!(".docker/contexts/meta/{}/meta.json", id("prod"));
    for (text, word) in [
        ("{", "not what the docker client writes, in line 1"),
        (r#"{"Name":"prod","Endpoints":{"kubernetes":{}}}"#, "names no Docker engine"),
        (&"x".repeat(2 << 20), "it has more than 1048576 bytes"),
    ] {
        refused(World::with(YAML).file(&meta, text).home(&[]), &[word]);
    }
}

#[test]
fn two_contexts_that_fail_are_two_errors() {
    let errors = with("engines: [{context: x1}, {context: y2}]").home(&[]).errors();
    assert_eq!(errors.lines().count(), 2, "{errors}");
    let errors = with("engines: [{context: dev}, {endpoint: 'unix:///dev.sock'}]").home(&[]).errors();
    assert!(errors.ends_with("engines[1].endpoint: engines[0] is the same engine"), "{errors}");
}

#[test]
fn what_is_printed_is_where_the_context_leads_and_loads_again() {
    let world = with(YAML).home(&[]);
    let text = print(&world.loaded());
    let line =
        text.lines().find_map(|line| line.trim().strip_prefix("endpoint: \"ssh://me@prod\"")).unwrap_or_default();
    assert_eq!(line.trim(), "# docker context prod", "{text}");
    let again = World::with(&text).settings();
    assert_eq!(again.engines[0].endpoint, world.settings().engines[0].endpoint);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_name_of_a_context_leads_out_of_the_folder(name in "[./a-z]{0,12}|.{0,8}") {
        prop_assume!(name != "default");
        let world = World::new().file(".docker/contexts/meta/meta.json", r#"{"Endpoints":{"docker":{"Host":"unix:///x"}}}"#);
        let world = world.home(&[("DOCKER_CONTEXT", &name)]);
        match world.load() {
            Ok(loaded) => prop_assert!(name.trim().is_empty() && loaded.settings.engines[0].context.is_none()),
            Err(errors) => prop_assert!(errors.to_string().contains("there is no docker context"), "{errors}"),
        }
    }

    #[test]
    fn any_bytes_of_a_context_are_a_context_or_an_error(text in any::<Vec<u8>>()) {
        let world = World::with(YAML);
        let path = world.directory.path().join(format!(".docker/contexts/meta/{}/meta.json", id("prod")));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        prop_assert!(world.home(&[]).load().is_err());
    }
}

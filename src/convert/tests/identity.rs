//! Whose series they are.

use super::*;

fn resource_of(identity: Identity, facts: &Facts) -> Vec<String> {
    let converter = Converter::new("prod".into(), Settings { identity, ..Settings::default() });
    converter.resource(facts).attributes().iter().map(|(k, v)| format!("{k}={v:?}")).collect()
}

#[test]
fn a_variable_that_is_mapped_is_an_attribute_once_inspect_told_it() {
    let identity = || Identity { env: [("COLOR".to_owned(), "color".to_owned())].into(), ..Identity::default() };
    let env = Labels::new(vec![("COLOR".into(), "red".into())]);
    let told = facts(State::Running, Some(Details { env, ..Details::default() }));
    assert!(resource_of(identity(), &told).contains(&r#"color=Text("red")"#.to_owned()));
    let untold = resource_of(identity(), &facts(State::Running, None));
    assert!(!untold.iter().any(|a| a.starts_with("color")), "{untold:?}");
}

#[test]
fn what_dockpulse_says_wins_over_extra_attributes() {
    let extra = vec![("container.name".to_owned(), "mine".to_owned()), ("team".to_owned(), "blue".to_owned())];
    let resource = resource_of(Identity { extra, ..Identity::default() }, &facts(State::Running, None));
    assert!(resource.contains(&r#"container.name=Text("web")"#.to_owned()), "{resource:?}");
    assert!(resource.contains(&r#"team=Text("blue")"#.to_owned()), "{resource:?}");
}

#[test]
fn chosen_attributes_are_copied_onto_points() {
    let on_points = vec!["container.name".to_owned(), "container.image.tags".to_owned(), "nothing".to_owned()];
    let identity = Identity { on_points, ..Identity::default() };
    let converter = Converter::new("prod".into(), Settings { identity, ..Settings::default() });
    let resource = converter.resource(&facts(State::Running, None));
    assert_eq!(resource.on_points(), [("container.name".into(), "web".into())]);
}

#[test]
fn an_engine_s_identity_is_the_agent_s_host_and_the_engine_s_name() {
    let identity = Identity { agent_host: "here".to_owned(), ..Identity::default() };
    let mut converter = Converter::new("prod".into(), Settings { identity, ..Settings::default() });
    converter.set_engine_name("other".into());
    let resource = converter.engine_resource();
    let texts = ["service.name", "service.instance.id", "dockpulse.engine.name"].map(|key| resource.text(key).cloned());
    assert_eq!(texts, [Some("dockpulse".into()), Some("here/other".into()), Some("other".into())]);
}

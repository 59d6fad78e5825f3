//! Whatever is in a file or variable.

use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_document_is_settings_or_errors_and_no_panic(text in "\\PC{0,200}|[-a-c:\\[\\]{}&*!|>'\"#%@,? \\n\\t$]{0,80}") {
        for name in ["dockpulse.yaml", "dockpulse.toml"] {
            if let Err(errors) = World::new().file(name, &text).load() {
                prop_assert!(errors.to_string().chars().all(|c| c == '\n' || !c.is_control()));
            }
        }
    }

    #[test]
    fn any_value_of_any_key_is_a_setting_or_an_error(key in 0..KEYS.len(), value in "\\PC{0,40}") {
        let _ = World::new().env(&[(KEYS[key], &value)]).load();
    }

    #[test]
    fn a_duration_is_read_back_as_it_was_written(millis in 100_u64..31_536_000_000) {
        let interval = Duration::from_millis(millis);
        let text = super::super::scalar::write_duration(interval);
        prop_assert_eq!(good(&format!("interval: {text}")).interval, interval);
    }
}

const KEYS: &[&str] = &[
    "DOCKPULSE_INTERVAL",
    "DOCKPULSE_ENGINES",
    "DOCKPULSE_ENGINES__0__ENDPOINT",
    "DOCKPULSE_CONTAINERS__INCLUDE",
    "DOCKPULSE_CONTAINERS__MAX",
    "DOCKPULSE_EXPORT__ENDPOINT",
    "DOCKPULSE_EXPORT__HEADERS",
    "DOCKPULSE_EXPORT__MAX_REQUEST_BYTES",
    "DOCKPULSE_STATUS__LISTEN",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "DOCKER_HOST",
    "DOCKER_API_VERSION",
];

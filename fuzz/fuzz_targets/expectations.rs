//! The file that says what has to arrive.
#![no_main]

use dockpulse::sink::expect::Want;
use dockpulse::sink::expect::file::{FileError, parse};
use dockpulse_fuzz::can_be_shown;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // YAML's line breaks, and the line behind the last.
    let lines = text.matches(['\n', '\r']).count() + 2;
    match parse(text) {
        Ok(expectations) => {
            assert!(!expectations.is_empty());
            for expectation in &expectations {
                assert!((1..=lines).contains(&expectation.line));
                assert!(!matches!(expectation.want, Want::Points(0) | Want::Retracted(0)));
                let pairs = expectation.resource.iter().chain(&expectation.attributes);
                assert!(pairs.map(|(_, pattern)| pattern).all(|p| p.matches(p.as_str())), "{expectation}");
            }
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|p| (1..=lines).contains(&p.line)), "{problems:?}");
            let words = FileError::Wrong { path: "expected.yaml".into(), problems }.to_string();
            assert!(can_be_shown(&words), "{words:?}");
        }
    }
});

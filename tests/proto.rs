//! What is generated from the control API's definition is what is checked in, and the definition keeps the rules that
//! `buf lint` has, and that everything is documented. `UPDATE=1 cargo test --test proto` writes it anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

const FILE: &str = "dockpulse/control/v1/control.proto";
const PACKAGE: &str = "dockpulse.control.v1";
const HEAD: &str =
    "//! Generated from `proto/dockpulse/control/v1/control.proto` by `UPDATE=1 cargo test --test proto`.\n";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The definition with its comments and all that it imports.
fn definition() -> FileDescriptorSet {
    protox::compile([FILE], [root().join("proto")]).unwrap_or_else(|error| panic!("{error:?}"))
}

fn own(set: &FileDescriptorSet) -> &FileDescriptorProto {
    set.file.iter().find(|file| file.name() == FILE).unwrap()
}

// -- drift ------------------------------------------------------------------------------------------------------------

/// The code for the definition, as it stands in a file.
fn code(set: FileDescriptorSet) -> String {
    let folder = tempfile::tempdir().unwrap();
    tonic_prost_build::configure()
        .build_transport(false)
        .btree_map(".")
        .emit_rerun_if_changed(false)
        .out_dir(folder.path())
        .compile_fds(set)
        .unwrap();
    HEAD.to_owned() + &fs::read_to_string(folder.path().join(format!("{PACKAGE}.rs"))).unwrap()
}

fn matches(path: &Path, made: &[u8]) {
    if std::env::vars().any(|(name, value)| name == "UPDATE" && value == "1") {
        fs::write(path, made).unwrap();
    }
    let kept = fs::read(path).unwrap_or_default();
    assert!(kept == made, "{} is not what the definition says: UPDATE=1 cargo test --test proto", path.display());
}

#[test]
fn the_generated_code_is_that_of_the_definition() {
    matches(&root().join("src/control/v1.rs"), code(definition()).as_bytes());
}

#[test]
fn the_descriptors_for_reflection_are_those_of_the_definition() {
    // Comments of what is imported are well known.
    let mut set = definition();
    set.file.iter_mut().filter(|file| file.name() != FILE).for_each(|file| file.source_code_info = None);
    matches(&root().join("src/control/descriptors.bin"), &set.encode_to_vec());
}

// -- rules ------------------------------------------------------------------------------------------------------------

/// Names in the definition with the path by which their comments are kept.
struct Named {
    what: String,
    path: Vec<i32>,
}

fn named(what: impl Into<String>, path: &[i32]) -> Named {
    Named { what: what.into(), path: path.to_vec() }
}

/// Everything that has a name and so has to have a comment. The numbers are those of the fields of descriptor.proto.
fn everything(file: &FileDescriptorProto) -> Vec<Named> {
    let mut all = Vec::new();
    for (i, message) in (0..).zip(&file.message_type) {
        of_message(message, message.name(), &[4, i], &mut all);
    }
    for (i, list) in (0..).zip(&file.enum_type) {
        of_enum(list, list.name(), &[5, i], &mut all);
    }
    for (i, service) in (0..).zip(&file.service) {
        all.push(named(service.name(), &[6, i]));
        let methods = (0..).zip(&service.method);
        all.extend(methods.map(|(m, method)| named(format!("{}.{}", service.name(), method.name()), &[6, i, 2, m])));
    }
    all
}

fn of_message(message: &DescriptorProto, name: &str, path: &[i32], all: &mut Vec<Named>) {
    all.push(named(name, path));
    for (i, field) in (0..).zip(&message.field) {
        all.push(named(format!("{name}.{}", field.name()), &[path, &[2, i]].concat()));
    }
    // A field that is optional has a oneof of its own, which nobody has written.
    let synthetic: BTreeSet<i32> =
        message.field.iter().filter(|f| f.proto3_optional()).filter_map(|f| f.oneof_index).collect();
    for (i, oneof) in (0..).zip(&message.oneof_decl).filter(|(i, _)| !synthetic.contains(i)) {
        all.push(named(format!("{name}.{}", oneof.name()), &[path, &[8, i]].concat()));
    }
    let is_map = |nested: &DescriptorProto| nested.options.as_ref().is_some_and(|options| options.map_entry());
    for (i, nested) in (0..).zip(&message.nested_type).filter(|(_, nested)| !is_map(nested)) {
        of_message(nested, &format!("{name}.{}", nested.name()), &[path, &[3, i]].concat(), all);
    }
}

fn of_enum(list: &EnumDescriptorProto, name: &str, path: &[i32], all: &mut Vec<Named>) {
    all.push(named(name, path));
    for (i, value) in (0..).zip(&list.value) {
        all.push(named(format!("{name}.{}", value.name()), &[path, &[2, i]].concat()));
    }
}

#[test]
fn everything_has_a_comment_that_is_a_sentence() {
    let set = definition();
    let file = own(&set);
    let info = file.source_code_info.as_ref().unwrap();
    let comment = |path: &[i32]| {
        let place = info.location.iter().find(|location| location.path == path);
        place.map(|location| location.leading_comments().trim().to_owned()).unwrap_or_default()
    };
    let all = everything(file);
    assert!(all.len() > 200, "there is much more: {}", all.len());
    let bad: Vec<_> =
        all.iter().filter(|n| !comment(&n.path).ends_with(['.', ':', ')', '…'])).map(|n| n.what.as_str()).collect();
    assert!(bad.is_empty(), "without a comment that is a sentence: {bad:?}");
}

#[test]
fn the_package_is_versioned_and_stands_where_its_name_says() {
    let set = definition();
    let file = own(&set);
    assert_eq!(file.package(), PACKAGE);
    assert_eq!(Path::new(FILE).parent().unwrap(), Path::new(&PACKAGE.replace('.', "/")));
    let version = PACKAGE.rsplit('.').next().unwrap();
    assert!(version.strip_prefix('v').is_some_and(|n| n.parse::<u32>().is_ok()), "{version}");
    assert_eq!(file.syntax(), "proto3");
}

#[test]
fn each_call_has_a_request_and_a_response_of_its_own() {
    let set = definition();
    for service in &own(&set).service {
        assert!(service.name().ends_with("Service"), "{}", service.name());
        for method in &service.method {
            let name = method.name();
            assert_eq!(method.input_type(), format!(".{PACKAGE}.{name}Request"));
            assert_eq!(method.output_type(), format!(".{PACKAGE}.{name}Response"));
        }
    }
}

#[test]
fn names_are_written_as_names_of_their_kind_are() {
    let set = definition();
    let file = own(&set);
    let pascal = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase()) && !name.contains('_');
    let snake = |name: &str| {
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') && !name.contains("__")
    };
    for message in &file.message_type {
        assert!(pascal(message.name()), "{}", message.name());
        for name in message.field.iter().map(|f| f.name()).chain(message.oneof_decl.iter().map(|o| o.name())) {
            // The oneof of an optional field is called _field.
            assert!(snake(name.trim_start_matches('_')), "{}.{name}", message.name());
        }
    }
    for list in &file.enum_type {
        assert!(pascal(list.name()), "{}", list.name());
        let prefix = shouted(list.name());
        assert_eq!((list.value[0].name(), list.value[0].number()), (&*format!("{prefix}_UNSPECIFIED"), 0));
        for value in &list.value {
            assert!(value.name().starts_with(&format!("{prefix}_")), "{}", value.name());
        }
    }
}

/// `SERIES_KIND` of `SeriesKind`.
fn shouted(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

#[test]
fn no_number_of_a_field_is_left_out_without_being_reserved() {
    let set = definition();
    for message in &own(&set).message_type {
        let mut numbers: BTreeSet<i32> = message.field.iter().map(|field| field.number()).collect();
        for range in &message.reserved_range {
            numbers.extend(range.start()..range.end());
        }
        let wanted: BTreeSet<i32> = (1..).take(numbers.len()).collect();
        assert_eq!(numbers, wanted, "{}", message.name());
    }
}

//! `/containers/json`.

use std::borrow::Cow;
use std::fmt;

use hashbrown::HashSet;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::lenient::{Many, Word};
use super::{state, utf8, words};
use crate::model::Text;
use crate::model::container::{ContainerId, Labels, Listed, Listing};
use crate::model::engine::Wanted;

/// The longest value of a label that is kept.
const LABEL: usize = 4096;
/// The most containers of one engine: an entry of few bytes takes many times as much memory.
const MOST: usize = 100_000;

/// Reads a list. Each id counts once; entries without a usable id are skipped and counted.
///
/// # Errors
/// When it is no whole JSON array, or one in which nothing is a container, or too many are: half a list must not be taken
/// for one, and nonsense not for the news that all containers are gone.
pub fn list(body: &[u8], wanted: &Wanted) -> Result<Listing, serde_json::Error> {
    let text = utf8(body);
    let mut json = serde_json::Deserializer::from_str(&text);
    let listing = ListSeed(wanted).deserialize(&mut json)?;
    json.end()?;
    if listing.containers.is_empty() && listing.skipped > 0 {
        return Err(serde::de::Error::custom("no entry is a container"));
    }
    Ok(listing)
}

struct ListSeed<'w>(&'w Wanted);

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = Listing;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Listing, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = Listing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of containers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Listing, A::Error> {
        let mut listing = Listing::default();
        let mut seen = HashSet::new();
        while let Some(entry) = seq.next_element_seed(EntrySeed(self.0))? {
            match entry {
                Some(listed) if seen.insert(listed.id.clone()) => {
                    if seen.len() > MOST {
                        return Err(serde::de::Error::custom(format_args!("more than {MOST} containers")));
                    }
                    listing.containers.push(listed);
                }
                Some(_) => {}
                None => listing.skipped += 1,
            }
        }
        Ok(listing)
    }
}

struct EntrySeed<'w>(&'w Wanted);

impl<'de> DeserializeSeed<'de> for EntrySeed<'_> {
    type Value = Option<Listed>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// What an entry holds, before it is judged.
#[derive(Default)]
struct Entry {
    id: Word,
    names: Many<Word>,
    image: Word,
    image_id: Word,
    state: Word,
    status: Word,
    labels: Labels,
}

impl Entry {
    fn listed(self) -> Option<Listed> {
        let words = words::read(self.status.as_str());
        let name = first_name(&self.names.0);
        Some(Listed {
            id: ContainerId::try_new(self.id.as_str())?,
            name: name.map(Text::from),
            image: self.image.as_str().into(),
            image_id: self.image_id.as_str().into(),
            state: state(self.state.as_str()),
            up_for: words.up_for,
            exit_code: words.exit_code,
            health: words.health,
            labels: self.labels,
        })
    }
}

/// The first that is the container's own. Those with a slash inside (`/web/db`) are links by which another container
/// calls it; engines sort them among the names.
fn first_name(names: &[Word]) -> Option<&str> {
    let mut names = names.iter().map(|n| n.as_str().trim_start_matches('/')).filter(|n| !n.is_empty());
    let first = names.clone().next();
    names.find(|n| !n.contains('/')).or(first)
}

impl<'de> Visitor<'de> for EntrySeed<'_> {
    type Value = Option<Listed>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a container")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entry = Entry::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match &*key {
                "Id" => entry.id = map.next_value()?,
                "Names" => entry.names = map.next_value()?,
                "Image" => entry.image = map.next_value()?,
                "ImageID" => entry.image_id = map.next_value()?,
                "State" => entry.state = map.next_value()?,
                "Status" => entry.status = map.next_value()?,
                "Labels" => entry.labels = map.next_value_seed(LabelsSeed(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(entry.listed())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }
}

/// Reads the labels that are wanted; the others are passed over.
struct LabelsSeed<'w>(&'w Wanted);

impl<'de> DeserializeSeed<'de> for LabelsSeed<'_> {
    type Value = Labels;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Labels, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for LabelsSeed<'_> {
    type Value = Labels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("labels")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut pairs: Vec<(Text, Text)> = Vec::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if !self.0.labels.contains(&*key) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: Word = map.next_value()?;
            let value = value.as_str();
            let value: Text = value[..value.floor_char_boundary(LABEL)].into();
            // No more of them are kept than are wanted, however often one comes.
            match pairs.iter_mut().find(|(known, _)| **known == *key) {
                Some((_, last)) => *last = value,
                None => pairs.push((Text::from(&*key), value)),
            }
        }
        Ok(Labels::new(pairs))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Labels, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Labels::default())
    }

    fn visit_unit<E>(self) -> Result<Labels, E> {
        Ok(Labels::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Labels, E> {
        Ok(Labels::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Labels, E> {
        Ok(Labels::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Labels, E> {
        Ok(Labels::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Labels, E> {
        Ok(Labels::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Labels, E> {
        Ok(Labels::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::container::State;

    const ID: &str = "69df0eabcd309153470099179a273bc65329b6280c95608117bf57028ef8654c";

    fn wanted(keys: &[&str]) -> Wanted {
        Wanted { labels: keys.iter().map(|k| (*k).to_owned()).collect(), ..Wanted::default() }
    }

    fn read(text: &str) -> Result<Listing, serde_json::Error> {
        list(text.as_bytes(), &wanted(&["team"]))
    }

    #[test]
    fn an_entry_is_read_with_the_labels_that_are_wanted_and_no_others() {
        let listing = read(&format!(
            r#"[{{"Id":"{ID}","Names":["/web","/db/web"],"Image":"nginx","ImageID":"sha256:1","State":"running",
                "Status":"Up 3 seconds","Labels":{{"team":"blue","secret":"x"}},"Ports":[{{"x":[1,{{}}]}}]}}]"#
        ))
        .expect("a list");
        let web = &listing.containers[0];
        assert_eq!((web.name.as_deref(), web.state), (Some("web"), State::Running));
        assert_eq!(web.labels, Labels::new(vec![("team".into(), "blue".into())]));
    }

    #[test]
    fn the_first_name_that_is_no_link_counts() {
        for (names, expected) in [
            (r#"["/web","/db/web"]"#, Some("web")),
            (r#"["/app/db","/db"]"#, Some("db")),
            (r#"["/b","/a"]"#, Some("b")),
            (r#"["/app/db"]"#, Some("app/db")),
            (r#"["",7,"/","/x"]"#, Some("x")),
            (r#"["//x"]"#, Some("x")),
            ("[]", None),
            ("null", None),
        ] {
            let listing = read(&format!(r#"[{{"Id":"{ID}","Names":{names}}}]"#)).expect("a list");
            assert_eq!(listing.containers[0].name.as_deref(), expected, "{names}");
        }
    }

    #[test]
    fn what_is_no_whole_array_is_an_error() {
        for text in ["", "[", "{}", r#"{"message":"x"}"#, "[{}", "null", "[]]", "[] []", "7"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("[]").ok(), Some(Listing::default()));
    }

    #[test]
    fn odd_entries_are_skipped_and_counted_and_each_id_counts_once() {
        let good = format!(r#"{{"Id":"{ID}"}}"#);
        let text = format!(r#"[null,7,"x",[],true,{{}},{{"Id":"../x"}},{good},{good}]"#);
        let listing = read(&text).expect("a list");
        assert_eq!((listing.containers.len(), listing.skipped), (1, 7));
        assert_eq!(listing.containers[0].state, State::Unknown);
    }

    #[test]
    fn fields_of_a_wrong_type_are_absent() {
        let text = format!(
            r#"[{{"Id":"{ID}","Names":"web","Image":7,"State":["running"],"Status":null,"Labels":["a"],"ImageID":{{}}}}]"#
        );
        let listing = read(&text).expect("a list");
        assert_eq!((&*listing.containers[0].image, &listing.containers[0].name), ("", &None));
    }

    #[test]
    fn text_that_is_not_utf8_is_replaced() {
        let text = [format!(r#"[{{"Id":"{ID}","Names":["/b"#).as_bytes(), b"\xff\xfe", br#"d"]}]"#].concat();
        let listing = list(&text, &wanted(&[])).expect("a list");
        assert_eq!(listing.containers[0].name.as_deref(), Some("b\u{fffd}\u{fffd}d"));
    }

    #[test]
    fn of_a_label_that_comes_twice_the_last_counts() {
        let text = format!(r#"[{{"Id":"{ID}","Labels":{{"team":"blue","x":"y","team":"red"}}}}]"#);
        let listing = read(&text).expect("a list");
        assert_eq!(listing.containers[0].labels, Labels::new(vec![("team".into(), "red".into())]));
    }

    #[test]
    fn a_list_with_more_containers_than_any_host_has_is_refused() {
        let entries: Vec<_> = (0..=MOST).map(|n| format!(r#"{{"Id":"{n:012x}"}}"#)).collect();
        let error = read(&format!("[{}]", entries.join(","))).expect_err("one too many").to_string();
        assert!(error.starts_with("more than 100000 containers"), "{error}");
        assert_eq!(read(&format!("[{}]", entries[1..].join(","))).expect("a list").containers.len(), MOST);
    }
}

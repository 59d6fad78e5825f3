//! A resource: the version that made it; how many attributes; of each the key, what it is, and the value.

use super::Damage;
use super::content::{Content, put_count, put_text};
use crate::model::Text;
use crate::model::series::{AttributeValue, Resource};

const TEXT: u8 = 0;
/// Text that every point carries too.
const TEXT_ON_POINTS: u8 = 1;
const LIST: u8 = 2;

/// The fewest bytes of an attribute: the lengths of its key and value, and what it is.
const LEAST: usize = 3;

/// The bytes of a resource.
pub fn encode_resource(resource: &Resource) -> Vec<u8> {
    let mut out = Vec::new();
    // Both are sorted by key, and the one is part of the other.
    let mut on_points = resource.on_points().iter().peekable();
    put_text(&mut out, resource.version());
    put_count(&mut out, resource.attributes().len());
    for (key, value) in resource.attributes() {
        put_text(&mut out, key);
        match value {
            AttributeValue::Text(text) => {
                let is_on_points = on_points.next_if(|(copied, _)| copied == key).is_some();
                out.push(if is_on_points { TEXT_ON_POINTS } else { TEXT });
                put_text(&mut out, text);
            }
            AttributeValue::List(items) => {
                out.push(LIST);
                put_count(&mut out, items.len());
                items.iter().for_each(|item| put_text(&mut out, item));
            }
        }
    }
    out
}

/// The resource that [`encode_resource`] made these bytes of.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode_resource(bytes: &[u8]) -> Result<Resource, Damage> {
    let mut content = Content::new(bytes);
    let version = content.text()?;
    let count = content.count(LEAST)?;
    let mut attributes: Vec<(Text, AttributeValue, bool)> = Vec::with_capacity(count);
    for _ in 0..count {
        let key: Text = content.text()?.into();
        if key.is_empty() || attributes.last().is_some_and(|(last, ..)| *last >= key) {
            return Err(Damage::Unusable("order of attribute keys"));
        }
        let (value, on_points) = take_value(&mut content)?;
        attributes.push((key, value, on_points));
    }
    content.end()?;
    Ok(Resource::with_copies(attributes).made_by(version))
}

/// The value, and whether every point carries it too.
fn take_value(content: &mut Content<'_>) -> Result<(AttributeValue, bool), Damage> {
    let what = content.byte()?;
    if what == LIST {
        let count = content.count(1)?;
        let mut items: Vec<Text> = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(content.text()?.into());
        }
        return Ok((AttributeValue::List(items), false));
    }
    if what > LIST {
        return Err(Damage::Unusable("attribute value"));
    }
    Ok((AttributeValue::Text(content.text()?.into()), what == TEXT_ON_POINTS))
}

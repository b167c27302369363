//! What a newer version wrote stays, whatever this one changes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
enum Phase {
    Waiting,
    Failed { error: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Item {
    id: u8,
    count: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Nested {
    name: String,
    words: Vec<String>,
}

/// All shapes that documents have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Document {
    state: bool,
    title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    phase: Phase,
    nested: Option<Nested>,
    items: Vec<Item>,
    map: BTreeMap<String, u8>,
}

fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![Just(Phase::Waiting), "[a-c]{0,3}".prop_map(|error| Phase::Failed { error })]
}

fn nested() -> impl Strategy<Value = Nested> {
    ("[a-c]{0,3}", prop::collection::vec("[a-c]{0,2}", 0..4)).prop_map(|(name, words)| Nested { name, words })
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let counts = prop::collection::btree_map(0_u8..8, 0_u8..4, 0..6);
    counts
        .prop_map(|counts| counts.into_iter().map(|(id, count)| Item { id, count }).collect::<Vec<_>>())
        .prop_shuffle()
}

prop_compose! {
    fn document()(
        state in any::<bool>(),
        title in "[a-c]{0,3}",
        description in "[a-c]{0,2}",
        phase in phase(),
        nested in prop::option::of(nested()),
        items in items(),
        map in prop::collection::btree_map("[a-c]", 0_u8..4, 0..3),
    ) -> Document {
        Document { state, title, description, phase, nested, items, map }
    }
}

/// Gives every object but the map a member that is not known, named after its place.
fn with_unknown(document: &Document) -> Value {
    let mut value = to_value(document);
    value["newer"] = json!({"deep": [1, {"a": null}]});
    value["phase"]["newer"] = json!("phase");
    if document.nested.is_some() {
        value["nested"]["newer"] = json!(7);
    }
    for (at, item) in document.items.iter().enumerate() {
        value["items"][at]["newer"] = json!(format!("item {}", item.id));
    }
    value
}

/// What stands after `after` was written over a newer document that reads as `before`.
fn written(before: &Document, after: &Document) -> Value {
    let raw = to_vec(&with_unknown(before));
    serde_json::from_slice(&carried(&raw, before, after)).expect("JSON")
}

proptest! {
    #[test]
    fn what_is_written_reads_as_what_was_meant(before in document(), after in document()) {
        prop_assert_eq!(Document::deserialize(&written(&before, &after)).ok(), Some(after));
    }

    #[test]
    fn nothing_is_lost_where_nothing_changed(before in document()) {
        prop_assert_eq!(written(&before, &before), with_unknown(&before));
    }

    #[test]
    fn what_is_still_there_keeps_what_is_not_known_of_it(before in document(), after in document()) {
        let written = written(&before, &after);
        prop_assert_eq!(&written["newer"], &with_unknown(&before)["newer"]);
        for (at, item) in after.items.iter().enumerate() {
            let was_there = before.items.iter().any(|old| old.id == item.id);
            let kept = written["items"][at].get("newer").cloned();
            prop_assert_eq!(kept, was_there.then(|| json!(format!("item {}", item.id))));
        }
        let same_case = std::mem::discriminant(&before.phase) == std::mem::discriminant(&after.phase);
        prop_assert_eq!(written["phase"].get("newer").is_some(), same_case);
        let both = before.nested.is_some() && after.nested.is_some();
        prop_assert_eq!(written["nested"].get("newer").is_some(), both);
    }

    #[test]
    fn nothing_known_comes_back(before in document(), after in document()) {
        let mut written = written(&before, &after);
        written.as_object_mut().expect("an object").remove("newer");
        for place in ["/phase", "/nested"] {
            if let Some(object) = written.pointer_mut(place).and_then(Value::as_object_mut) {
                object.remove("newer");
            }
        }
        for item in written["items"].as_array_mut().expect("a list") {
            item.as_object_mut().expect("an object").remove("newer");
        }
        prop_assert_eq!(written, to_value(&after));
    }
}

#[test]
fn a_list_that_this_version_reads_only_in_part_is_written_as_this_version_knows_it() {
    let before: Vec<u8> = vec![1];
    assert_eq!(carried(b"[1, 2]", &before, &vec![1, 3]), b"[1,3]");
}

#[test]
fn a_member_under_an_older_name_does_not_make_the_document_unreadable() {
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Renamed {
        #[serde(alias = "old")]
        new: u8,
    }
    let written = carried(br#"{"old": 1, "other": 2}"#, &Renamed { new: 1 }, &Renamed { new: 5 });
    assert_eq!(serde_json::from_slice::<Renamed>(&written).ok(), Some(Renamed { new: 5 }));
}

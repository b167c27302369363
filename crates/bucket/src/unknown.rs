//! Fields that a newer version wrote and this one does not know: they outlive a change that is made here.
//!
//! `raw` is the document as it stands, `before` what this version reads of it, `after` what it is to become.
//! - An object keeps the members of `raw` that are not in `before`, at every depth, unless `after` has one of that name.
//! - Below the root an object with a `state` is one case of several: where the case changed, nothing is kept.
//! - Elements of a list are the same thing where their `id`, `short_id` or `upload` is, or all that is known of them.
//!   One that is gone takes along what is not known of it.
//!
//! What would change how this version reads the document is not kept at all.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// What tells elements of a list apart.
const IDENTITY: [&str; 3] = ["id", "short_id", "upload"];

/// What tells the cases of an enum apart.
const CASE: &str = "state";

/// `after` as it is to be written over `raw`, of which this version read `before`.
pub(crate) fn carried<T>(raw: &[u8], before: &T, after: &T) -> Vec<u8>
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let plain = to_vec(after);
    // What this version wrote holds nothing that it does not know: the usual case.
    if raw == to_vec(before) {
        return plain;
    }
    let (Ok(Value::Object(raw)), Value::Object(before), Value::Object(mut merged)) =
        (serde_json::from_slice(raw), to_value(before), to_value(after))
    else {
        return plain;
    };
    members(&raw, &before, &mut merged);
    let merged = Value::Object(merged);
    match T::deserialize(&merged) {
        Ok(read) if read == *after => to_vec(&merged),
        _ => plain,
    }
}

fn carry(raw: &Value, before: &Value, after: &mut Value) {
    match (raw, before, after) {
        (Value::Object(raw), Value::Object(before), Value::Object(after)) if before.get(CASE) == after.get(CASE) => {
            members(raw, before, after);
        }
        (Value::Array(raw), Value::Array(before), Value::Array(after)) if raw.len() == before.len() => {
            elements(raw, before, after);
        }
        _ => {}
    }
}

fn members(raw: &Map<String, Value>, before: &Map<String, Value>, after: &mut Map<String, Value>) {
    for (name, value) in raw {
        match (before.get(name), after.get_mut(name)) {
            (Some(before), Some(after)) => carry(value, before, after),
            (None, None) => drop(after.insert(name.clone(), value.clone())),
            // It was taken away, or is said anew.
            (Some(_), None) | (None, Some(_)) => {}
        }
    }
}

fn elements(raw: &[Value], before: &[Value], after: &mut [Value]) {
    let mut free = vec![true; before.len()];
    for element in after {
        if let Some(at) = (0..before.len()).find(|at| free[*at] && is_same(&before[*at], element)) {
            free[at] = false;
            carry(&raw[at], &before[at], element);
        }
    }
}

fn is_same(before: &Value, after: &Value) -> bool {
    match IDENTITY.iter().find(|name| before.get(**name).is_some()) {
        Some(name) => before.get(*name) == after.get(*name),
        None => before == after,
    }
}

fn to_vec(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("documents have string keys")
}

fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("documents have string keys")
}

#[cfg(test)]
mod tests;

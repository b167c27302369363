//! What stands in the repository follows from the Rust types, and leaves no route out.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// With `CLIPSET_UPDATE` set, writes it.
#[test]
fn the_description_in_the_repository_is_that_of_the_types() {
    let path = root().join("functions/api/openapi.json");
    let made = format!("{:#}\n", clipset_api::openapi::document());
    if std::env::var_os("CLIPSET_UPDATE").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap() == made, "{}: CLIPSET_UPDATE=1 writes it anew", path.display());
}

#[test]
fn the_types_of_the_pages_are_those_of_the_description() {
    let checked = Command::new("npm")
        .args(["--prefix", "web", "run", "--silent", "api", "--", "--check"])
        .current_dir(root())
        .output();
    let checked = checked.unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "npm --prefix web run api writes them anew: {said}");
}

/// The paths and methods of every `.route(…)` below `folder`, as `get /path`.
fn routes(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            routes(&entry.path(), found);
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        for route in text.split(".route(\"").skip(1) {
            let (path, rest) = route.split_once('"').unwrap();
            let handlers = rest.lines().next().unwrap();
            let methods = ["get", "post", "put", "patch", "delete"];
            let given = methods.iter().filter(|method| handlers.contains(&format!("{method}(")));
            found.extend(given.map(|method| format!("{method} {path}")));
        }
    }
}

#[test]
fn every_route_is_described_and_nothing_else_is() {
    let mut served = BTreeSet::new();
    for function in ["api", "stream-info", "sign-manifest"] {
        routes(&root().join("functions").join(function).join("src"), &mut served);
    }
    let document = clipset_api::openapi::document();
    let paths = document["paths"].as_object().unwrap().iter();
    let described: BTreeSet<String> = paths
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    assert_eq!(served, described);
    assert!(served.len() > 40, "only {} were found", served.len());
}

/// So that a setting's bounds are said once, in `crates/core/src/settings/table.rs`.
#[test]
fn the_contract_holds_the_table_of_settings() {
    use clipset_core::settings::{Kind, Settings};
    let contract = fs::read_to_string(root().join("docs/contract.md")).unwrap();
    let [quality, balanced, performance] = Settings::presets();
    let defaults = serde_json::to_value(Settings::default()).unwrap();
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let rows = Settings::FIELDS.iter().map(|field| {
        let mut values = match field.kind {
            Kind::Choice { choices } => {
                choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ")
            }
            Kind::Switch => "true, false".to_owned(),
            Kind::Whole { least, most } => format!("{least} to {most}"),
            Kind::BitRate { least, most } => format!("`{}k` to `{}M`", least / 1000, most / 1_000_000),
        };
        if field.optional {
            values += ", null";
        }
        let value = match field.preset {
            true => [&quality, &balanced, &performance].map(|preset| plain(&preset[field.name])).join(", "),
            false => plain(&defaults[field.name]),
        };
        format!("| `{}` | {values} | {value} | {} |", field.name, field.help)
    });
    let table: String = rows.map(|row| row + "\n").collect();
    assert!(contract.contains(&table), "section 5 of docs/contract.md must hold:\n{table}");
}

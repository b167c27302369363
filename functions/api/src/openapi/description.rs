//! The document: all operations, with the refusals that follow from what each of them asks.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::operation::{Access, Content, Operation};
use crate::BODY_LIMIT;

/// The description of the API.
///
/// # Panics
/// If a type has two forms of one name.
pub fn document() -> Value {
    let at = |settings: SchemaSettings| {
        let settings = settings.with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        settings.into_generator()
    };
    let mut schemas = Schemas {
        asked: at(SchemaSettings::draft2020_12().for_deserialize()),
        answered: at(SchemaSettings::draft2020_12().for_serialize()),
    };
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (tag, operations) in areas() {
        for operation in operations {
            let described = schemas.describe(tag, &operation);
            let before = paths.entry(operation.path).or_default().insert(operation.method.to_owned(), described);
            assert!(before.is_none(), "{} {} is described twice", operation.method, operation.path);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Clipset",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Private sharing of video clips.",
            "description": "Errors are problems (RFC 9457) whose `detail` says what to do. Times are RFC 3339 in UTC.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": schemas.components(), "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer", "description": "The access token of a session."},
            "playback": {"type": "apiKey", "in": "query", "name": "token",
                "description": "A playback token, or an access token where no header can be set."},
            "session": {"type": "apiKey", "in": "cookie", "name": "clipset_refresh_8080",
                "description": "The refresh cookie; the number is the public port."},
        }},
    })
}

fn areas() -> [(&'static str, Vec<Operation>); 7] {
    [
        ("Accounts", crate::accounts::operations()),
        ("Videos", crate::library::operations()),
        ("Playback", super::elsewhere::operations()),
        ("Uploads", crate::uploads::operations()),
        ("Shares", crate::shares::operations()),
        ("Settings", crate::settings::operations()),
        ("System", [crate::health::operations(), super::operations()].into_iter().flatten().collect()),
    ]
}

/// What is asked may leave out what has a default; in what is answered it stands.
struct Schemas {
    asked: SchemaGenerator,
    answered: SchemaGenerator,
}

impl Schemas {
    fn describe(&mut self, tag: &str, operation: &Operation) -> Value {
        let mut described = json!({
            "tags": [tag],
            "summary": operation.summary,
            "security": security(operation.access),
            "parameters": self.parameters(operation),
        });
        if let Some((schema, required)) = operation.body {
            let schema = schema(&mut self.asked);
            described["requestBody"] =
                json!({"required": required, "content": {"application/json": {"schema": schema}}});
        }
        let mut responses: BTreeMap<String, Value> = BTreeMap::new();
        for (status, content) in &operation.answers {
            responses.insert(status.to_string(), self.response(*status, *content));
        }
        for status in refusals(operation) {
            let refused = responses.entry(status.to_string()).or_insert_with(|| json!({"description": reason(status)}));
            refused["content"]["application/problem+json"] =
                json!({"schema": {"$ref": "#/components/schemas/Problem"}});
        }
        described["responses"] = json!(responses);
        described
    }

    fn parameters(&mut self, operation: &Operation) -> Vec<Value> {
        let in_path = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.split('}').next());
        let mut parameters: Vec<Value> = in_path
            .map(|name| json!({"name": name, "in": "path", "required": true, "schema": path_schema(name)}))
            .collect();
        let Some(query) = operation.query else { return parameters };
        let query = query(&mut self.asked).to_value();
        let required = |name: &str| query["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
        for (name, schema) in query["properties"].as_object().into_iter().flatten() {
            let mut schema = schema.clone();
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            // Left out, never null.
            if let Some(Value::Array(types)) = schema.get_mut("type") {
                types.retain(|kind| kind != "null");
                schema["type"] = types.first().cloned().unwrap_or_default();
            }
            if let Some([of, _]) = schema.get("anyOf").and_then(Value::as_array).map(Vec::as_slice) {
                schema = of.clone();
            }
            let mut parameter = json!({"name": name, "in": "query", "required": required(name), "schema": schema});
            if let Some(description) = description {
                parameter["description"] = description;
            }
            parameters.push(parameter);
        }
        parameters
    }

    fn response(&mut self, status: u16, content: Content) -> Value {
        let description = reason(status);
        match content {
            Content::Nothing => json!({"description": description}),
            Content::Text(kind) => {
                json!({"description": description, "content": {kind: {"schema": {"type": "string"}}}})
            }
            Content::Redirect => json!({"description": description, "headers": {
                "Location": {"required": true, "schema": {"type": "string"}},
            }}),
            Content::Json(schema) => {
                let schema = schema(&mut self.answered);
                json!({"description": description, "content": {"application/json": {"schema": schema}}})
            }
        }
    }

    fn components(mut self) -> BTreeMap<String, Value> {
        let mut all: BTreeMap<String, Value> = self.answered.take_definitions(true).into_iter().collect();
        for (name, asked) in self.asked.take_definitions(true) {
            let answered = all.insert(name.clone(), asked.clone());
            assert!(answered.is_none_or(|answered| answered == asked), "{name} is asked and answered in two forms");
        }
        all.insert("Problem".to_owned(), problem());
        all
    }
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "What was refused, and what to do (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "minLength": 1, "description": "A sentence that says what to do."},
            "damaged": {"type": "boolean", "description": "A stored record cannot be read."},
            "password_required": {"type": "boolean", "description": "The share asks for its password."},
            "errors": {"type": "object", "additionalProperties": {"type": "string"}, "description": "A sentence for each setting."},
        },
    })
}

fn security(access: Access) -> Value {
    match access {
        Access::Anybody => json!([]),
        Access::Session => json!([{"session": []}]),
        Access::Member | Access::Admin => json!([{"token": []}]),
        Access::Watcher => json!([{"token": []}, {"playback": []}]),
        Access::Uploader => json!([{"token": []}, {"session": []}]),
    }
}

/// What may be refused, given what is asked.
fn refusals(operation: &Operation) -> BTreeSet<u16> {
    let mut refusals: BTreeSet<u16> = operation.refusals.iter().copied().collect();
    match operation.access {
        Access::Anybody => {}
        Access::Member | Access::Watcher => refusals.extend([401]),
        Access::Session | Access::Admin | Access::Uploader => refusals.extend([401, 403]),
    }
    if operation.path.contains('{') {
        refusals.extend([404]);
    }
    if operation.query.is_some() {
        refusals.extend([422]);
    }
    if operation.body.is_some() {
        refusals.extend([400, 413, 422]);
    }
    if operation.storage {
        // Damaged, or away.
        refusals.extend([409, 503]);
        if operation.method != "get" {
            refusals.extend([507]);
        }
    }
    refusals
}

fn reason(status: u16) -> String {
    match status {
        404 => "There is no such thing, or it is not for whoever asks to know of.".to_owned(),
        409 => "Not in its present state; or a record cannot be read, which `damaged` says.".to_owned(),
        413 => format!("More bytes than are allowed; a body has at most {BODY_LIMIT}."),
        429 => "Too many attempts, or too much open at once: `Retry-After` says when to try again.".to_owned(),
        503 => "The storage does not answer: `Retry-After` says when to try again.".to_owned(),
        507 => "The disk is full.".to_owned(),
        status => {
            StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("").to_owned()
        }
    }
}

fn path_schema(name: &str) -> Value {
    match name {
        // Also the names that imported videos had before.
        "short_id" => json!({"type": "string", "pattern": "^[0-9A-Za-z_-]{1,64}$"}),
        "share_id" => json!({"type": "string", "pattern": "^[0-9A-Za-z]{32}$"}),
        "username" => json!({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{1,31}$"}),
        "rendition" => json!({"type": "string", "pattern": "^[0-9a-z_-]{1,16}$"}),
        "id" => json!({"type": "string", "format": "uuid"}),
        "upload_id" => json!({"type": "string", "pattern": "^[0-9A-Za-z_-]+$"}),
        "part" => json!({"type": "integer", "minimum": 1, "maximum": 10_000}),
        other => panic!("{other} has no schema"),
    }
}

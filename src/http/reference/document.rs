//! The OpenAPI 3.1 document, put together from the operations and the schemas of what they take and answer.
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::operation::{Dialect, Operation};

/// The document, for the authority with this issuer.
pub fn document(operations: &[Operation], issuer: &str) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut bodies = settings.clone().for_deserialize().into_generator();
    let mut answers = settings.for_serialize().into_generator();
    let described: Vec<_> = operations.iter().map(|operation| (operation, describe(operation, &mut bodies, &mut answers))).collect();
    let mut schemas = bodies.take_definitions(true);
    schemas.extend(answers.take_definitions(true));
    schemas.iter_mut().for_each(|(name, schema)| tell_object(name, schema));
    let mut paths = Map::new();
    for (operation, mut description) in described {
        fill_examples(&mut description, &schemas);
        tell_required(&mut description, &schemas);
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_ascii_lowercase()] = description;
    }
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Chancery",
            "version": version,
            "description": "An OAuth 2.0 authority for machines. The management surface takes a management key as `Authorization: Bearer` and speaks JSON; its errors are RFC 9457's. The OAuth surface is the RFCs'.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": issuer }],
        "paths": paths,
        "components": {
            "schemas": with_errors(schemas),
            "securitySchemes": {
                "management_key": { "type": "http", "scheme": "bearer", "description": "A management key, `chm_…`." },
                "client": { "type": "http", "scheme": "basic", "description": "RFC 6749 §2.3.1: a client_id and its client secret, or an API key's id and its value." },
            },
            "headers": {
                "request_id": { "description": "The request's id, as it stands in the log and in events.", "schema": { "type": "string" } },
            },
        },
    })
}

fn describe(operation: &Operation, bodies: &mut SchemaGenerator, answers: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    let mut success = json!({ "description": reason(operation.status.as_u16()), "headers": { "X-Request-ID": { "$ref": "#/components/headers/request_id" } } });
    if let Some(make) = operation.answer {
        success["content"] = json!({ "application/json": { "schema": make(answers) } });
    }
    responses.insert(operation.status.as_str().to_owned(), success);
    for status in operation.errors() {
        responses.insert(status.to_string(), error(operation.dialect, status));
    }
    let mut description = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": parameters(operation),
        "responses": responses,
        "security": match operation.dialect {
            Dialect::Management => json!([{ "management_key": [] }]),
            Dialect::Oauth => json!([{ "client": [] }, { "management_key": [] }]),
            Dialect::Public => json!([]),
        },
    });
    if let Some(text) = operation.description {
        description["description"] = json!(text);
    }
    if let Some(body) = &operation.body {
        let content = json!({ body.content_type: { "schema": (body.schema)(bodies), "example": body.example } });
        description["requestBody"] = json!({ "content": content });
    }
    description
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let segments = operation.path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let in_path =
        segments.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }));
    let in_query = operation
        .query
        .iter()
        .map(|one| json!({ "name": one.name, "in": "query", "required": false, "description": one.description, "schema": one.schema }));
    let mut all: Vec<_> = in_path.chain(in_query).collect();
    let mut header = |name: &str, description: &str| {
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]([ -~]*[!-~])?$" });
        all.push(json!({ "name": name, "in": "header", "required": false, "description": description, "schema": schema }));
    };
    if operation.is_idempotent_by_key() {
        header("Idempotency-Key", "A retry with the same key gets the answer of the first, secrets included, for 24 hours.");
    }
    all
}

fn error(dialect: Dialect, status: u16) -> Value {
    let (content_type, schema) = match dialect {
        Dialect::Management => ("application/problem+json", "problem"),
        Dialect::Oauth | Dialect::Public => ("application/json", "oauth_error"),
    };
    let example = match dialect {
        Dialect::Management => problem_example(status),
        Dialect::Oauth | Dialect::Public => oauth_example(status),
    };
    let content = json!({ content_type: { "schema": { "$ref": format!("#/components/schemas/{schema}") }, "example": example } });
    json!({ "description": reason(status), "content": content })
}

fn problem_example(status: u16) -> Value {
    let (code, message) = match status {
        400 => ("invalid_cursor", "the cursor names no object of this list"),
        401 => ("unauthorized", "send a management key as Authorization: Bearer"),
        403 => ("insufficient_permission", "this management key lacks the permission"),
        404 => ("not_found", "no such object"),
        409 => ("conflict", "the state of things forbids it"),
        412 => ("version_mismatch", "the object was changed since: read it again"),
        413 => ("payload_too_large", "the request body is too large"),
        415 => ("not_json", "the body must be application/json"),
        422 => ("invalid", "name is required"),
        503 => ("unavailable", "the store is not available: try again"),
        _ => ("internal_error", "internal error"),
    };
    let mut problem = json!({
        "type": format!("urn:chancery:problem:{code}"),
        "title": reason(status),
        "status": status,
        "detail": message,
        "code": code,
        "message": message,
        "request_id": "req_01KAJ2M3N4P5Q6R7S8T9V0W1X2",
    });
    if status == 422 {
        problem["errors"] = json!([{ "code": "required", "field": "name", "message": "name is required" }]);
    }
    problem
}

fn oauth_example(status: u16) -> Value {
    let (error, description) = match status {
        401 => ("invalid_client", "client authentication failed"),
        403 => ("insufficient_scope", "this management key lacks the permission"),
        429 | 503 => ("temporarily_unavailable", "try again"),
        500 => ("server_error", "internal error"),
        _ => ("invalid_request", "a parameter is repeated"),
    };
    json!({ "error": error, "error_description": description })
}

fn with_errors(mut schemas: Map<String, Value>) -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let field = json!({
        "type": "object",
        "required": ["code", "field", "message"],
        "properties": { "code": text, "field": text, "message": text },
    });
    let members = ["type", "title", "detail", "code", "message", "request_id"];
    let mut properties: Map<String, Value> = members.iter().map(|name| ((*name).to_owned(), text.clone())).collect();
    properties.insert("status".into(), json!({ "type": "integer" }));
    properties.insert("errors".into(), json!({ "type": "array", "minItems": 1, "items": field, "description": "On 400 and 422 only." }));
    properties.insert(
        "activates_at".into(),
        json!({ "type": "string", "format": "date-time", "description": "When the conflict ends, where that is known." }),
    );
    let required = ["type", "title", "status", "detail", "code", "message", "request_id"];
    schemas
        .insert("problem".into(), json!({ "type": "object", "description": "RFC 9457.", "required": required, "properties": properties }));
    let oauth = json!({
        "type": "object",
        "description": "RFC 6749 §5.2.",
        "required": ["error"],
        "properties": { "error": text, "error_description": text },
    });
    schemas.insert("oauth_error".into(), oauth);
    schemas
}

/// A thing is told apart by its `object`, which is the schema's name up to a dot; the schema generator does not know of it.
fn tell_object(name: &str, schema: &mut Value) {
    let object = name.split('.').next().unwrap_or(name);
    let is_thing =
        object.starts_with(|c: char| c.is_ascii_lowercase()) && object != "principal" && !object.starts_with("event_") && object != "actor";
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut).filter(|_| is_thing) else { return };
    properties.insert("object".into(), json!({ "type": "string", "const": object }));
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.insert(0, json!("object"));
    }
}

/// A body may be left out when none of its members is required: no body is an empty object.
fn tell_required(description: &mut Value, schemas: &Map<String, Value>) {
    let Some(body) = description.get_mut("requestBody") else { return };
    let media = body["content"].as_object().and_then(|content| content.values().next());
    let name = media.and_then(|media| media["schema"]["$ref"].as_str()).and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let required = schemas.get(name).is_some_and(|schema| schema["required"].as_array().is_some_and(|members| !members.is_empty()));
    body["required"] = json!(required);
}

/// Every success with a body has an example, made of the examples of its parts.
fn fill_examples(description: &mut Value, schemas: &Map<String, Value>) {
    let Some(responses) = description["responses"].as_object_mut() else { return };
    for (status, response) in responses {
        if status.starts_with('2')
            && let Some(media) = response.pointer_mut("/content/application~1json")
        {
            let example = example(&media["schema"], schemas);
            media["example"] = example;
        }
    }
}

fn example(schema: &Value, schemas: &Map<String, Value>) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return schemas.get(name).map_or(Value::Null, |schema| example(schema, schemas));
    }
    let told = [schema.get("const"), schema.pointer("/examples/0"), schema.pointer("/enum/0"), schema.get("default")];
    if let Some(told) = told.into_iter().flatten().next() {
        return told.clone();
    }
    if let Some(first) = schema.pointer("/oneOf/0").or(schema.pointer("/anyOf/0")) {
        return example(first, schemas);
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str).unwrap_or("null"),
        kind => kind.as_str().unwrap_or("object"),
    };
    match kind {
        "object" => {
            let properties = schema["properties"].as_object();
            Value::Object(properties.into_iter().flatten().map(|(name, schema)| (name.clone(), example(schema, schemas))).collect())
        }
        "array" if schema["maxItems"] == 0 => json!([]),
        "array" => json!([example(&schema["items"], schemas)]),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(0)),
        "boolean" => json!(true),
        "null" => Value::Null,
        _ => json!("text"),
    }
}

fn reason(status: u16) -> &'static str {
    axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error")
}

/// A schema that takes anything, for members that are read and not used.
pub fn anything() -> Schema {
    schemars::json_schema!({ "description": "Taken for the SDKs, without effect." })
}

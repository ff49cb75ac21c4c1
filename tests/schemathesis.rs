//! schemathesis over `/openapi.json` with a valid management key: no 5xx, no undocumented answer, no invalid body accepted.
//! `make test` installs it.
mod fixture;

use std::path::Path;
use std::process::Command;

use fixture::process::{MANAGEMENT_KEY, Process};
use serde_json::{Value, json};

/// What is sent on purpose is held to the rules; that everything a schema can say is accepted is not: a cursor must name an object.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,negative_data_rejection,missing_required_header,ignored_auth";

/// One of each thing; answers the prefix of its paths and its id.
async fn one_of_each(process: &Process, name: &str) -> Vec<(&'static str, String)> {
    let make = async |path: &str, body: Value| {
        let (status, made) = process.manage("POST", path, body).await.unwrap();
        assert_eq!(status, 201, "{path}: {made}");
        made
    };
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    let organization = id(&make("/organizations", json!({ "name": name })).await);
    let user = id(&make("/user_management/users", json!({ "email": format!("{name}@example.com") })).await);
    let membership = json!({ "user_id": user, "organization_id": organization, "role_slug": "admin" });
    let membership = id(&make("/user_management/organization_memberships", membership).await);
    let application = make("/connect/applications", json!({ "name": name, "organization_id": organization })).await;
    let key = id(&make(&format!("/organizations/{organization}/api_keys"), json!({ "name": name })).await);
    let hook = id(&make("/webhook_endpoints", json!({ "endpoint_url": "https://93.184.216.34/", "events": ["user.created"] })).await);
    let server = json!({ "identifier": format!("https://{name}.example.com"), "name": name });
    let server = id(&make("/resource_servers", server).await);
    let management_key = id(&make("/management_keys", json!({ "name": name, "permissions": ["events:read"] })).await);
    make("/authorization/permissions", json!({ "slug": format!("{name}:read"), "name": name })).await;
    make("/authorization/permissions", json!({ "slug": format!("{name}:write"), "name": name })).await;
    let preset = json!({ "slug": name, "name": name, "permissions": [format!("{name}:write")] });
    make("/permission_presets", preset).await;
    vec![
        ("/organizations", organization),
        ("/user_management/users", user),
        ("/user_management/organization_memberships", membership),
        ("/connect/applications", id(&application)),
        ("/connect/client_secrets", id(&application["client_secret"])),
        ("/api_keys", key),
        ("/webhook_endpoints", hook),
        ("/resource_servers", server),
        ("/management_keys", management_key),
        ("/authorization/permissions", format!("{name}:read")),
        ("/permission_presets", name.to_owned()),
    ]
}

/// Tells schemathesis of them: what is deleted is another than what is read and changed.
fn settings(document: &Value, kept: &[(&str, String)], deleted: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some((prefix, rest)) = path.split_once("/{") else { continue };
        let parameter = rest.split('}').next().unwrap();
        for method in methods.as_object().unwrap().keys() {
            let of = if method == "delete" { deleted } else { kept };
            if let Some((_, id)) = of.iter().find(|(own, _)| *own == prefix) {
                let name = format!("{} {path}", method.to_ascii_uppercase());
                text += &format!("[[operations]]\ninclude-name = \"{name}\"\nparameters = {{ \"path.{parameter}\" = \"{id}\" }}\n\n");
            }
        }
    }
    text
}

#[tokio::test]
async fn the_authority_answers_as_its_document_says() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/venv/bin/schemathesis");
    assert!(program.exists(), "{} is missing: run `make test`, which installs it", program.display());
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path());
    let (_, described) = process.manage("GET", "/openapi.json", Value::Null).await.unwrap();
    let (kept, deleted) = (one_of_each(&process, "kept").await, one_of_each(&process, "deleted").await);
    std::fs::write(folder.path().join("schemathesis.toml"), settings(&described, &kept, &deleted)).unwrap();
    let document = format!("{}/openapi.json", process.base);
    let key = format!("Authorization: Bearer {MANAGEMENT_KEY}");
    let arguments = ["run", &document, "-u", &process.base, "-H", &key, "--checks", CHECKS, "--continue-on-failure"];
    let run = Command::new(program)
        .current_dir(folder.path())
        .args(arguments)
        // A key that was revoked as compromised signs no more: whatever comes after would be about that.
        .args(["--phases", "examples,coverage,fuzzing", "-n", "10", "--seed", "1", "--exclude-path", "/signing_keys/{kid}/revoke"])
        .output();
    let output = run.unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
}

//! Moving house: from SQLite to PostgreSQL and back, with every secret, key and token as it was.
mod fixture;

use std::path::Path;

use fixture::cluster::Cluster;
use fixture::instances::{Client, Instance, Several, text};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Row};

struct Belongings {
    clients: Vec<Client>,
    token: String,
    revoked: String,
    api_key: String,
}

async fn furnish(instance: &Instance) -> Belongings {
    let organization = instance.organization().await;
    let mut clients = Vec::new();
    // More than is written at a time.
    for _ in 0..30 {
        clients.push(instance.client(&organization).await);
    }
    instance.manage("POST", "/authorization/permissions", json!({ "slug": "threads:read", "name": "Read" })).await;
    let permission = json!({ "identifier": "https://a.example", "name": "a", "default": true });
    instance.manage("POST", "/resource_servers", permission).await;
    let user = instance.manage("POST", "/user_management/users", json!({ "email": "ada@example.com", "first_name": "Ada" })).await;
    let membership = json!({ "user_id": user["id"], "organization_id": organization, "role_slug": "admin" });
    instance.manage("POST", "/user_management/organization_memberships", membership).await;
    let key = json!({ "name": "CI", "permissions": ["threads:read"] });
    let key = instance.manage("POST", &format!("/organizations/{organization}/api_keys"), key).await;
    let token = instance.token(&clients[0]).await.unwrap();
    let revoked = instance.token(&clients[1]).await.unwrap();
    instance.manage("POST", &format!("/connect/applications/{}/revoke_tokens", clients[1].id), json!({})).await;
    let hook = json!({ "endpoint_url": "https://93.184.216.34/hook", "events": ["*"] });
    instance.manage("POST", "/webhook_endpoints", hook).await;
    Belongings { clients, token, revoked, api_key: text(&key["value"]) }
}

async fn check(instance: &Instance, belongings: &Belongings, kids: &Value) {
    assert_eq!(&instance.caller.get(&instance.process.base, "/.well-known/jwks.json").await.unwrap().1, kids);
    assert_eq!(instance.introspect(&belongings.token).await, Ok(true));
    assert_eq!(instance.introspect(&belongings.revoked).await, Ok(false));
    for client in &belongings.clients {
        assert!(instance.token(client).await.is_ok());
    }
    let answer = instance.manage("POST", "/api_keys/validations", json!({ "value": belongings.api_key })).await;
    assert_eq!(answer["reason"], Value::Null, "{answer}");
    let application = instance.manage("GET", &format!("/connect/applications/{}", belongings.clients[0].id), Value::Null).await;
    assert!(application["usage"]["last_24h"].as_i64().unwrap() >= 1);
}

fn move_to(several: &Several, to: &str) -> std::process::Output {
    several.command().args(["migrate", "--to", to]).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_to_postgresql_and_back_as_it_is() {
    let cluster = Cluster::new();
    let embedded = Several::on("sqlite://chancery.db".into());
    let mut several = Several::on(cluster.primary.make("several").await);
    let instance = embedded.start("embedded");
    let belongings = furnish(&instance).await;
    let kids = instance.caller.get(&instance.process.base, "/.well-known/jwks.json").await.unwrap().1;
    let in_use = move_to(&embedded, &several.database);
    assert!(String::from_utf8_lossy(&in_use.stderr).contains("in use by another chancery process"), "{in_use:?}");
    assert!(instance.process.stop().success());

    let moved = move_to(&embedded, &several.database);
    assert!(moved.status.success(), "{moved:?}");
    let again = move_to(&embedded, &several.database);
    assert!(String::from_utf8_lossy(&again.stderr).contains("was moved to"), "{again:?}");
    let left = embedded.command().output().unwrap();
    let said = String::from_utf8_lossy(&left.stderr).into_owned();
    assert!(!left.status.success() && said.contains("the installation was moved from here to postgres://127.0.0.1"), "{said}");

    // The master key is all that is beside the database.
    copy_keys(embedded.path(), several.path());
    let instances = [several.start("a"), several.start("b")];
    for instance in &instances {
        check(instance, &belongings, &kids).await;
    }
    several.audit();
    let organization = instances[0].organization().await;
    let new = instances[1].client(&organization).await;

    // Whoever still runs there changes nothing any more.
    let back = Several::on("sqlite://back.db".into());
    let target = format!("sqlite://{}", back.path().join("back.db").display());
    let moved = move_to(&several, &target);
    assert!(moved.status.success(), "{moved:?}");
    for instance in &instances {
        let base = &instance.process.base;
        let refused = instance.caller.manage(base, "POST", "/organizations", json!({ "name": "b" }), None).await.unwrap();
        assert_eq!(refused.0, 503, "{refused:?}");
    }
    several.database = target;
    let instance = several.start("back");
    check(&instance, &belongings, &kids).await;
    assert!(instance.token(&new).await.is_ok());
    let inhabited = move_to(&embedded, &several.database);
    assert!(!inhabited.status.success());
}

fn copy_keys(from: &Path, to: &Path) {
    std::fs::create_dir(to.join("keys")).unwrap();
    std::fs::copy(from.join("keys/master.key"), to.join("keys/master.key")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_is_moved() {
    let several = Several::on("sqlite://chancery.db".into());
    several.start("a").kill();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(several.path().join("chancery.db"));
    let mut connection = options.connect().await.unwrap();
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations'";
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    let mut there: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let mut moved: Vec<_> = chancery::storage::moving::TABLES.iter().map(|table| table.name.trim_matches('"').to_owned()).collect();
    there.sort();
    moved.sort();
    assert_eq!(there, moved);
}

//! The layers point one way: `main → http → authority → storage, keys, directory → domain → verifier`.
use std::path::Path;

/// For each module, what of the crate it may name.
const MAY_NAME: [(&str, &[&str]); 12] = [
    ("clock", &["domain"]),
    ("random", &["domain"]),
    ("domain", &["domain"]),
    ("storage", &["domain", "clock", "storage"]),
    ("keys", &["domain", "storage", "random", "keys"]),
    ("courier", &["domain"]),
    ("openid", &["domain"]),
    ("directory", &["domain", "storage", "directory"]),
    ("status", &["domain"]),
    ("authority", &["domain", "storage", "keys", "directory", "status", "courier", "openid", "random", "clock", "authority"]),
    ("http", &["domain", "authority", "clock", "http"]),
    ("telemetry", &["config"]),
];

/// For each module, crates that are none of its business.
const NEVER: [(&str, &[&str]); 8] = [
    ("domain", &["sqlx", "axum", "hyper", "tokio", "std::env"]),
    ("storage", &["axum", "hyper"]),
    ("keys", &["axum", "hyper", "sqlx"]),
    ("directory", &["axum", "hyper", "sqlx"]),
    ("courier", &["axum", "hyper", "sqlx"]),
    ("openid", &["axum", "hyper", "sqlx"]),
    ("authority", &["axum", "hyper", "sqlx"]),
    ("http", &["sqlx", "jsonwebtoken"]),
];

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

fn module(path: &str) -> &str {
    path.trim_start_matches("src/").split(['/', '.']).next().unwrap()
}

fn named_modules(line: &str) -> Vec<&str> {
    line.match_indices("crate::").map(|(at, _)| line[at + 7..].split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()).collect()
}

#[test]
fn every_module_names_only_what_is_below_it() {
    let all = sources(Path::new("src"));
    assert!(all.len() > 50);
    for (path, text) in &all {
        let module = module(path);
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if let Some((_, may)) = MAY_NAME.iter().find(|(name, _)| *name == module) {
                for named in named_modules(line) {
                    assert!(may.contains(&named), "{path}: {line}");
                }
            }
            if let Some((_, never)) = NEVER.iter().find(|(name, _)| *name == module) {
                for other in *never {
                    assert!(!line.contains(&format!("use {other}")) && !line.contains(&format!(" {other}::")), "{path}: {line}");
                }
            }
        }
    }
}

#[test]
fn the_skins_do_not_import_one_another() {
    let skins = ["oauth", "api", "console", "portal"];
    for skin in skins {
        for (path, text) in sources(&Path::new("src/http").join(skin)) {
            for other in skins.into_iter().filter(|other| *other != skin) {
                assert!(!text.contains(&format!("http::{other}")), "{path} names {other}");
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    for (path, text) in sources(Path::new("src")).into_iter().chain(sources(Path::new("verifier/src"))) {
        assert!(text.starts_with("//! "), "{path} does not begin with its sentence");
        assert!(text.lines().count() <= 320, "{path} has {} lines", text.lines().count());
    }
}

#[test]
fn only_one_file_puts_sql_together() {
    for (path, text) in sources(Path::new("src")) {
        assert!(!text.contains("AssertSqlSafe") || path == "src/storage/page.rs", "{path} builds SQL");
    }
}

//! Other programs that open the databases of a running platform, such as somebody's SQLite shell or a copying tool.

use std::fs;
use std::path::Path;

use reqwest::Method;
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::person::Person;
use crate::platform::Setup;

/// Opens each database as any program would, reads, and closes it.
async fn look_at(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|suffix| suffix == "sqlite") {
            let url = format!("sqlite://{}?mode=rw", file.display());
            let database = sea_orm::Database::connect(url).await.unwrap();
            let read = "SELECT count(*) FROM sqlite_schema";
            database.execute_unprepared(read).await.unwrap();
            database.close().await.unwrap();
        }
    }
}

/// SQLite takes a log away when the last connection to a file closes. Locks tell it whether there are others, and a process
/// loses them without a word when it closes the file, however it had opened it.
#[tokio::test]
async fn who_looks_at_the_files_of_a_running_platform_takes_nothing_away() {
    let setup = Setup::new();
    let mut known: Option<Person> = None;
    // The files are new in the first life, and are there in the second one.
    for life in ["first", "second"] {
        let platform = setup.start().await;
        let ann = match &known {
            Some(ann) => ann.at(&platform),
            None => Person::register(&platform, "Ann").await,
        };
        look_at(&setup.data_dir()).await;
        let persona = json!({"name": life, "description": "someone"});
        ann.ok(Method::POST, "/api/v1/roleplay/personas", persona)
            .await;
        let profile = json!({"displayName": format!("Ann {life}")});
        ann.ok(Method::PATCH, "/api/v1/users/me", profile).await;
        platform.kill().await;
        known = Some(ann);
    }
    let platform = setup.start().await;
    let ann = known.unwrap().at(&platform);
    let profile = ann.get("/api/v1/users/me").await;
    assert_eq!(profile["displayName"], "Ann second");
    let page = ann.get("/api/v1/roleplay/personas").await;
    let personas = page["personas"].as_array().unwrap();
    let mut names: Vec<&str> = personas
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    names.sort();
    assert_eq!(names, ["first", "second"]);
}

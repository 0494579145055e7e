//! Starts on folders that have lost a database, and on folders that have yet to get one.

use super::*;

const DATABASES: [&str; 3] = ["users", "ai", "roleplay"];

fn file(setup: &Setup, database: &str) -> PathBuf {
    setup.data_dir().join(format!("{database}.sqlite"))
}

/// The command of a sentence that says what to do.
fn command_in(sentence: &str) -> String {
    let (_, command) = sentence.split_once("run `").unwrap();
    command.split_once('`').unwrap().0.to_owned()
}

#[tokio::test]
async fn a_database_that_was_lost_is_named_and_made_anew_only_on_request() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let aside = setup.path("aside");
    for database in DATABASES {
        let lost = file(&setup, database);
        fs::rename(&lost, &aside).unwrap();
        let before = contents(&setup.data_dir());
        let name = lost.display().to_string();
        for command in [&["up"][..], &["migrate"]] {
            let output = setup.run(command).await;
            refused(output, &[&name, "is missing", "troupe restore", "`rm "]).await;
        }
        refused(backup(&setup, &setup.path("backup")).await, &[&name]).await;
        assert!(doctor(&setup).await.contains("is missing"));
        assert!(contents(&setup.data_dir()) == before, "nothing has changed");
        fs::rename(&aside, &lost).unwrap();
    }
    let platform = setup.start().await;
    knows_ann(&platform).await;
    platform.stop().await;

    fs::remove_file(file(&setup, "users")).unwrap();
    let sentence = stderr(&setup.run(&["up"]).await);
    let done = std::process::Command::new("sh")
        .args(["-c", &command_in(&sentence)])
        .status();
    assert!(done.unwrap().success());
    let platform = setup.start().await;
    // The address is free again.
    Person::register(&platform, "Ann").await;
    platform.stop().await;
    fs::remove_file(file(&setup, "users")).unwrap();
    refused(setup.run(&["up"]).await, &["users.sqlite", "is missing"]).await;
}

#[tokio::test]
async fn a_database_that_was_restored_and_lost_is_named_before_the_first_start() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let dir = setup.path("backup");
    succeeded(&backup(&setup, &dir).await);
    let elsewhere = Setup::new();
    succeeded(&restore(&elsewhere, &dir, &[]).await);
    fs::remove_file(file(&elsewhere, "roleplay")).unwrap();
    refused(
        elsewhere.run(&["up"]).await,
        &["roleplay.sqlite", "is missing"],
    )
    .await;
    succeeded(&restore(&elsewhere, &dir, &["--replace"]).await);
    knows_ann(&elsewhere.start().await).await;
}

#[tokio::test]
async fn a_folder_of_before_starts_with_a_service_that_is_new_to_it() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    // As a version leaves it that has no such service, and makes no notes.
    fs::remove_dir_all(setup.data_dir().join("stores")).unwrap();
    fs::remove_file(file(&setup, "ai")).unwrap();
    fs::remove_file(setup.data_dir().join("keys/ai-page.key")).unwrap();
    let lock = setup.data_dir().join("troupe.lock");
    let mut says: Value = serde_json::from_slice(&fs::read(&lock).unwrap()).unwrap();
    for list in ["roles", "known"] {
        let names = says[list].as_array_mut().unwrap();
        names.retain(|name| name != "ai");
    }
    fs::write(&lock, says.to_string()).unwrap();
    // What it did have isn't made anew.
    let aside = setup.path("aside");
    fs::rename(file(&setup, "users"), &aside).unwrap();
    refused(setup.run(&["up"]).await, &["users.sqlite", "is missing"]).await;
    fs::rename(&aside, file(&setup, "users")).unwrap();
    let platform = setup.start().await;
    knows_ann(&platform).await;
    platform.stop().await;
    fs::remove_file(file(&setup, "ai")).unwrap();
    refused(setup.run(&["up"]).await, &["ai.sqlite", "is missing"]).await;
}

#[tokio::test]
async fn a_copy_that_lacks_a_database_is_refused_also_without_what_was_beside_it() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let copied = Setup::new();
    copy_folder(
        &setup.data_dir().join("keys"),
        &copied.data_dir().join("keys"),
    );
    for database in ["ai", "roleplay"] {
        fs::copy(file(&setup, database), file(&copied, database)).unwrap();
    }
    refused(copied.run(&["up"]).await, &["users.sqlite", "is missing"]).await;
    fs::copy(file(&setup, "users"), file(&copied, "users")).unwrap();
    knows_ann(&copied.start().await).await;
}

#[tokio::test]
async fn a_first_start_that_was_killed_in_the_middle_is_repeated() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let killed = Setup::new();
    fs::create_dir_all(killed.data_dir()).unwrap();
    fs::copy(file(&setup, "users"), file(&killed, "users")).unwrap();
    knows_ann(&killed.start().await).await;
}

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

/// All that the doctor says.
async fn looked(setup: &Setup) -> String {
    stdout(&setup.run(&["doctor"]).await)
}

/// A folder with an account, and a character with a picture.
async fn with_picture() -> Setup {
    let setup = Setup::new();
    let platform = setup.start().await;
    let ann = Person::register(&platform, "Ann").await;
    ann.import(maren()).await;
    assert_eq!(picture_of_first_character(&ann).await, 200);
    platform.stop().await;
    setup
}

#[tokio::test]
async fn a_folder_that_has_only_keys_or_pictures_left_is_named() {
    let setup = with_picture().await;
    let data = setup.data_dir();
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match ["keys", "files"].contains(&&*name) {
            true => {}
            false if path.is_dir() => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }
    let says = |left: &str| {
        let folder = data.display().to_string();
        [
            folder,
            "no databases".to_owned(),
            left.to_owned(),
            "troupe restore".to_owned(),
        ]
    };
    for left in ["keys/", "files/roleplay/"] {
        let before = contents(&data);
        let says = says(left);
        let parts: Vec<&str> = says.iter().map(String::as_str).collect();
        for command in [&["up"][..], &["migrate"]] {
            refused(setup.run(command).await, &parts).await;
        }
        refused(backup(&setup, &setup.path("backup")).await, &parts).await;
        assert!(looked(&setup).await.contains("no databases"));
        assert!(contents(&data) == before, "nothing has changed");
        if left == "keys/" {
            fs::remove_dir_all(data.join("keys")).unwrap();
        }
    }
    fs::remove_dir_all(data.join("files")).unwrap();
    assert_eq!(setup.start().await.stop().await.code(), Some(0));
}

#[tokio::test]
async fn lost_pictures_are_named_and_done_without_only_on_request() {
    let setup = with_picture().await;
    let dir = setup.path("backup");
    succeeded(&backup(&setup, &dir).await);
    let pictures = setup.data_dir().join("files/roleplay/avatars");
    let name = pictures.display().to_string();
    fs::remove_dir_all(setup.data_dir().join("files")).unwrap();
    let before = contents(&setup.data_dir());
    for command in [&["up"][..], &["migrate"]] {
        refused(
            setup.run(command).await,
            &[&name, "is missing", "troupe restore"],
        )
        .await;
    }
    refused(backup(&setup, &setup.path("other")).await, &[&name]).await;
    let says = looked(&setup).await;
    assert!(says.contains(&format!("{name} is missing")), "{says}");
    assert!(contents(&setup.data_dir()) == before, "nothing has changed");

    // A folder that a restore has made knows of them before its first start.
    let elsewhere = Setup::new();
    succeeded(&restore(&elsewhere, &dir, &[]).await);
    let there = elsewhere.data_dir().join("files");
    let aside = elsewhere.path("aside");
    fs::rename(&there, &aside).unwrap();
    refused(elsewhere.run(&["up"]).await, &["avatars is missing"]).await;
    fs::rename(&aside, &there).unwrap();
    knows_ann(&elsewhere.start().await).await;

    let sentence = stderr(&setup.run(&["up"]).await);
    let done = std::process::Command::new("sh")
        .args(["-c", &command_in(&sentence)])
        .status();
    assert!(done.unwrap().success());
    knows_ann(&setup.start().await).await;
}

#[tokio::test]
async fn a_lost_key_is_named_with_what_ends() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let key = setup.data_dir().join("keys/roleplay-address.key");
    fs::remove_file(&key).unwrap();
    let says = looked(&setup).await;
    let missing = format!("{} is missing", key.display());
    assert!(
        says.contains(&missing) && says.contains("links to scenarios"),
        "{says}"
    );
    let platform = setup.start().await;
    knows_ann(&platform).await;
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    let told = log
        .lines()
        .find(|line| line.contains("the folder of keys has lost one"));
    let told = told.unwrap_or_else(|| panic!("{log}"));
    assert!(told.contains("\"WARN\"") && told.contains(key.to_str().unwrap()));
    assert!(!looked(&setup).await.contains("is missing"));
}

#[tokio::test]
async fn a_database_in_the_place_of_another_is_named() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let (users, ai, aside) = (
        file(&setup, "users"),
        file(&setup, "ai"),
        setup.path("aside"),
    );
    let swap = || {
        fs::rename(&users, &aside).unwrap();
        fs::rename(&ai, &users).unwrap();
        fs::rename(&aside, &ai).unwrap();
    };
    swap();
    let before = contents(&setup.data_dir());
    for command in [&["up"][..], &["migrate"]] {
        let output = setup.run(command).await;
        let error = stderr(&output);
        assert!(!error.contains("newer"), "{error}");
        refused(
            output,
            &[
                "users.sqlite isn't",
                ai.to_str().unwrap(),
                "rename it to ai.sqlite",
            ],
        )
        .await;
    }
    assert!(doctor(&setup).await.contains("rename it to users.sqlite"));
    assert!(contents(&setup.data_dir()) == before, "nothing has changed");
    swap();
    knows_ann(&setup.start().await).await;
}

#[tokio::test]
async fn a_database_of_another_platform_is_named() {
    let (setup, other) = (Setup::new(), Setup::new());
    for setup in [&setup, &other] {
        with_ann(setup).await.stop().await;
    }
    let (own, aside) = (file(&setup, "roleplay"), setup.path("aside"));
    fs::rename(&own, &aside).unwrap();
    fs::copy(file(&other, "roleplay"), &own).unwrap();
    let before = contents(&setup.data_dir());
    let parts = [own.to_str().unwrap(), "another platform", "troupe restore"];
    for command in [&["up"][..], &["migrate"]] {
        refused(setup.run(command).await, &parts).await;
    }
    refused(backup(&setup, &setup.path("backup")).await, &parts).await;
    assert!(doctor(&setup).await.contains("another platform"));
    assert!(contents(&setup.data_dir()) == before, "nothing has changed");
    fs::rename(&aside, &own).unwrap();
    let platform = setup.start().await;
    knows_ann(&platform).await;
    platform.stop().await;

    // All of another, and then one of this, which belongs to it no more.
    let dir = other.path("backup");
    succeeded(&backup(&other, &dir).await);
    fs::copy(&own, &aside).unwrap();
    succeeded(&restore(&setup, &dir, &["--replace"]).await);
    let platform = setup.start().await;
    knows_ann(&platform).await;
    platform.stop().await;
    fs::copy(&aside, &own).unwrap();
    refused(setup.run(&["up"]).await, &parts).await;
}

#[tokio::test]
async fn a_folder_of_before_says_whose_it_is_from_its_first_start_on() {
    let (setup, other) = (Setup::new(), Setup::new());
    for setup in [&setup, &other] {
        with_ann(setup).await.stop().await;
    }
    // As a version leaves it that says nothing.
    fs::remove_file(setup.data_dir().join("stores/platform")).unwrap();
    for name in DATABASES {
        let url = format!("sqlite://{}", file(&setup, name).display());
        let database = sea_orm::Database::connect(url).await.unwrap();
        let pragma = database.execute_unprepared("PRAGMA application_id = 0");
        pragma.await.unwrap();
        database.close().await.unwrap();
    }
    let platform = setup.start().await;
    knows_ann(&platform).await;
    platform.stop().await;
    fs::copy(file(&other, "ai"), file(&setup, "ai")).unwrap();
    refused(setup.run(&["up"]).await, &["ai.sqlite", "another platform"]).await;
}

#[tokio::test]
async fn pictures_of_another_platform_and_a_folder_that_was_emptied_are_named() {
    let (setup, other) = (with_picture().await, with_picture().await);
    let pictures = |setup: &Setup| setup.data_dir().join("files/roleplay/avatars");
    let (own, aside) = (pictures(&setup), setup.path("aside"));
    let name = own.display().to_string();
    fs::rename(&own, &aside).unwrap();
    copy_folder(&pictures(&other), &own);
    let parts = [&*name, "another platform"];
    refused(setup.run(&["up"]).await, &parts).await;
    let says = looked(&setup).await;
    assert!(says.contains("another platform"), "{says}");
    fs::remove_dir_all(&own).unwrap();
    fs::create_dir(&own).unwrap();
    refused(setup.run(&["up"]).await, &[&name, "was emptied", "`rm "]).await;
    let says = looked(&setup).await;
    assert!(says.contains("was emptied"), "{says}");
    fs::remove_dir(&own).unwrap();
    fs::rename(&aside, &own).unwrap();
    knows_ann(&setup.start().await).await;
}

#[tokio::test]
async fn a_database_of_something_else_is_never_used() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let ai = file(&setup, "ai");
    fs::remove_file(&ai).unwrap();
    let url = format!("sqlite://{}?mode=rwc", ai.display());
    let database = sea_orm::Database::connect(url).await.unwrap();
    database
        .execute_unprepared("CREATE TABLE recipes (name TEXT)")
        .await
        .unwrap();
    database.close().await.unwrap();
    let before = contents(&setup.data_dir());
    refused(setup.run(&["up"]).await, &["ai.sqlite", "none of Troupe's"]).await;
    assert!(contents(&setup.data_dir()) == before, "nothing has changed");
    assert!(doctor(&setup).await.contains("none of Troupe's"));
}

#[tokio::test]
async fn the_doctor_judges_an_empty_database_as_the_start_does() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    for has_notes in [true, false] {
        if !has_notes {
            fs::remove_dir_all(setup.data_dir().join("stores")).unwrap();
        }
        fs::write(file(&setup, "users"), "").unwrap();
        let says = doctor(&setup).await;
        assert!(
            says.contains("it is empty") && !says.contains("not there yet"),
            "{says}"
        );
        refused(setup.run(&["up"]).await, &["users.sqlite", "it is empty"]).await;
        // One that something has made a database of meanwhile, without tables.
        let url = format!("sqlite://{}", file(&setup, "users").display());
        let database = sea_orm::Database::connect(url).await.unwrap();
        let pragma = database.execute_unprepared("PRAGMA journal_mode = WAL");
        pragma.await.unwrap();
        database.close().await.unwrap();
        assert!(fs::metadata(file(&setup, "users")).unwrap().len() > 0);
        refused(setup.run(&["up"]).await, &["users.sqlite", "it is empty"]).await;
    }
}

/// A restore that is killed while it waits for a data folder that is new: nothing is in that yet.
#[tokio::test]
async fn a_restore_that_was_killed_before_it_had_the_folder_is_told_by_the_next_start() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let dir = setup.path("backup");
    succeeded(&backup(&setup, &dir).await);
    let killed = Setup::new();
    let data = killed.data_dir();
    fs::create_dir_all(&data).unwrap();
    let lock = fs::File::create(data.join("troupe.lock")).unwrap();
    lock.lock().unwrap();
    let mut restoring = killed
        .command(&["restore", dir.to_str().unwrap()])
        .spawn()
        .unwrap();
    let begun = async {
        while !data.join(".restore").exists() {
            let ended = restoring.try_wait().unwrap();
            assert!(ended.is_none(), "nothing tells of the restore: {ended:?}");
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    eventually("the restore tells of itself", begun).await;
    restoring.kill().await.unwrap();
    drop(lock);
    refused(killed.run(&["up"]).await, &["run `troupe restore` again"]).await;
    assert!(looked(&killed).await.contains("run `troupe restore` again"));
    succeeded(&restore(&killed, &dir, &[]).await);
    knows_ann(&killed.start().await).await;
}

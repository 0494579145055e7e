//! Backups and restores at the same time as others, as starts, and after some that were killed.

use std::fs::File;

use super::*;

/// A folder that another process is about to make something of: locked, and ready to be told from one that runs.
fn begins(folder: &Path) -> File {
    fs::create_dir_all(folder).unwrap();
    let lock = folder.join("troupe.lock");
    let says = json!({"pid": std::process::id(), "version": "0", "address": null, "roles": []});
    fs::write(&lock, says.to_string()).unwrap();
    let lock = File::options().write(true).open(lock).unwrap();
    lock.try_lock().unwrap();
    lock
}

#[tokio::test]
async fn a_backup_during_a_start_has_what_the_start_makes() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let starting = Setup::new();
    let lock = begins(&starting.data_dir());
    let users = "users.sqlite";
    fs::copy(
        setup.data_dir().join(users),
        starting.data_dir().join(users),
    )
    .unwrap();
    let dir = starting.path("backup");
    let waits = async |dir: &Path| {
        let mut command = starting.command(&["backup", dir.to_str().unwrap()]);
        let mut child = command.spawn().unwrap();
        // Long enough for one that doesn't wait to be done.
        let time = std::time::Duration::from_secs(2);
        let ended = tokio::time::timeout(time, child.wait()).await;
        assert!(ended.is_err(), "it waits");
        child
    };
    let mut waiting = waits(&dir).await;
    // One that is asked to stop meanwhile does.
    let mut stopped = waits(&starting.path("stopped")).await;
    let pid = rustix::process::Pid::from_raw(stopped.id().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = eventually("it stops", stopped.wait()).await.unwrap();
    assert_eq!(ended.code(), Some(1));

    for entry in fs::read_dir(setup.data_dir()).unwrap() {
        let name = entry.unwrap().file_name();
        let target = starting.data_dir().join(&name);
        if !target.exists() && name.to_str().unwrap().ends_with(".sqlite") {
            fs::copy(setup.data_dir().join(&name), target).unwrap();
        }
    }
    drop(lock);
    let ended = eventually("the backup ends", waiting.wait()).await.unwrap();
    assert!(ended.success());
    for database in [users, "roleplay.sqlite", "ai.sqlite"] {
        assert!(dir.join(database).exists(), "{database}");
    }
}

#[tokio::test]
async fn one_of_two_backups_to_the_same_place_is_made_and_both_to_different_ones() {
    let setup = setup();
    let platform = with_ann(&setup).await;
    let dir = setup.path("backups").join("backup");
    let other = setup.path("backups").join("other");
    let output = tokio::join!(
        backup(&setup, &dir),
        backup(&setup, &dir),
        backup(&setup, &dir),
        backup(&setup, &other)
    );
    succeeded(&output.3);
    let mut made = 0;
    for output in [output.0, output.1, output.2] {
        match output.status.success() {
            true => made += 1,
            false => {
                let said = stderr(&output);
                let is_told = ["another backup to", "isn't empty"];
                assert!(is_told.iter().any(|part| said.contains(part)), "{said}");
            }
        }
    }
    assert_eq!(made, 1);
    let names = fs::read_dir(setup.path("backups")).unwrap();
    assert_eq!(names.count(), 2, "nothing else is left");
    platform.kill().await;
    for dir in [dir, other] {
        succeeded(&restore(&self::setup(), &dir, &[]).await);
    }
}

/// Whether a process waits for a lock on a file that another one has.
fn waits_for_lock(pid: u32) -> bool {
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let pid = pid.to_string();
    let mut words = locks.lines().map(|line| line.split_whitespace());
    words.any(|mut words| words.nth(1) == Some("->") && words.nth(3) == Some(&pid))
}

#[tokio::test]
async fn a_backup_that_has_just_begun_is_not_taken_for_a_left_over() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let dir = setup.path("backup");
    let partial = setup.path(".backup.partial");
    // Another one is about to lock what it has just made.
    let turn = File::open(setup.path("")).unwrap();
    turn.lock().unwrap();
    fs::create_dir(&partial).unwrap();
    let mut command = setup.command(&["backup", dir.to_str().unwrap()]);
    command.stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = child.id().unwrap();
    let waiting = async {
        while !waits_for_lock(pid) {
            assert!(partial.exists(), "it is taken for a left-over");
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    eventually("it waits for its turn", waiting).await;
    let lock = File::create_new(partial.join("unfinished")).unwrap();
    lock.lock().unwrap();
    drop(turn);
    let output = eventually("it ends", child.wait_with_output()).await;
    refused(output.unwrap(), &["another backup to"]).await;
    assert!(partial.join("unfinished").exists());

    // Once that one is gone, what it left goes with the next, also to another name.
    drop(lock);
    succeeded(&backup(&setup, &setup.path("tomorrow")).await);
    assert!(!partial.exists());
}

/// Kills a restore once something is there, or when it is done.
async fn kill_restore(setup: &Setup, dir: &Path, more: &[&str], signs: &[&str]) {
    let args = [&["restore", dir.to_str().unwrap()], more].concat();
    let mut child = setup.command(&args).spawn().unwrap();
    let begun = async {
        let is_there = |sign: &&str| setup.data_dir().join(sign).exists();
        while !signs.iter().any(is_there) && child.try_wait().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
    };
    eventually("it has come so far", begun).await;
    let _was_done = child.kill().await;
}

async fn doctor_of_restore(setup: &Setup) -> String {
    let output = setup.run(&["doctor", "--json"]).await;
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let about = findings.iter().filter(|it| it["subject"] == "restore");
    about.map(Value::to_string).collect()
}

/// With a picture that is large enough for a restore to be killed in the middle of it.
async fn large_backup(setup: &Setup) -> PathBuf {
    with_ann(setup).await.stop().await;
    let large = setup.data_dir().join("files/roleplay/avatars/large.png");
    File::create(large).unwrap().set_len(1 << 27).unwrap();
    let dir = setup.path("backup");
    succeeded(&backup(setup, &dir).await);
    dir
}

#[tokio::test]
async fn a_restore_that_was_cut_off_is_told_by_the_next_start_and_no_empty_one_takes_its_place() {
    let setup = Setup::new();
    let dir = large_backup(&setup).await;
    let told = ["restore", "was cut off", "run `troupe restore` again"];
    for sign in ["", "/new", "/new/users.sqlite", "/new/keys", "/new/files"] {
        let into = Setup::new();
        kill_restore(&into, &dir, &[], &[&format!(".restore{sign}")]).await;
        assert!(!into.data_dir().join("users.sqlite").exists(), "{sign}");
        refused(into.run(&["up"]).await, &told).await;
        refused(into.run(&["up"]).await, &told).await;
        assert!(doctor_of_restore(&into).await.contains("broken"));
        refused(backup(&into, &into.path("backup")).await, &told).await;
        succeeded(&restore(&into, &dir, &[]).await);
        knows_ann(&into.start().await).await;
    }
    // What it says otherwise is done.
    let into = Setup::new();
    kill_restore(&into, &dir, &[], &[".restore/new/files"]).await;
    fs::remove_dir_all(into.data_dir().join(".restore")).unwrap();
    Person::register(&into.start().await, "Ann").await;
}

#[tokio::test]
async fn a_restore_that_is_killed_at_its_end_is_whole() {
    let setup = Setup::new();
    let dir = large_backup(&setup).await;
    for sign in [".restore/note.partial", ".restore/note.json", "keys"] {
        let into = Setup::new();
        kill_restore(&into, &dir, &[], &[sign, "users.sqlite"]).await;
        let has_begun_to_move = [".restore/note.json", "users.sqlite"];
        let is_there = |name: &str| into.data_dir().join(name).exists();
        if !has_begun_to_move.into_iter().any(is_there) {
            refused(into.run(&["up"]).await, &["was cut off"]).await;
            succeeded(&restore(&into, &dir, &[]).await);
        }
        knows_ann(&into.start().await).await;
        assert!(!is_there(".restore"));
    }
}

#[tokio::test]
async fn a_restore_that_was_cut_off_leaves_a_folder_with_data_as_it_was() {
    let setup = Setup::new();
    let dir = large_backup(&setup).await;
    let used = Setup::new();
    let platform = used.start().await;
    let bob = Person::register(&platform, "Bob").await;
    platform.stop().await;
    kill_restore(&used, &dir, &["--replace"], &[".restore/new/files"]).await;
    assert!(used.data_dir().join(".restore").exists());
    assert!(doctor_of_restore(&used).await.contains("missing"));
    let platform = used.start().await;
    bob.at(&platform).log_in().await;
    assert!(!used.data_dir().join(".restore").exists());
}

#[tokio::test]
async fn a_restore_that_is_killed_leaves_the_folder_as_it_was_and_can_be_repeated() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    // Large enough to be in the middle of it.
    let large = setup.data_dir().join("files/roleplay/avatars/large.png");
    File::create(large).unwrap().set_len(1 << 28).unwrap();
    let dir = setup.path("backup");
    succeeded(&backup(&setup, &dir).await);
    let into = Setup::new();
    let mut command = into.command(&["restore", dir.to_str().unwrap()]);
    let mut child = command.spawn().unwrap();
    let stage = into.data_dir().join(".restore");
    let begun = async {
        while !stage.join("new/files").exists() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    eventually("it is in the middle", begun).await;
    child.kill().await.unwrap();
    assert!(stage.exists() && !into.data_dir().join("users.sqlite").exists());

    // Whoever comes next clears it away: a start, and a restore.
    copy_folder(&stage, &into.path("stage"));
    succeeded(&restore(&into, &dir, &[]).await);
    assert!(!stage.exists());
    copy_folder(&into.path("stage"), &stage);
    knows_ann(&into.start().await).await;
    assert!(!stage.exists());
}

#[tokio::test]
async fn a_backup_after_a_restore_that_was_interrupted_is_of_what_was_restored() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let dir = setup.path("backup");
    succeeded(&backup(&setup, &dir).await);
    // As one leaves it that is killed with the first move before it.
    let into = Setup::new();
    let stage = into.data_dir().join(".restore");
    copy_folder(&dir, &stage.join("new"));
    fs::remove_file(stage.join("new/manifest.json")).unwrap();
    let names = fs::read_dir(stage.join("new")).unwrap();
    let new: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let note = json!({"aside": "replaced-then", "old": [], "new": new});
    fs::write(stage.join("note.json"), note.to_string()).unwrap();

    let again = into.path("again");
    succeeded(&backup(&into, &again).await);
    succeeded(&restore(&self::setup(), &again, &[]).await);
    let of = |dir: &Path| contents(dir).len();
    assert_eq!(of(&again), of(&dir), "it has every file");
}

//! Backups and restores where folders are odd, and where disks are full, cut off or mounted in the middle.

use std::os::unix::fs::symlink;

use rustix::process::Signal;

use super::*;
use crate::disks::Disk;

/// Folders that a backup is made into and a restore from, and that data are in.
const NAMES: [&str; 5] = [
    "a folder with spaces",
    "mémoires ☕",
    "it's \"quoted\" $HOME",
    "100%25 a%20b",
    "what? a=b&c #1",
];

#[tokio::test]
async fn names_of_folders_may_have_spaces_and_any_letters_and_be_relative() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    for name in NAMES {
        fs::create_dir(setup.path(name)).unwrap();
        let mut command = setup.command(&["backup", "nightly/of today"]);
        let output = command.current_dir(setup.path(name)).output().await;
        succeeded(&output.unwrap());

        let mut command = setup.command(&["restore", "nightly/of today", "--data-dir", name]);
        let output = command.current_dir(setup.path(name)).output().await;
        succeeded(&output.unwrap());
        let elsewhere = Setup::new().with(
            "TROUPE__DATA_DIR",
            setup.path(name).join(name).to_str().unwrap(),
        );
        let platform = elsewhere.start().await;
        knows_ann(&platform).await;
        let looked = doctor(&elsewhere).await;
        assert!(looked.contains("migrations"), "{looked}");
    }
}

#[tokio::test]
async fn a_data_folder_may_be_a_link_but_not_one_that_leads_nowhere() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let dir = setup.path("backup");
    let linked = Setup::new();
    symlink(setup.data_dir(), linked.data_dir()).unwrap();
    succeeded(&backup(&linked, &dir).await);
    let inside = setup.data_dir().join("backup");
    refused(backup(&linked, &inside).await, &["inside the data folder"]).await;

    let lost = Setup::new();
    let place = lost.path("place");
    symlink(&place, lost.data_dir()).unwrap();
    for command in [&["up"][..], &["restore", dir.to_str().unwrap()]] {
        refused(lost.run(command).await, &["a link that leads nowhere"]).await;
    }
    fs::create_dir(&place).unwrap();
    succeeded(&restore(&lost, &dir, &[]).await);
    assert!(lost.data_dir().is_symlink() && place.join("users.sqlite").exists());
}

#[tokio::test]
async fn a_data_folder_that_can_only_be_read_is_refused_with_what_to_do() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let before = contents(&setup.data_dir());
    let read_only = Disk::read_only(setup.data_dir());
    let dir = setup.path("backup");
    let what_to_do = ["can only be read", "copy of the whole folder", "--data-dir"];
    refused(backup(&setup, &dir).await, &what_to_do).await;
    refused(setup.run(&["up"]).await, &what_to_do).await;
    assert!(!dir.exists() && !setup.path(".backup.partial").exists());
    // What it says is done.
    let copied = Setup::new();
    copy_folder(&setup.data_dir(), &copied.data_dir());
    succeeded(&backup(&copied, &dir).await);
    drop(read_only);
    assert!(contents(&setup.data_dir()) == before);
}

/// Stops a command once a file is there, and has it go on after something else was done.
async fn in_the_middle(
    setup: &Setup,
    args: &[&str],
    sign: &Path,
    meanwhile: impl FnOnce(),
) -> Output {
    let mut command = setup.command(args);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_raw(child.id().unwrap() as i32).unwrap();
    let begun = async {
        while !sign.exists() {
            tokio::task::yield_now().await;
        }
    };
    eventually("it is in the middle", begun).await;
    rustix::process::kill_process(pid, Signal::STOP).unwrap();
    meanwhile();
    rustix::process::kill_process(pid, Signal::CONT).unwrap();
    eventually("it ends", child.wait_with_output())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_disk_that_fills_up_in_the_middle_is_named_and_nothing_is_left_on_it() {
    const MEBIBYTES: u32 = 64;
    let setup = Setup::new();
    setup.start().await.stop().await;
    // The last of the databases isn't large, so that something is left to be copied.
    let url = format!(
        "sqlite://{}",
        setup.data_dir().join("roleplay.sqlite").display()
    );
    let database = sea_orm::Database::connect(url).await.unwrap();
    for sql in [
        "CREATE TABLE large (bytes BLOB)",
        "INSERT INTO large VALUES (zeroblob(40000000))",
    ] {
        database.execute_unprepared(sql).await.unwrap();
    }
    database.close().await.unwrap();

    let disk = Disk::mount(setup.path("disk"), MEBIBYTES);
    let dir = setup.path("disk/backup");
    let name = dir.to_str().unwrap();
    let partial = setup.path("disk/.backup.partial");
    let args = ["backup", name];
    let sign = partial.join("roleplay.sqlite");
    let output = in_the_middle(&setup, &args, &sign, || disk.fill()).await;
    refused(output, &["full", name, "make room"]).await;
    assert!(!partial.exists() && !dir.exists());
    disk.make_room();
    succeeded(&backup(&setup, &dir).await);
    let kept = setup.path("kept");
    copy_folder(&dir, &kept);
    fs::remove_dir_all(&dir).unwrap();

    let small = Setup::new().with("TROUPE__DATA_DIR", name);
    let args = ["restore", kept.to_str().unwrap()];
    let sign = dir.join(".restore/new/roleplay.sqlite");
    let output = in_the_middle(&small, &args, &sign, || disk.fill()).await;
    refused(output, &["full", name, "make room"]).await;
    disk.make_room();
    let left = contents(&dir);
    assert!(left.is_empty(), "{left:?}");
    succeeded(&restore(&small, &kept, &[]).await);
}

#[tokio::test]
async fn a_folder_that_cannot_be_put_aside_is_refused_before_anything_is_moved() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let dir = setup.path("backup");
    succeeded(&backup(&setup, &dir).await);
    let mounted = Setup::new();
    with_ann(&mounted).await.stop().await;
    let files = mounted.data_dir().join("files");
    let disk = Disk::mount(files.clone(), 1);
    let before = contents(&mounted.data_dir());
    let output = restore(&mounted, &dir, &["--replace"]).await;
    refused(output, &[files.to_str().unwrap(), "unmount"]).await;
    assert!(contents(&mounted.data_dir()) == before);
    assert_eq!(mounted.start().await.stop().await.code(), Some(0));
    drop(disk);
    succeeded(&restore(&mounted, &dir, &["--replace"]).await);
}

#[tokio::test]
async fn a_backup_is_not_brought_back_into_itself() {
    let setup = Setup::new();
    with_ann(&setup).await.stop().await;
    let dir = setup.path("backup");
    succeeded(&backup(&setup, &dir).await);
    let before = contents(&dir);
    for inside in [dir.clone(), dir.join("data")] {
        let into = Setup::new().with("TROUPE__DATA_DIR", inside.to_str().unwrap());
        let output = restore(&into, &dir, &["--replace"]).await;
        refused(output, &["inside the backup", "--data-dir"]).await;
    }
    assert!(contents(&dir) == before && !dir.join("data").exists());
}

use platform::config::ServerUrl;

use super::*;

const ROLES: [Role; 4] = crate::services::ROLES;

fn folder_with(files: &[&str]) -> (tempfile::TempDir, Settings) {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        let file = dir.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "something").unwrap();
    }
    let data_dir = dir.path().to_owned();
    let settings = Settings {
        data_dir,
        ..Settings::default()
    };
    (dir, settings)
}

fn noted(files: &[&str], names: &[&str]) -> (tempfile::TempDir, Settings) {
    let (dir, settings) = folder_with(files);
    note_all(dir.path(), names).unwrap();
    (dir, settings)
}

fn known(roles: &[&str]) -> Vec<String> {
    roles.iter().map(|role| (*role).to_owned()).collect()
}

fn refused(settings: &Settings, known: &[String], roles: &[Role]) -> Option<String> {
    let refused = Made::of(&settings.data_dir, known).refuse_lost(settings, roles);
    refused.err().map(|error| error.to_string())
}

#[test]
fn a_database_is_lost_only_where_it_was_made_before() {
    let (dir, settings) = noted(&["users.sqlite"], &["users", "ai"]);
    let error = refused(&settings, &[], &ROLES).unwrap();
    assert!(error.contains("ai.sqlite is missing"), "{error}");
    // A process that doesn't have the role needs no such file, and a service that is new has yet to make its own.
    let few = [Role::Users, Role::Roleplay];
    assert_eq!(refused(&settings, &[], &few), None);
    fs::remove_file(dir.path().join(NOTES).join("ai")).unwrap();
    assert_eq!(refused(&settings, &[], &ROLES), None);
}

#[test]
fn a_folder_of_before_there_were_notes_gets_them_by_what_it_knows() {
    let (dir, settings) = folder_with(&["ai.sqlite"]);
    let made = Made::of(dir.path(), &known(&["ai", "gateway", "users"]));
    assert!(!dir.path().join(NOTES).exists(), "nothing is written yet");
    made.note().unwrap();
    let error = refused(&settings, &[], &ROLES).unwrap();
    assert!(error.contains("users.sqlite is missing"), "{error}");
    assert!(!made.has_had("roleplay") && !made.has_had("gateway"));
    // What was taken back isn't noted again.
    fs::remove_file(dir.path().join(NOTES).join("users")).unwrap();
    assert_eq!(refused(&settings, &known(&["users"]), &ROLES), None);

    let (copied, _) = folder_with(&["ai.sqlite", "keys/roleplay-page.key"]);
    let made = Made::of(copied.path(), &[]);
    assert!(made.has_had("roleplay") && !made.has_had("users"));

    let (of_a_server, settings) = folder_with(&[]);
    assert_eq!(refused(&settings, &known(&["users", "ai"]), &ROLES), None);
    assert!(!of_a_server.path().join(NOTES).exists());
}

#[test]
fn what_only_comes_after_databases_tells_that_they_are_gone() {
    for left in [
        "keys/users-page.key",
        "keys/roleplay-address.key",
        "files/roleplay/avatars/chr_1.png",
    ] {
        let (dir, mut settings) = folder_with(&[left, "models/a.bin", "keys/tls/box/ca.pem"]);
        let error = refused(&settings, &[], &ROLES).unwrap();
        assert!(
            error.contains("no databases") && error.contains(left),
            "{error}"
        );
        assert!(error.contains("troupe restore") && error.contains("database.url"));
        // Neither a gateway alone nor who has the databases on a server misses anything.
        assert_eq!(refused(&settings, &[], &[Role::Gateway]), None);
        settings.database.url = ServerUrl::new("postgres://a@b/c");
        assert_eq!(refused(&settings, &[], &ROLES), None);
        settings.database.url = ServerUrl::default();
        fs::remove_file(dir.path().join(left)).unwrap();
        assert_eq!(refused(&settings, &[], &ROLES), None);
    }
}

#[test]
fn what_is_lost_beside_databases_is_refused_or_told() {
    const NAMES: [&str; 6] = [
        "files/roleplay/avatars",
        "keys/roleplay-address.key",
        "keys/tls/box/ca.pem",
        "keys/users-page.key",
        "roleplay-memory.vectors.sqlite",
        "users",
    ];
    let (dir, mut settings) = noted(&["users.sqlite"], &NAMES);
    settings.gateway.tls = Some("box".to_owned());
    let error = refused(&settings, &[], &ROLES).unwrap();
    assert!(
        error.contains("files/roleplay/avatars is missing"),
        "{error}"
    );
    assert!(error.contains("stores/files/roleplay/avatars`"), "{error}");
    let losses = |settings: &Settings, roles: &[Role]| {
        let losses = Made::of(dir.path(), &[]).losses(settings, roles);
        let names = losses
            .into_iter()
            .map(|loss| loss.name.to_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(losses(&settings, &ROLES), NAMES[..5]);
    assert_eq!(losses(&settings, &[Role::Users]), ["keys/users-page.key"]);
    settings.gateway.tls = None;
    settings.s3.bucket = "pictures".to_owned();
    assert_eq!(refused(&settings, &[], &ROLES), None);
    settings.database.url = ServerUrl::new("postgres://a@b/c");
    settings.qdrant.url = ServerUrl::new("http://localhost:6334");
    assert_eq!(losses(&settings, &ROLES), [""; 0]);
}

#[test]
fn files_of_a_backup_are_noted_as_a_start_notes_them() {
    let name = |path: &str| name_of(Path::new(path)).map(|name| name.to_str().unwrap().to_owned());
    for (path, noted) in [
        ("users.sqlite", "users"),
        ("keys/ai-page.key", "keys/ai-page.key"),
        ("keys/tls/box/ca.pem", "keys/tls/box/ca.pem"),
        ("files/roleplay/assets/ast_1", "files/roleplay/assets"),
        (
            "roleplay-memory.vectors.sqlite",
            "roleplay-memory.vectors.sqlite",
        ),
    ] {
        assert_eq!(name(path).as_deref(), Some(noted));
    }
    for path in [
        "keys/tls/box/ca-key.pem",
        "files/roleplay/avatar-sizes/chr_1.webp",
        "other.sqlite",
    ] {
        assert_eq!(name(path), None, "{path}");
    }
}

#[test]
fn a_database_in_the_place_of_another_is_told_from_one_of_a_newer_version() {
    let [users, ai, roleplay] = [0, 1, 2].map(|place| &SERVICES[place]);
    for (service, other) in [(users, ai), (ai, roleplay), (roleplay, users)] {
        let file = Path::new("data").join(format!("{}.sqlite", service.store()));
        let refuse = |applied: &[String]| {
            let refused = refuse_other(&file, applied, service);
            refused.err().map(|error| error.to_string())
        };
        let own = (service.migrations)();
        assert_eq!(refuse(&own), None);
        assert_eq!(refuse(&own[..1]), None);
        let error = refuse(&(other.migrations)()).unwrap();
        assert!(
            error.contains(&format!("data/{}.sqlite", other.store())),
            "{error}"
        );
        assert!(!error.contains("newer version"), "{error}");
        let newer = [own, vec!["m9999_later".to_owned()]].concat();
        assert!(refuse(&newer).unwrap().contains("newer version"));
    }
}

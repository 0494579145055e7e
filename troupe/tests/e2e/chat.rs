//! The terminal client over pipes.

use std::process::Stdio;

use reqwest::Method;
use serde_json::json;
use testkit::scripted::{self, Reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::main_job::with_model;
use crate::person::{PASSWORD, Person};
use crate::platform::{Platform, Setup, checkout, eventually};

/// The client of a person with an account, to type at.
struct Chat {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// What was shown and not yet looked at.
    shown: String,
}

impl Chat {
    async fn start(setup: &Setup, platform: &Platform, args: &[&str]) -> Self {
        let args = [
            &[
                "chat",
                "--server",
                platform.url(),
                "--email",
                "ann@example.com",
            ],
            args,
        ]
        .concat();
        let mut command: Command = setup.command(&args);
        command
            .env("TROUPE_CHAT_PASSWORD", PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self {
            child,
            stdin,
            stdout,
            shown: String::new(),
        }
    }

    async fn types(&mut self, line: &str) {
        self.stdin
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
    }

    /// Waits until a text is shown, and returns what was shown up to its end.
    async fn shows(&mut self, text: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            if let Some(start) = self.shown.find(text) {
                return self.shown.drain(..start + text.len()).collect();
            }
            let read = eventually(text, self.stdout.read(&mut buffer))
                .await
                .unwrap();
            assert!(
                read > 0,
                "the client ended instead of showing {text:?}: {}",
                self.shown
            );
            self.shown
                .push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
    }

    async fn leaves(mut self) {
        self.types("/quit").await;
        self.shows("Everything is kept.").await;
        assert!(
            eventually("the client ends", self.child.wait())
                .await
                .unwrap()
                .success()
        );
    }
}

fn maren() -> String {
    checkout()
        .join("examples/cards/maren.png")
        .display()
        .to_string()
}

#[tokio::test]
async fn does_the_main_job_by_hand() {
    let (model, setup, platform) = with_model().await;
    let mut chat = Chat::start(&setup, &platform, &["--sign-up", "--name", "Ann", &maren()]).await;
    chat.shows("Imported Maren Holloway.").await;
    model.push(Reply::words("Come in, come in."));
    chat.types("Good evening!").await;
    chat.shows("Maren: Come in, come in.\n").await;

    model.push(Reply::words("Mind the step."));
    chat.types("/swipe").await;
    chat.shows("Mind the step.\n[2 of 2").await;
    chat.types("/swipe prev").await;
    chat.shows("Come in, come in.\n[1 of 2").await;

    model.push(Reply::tokens([" Tea?"]));
    chat.types("/continue").await;
    chat.shows("Tea?\n").await;
    chat.types("/edit Sit down.").await;
    chat.shows("Maren: Sit down.\n").await;
    chat.types("/branch #2 another evening").await;
    chat.shows("new branch another evening").await;
    chat.types("/branches").await;
    chat.shows("*  2  another evening\n").await;
    chat.types("/branches 1").await;
    chat.shows("Sit down.\n").await;
    chat.types("/history 2").await;
    chat.shows("#2   Ann: Good evening!\n#1   Maren: Sit down.\n")
        .await;
    chat.types("/bookmark a seat").await;
    chat.shows("Bookmarked").await;
    chat.types("/bookmarks").await;
    chat.shows("   1  a seat  [Maren: Sit down.]\n").await;
    chat.types("/hide #2").await;
    chat.shows("[hidden from the model]\n").await;
    chat.types("/prompt").await;
    chat.shows(" tokens  description (").await;
    chat.types("/model").await;
    chat.shows("openai/scripted").await;
    chat.types("/dance").await;
    chat.shows("there is no command /dance").await;
    chat.leaves().await;
}

#[tokio::test]
async fn lets_others_in_by_a_code_and_out_again() {
    let (model, setup, platform) = with_model().await;
    let mut chat = Chat::start(&setup, &platform, &["--sign-up", "--name", "Ann", &maren()]).await;
    chat.shows("Imported Maren Holloway.").await;
    chat.types("/invite").await;
    chat.shows("/join ").await;
    let code = chat.shows("\n").await.trim().to_owned();
    let ben = Person::register(&platform, "Ben").await;
    let join = json!({"token": code});
    let path = "/api/v1/roleplay/invitations:accept";
    let joined = ben.ok(Method::POST, path, join).await;
    assert_eq!(joined["participant"]["role"], "PARTICIPANT_ROLE_PLAYER");
    let session = format!(
        "/api/v1/roleplay/sessions/{}",
        joined["session"]["id"].as_str().unwrap()
    );
    model.push(Reply::words("Two of you!"));
    ben.say(&session, "Room for one more?").await.at_end().await;
    chat.types("/history 2").await;
    chat.shows("Ben: Room for one more?\n").await;
    chat.types("/people").await;
    chat.shows("*  1  Ann (owner)\n").await;
    chat.shows("   2  Ben (player)\n").await;
    chat.types("/remove 2").await;
    chat.shows("Ben is removed").await;
    chat.types("/leave").await;
    chat.shows("You left the session.").await;
    chat.shows("Start anew").await;
    chat.types("/quit").await;
    chat.shows("Everything is kept.").await;
}

#[tokio::test]
async fn shows_who_invites_to_what_and_asks_before_it_takes_part() {
    let (_model, setup, platform) = with_model().await;
    let ben = Person::register(&platform, "Ben").await;
    let card = std::fs::read(maren()).unwrap();
    let session = ben.open_session(card).await;
    let mut chat = Chat::start(&setup, &platform, &["--sign-up", "--name", "Ann", &maren()]).await;
    chat.shows("Imported Maren Holloway.").await;
    chat.types("/whoami").await;
    chat.shows("usr_").await;
    let id = format!("usr_{}", chat.shows("  Ann\n").await.replace("  Ann\n", ""));
    let invitations = format!("{session}/invitations");
    let invitation = json!({"userId": id, "role": "PARTICIPANT_ROLE_SPECTATOR"});
    ben.ok(Method::POST, &invitations, invitation).await;
    chat.types("/join").await;
    chat.shows("/join inv_").await;
    let code = chat.shows("  to watch: ").await;
    let join = format!("/join inv_{}", code.split_once(' ').unwrap().0);
    let people = format!("{session}/participants");
    for answer in ["", "no"] {
        chat.types(&join).await;
        chat.shows("Ben invites you to watch: ").await;
        chat.types(answer).await;
        chat.shows("You didn't accept it").await;
        let people = ben.get(&people).await;
        assert_eq!(people["participants"].as_array().unwrap().len(), 1);
    }
    chat.types(&join).await;
    chat.shows("Ben invites you to watch: ").await;
    chat.types("y").await;
    chat.shows(session.rsplit_once('/').unwrap().1).await;
    chat.types("/people").await;
    chat.shows("*  2  Ann (spectator)\n").await;
    chat.leaves().await;
}

#[tokio::test]
async fn lets_another_character_join_and_speak() {
    let (model, setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let tom = json!({"spec": "chara_card_v2", "spec_version": "2.0", "data": {
        "name": "Tom", "description": "{{char}} mends nets.", "extensions": {"talkativeness": 0}
    }});
    ann.import(tom.to_string().into_bytes()).await;
    let mut chat = Chat::start(&setup, &platform, &[&maren()]).await;
    chat.shows("Imported Maren Holloway.").await;
    chat.types("/add Tom").await;
    chat.shows("Tom is here now").await;
    chat.types("/cast").await;
    chat.shows("   1  Maren\n   2  Tom\n").await;
    model.push(Reply::words("Aye."));
    chat.types("/let tom").await;
    chat.shows("Tom: Aye.\n").await;
    chat.types("/turns list").await;
    chat.shows("From the next message on.").await;
    model.push(Reply::words("Good evening."));
    model.push(Reply::words("Ho!"));
    chat.types("Good evening!").await;
    chat.shows("Maren: Good evening.\n").await;
    chat.shows("Tom: Ho!\n").await;
    chat.types("/mute 1").await;
    chat.shows("speaks only when you let it").await;
    chat.types("/auto 2").await;
    chat.shows("no character may speak now").await;
    chat.types("/drop Tom").await;
    chat.shows("Tom is out").await;
    chat.leaves().await;
}

#[tokio::test]
async fn starts_scenarios_of_several_characters_and_says_who_speaks() {
    let (model, setup, platform) = with_model().await;
    let mut chat = Chat::start(&setup, &platform, &["--sign-up", "--name", "Ann", &maren()]).await;
    chat.shows("Imported Maren Holloway.").await;
    let role = |role: &str, name: &str, muted: bool| {
        json!({"name": role, "character_name": name, "muted": muted, "card": {
            "spec": "chara_card_v2", "spec_version": "2.0",
            "data": {"name": name, "first_mes": format!("{name} nods."), "extensions": {}}
        }})
    };
    let ship = json!({"version": 1, "scenario": {
        "name": "Ship",
        "cast": [role("Captain", "Mira", false), role("Mate", "Tom", false), role("Wren", "Wren", true)],
        "settings": {"turns": {"strategy": "list"}},
    }});
    let file = setup.path("ship.json");
    std::fs::write(&file, ship.to_string()).unwrap();
    chat.types(&format!("/scenario {}", file.display())).await;
    chat.shows("Imported Ship.").await;
    chat.shows("With Mira as Captain, Tom as Mate, Wren (muted).")
        .await;
    for greeting in ["Mira: Mira nods.", "Tom: Tom nods.", "Wren: Wren nods."] {
        chat.shows(greeting).await;
    }
    model.push(Reply::words("Aye."));
    model.push(Reply::words("Aye, aye."));
    chat.types("Ahoy!").await;
    chat.shows("Mira: Aye.\n").await;
    chat.shows("Tom: Aye, aye.\n").await;
    chat.leaves().await;
}

#[tokio::test]
async fn starts_scenarios_and_asks_what_they_need() {
    let (model, setup, platform) = with_model().await;
    model.always(Reply::words("Quick now."));
    let mut chat = Chat::start(&setup, &platform, &["--sign-up", "--name", "Ann", &maren()]).await;
    chat.shows("Imported Maren Holloway.").await;
    chat.types("/scenarios").await;
    chat.shows("There are none").await;
    let file = checkout().join("examples/scenarios/the-understudy.json");
    chat.types(&format!("/scenario {}", file.display())).await;
    chat.shows("Imported The understudy.").await;
    chat.types("").await;
    chat.shows("this needs an answer").await;
    for answer in ["Pip Harrow", "Low Fen", "", "", "I sing."] {
        chat.types(answer).await;
    }
    chat.shows("Ottoline Marsh: ").await;
    let opening = chat.shows("third act?").await;
    assert!(opening.contains("Pip Harrow! Are you decent?"), "{opening}");
    assert!(opening.contains("\"The Duke's Umbrella\""), "{opening}");
    chat.types("I do.").await;
    chat.shows("Quick now.\n").await;
    chat.types("/scenarios").await;
    chat.shows("   1  The understudy           [asks 5 things]")
        .await;
    chat.types("/scenario the understudy").await;
    for answer in ["Wren", "", "East", "", ""] {
        chat.types(answer).await;
    }
    chat.shows("must be one of `The Duke's Umbrella`").await;
    chat.types("/scenario nothing").await;
    chat.shows("there is no scenario nothing").await;
    chat.leaves().await;
}

#[tokio::test]
async fn stays_signed_in_and_resumes_a_session() {
    let (model, setup, platform) = with_model().await;
    model.always(Reply::words("The wind is up."));
    let mut first = Chat::start(&setup, &platform, &["--sign-up", "--name", "Ann", &maren()]).await;
    first.types("How is the night?").await;
    first.shows("The wind is up.\n").await;
    first.leaves().await;

    let resumed = setup
        .run_with_input(&["chat", "--server", platform.url()], &["1", "/quit"])
        .await;
    let shown = String::from_utf8(resumed.stdout).unwrap();
    assert!(resumed.status.success(), "{shown}");
    assert!(
        shown.contains("Signed in at") && shown.contains("Go on\n   1  "),
        "{shown}"
    );
    assert!(
        shown.contains("How is the night?\n") && shown.contains("The wind is up.\n"),
        "{shown}"
    );
    assert!(shown.contains("Quill"), "the examples are offered: {shown}");
}

#[tokio::test]
async fn cancels_a_reply_while_it_streams() {
    let (model, setup, platform) = with_model().await;
    let mut chat = Chat::start(&setup, &platform, &["--sign-up", "--name", "Ann", &maren()]).await;
    model.push(Reply::words("This goes on and on").hold_after(3));
    chat.types("Talk.").await;
    chat.shows("This goes on").await;
    chat.types("/cancel").await;
    chat.shows("[cancelled;").await;
    eventually("the model loses its client", model.abandoned(1)).await;
    chat.leaves().await;
}

#[tokio::test]
async fn takes_a_reply_up_again_when_the_platform_comes_back() {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let setup = Setup::new()
        .with("TROUPE__AI__OPENAI__BASE_URL", model.base_url())
        .with("TROUPE__GATEWAY__LISTEN", free.to_string());
    let platform = setup.start().await;
    let mut chat = Chat::start(&setup, &platform, &["--sign-up", "--name", "Ann", &maren()]).await;
    model.push(Reply::words("The light goes out").hold_after(2));
    chat.types("What happens?").await;
    chat.shows("Maren: The light").await;
    platform.kill().await;
    chat.shows("connecting to the reply again").await;
    chat.shows("[no answer; trying again for ").await;
    let _platform = setup.start().await;
    let shown = chat.shows("[the platform stopped meanwhile").await;
    assert!(
        !shown.contains("The light"),
        "nothing is shown twice: {shown}"
    );
    chat.leaves().await;
}

#[tokio::test]
async fn says_what_to_do_when_nobody_answers_or_the_password_is_wrong() {
    let setup = Setup::new();
    let nobody = setup.run(&["chat", "--server", "http://127.0.0.1:9"]).await;
    assert_eq!(nobody.status.code(), Some(1));
    let error = String::from_utf8(nobody.stderr).unwrap();
    assert!(
        error.contains("troupe up") && error.contains("--server"),
        "{error}"
    );

    let platform = setup.start().await;
    Person::register(&platform, "Ann").await;
    let args = [
        "chat",
        "--server",
        platform.url(),
        "--email",
        "ann@example.com",
    ];
    let wrong = setup.run_with_input(&args, &["not the password"]).await;
    assert_eq!(wrong.status.code(), Some(1));
    let error = String::from_utf8(wrong.stderr).unwrap();
    assert!(
        error.starts_with("error: signing in: ") && error.contains("--sign-up"),
        "{error}"
    );
}

#[tokio::test]
async fn refuses_a_file_that_is_no_card() {
    let (_model, setup, platform) = with_model().await;
    let file = setup.path("holiday.png");
    std::fs::write(&file, b"\x89PNG\r\n\x1a\nand then nothing").unwrap();
    let file = file.display().to_string();
    let mut command = setup.command(&[
        "chat",
        "--server",
        platform.url(),
        "--sign-up",
        "--email",
        "ann@example.com",
        "--name",
        "Ann",
        &file,
    ]);
    command.env("TROUPE_CHAT_PASSWORD", PASSWORD);
    let output = eventually("the client ends", command.output())
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.starts_with("error: ") && !error.contains("Status"),
        "{error}"
    );
}

//! Replies and the process that writes them: killed, restarted, asked to stop.

use testkit::scripted::Reply;

use crate::cards::maren;
use crate::main_job::with_model;
use crate::person::Person;

#[tokio::test]
async fn a_reply_cut_short_by_a_kill_keeps_what_was_seen_and_says_so() {
    let (model, setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("Hold on to the rail").hold_after(3));
    let mut reply = ann.say(&session, "The ship rolls.").await;
    reply.until(|text| text == "Hold on to").await;
    platform.kill().await;
    reply.until_broken().await;

    let platform = setup.start().await;
    let ann = ann.at(&platform);
    let messages = ann.messages(&session).await;
    assert_eq!(
        messages.len(),
        3,
        "the greeting, the message and the reply, none twice"
    );
    let last = messages.last().unwrap();
    assert_eq!(last["text"], "Hold on to", "what was seen is there, once");
    assert_eq!(last["state"], "MESSAGE_STATE_INTERRUPTED");
    let rest = ann
        .watch_from(reply.generation_id(), reply.next_offset)
        .await
        .at_end()
        .await;
    assert_eq!(rest.text, "");
    assert_eq!(
        rest.ended["generation"]["state"],
        "GENERATION_STATE_INTERRUPTED"
    );

    model.push(Reply::tokens([" the", " rail."]));
    let more = ann
        .again(&session, last["id"].as_str().unwrap(), "continue")
        .await
        .at_end()
        .await;
    assert_eq!(more.ended["message"]["text"], "Hold on to the rail.");
}

#[tokio::test]
async fn a_sent_message_survives_a_kill_before_the_model_says_anything() {
    let (model, setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("Nothing of this is seen").hold_after(0));
    let mut reply = ann.say(&session, "Are you there?").await;
    reply.begin().await;
    model.held(1).await;
    platform.kill().await;

    let platform = setup.start().await;
    let ann = ann.at(&platform);
    let messages = ann.messages(&session).await;
    assert_eq!(messages[1]["text"], "Are you there?");
    assert_eq!(messages.len(), 2, "a reply without a word is none");
    model.push(Reply::words("Yes."));
    let id = messages[1]["id"].as_str().unwrap();
    assert_eq!(
        ann.again(&session, id, "reply").await.at_end().await.text,
        "Yes."
    );
}

#[tokio::test]
async fn stopping_leaves_no_reply_that_seems_to_be_written_for_ever() {
    let (model, setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    let session = ann.open_session(maren()).await;
    model.push(Reply::words("To be continued").hold_after(2));
    let mut reply = ann.say(&session, "Go on.").await;
    reply.until(|text| text == "To be").await;
    platform.ask_to_stop();
    model.release();
    let status = platform.ended().await;
    assert_eq!(status.code(), Some(0));

    let platform = setup.start().await;
    let last = ann.at(&platform).messages(&session).await.pop().unwrap();
    let text = last["text"].as_str().unwrap();
    assert!(
        text.starts_with("To be") && "To be continued".starts_with(text),
        "{text}"
    );
    let ended = ["MESSAGE_STATE_COMPLETE", "MESSAGE_STATE_INTERRUPTED"];
    assert!(ended.contains(&last["state"].as_str().unwrap()), "{last}");
}

#[tokio::test]
async fn a_folder_of_keys_that_is_gone_logs_nobody_out_and_the_log_says_what_it_means() {
    const SAYS: &str = "the folder of keys has lost one";
    let (_model, setup, platform) = with_model().await;
    let ann = Person::register(&platform, "Ann").await;
    platform.stop().await;
    let keys = setup.data_dir().join("keys");
    std::fs::remove_dir_all(&keys).unwrap();
    let platform = setup.start().await;
    ann.at(&platform).get("/api/v1/users/me").await;
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    let told = log.lines().find(|line| line.contains(SAYS));
    let told = told.unwrap_or_else(|| panic!("{log}"));
    let (folder, warns) = (keys.to_string_lossy(), told.contains("\"WARN\""));
    assert!(told.contains(&*folder) && warns, "{told}");

    let platform = setup.start().await;
    platform.ask_to_stop();
    let log = platform.log_to_end().await;
    assert!(!log.contains(SAYS), "{log}");
}

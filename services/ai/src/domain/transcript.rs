//! A prompt in the form that a model takes, where it was written in the other one.

use super::Form;
use super::provider::{Message, Prompt, Role};

/// What begins what the person says in a transcript: a model that writes it has come to the end of its reply.
const PERSON: &str = "User:";
const MODEL: &str = "Assistant:";

/// A prompt in a form, and the text that then ends a reply, beside those that were asked for.
pub(crate) fn in_form(prompt: Prompt, form: Form) -> (Prompt, Option<String>) {
    match (prompt, form) {
        (Prompt::Chat(messages), Form::Text) => {
            let stop = Some(format!("\n{PERSON}"));
            (Prompt::Text(transcript(&messages)), stop)
        }
        (Prompt::Text(text), Form::Chat) => {
            let message = Message {
                role: Role::User,
                content: text,
                name: String::new(),
            };
            (Prompt::Chat(vec![message]), None)
        }
        (prompt, _) => (prompt, None),
    }
}

/// The messages as one text, which ends where the model goes on.
fn transcript(messages: &[Message]) -> String {
    let mut text = String::new();
    for message in messages {
        let label = match message.role {
            Role::System => "",
            Role::User => PERSON,
            Role::Assistant => MODEL,
        };
        let content = message.content.trim();
        match label {
            "" => text.push_str(&format!("{content}\n\n")),
            label => text.push_str(&format!("{label} {content}\n")),
        }
    }
    match messages.last() {
        // It goes on with what it began.
        Some(last) if last.role == Role::Assistant => text.truncate(text.trim_end().len()),
        _ => text.push_str(MODEL),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: Role, content: &str) -> Message {
        Message {
            role,
            content: content.to_owned(),
            name: String::new(),
        }
    }

    #[test]
    fn a_chat_is_a_transcript_to_a_model_that_completes_texts() {
        let mut chat = vec![
            message(Role::System, "Be brief."),
            message(Role::User, "Hello"),
        ];
        let (prompt, stop) = in_form(Prompt::Chat(chat.clone()), Form::Text);
        let expected = "Be brief.\n\nUser: Hello\nAssistant:";
        assert!(matches!(prompt, Prompt::Text(text) if text == expected));
        assert_eq!(stop.as_deref(), Some("\nUser:"));
        chat.push(message(Role::Assistant, "Good "));
        let (prompt, _) = in_form(Prompt::Chat(chat), Form::Text);
        let expected = "Be brief.\n\nUser: Hello\nAssistant: Good";
        assert!(matches!(prompt, Prompt::Text(text) if text == expected));
    }

    #[test]
    fn a_text_is_a_message_to_a_model_that_chats_and_the_rest_stays() {
        let (prompt, stop) = in_form(Prompt::Text("Once".to_owned()), Form::Chat);
        assert!(prompt == Prompt::Chat(vec![message(Role::User, "Once")]) && stop.is_none());
        let (prompt, stop) = in_form(Prompt::Text("Once".to_owned()), Form::Text);
        assert!(prompt == Prompt::Text("Once".to_owned()) && stop.is_none());
    }
}

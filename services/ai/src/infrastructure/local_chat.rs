//! A chat as the local model's template takes it.

use engine::{ChatTemplate, Error, Prompt, Turn};

use super::roles::{RoleRules, arranged};
use crate::domain::provider::{Message, Role};

/// What templates ask of messages, the mildest first.
const RULES: [RoleRules; 3] = [
    RoleRules {
        alternating: false,
        no_system: false,
        last_user: false,
    },
    RoleRules {
        alternating: true,
        no_system: false,
        last_user: false,
    },
    RoleRules {
        alternating: true,
        no_system: true,
        last_user: false,
    },
];

/// The prompt, by the mildest rules under which the template takes all of the messages: some refuse what they can't say, others leave
/// it out. `now` is in seconds since 1970-01-01 UTC.
///
/// # Errors
/// As [`ChatTemplate::render`], where none of the rules help.
pub(super) fn render(
    template: &ChatTemplate,
    messages: &[Message],
    now: i64,
) -> Result<Prompt, Error> {
    let mut refusal = None;
    for rules in RULES {
        let messages = arranged(messages, rules);
        let turns: Vec<Turn<'_>> = messages.iter().map(turn).collect();
        match template.render(&turns, now) {
            Ok(prompt) if has_all(&prompt, &turns) => return Ok(prompt),
            Ok(_) => {}
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.unwrap_or_else(|| Error::Template {
        what: "it leaves messages out".to_owned(),
    }))
}

/// Whether what the system says is in the prompt. What the others say may be shortened: templates leave earlier thoughts out.
fn has_all(prompt: &Prompt, turns: &[Turn<'_>]) -> bool {
    turns
        .iter()
        .filter(|turn| turn.role == "system")
        .all(|turn| prompt.text().contains(turn.content.trim()))
}

fn turn(message: &Message) -> Turn<'_> {
    Turn {
        role: match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        },
        content: &message.content,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes user and assistant alone, and in turns.
    const STRICT: &str = "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}\
        {{ raise_exception('roles must alternate') }}{% endif %}<{{ m.role }}>{{ m.content }}{% endfor %}";
    /// Leaves out whoever it doesn't know.
    const DEAF: &str =
        "{% for m in messages if m.role != 'system' %}<{{ m.role }}>{{ m.content }}{% endfor %}";

    fn rendered(source: &str, roles: &[(Role, &str)]) -> String {
        let template = ChatTemplate::new(source, &[], String::new(), String::new()).unwrap();
        let message = |(role, content): &(Role, &str)| Message {
            role: *role,
            content: (*content).to_owned(),
            name: String::new(),
        };
        let messages: Vec<Message> = roles.iter().map(message).collect();
        render(&template, &messages, 0).unwrap().text().to_owned()
    }

    #[test]
    fn says_what_the_system_says_to_templates_that_have_no_such_role() {
        let chat = [
            (Role::System, "You are Maren."),
            (Role::Assistant, "Good evening."),
            (Role::User, "Hello."),
        ];
        let expected = "<user>You are Maren.<assistant>Good evening.<user>Hello.";
        assert_eq!(rendered(STRICT, &chat), expected);
        assert_eq!(rendered(DEAF, &chat), expected);
        assert_eq!(
            rendered(DEAF, &chat[1..]),
            "<assistant>Good evening.<user>Hello."
        );
    }
}

//! What a person types: a message, or a command that begins with a slash. Knows nothing of the server.

use troupe_proto::roleplay::TurnStrategy;

/// A line that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// Something to say.
    Say(String),
    /// Turn to another alternative of the last reply.
    Swipe(Swipe),
    /// Let the character go on.
    Continue,
    /// Change a message; without a text, ask for it.
    Edit {
        /// Which, counted from the end.
        place: usize,
        text: Option<String>,
    },
    /// Begin another branch at a message.
    Branch {
        /// Which, counted from the end.
        place: usize,
        /// Its title; empty for a numbered one.
        title: String,
    },
    /// Hide a message from models, or show it to them again.
    Hide(usize),
    /// Bookmark a message.
    Bookmark {
        /// Which, counted from the end.
        place: usize,
        /// What to call it; may be empty.
        title: String,
    },
    /// Show the session's bookmarks.
    Bookmarks,
    /// Show the branches, or turn to one of them.
    Branches(Option<usize>),
    /// Show so many of the last messages.
    History(usize),
    /// Show what the session remembers.
    Memories,
    /// Add a note to what it remembers.
    Note(String),
    /// Pin a memory, or let go of it.
    Pin(usize),
    Forget(usize),
    /// Show the prompt of the next reply.
    Prompt,
    /// End the reply that is being written.
    Cancel,
    /// Show who takes part.
    People,
    /// Invite somebody.
    Invite(Invite),
    /// Show one's own id, by which others invite one.
    WhoAmI,
    /// Take part in somebody's session; without a code, show the invitations.
    Join(Option<String>),
    /// Remove somebody.
    Remove(usize),
    /// Leave the session for good.
    Leave,
    /// Show the characters of the session.
    Cast,
    /// Let one of one's characters join, by name.
    Add(String),
    /// Take a character out, by name or number.
    Drop(String),
    /// Let a character speak only when asked, or by itself again.
    Mute {
        /// Its name or number.
        who: String,
        muted: bool,
    },
    /// Let a character speak now, by name or number.
    Let(String),
    /// Let the characters go on for so many replies.
    Auto(usize),
    /// Say how the characters take turns.
    Turns(TurnStrategy),
    /// Choose another session or character.
    Sessions,
    /// Show the scenarios.
    Scenarios,
    /// Start a session from a scenario, a file or a link.
    Scenario(String),
    /// Show the models, or use one of them.
    Model(Option<String>),
    Help,
    Quit,
    Nothing,
}

/// Whom to invite, and to what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Invite {
    /// Only to watch.
    pub(crate) watches: bool,
    /// One person; otherwise whoever has the code.
    pub(crate) user_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Swipe {
    /// A new one, to be generated.
    New,
    Next,
    Previous,
    /// The one with this number, from 1.
    Number(usize),
}

pub(crate) const HELP: &str = "\
Type a message to send it, or:
  /swipe               write another reply in place of the last one, or one that is missing
  /swipe next          show the next reply; also: prev, or a number
  /continue            let the character continue its last message
  /edit [#N] [TEXT]    change the last message, or the one that /history calls #N
  /hide [#N]           hide the last message, or #N, from the model; once more shows it again
  /bookmark [#N] [TITLE] bookmark the last message, or #N
  /bookmarks           show the session's bookmarks
  /branch [#N] [TITLE] start another branch at the last message, or at #N
  /branches [N]        show the branches, or switch to one
  /history [COUNT]     show the last messages
  /memory              show what the session remembers, newest last; * is in every prompt
  /note TEXT           let it remember something
  /pin N               put the memory that /memory calls N into every prompt, or take it out
  /forget N            forget that memory
  /prompt              show the prompt of the next reply and where its parts come from
  /people              show who takes part; * is you
  /invite [USER]       make a code that lets people play, or invite one by the id that their /whoami shows; /invite watch [USER] lets them watch
  /whoami              show your id, to send to who wants to invite you
  /join [CODE]         take part in somebody's session, or show who has invited you
  /remove N            remove the person that /people calls N
  /leave               leave the session for good
  /cast                show the characters of the session
  /add NAME            let one of your characters join
  /drop NAME           take a character out of the session; also: the number that /cast shows
  /mute NAME           let a character speak only when asked; /unmute NAME lets it speak by itself again
  /let NAME            let a character speak now
  /auto N              let the characters go on for N replies; whoever sends stops them
  /turns HOW           say who answers: natural, list, pooled, or manual
  /cancel              end a reply that is being written (so does Ctrl-C)
  /sessions            choose another session or character
  /scenarios           show your scenarios
  /scenario NAME       start one, asking for what it needs; also: its number, a file, or a link
  /model [MODEL]       show the models, or use one for this session
  /help                show this
  /quit                leave; the session stays
To send a message that begins with a slash, type two slashes.";

const HISTORY_LENGTH: usize = 20;

impl Command {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, and what to type instead.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(Self::Nothing);
        }
        let Some(command) = line.strip_prefix('/').filter(|rest| !rest.starts_with('/')) else {
            let text = line.strip_prefix('/').unwrap_or(line);
            return Ok(Self::Say(text.to_owned()));
        };
        let (name, rest) = command
            .split_once(char::is_whitespace)
            .unwrap_or((command, ""));
        Self::named(name, rest.trim())
    }

    fn named(name: &str, rest: &str) -> Result<Self, String> {
        let optional = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Ok(match name {
            "swipe" => Self::Swipe(swipe(rest)?),
            "continue" => Self::Continue,
            "edit" => {
                let (place, text) = place(rest)?;
                Self::Edit {
                    place,
                    text: optional(text),
                }
            }
            "branch" => {
                let (place, title) = place(rest)?;
                Self::Branch {
                    place,
                    title: title.to_owned(),
                }
            }
            "hide" => Self::Hide(place(rest)?.0),
            "bookmark" => {
                let (place, title) = place(rest)?;
                Self::Bookmark {
                    place,
                    title: title.to_owned(),
                }
            }
            "bookmarks" => Self::Bookmarks,
            "branches" if rest.is_empty() => Self::Branches(None),
            "branches" => Self::Branches(Some(number(rest)?)),
            "history" if rest.is_empty() => Self::History(HISTORY_LENGTH),
            "history" => Self::History(number(rest)?),
            "memory" => Self::Memories,
            "note" if rest.is_empty() => return Err("type the note after /note".to_owned()),
            "note" => Self::Note(rest.to_owned()),
            "pin" => Self::Pin(number(rest)?),
            "forget" => Self::Forget(number(rest)?),
            "prompt" => Self::Prompt,
            "people" => Self::People,
            "invite" => Self::Invite(invite(rest)?),
            "whoami" => Self::WhoAmI,
            "join" => Self::Join(optional(rest)),
            "remove" => Self::Remove(number(rest)?),
            "leave" => Self::Leave,
            "cast" => Self::Cast,
            "add" => Self::Add(name_of(rest)?),
            "drop" => Self::Drop(name_of(rest)?),
            "mute" | "unmute" => Self::Mute {
                who: name_of(rest)?,
                muted: name == "mute",
            },
            "let" => Self::Let(name_of(rest)?),
            "auto" => Self::Auto(number(rest)?),
            "turns" => Self::Turns(turns(rest)?),
            "cancel" => Self::Cancel,
            "sessions" => Self::Sessions,
            "scenarios" => Self::Scenarios,
            "scenario" if rest.is_empty() => {
                return Err(
                    "type a scenario's name or number after /scenario; /scenarios shows them"
                        .to_owned(),
                );
            }
            "scenario" => Self::Scenario(rest.to_owned()),
            "model" => Self::Model(optional(rest)),
            "help" => Self::Help,
            "quit" | "exit" => Self::Quit,
            _ => return Err(format!("there is no command /{name}; /help lists them")),
        })
    }
}

fn swipe(rest: &str) -> Result<Swipe, String> {
    Ok(match rest {
        "" | "new" => Swipe::New,
        "next" => Swipe::Next,
        "prev" | "previous" => Swipe::Previous,
        _ => Swipe::Number(number(rest)?),
    })
}

fn invite(rest: &str) -> Result<Invite, String> {
    let mut invite = Invite::default();
    for word in rest.split_whitespace() {
        match word {
            "watch" => invite.watches = true,
            user if user.starts_with("usr_") => invite.user_id = Some(user.to_owned()),
            _ => {
                return Err(format!(
                    "`{word}` should be `watch` or an id such as usr_…: a name finds nobody, so ask them for what /whoami shows them, or send them the code of a plain /invite"
                ));
            }
        }
    }
    Ok(invite)
}

fn name_of(rest: &str) -> Result<String, String> {
    match rest {
        "" => Err("type a character's name after it; /cast lists them".to_owned()),
        name => Ok(name.to_owned()),
    }
}

fn turns(rest: &str) -> Result<TurnStrategy, String> {
    Ok(match rest {
        "natural" => TurnStrategy::Natural,
        "list" => TurnStrategy::List,
        "pooled" => TurnStrategy::Pooled,
        "manual" => TurnStrategy::Manual,
        _ => {
            return Err(format!(
                "`{rest}` should be natural, list, pooled, or manual"
            ));
        }
    })
}

/// `#3 text` or `text`; without a place it is the last message.
fn place(rest: &str) -> Result<(usize, &str), String> {
    let Some(marked) = rest.strip_prefix('#') else {
        return Ok((1, rest));
    };
    let (place, text) = marked
        .split_once(char::is_whitespace)
        .unwrap_or((marked, ""));
    Ok((number(place)?, text.trim()))
}

fn number(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("`{text}` should be a number from 1 on; /help explains"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_begins_with_no_slash_or_two_as_a_message() {
        assert_eq!(
            Command::parse(" Hello there "),
            Ok(Command::Say("Hello there".into()))
        );
        assert_eq!(Command::parse("//shrug"), Ok(Command::Say("/shrug".into())));
        assert_eq!(Command::parse("  "), Ok(Command::Nothing));
    }

    #[test]
    fn reads_which_alternative_to_turn_to() {
        assert_eq!(Command::parse("/swipe"), Ok(Command::Swipe(Swipe::New)));
        assert_eq!(
            Command::parse("/swipe prev"),
            Ok(Command::Swipe(Swipe::Previous))
        );
        assert_eq!(
            Command::parse("/swipe 3"),
            Ok(Command::Swipe(Swipe::Number(3)))
        );
        assert!(
            Command::parse("/swipe sideways")
                .unwrap_err()
                .contains("sideways")
        );
    }

    #[test]
    fn reads_places_counted_from_the_end() {
        let edit = |place, text: &str| Command::Edit {
            place,
            text: Some(text.to_owned()),
        };
        assert_eq!(Command::parse("/edit 3 apples"), Ok(edit(1, "3 apples")));
        assert_eq!(Command::parse("/edit #3 apples"), Ok(edit(3, "apples")));
        assert_eq!(
            Command::parse("/edit #2"),
            Ok(Command::Edit {
                place: 2,
                text: None
            })
        );
        assert!(Command::parse("/edit #0 x").is_err());
        let branch = Command::Branch {
            place: 2,
            title: "what if".into(),
        };
        assert_eq!(Command::parse("/branch #2 what if"), Ok(branch));
        assert_eq!(Command::parse("/hide #4"), Ok(Command::Hide(4)));
        let bookmark = Command::Bookmark {
            place: 1,
            title: "the storm".into(),
        };
        assert_eq!(Command::parse("/bookmark the storm"), Ok(bookmark));
        let scenario = Command::Scenario("Low water".into());
        assert_eq!(Command::parse("/scenario Low water"), Ok(scenario));
        assert!(Command::parse("/scenario").is_err());
    }

    #[test]
    fn reads_whom_to_invite() {
        let invite = |watches, user: Option<&str>| {
            let user_id = user.map(str::to_owned);
            Ok(Command::Invite(Invite { watches, user_id }))
        };
        assert_eq!(Command::parse("/invite"), invite(false, None));
        assert_eq!(Command::parse("/invite watch"), invite(true, None));
        let one = invite(true, Some("usr_1"));
        assert_eq!(Command::parse("/invite watch usr_1"), one);
        let by_name = Command::parse("/invite Ben").unwrap_err();
        assert!(by_name.contains("/whoami"), "{by_name}");
        assert_eq!(Command::parse("/whoami"), Ok(Command::WhoAmI));
        assert_eq!(Command::parse("/join"), Ok(Command::Join(None)));
        assert_eq!(Command::parse("/remove 2"), Ok(Command::Remove(2)));
    }

    #[test]
    fn reads_who_speaks() {
        let mute = |muted| {
            let who = "Mira Vale".to_owned();
            Ok(Command::Mute { who, muted })
        };
        assert_eq!(Command::parse("/mute Mira Vale"), mute(true));
        assert_eq!(Command::parse("/unmute Mira Vale"), mute(false));
        assert_eq!(Command::parse("/let 2"), Ok(Command::Let("2".into())));
        assert!(Command::parse("/let").unwrap_err().contains("/cast"));
        assert_eq!(Command::parse("/auto 5"), Ok(Command::Auto(5)));
        let pooled = Command::Turns(TurnStrategy::Pooled);
        assert_eq!(Command::parse("/turns pooled"), Ok(pooled));
        assert!(Command::parse("/turns sideways").is_err());
    }

    #[test]
    fn says_where_the_commands_are_listed_when_it_knows_none_of_that_name() {
        assert!(Command::parse("/dance").unwrap_err().contains("/help"));
    }
}

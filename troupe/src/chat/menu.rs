//! Which session to open: one from before, a new one with a character or from a scenario, or one with a card to import.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use troupe_proto::google::api::HttpBody;
use troupe_proto::roleplay::{
    Character, CreateSessionRequest, ImportCharacterRequest, ListCharactersRequest,
    ListSessionsRequest, Scenario, Session,
};

use super::api::Api;
use super::examples::{EXAMPLES, Example, ExampleScenario, SCENARIOS};
use super::failure::explain;
use super::input::Input;
use super::joining;
use super::scenarios;
use super::screen::Screen;

const SHOWN_SESSIONS: i32 = 9;
const SHOWN_CHARACTERS: i32 = 30;

enum Choice {
    GoOn(Session),
    StartWith(Character),
    StartFrom(Scenario),
    Import(&'static Example),
    ImportScenario(&'static ExampleScenario),
}

/// Lets the person choose. None if they leave instead.
pub(crate) async fn choose(
    api: &mut Api,
    input: &mut Input,
    screen: Screen,
) -> Result<Option<Session>> {
    let choices = choices(api).await?;
    show(&choices, screen)?;
    loop {
        let Some(line) = input
            .ask("Choose a number, or type the path of a card: ")
            .await?
        else {
            return Ok(None);
        };
        let line = line.trim();
        if matches!(line, "/quit" | "/exit") {
            return Ok(None);
        }
        let number = line
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1));
        let opened = match number.map(|index| choices.get(index)) {
            Some(Some(choice)) => open(api, input, choice, screen).await,
            Some(None) => Err(anyhow!("there is no number {line}")),
            None if line.is_empty() => continue,
            None if line.starts_with("/join ") => {
                let code = line.trim_start_matches("/join ").trim();
                match joining::join(api, input, screen, code).await {
                    Ok(Some(session)) => Ok(session),
                    Ok(None) => continue,
                    Err(error) => Err(error),
                }
            }
            None => match read_card(Path::new(line)) {
                Ok(card) => import(api, card, screen).await,
                Err(error) => Err(error),
            },
        };
        match opened {
            Ok(session) => return Ok(Some(session)),
            Err(error) => screen.problem(&format!("{error:#}"))?,
        }
    }
}

async fn choices(api: &mut Api) -> Result<Vec<Choice>> {
    let request = ListSessionsRequest {
        page_size: SHOWN_SESSIONS,
        ..Default::default()
    };
    let sessions = api.sessions.list_sessions(request).await;
    let sessions = sessions
        .map_err(|status| anyhow!(explain(&status)))?
        .into_inner()
        .sessions;
    let request = ListCharactersRequest {
        page_size: SHOWN_CHARACTERS,
        ..Default::default()
    };
    let characters = api.characters.list_characters(request).await;
    let characters = characters
        .map_err(|status| anyhow!(explain(&status)))?
        .into_inner()
        .characters;
    let is_imported = |example: &Example| characters.iter().any(|it| it.name == example.name);
    let examples: Vec<_> = EXAMPLES
        .iter()
        .filter(|example| !is_imported(example))
        .collect();
    let scenarios = scenarios::list(api).await?;
    let is_imported =
        |example: &&ExampleScenario| scenarios.iter().any(|it| it.name == example.name);
    let more: Vec<_> = SCENARIOS.iter().filter(|it| !is_imported(it)).collect();
    let choices = sessions.into_iter().map(Choice::GoOn);
    let choices = choices.chain(characters.into_iter().map(Choice::StartWith));
    let choices = choices.chain(scenarios.into_iter().map(Choice::StartFrom));
    let choices = choices.chain(examples.into_iter().map(Choice::Import));
    Ok(choices
        .chain(more.into_iter().map(Choice::ImportScenario))
        .collect())
}

fn show(choices: &[Choice], screen: Screen) -> Result<()> {
    let mut heading = "";
    for (index, choice) in choices.iter().enumerate() {
        let (wanted, name, detail) = match choice {
            Choice::GoOn(session) => ("Go on", &*session.title, last_use(session)),
            Choice::StartWith(character) => {
                ("Start anew", &*character.name, character.creator.clone())
            }
            Choice::StartFrom(scenario) => (
                "Start a scenario",
                &*scenario.name,
                scenarios::about(scenario),
            ),
            Choice::Import(example) => {
                ("Import an example", example.name, example.about.to_owned())
            }
            Choice::ImportScenario(example) => (
                "Import an example of a scenario",
                example.name,
                example.about.to_owned(),
            ),
        };
        if heading != wanted {
            heading = wanted;
            screen.line(heading)?;
        }
        screen.line(format!("{:4}  {name:24} {detail}", index + 1).trim_end())?;
    }
    Ok(())
}

fn last_use(session: &Session) -> String {
    let time = session
        .last_use_time
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    // `2026-11-23T22:51:07.123Z` to the minute.
    time.get(..16)
        .map(|time| time.replace('T', " "))
        .unwrap_or_default()
}

async fn open(
    api: &mut Api,
    input: &mut Input,
    choice: &Choice,
    screen: Screen,
) -> Result<Session> {
    match choice {
        Choice::StartFrom(scenario) => scenarios::start(api, input, screen, scenario, "").await,
        Choice::ImportScenario(example) => {
            let scenario = scenarios::import(api, example.file.to_vec(), screen).await?;
            scenarios::start(api, input, screen, &scenario, "").await
        }
        Choice::GoOn(session) => Ok(session.clone()),
        Choice::StartWith(character) => start(api, character, "").await,
        Choice::Import(example) => import(api, example.card.to_vec(), screen).await,
    }
}

/// The card in a file.
pub(crate) fn read_card(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("the card {} can't be read", path.display()))
}

/// Imports a card and opens a session with it.
pub(crate) async fn import(api: &mut Api, card: Vec<u8>, screen: Screen) -> Result<Session> {
    let content_type = if card.starts_with(b"\x89PNG") {
        "image/png"
    } else {
        "application/json"
    };
    let file = HttpBody {
        content_type: content_type.to_owned(),
        data: card.into(),
        extensions: Vec::new(),
    };
    let answer = api
        .characters
        .import_character(ImportCharacterRequest {
            file: Some(file),
            ..Default::default()
        })
        .await;
    let answer = answer
        .map_err(|status| anyhow!(explain(&status)))?
        .into_inner();
    let Some(character) = answer.character else {
        bail!("the server sent no character")
    };
    screen.note(&format!("Imported {}.", character.name))?;
    for warning in answer.warnings {
        screen.note(&format!("  {warning}"))?;
    }
    start(api, &character, "").await
}

/// Opens a session with a character, by a link if there is a token.
pub(crate) async fn start(
    api: &mut Api,
    character: &Character,
    share_token: &str,
) -> Result<Session> {
    let session = Session {
        character_id: character.id.clone(),
        ..Default::default()
    };
    let request = CreateSessionRequest {
        session: Some(session),
        share_token: share_token.to_owned(),
        ..Default::default()
    };
    let answer = api.sessions.create_session(request).await;
    let session = answer
        .map_err(|status| anyhow!(explain(&status)))?
        .into_inner()
        .session;
    session.context("the server sent no session")
}

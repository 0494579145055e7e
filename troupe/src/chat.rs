//! A terminal client on the public API. It knows the platform only by its contracts.

mod account;
mod api;
mod command;
mod conversation;
mod examples;
mod failure;
mod input;
mod joining;
mod menu;
mod password;
mod remembered;
mod reply;
mod scenarios;
mod screen;

use std::path::PathBuf;

use anyhow::Result;
use troupe_proto::roleplay::Session;

use account::{Account, Credentials};
use api::Api;
use command::Command;
use conversation::Conversation;
use input::Input;
use screen::Screen;

use crate::instance::Reach;

/// What the command line says.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Character card to import: a PNG with a card inside, or JSON. Without a card, you choose from your characters and sessions
    card: Option<PathBuf>,

    /// Address of the platform, such as http://127.0.0.1:8000 [default: the one that runs on this machine]
    #[arg(long, short)]
    server: Option<String>,

    #[command(flatten)]
    credentials: Credentials,

    /// Print without colours
    #[arg(long, env = "NO_COLOR", hide_env = true, value_parser = clap::builder::FalseyValueParser::new())]
    no_color: bool,
}

enum Next {
    Leave,
    Choose,
    Open(Box<Session>),
}

/// Talks with a character until the person leaves. `local` is the platform on this machine.
pub(crate) async fn run(options: Options, local: Reach) -> Result<()> {
    // Before anybody signs up for it.
    let card = options.card.as_deref().map(menu::read_card).transpose()?;
    let server = options.server.unwrap_or(local.url);
    let server = &platform::config::trimmed(&server);
    let mut api = Api::connect(server, local.authority.as_deref()).await?;
    let (mut input, screen) = (Input::open()?, Screen::open(options.no_color));
    let terminal = (&mut input, screen);
    let mut account = Account::open(&mut api, server, options.credentials, terminal).await?;
    let mut session = match card {
        Some(card) => Some(menu::import(&mut api, card, screen).await?),
        None => menu::choose(&mut api, &mut input, screen).await?,
    };
    while let Some(open) = session {
        session = match talk(&mut api, &mut account, (&mut input, screen), &open).await? {
            Next::Leave => None,
            Next::Choose => menu::choose(&mut api, &mut input, screen).await?,
            Next::Open(session) => Some(*session),
        };
    }
    screen.note("Goodbye. Everything is kept.")
}

async fn talk(
    api: &mut Api,
    account: &mut Account,
    (input, screen): (&mut Input, Screen),
    session: &Session,
) -> Result<Next> {
    let prompt = format!("{}: ", account.display_name);
    let mut conversation = Conversation::open(api, (input, screen), session).await?;
    loop {
        let Some(line) = conversation.ask(&prompt).await? else {
            return Ok(Next::Leave);
        };
        let command = match Command::parse(&line) {
            Ok(Command::Quit) => return Ok(Next::Leave),
            Ok(Command::Sessions) => return Ok(Next::Choose),
            Ok(command) => command,
            Err(problem) => {
                screen.problem(&problem)?;
                continue;
            }
        };
        account.keep_signed_in(conversation.api()).await?;
        let done = match command {
            Command::Join(None) => joining::list(conversation.api(), screen).await,
            Command::Join(Some(code)) => match conversation.join(&code).await {
                Ok(Some(session)) => return Ok(Next::Open(Box::new(session))),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            },
            Command::WhoAmI => account.show_id(screen),
            Command::Scenario(wanted) => match conversation.start_scenario(&wanted).await {
                Ok(session) => return Ok(Next::Open(Box::new(session))),
                Err(error) => Err(error),
            },
            Command::Leave => match conversation.leave().await {
                Ok(()) => return Ok(Next::Choose),
                Err(error) => Err(error),
            },
            command => conversation.perform(command).await,
        };
        if let Err(error) = done {
            screen.problem(&format!("{error:#}"))?;
        }
    }
}

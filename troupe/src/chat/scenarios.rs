//! Scenarios: listed, imported, and started with the answers that they ask for.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use troupe_proto::google::api::HttpBody;
use troupe_proto::roleplay::{
    BlankAnswer, BlankKind, ImportScenarioRequest, ListScenariosRequest, OpenShareLinkRequest,
    Scenario, ScenarioBlank, Session, StartScenarioRequest,
};

use super::api::Api;
use super::failure::explain;
use super::input::Input;
use super::menu;
use super::screen::Screen;

/// How many scenarios are shown, and can be named by their numbers.
const SHOWN: i32 = 30;
/// By which the token of a link is known.
const LINK: &str = "lnk_";

/// The person's scenarios, newest first.
pub(crate) async fn list(api: &mut Api) -> Result<Vec<Scenario>> {
    let request = ListScenariosRequest {
        page_size: SHOWN,
        ..Default::default()
    };
    let page = api.scenarios.list_scenarios(request).await;
    let page = page.map_err(|status| anyhow!(explain(&status)))?;
    Ok(page.into_inner().scenarios)
}

/// Shows the person's scenarios.
pub(crate) async fn show(api: &mut Api, screen: Screen) -> Result<()> {
    let scenarios = list(api).await?;
    if scenarios.is_empty() {
        return screen.note("There are none; /scenario with the path of a file imports one.");
    }
    for (index, scenario) in scenarios.iter().enumerate() {
        let line = format!("{:4}  {:24} {}", index + 1, scenario.name, about(scenario));
        screen.line(line.trim_end())?;
    }
    Ok(())
}

/// What a list says beside a scenario's name.
pub(crate) fn about(scenario: &Scenario) -> String {
    let description = scenario.description.replace('\n', " ");
    match scenario.blanks.len() {
        0 => description,
        1 => format!("[asks 1 thing] {description}"),
        count => format!("[asks {count} things] {description}"),
    }
}

/// Starts what is named: a scenario by its number or name, one in a file, or what a link leads to.
pub(crate) async fn start_named(
    api: &mut Api,
    input: &mut Input,
    screen: Screen,
    wanted: &str,
) -> Result<Session> {
    if wanted.starts_with(LINK) {
        return start_shared(api, input, screen, wanted).await;
    }
    let scenarios = list(api).await?;
    let by_number = wanted.parse::<usize>().ok();
    let by_number = by_number.and_then(|number| scenarios.get(number.checked_sub(1)?));
    let is_named = |it: &&Scenario| it.name.to_lowercase() == wanted.to_lowercase();
    let known = by_number.or_else(|| scenarios.iter().find(is_named));
    if let Some(scenario) = known {
        return start(api, input, screen, scenario, "").await;
    }
    let path = Path::new(wanted);
    if !path.is_file() {
        bail!("there is no scenario {wanted}, and no such file; /scenarios shows what there is");
    }
    let file = std::fs::read(path).with_context(|| format!("{wanted} can't be read"))?;
    let scenario = import(api, file, screen).await?;
    start(api, input, screen, &scenario, "").await
}

/// Imports a scenario.
pub(crate) async fn import(api: &mut Api, file: Vec<u8>, screen: Screen) -> Result<Scenario> {
    let file = HttpBody {
        content_type: "application/json".to_owned(),
        data: file.into(),
        extensions: Vec::new(),
    };
    let request = ImportScenarioRequest {
        file: Some(file),
        ..Default::default()
    };
    let answer = api.scenarios.import_scenario(request).await;
    let answer = answer
        .map_err(|status| anyhow!(explain(&status)))?
        .into_inner();
    let scenario = answer.scenario.context("the server sent no scenario")?;
    screen.note(&format!("Imported {}.", scenario.name))?;
    for warning in answer.warnings {
        screen.note(&format!("  {warning}"))?;
    }
    Ok(scenario)
}

/// Starts a session from a scenario, after asking for what fills its blanks.
pub(crate) async fn start(
    api: &mut Api,
    input: &mut Input,
    screen: Screen,
    scenario: &Scenario,
    share_token: &str,
) -> Result<Session> {
    let mut answers = Vec::new();
    for blank in &scenario.blanks {
        if let Some(value) = ask(input, screen, blank).await? {
            let name = blank.name.clone();
            answers.push(BlankAnswer { name, value });
        }
    }
    let request = StartScenarioRequest {
        scenario_id: scenario.id.clone(),
        answers,
        share_token: share_token.to_owned(),
        ..Default::default()
    };
    let answer = api.scenarios.start_scenario(request).await;
    let answer = answer.map_err(|status| anyhow!(explain(&status)))?;
    let session = answer.into_inner().session;
    session.context("the server sent no session")
}

/// What fills a blank; none for its default, or for nothing where nothing must.
async fn ask(input: &mut Input, screen: Screen, blank: &ScenarioBlank) -> Result<Option<String>> {
    let default = blank.default_value.as_deref().unwrap_or_default();
    let label = match blank.label.as_str() {
        "" => &blank.name,
        label => label,
    };
    let mut question = screen.plain(label);
    if blank.kind() == BlankKind::Choice {
        question.push_str(&format!(" ({})", screen.plain(&blank.options.join(", "))));
    }
    if !default.is_empty() {
        question.push_str(&format!(" [{}]", screen.plain(default)));
    }
    loop {
        let Some(line) = input.ask(&format!("{question} ")).await? else {
            bail!("nothing was started: an answer is missing")
        };
        let line = line.trim();
        if !line.is_empty() {
            return Ok(Some(line.to_owned()));
        }
        if !blank.required || blank.default_value.is_some() {
            return Ok(None);
        }
        screen.problem("this needs an answer")?;
    }
}

/// Opens a session with what a link leads to.
async fn start_shared(
    api: &mut Api,
    input: &mut Input,
    screen: Screen,
    token: &str,
) -> Result<Session> {
    let request = OpenShareLinkRequest {
        share_token: token.to_owned(),
    };
    let opened = api.sharing.open_share_link(request).await;
    let opened = opened
        .map_err(|status| anyhow!(explain(&status)))?
        .into_inner();
    if let Some(scenario) = opened.scenario {
        return start(api, input, screen, &scenario, token).await;
    }
    let character = opened.character.context("the link leads to nothing")?;
    menu::start(api, &character, token).await
}

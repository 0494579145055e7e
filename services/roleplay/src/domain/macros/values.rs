//! What each macro stands for.

use std::collections::BTreeMap;

use super::{
    Purpose, dates,
    expand::{Call, Outcome, Rules, expand},
};
use crate::domain::random::{Dice, seed_for};

/// Longest macro name, in bytes.
const MAX_NAME_BYTES: usize = 24;
const MAX_DICE: u64 = 1_000;
const MAX_SIDES: u64 = 1_000_000;
const MAX_REPEAT: usize = 1_000;

/// The arguments of a call: the parts of its body behind the name.
struct Args<'c> {
    parts: Vec<&'c str>,
    /// Where the first part begins in the body.
    start: usize,
}

pub(super) fn evaluate(call: &Call<'_>, rules: &Rules<'_>) -> Outcome {
    let body = call.body.trim_start();
    if body.starts_with("//") {
        return Outcome::Text(String::new());
    }
    let name_start = call.body.len() - body.len();
    let name_length = body
        .find(|c: char| c == ':' || c.is_whitespace())
        .unwrap_or(body.len());
    let name_end = name_start + name_length;
    // A name that another macro inserted names no macro.
    if name_length > MAX_NAME_BYTES || call.holes.iter().any(|hole| hole.start < name_end) {
        return Outcome::Literal;
    }
    let name = body[..name_length].to_ascii_lowercase();
    let args = read_args(call, name_end);
    let value = match args.parts.as_slice() {
        [] => plain(&name, call, rules),
        [only] => with_one(&name, only, &args, call, rules),
        [..] => with_list(&name, &args, call, rules),
    };
    match value {
        None if name == "trim" && args.parts.is_empty() => Outcome::Trim,
        None => Outcome::Literal,
        Some(value) => Outcome::Text(value),
    }
}

/// Behind `::` a list, behind one `:` or a space a single argument. Blanks and line breaks before the colons don't count.
fn read_args<'c>(call: &Call<'c>, name_end: usize) -> Args<'c> {
    let argument = call.body[name_end..].trim_start();
    let start = call.body.len() - argument.len();
    let is_inserted = call.holes.iter().any(|hole| hole.contains(&start));
    let separator = ["::", ":"]
        .into_iter()
        .find(|colons| !is_inserted && argument.starts_with(colons));
    let start = start + separator.map_or(0, str::len);
    let parts = match separator {
        Some("::") => split_outside(call, start, "::"),
        None if argument.is_empty() => Vec::new(),
        _ => vec![&call.body[start..]],
    };
    Args { parts, start }
}

/// Splits the body from `start` at separators that no macro inserted and no backslash escapes.
fn split_outside<'c>(call: &Call<'c>, start: usize, separator: &str) -> Vec<&'c str> {
    let body = call.body;
    let mut parts = Vec::new();
    let mut part_start = start;
    let mut holes = call.holes.iter().peekable();
    let mut blocked_until = 0;
    for (at, _) in body[start..].match_indices(separator) {
        let at = start + at;
        while let Some(hole) = holes.next_if(|hole| hole.start <= at) {
            blocked_until = blocked_until.max(hole.end);
        }
        let escaped = body[..at].ends_with('\\');
        if at >= blocked_until && !escaped {
            parts.push(&body[part_start..at]);
            part_start = at + separator.len();
        }
    }
    parts.push(&body[part_start..]);
    parts
}

fn plain(name: &str, call: &Call<'_>, rules: &Rules<'_>) -> Option<String> {
    let macros = rules.macros;
    let value = match name {
        "char" => macros.char.to_string(),
        "group" | "charifnotgroup" => macros.group_name().to_owned(),
        "groupnotmuted" => match &macros.group {
            Some(names) => names.unmuted.to_string(),
            None => macros.char.to_string(),
        },
        "user" => macros.user.to_string(),
        "notchar" => match &macros.group {
            Some(names) if !names.others.is_empty() => format!("{}, {}", names.others, macros.user),
            _ => macros.user.to_string(),
        },
        "lastmessage" => macros.last.any.to_owned(),
        "lastusermessage" => macros.last.user.to_owned(),
        "lastcharmessage" => macros.last.character.to_owned(),
        "lastmessageid" => macros
            .last
            .count
            .checked_sub(1)
            .map(|id| id.to_string())
            .unwrap_or_default(),
        "model" => macros.model.to_owned(),
        "original" => rules.original.take().unwrap_or_default().to_owned(),
        "newline" => "\n".to_owned(),
        "space" => " ".to_owned(),
        "noop" => String::new(),
        "idleduration" | "idle_duration" => dates::humanised(macros.idle_secs?),
        _ => {
            return match macros.now.and_then(|now| now.format(name)) {
                Some(time) => Some(time),
                None => field(name, call, rules),
            };
        }
    };
    Some(value)
}

/// A text of the card or the persona, its own macros expanded; one that mentions a field stops there.
fn field(name: &str, call: &Call<'_>, rules: &Rules<'_>) -> Option<String> {
    let texts = &rules.macros.texts;
    let text = match name {
        "description" => &texts.description,
        "personality" => &texts.personality,
        "scenario" => &texts.scenario,
        "persona" => &texts.persona,
        "mesexamples" | "mesexamplesraw" => &texts.mes_example,
        "charprompt" => &texts.system_prompt,
        "charinstruction" | "charjailbreak" => &texts.post_history_instructions,
        "chardepthprompt" => &texts.depth_prompt,
        "charcreatornotes" | "creatornotes" => &texts.creator_notes,
        "charversion" | "char_version" => &texts.character_version,
        "charfirstmessage" => &texts.first_mes,
        _ => return None,
    };
    if !call.fields_open || !rules.growth.read(text.len()) {
        return None;
    }
    Some(expand(text, rules, false).into_owned())
}

fn with_one(
    name: &str,
    argument: &str,
    args: &Args<'_>,
    call: &Call<'_>,
    rules: &Rules<'_>,
) -> Option<String> {
    match name {
        "random" | "pick" => choose(name, &choices(call, args.start), call, rules),
        "roll" => roll(argument.trim(), call, rules),
        "reverse" => Some(argument.chars().rev().collect()),
        "hidden_key" if rules.purpose == Purpose::Search => Some(argument.to_owned()),
        "comment" if rules.purpose == Purpose::Display => Some(argument.to_owned()),
        "hidden_key" | "comment" => Some(String::new()),
        "blank" => started_with(argument, &rules.macros.filled?.blanks),
        "getvar" if rules.macros.hides_variables => None,
        "getvar" => started_with(argument, &rules.macros.filled?.variables),
        "newline" => repeat("\n", argument),
        "space" => repeat(" ", argument),
        "time" => rules
            .macros
            .now?
            .format(&format!("time_{}", argument.trim().to_ascii_lowercase())),
        _ => None,
    }
}

/// What a blank or a variable of the session's scenario stands for.
fn started_with(name: &str, texts: &BTreeMap<String, String>) -> Option<String> {
    texts.get(&name.trim().to_ascii_lowercase()).cloned()
}

fn with_list(name: &str, args: &Args<'_>, call: &Call<'_>, rules: &Rules<'_>) -> Option<String> {
    match name {
        "random" | "pick" => choose(name, &args.parts, call, rules),
        // A text with colons in it is still one text.
        "reverse" | "hidden_key" | "comment" => {
            with_one(name, &call.body[args.start..], args, call, rules)
        }
        _ => None,
    }
}

/// The choices of a list that isn't introduced by double colons: between those if it has any, or else between commas.
fn choices<'c>(call: &Call<'c>, start: usize) -> Vec<&'c str> {
    let parts = split_outside(call, start, "::");
    if parts.len() > 1 {
        parts
    } else {
        split_outside(call, start, ",")
    }
}

fn choose(name: &str, choices: &[&str], call: &Call<'_>, rules: &Rules<'_>) -> Option<String> {
    let mut dice = dice(name, call, rules);
    let count = u64::try_from(choices.len()).ok()?;
    let chosen = choices.get(usize::try_from(dice.below(count)).ok()?)?;
    Some(unescaped(chosen.trim()))
}

/// Without the backslashes that keep a separator in a choice.
fn unescaped(choice: &str) -> String {
    choice.replace("\\,", ",").replace("\\:", ":")
}

/// `d6`, `6`, `2d6`, `2d6+1`, `d%`.
fn roll(formula: &str, call: &Call<'_>, rules: &Rules<'_>) -> Option<String> {
    let formula = formula.to_ascii_lowercase();
    let (throw, bonus) = match formula.find(['+', '-']) {
        Some(at) => (
            &formula[..at],
            formula[at..].replace(' ', "").parse::<i64>().ok()?,
        ),
        None => (formula.as_str(), 0),
    };
    let (count, sides) = throw.trim().split_once('d').unwrap_or(("", throw.trim()));
    let count: u64 = if count.is_empty() {
        1
    } else {
        count.parse().ok()?
    };
    // The percent sign is a die of a hundred sides.
    let sides: u64 = match sides {
        "%" => 100,
        sides => sides.parse().ok()?,
    };
    if count > MAX_DICE || sides == 0 || sides > MAX_SIDES {
        return None;
    }
    let mut dice = dice("roll", call, rules);
    let thrown: u64 = (0..count).map(|_| dice.below(sides) + 1).sum();
    i64::try_from(thrown)
        .ok()?
        .checked_add(bonus)
        .map(|total| total.to_string())
}

/// `pick` stays the same for the session, all else is new with each prompt.
fn dice(name: &str, call: &Call<'_>, rules: &Rules<'_>) -> Dice {
    let macros = rules.macros;
    let seed = if name == "pick" {
        macros.session_seed
    } else {
        macros.seed
    };
    let nth = u64::try_from(call.offset).unwrap_or(u64::MAX);
    // The head of the text tells texts apart well enough, and keeps long ones quick.
    let head = call.source.get(..256).unwrap_or(call.source);
    Dice::new(seed_for(seed_for(seed, head, nth), name, 0))
}

fn repeat(text: &str, count: &str) -> Option<String> {
    let count: usize = count.trim().parse().ok()?;
    (count <= MAX_REPEAT).then(|| text.repeat(count))
}

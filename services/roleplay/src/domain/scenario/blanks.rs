//! Blanks: what a template asks for when a session starts.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::domain::name;

/// The longest answer of a line, and of a text, in characters.
const MAX_LINE_CHARS: usize = 200;
const MAX_TEXT_CHARS: usize = 4_000;
/// The longest number.
const MAX_NUMBER_CHARS: usize = 30;

/// How texts name blanks.
static NAMED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\{\{\s*blank\s*(?:::|:|\s)\s*([^{}]*?)\s*\}\}").ok());
static NUMBER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[+-]?[0-9]+(\.[0-9]+)?$").ok());

/// Something that a template asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Blank {
    /// Its name, which texts use.
    pub name: String,
    /// The question, for people.
    pub label: String,
    /// What kind of answer.
    pub kind: BlankKind,
    /// The answer of who gives none.
    #[serde(rename = "default", skip_serializing_if = "Option::is_none")]
    pub default_value: Option<String>,
    /// Whether there must be an answer.
    pub required: bool,
    /// What can be chosen.
    pub options: Vec<String>,
}

/// What kind of answer a blank takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlankKind {
    /// A line.
    #[default]
    Line,
    /// A text of several lines.
    Text,
    /// A number.
    Number,
    /// One of the options.
    Choice,
}

/// What somebody fills a blank with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The blank's name.
    pub name: String,
    /// The answer.
    pub value: String,
}

/// Why blanks can't be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Blanks have no answer, and need one.
    #[error("nothing fills {}: give an answer to each", listed(.0))]
    Missing(Vec<String>),
    /// There is no such blank.
    #[error("the scenario has no blank `{0}`: leave out the answer, or correct its name")]
    Unknown(String),
    /// A blank has two answers.
    #[error("the blank `{0}` has two answers: give one")]
    Twice(String),
    /// An answer isn't of the blank's kind.
    #[error("the answer for the blank `{name}` {problem}")]
    Unfit {
        /// The blank.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl AnswerError {
    /// The blanks that it is about.
    #[must_use]
    pub fn blanks(&self) -> String {
        match self {
            Self::Missing(names) => names.join(","),
            Self::Unknown(name) | Self::Twice(name) | Self::Unfit { name, .. } => name.clone(),
        }
    }
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.len() {
        1 => format!("the blank {}", names.concat()),
        _ => format!("the blanks {}", names.join(", ")),
    }
}

impl Blank {
    /// What is wrong with an answer; nothing if it fits.
    pub(super) fn problem(&self, answer: &str) -> Option<String> {
        let most = match self.kind {
            BlankKind::Line | BlankKind::Choice => MAX_LINE_CHARS,
            BlankKind::Text => MAX_TEXT_CHARS,
            BlankKind::Number => MAX_NUMBER_CHARS,
        };
        let chars = answer.chars().count();
        if chars > most {
            let over = chars - most;
            return Some(format!(
                "has {chars} characters, {over} more than the {most} that it may have"
            ));
        }
        let is_broken = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        let problem = match self.kind {
            BlankKind::Line if answer.contains(is_broken) => "must be one line",
            BlankKind::Text if answer.contains('\0') => "must not contain NUL characters",
            BlankKind::Number if !is_number(answer) => "must be a number, such as `7` or `-1.5`",
            BlankKind::Choice if !self.options.iter().any(|it| it.trim() == answer.trim()) => {
                let options: Vec<String> =
                    self.options.iter().map(|it| format!("`{it}`")).collect();
                return Some(format!("must be one of {}", options.join(", ")));
            }
            _ => return None,
        };
        Some(problem.to_owned())
    }
}

fn is_number(text: &str) -> bool {
    NUMBER.as_ref().is_some_and(|number| number.is_match(text))
}

/// The answer of each blank: the one that is given, or the default, or nothing where none must be.
///
/// # Errors
/// An answer is missing, isn't fit, or is for no blank.
pub fn filled(
    blanks: &[Blank],
    answers: &[Answer],
) -> Result<BTreeMap<String, String>, AnswerError> {
    let mut given: BTreeMap<&str, &str> = BTreeMap::new();
    for Answer { name, value } in answers {
        if !blanks.iter().any(|blank| blank.name == *name) {
            return Err(AnswerError::Unknown(name.clone()));
        }
        if given.insert(name, value.trim()).is_some() {
            return Err(AnswerError::Twice(name.clone()));
        }
    }
    let (mut filled, mut missing) = (BTreeMap::new(), Vec::new());
    for blank in blanks {
        let given = given.get(blank.name.as_str()).copied();
        let mut answers = given.into_iter().chain(blank.default_value.as_deref());
        // What nobody sees is no answer.
        let Some(answer) = answers.find(|it| !name::is_blank(it)) else {
            if blank.required {
                missing.push(blank.name.clone());
            }
            filled.insert(blank.name.clone(), String::new());
            continue;
        };
        if let Some(problem) = blank.problem(answer) {
            let name = blank.name.clone();
            return Err(AnswerError::Unfit { name, problem });
        }
        filled.insert(blank.name.clone(), answer.to_owned());
    }
    match missing.is_empty() {
        true => Ok(filled),
        false => Err(AnswerError::Missing(missing)),
    }
}

/// The blanks that a text names.
pub(super) fn named_in(text: &str) -> Vec<String> {
    let Some(named) = NAMED.as_ref() else {
        return Vec::new();
    };
    let found = named.captures_iter(text);
    found.map(|it| it[1].to_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blank(name: &str, kind: BlankKind) -> Blank {
        Blank {
            name: name.to_owned(),
            kind,
            ..Blank::default()
        }
    }

    fn answer(name: &str, value: &str) -> Answer {
        Answer {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn an_answer_comes_before_the_default_and_a_missing_one_is_named() {
        let town = Blank {
            default_value: Some("Varn".to_owned()),
            required: true,
            ..blank("town", BlankKind::Line)
        };
        let hero = Blank {
            required: true,
            ..blank("hero", BlankKind::Line)
        };
        let age = Blank {
            required: true,
            ..blank("age", BlankKind::Number)
        };
        let blanks = [town, hero, age, blank("aside", BlankKind::Text)];
        let missing = filled(&blanks, &[answer("hero", " \u{200b}")]).unwrap_err();
        assert_eq!(missing.blanks(), "hero,age");
        assert!(missing.to_string().contains("`hero`, `age`"), "{missing}");
        let answers = [answer("hero", " Ada "), answer("age", "-1.5")];
        let all = filled(&blanks, &answers).unwrap();
        let all: Vec<_> = all.iter().map(|(name, it)| (&**name, &**it)).collect();
        let expected = [
            ("age", "-1.5"),
            ("aside", ""),
            ("hero", "Ada"),
            ("town", "Varn"),
        ];
        assert_eq!(all, expected);
        let all = filled(&blanks, &[&answers[..], &[answer("town", "Ost")]].concat()).unwrap();
        assert_eq!(all["town"], "Ost");
    }

    #[test]
    fn answers_that_do_not_fit_are_refused_with_what_would() {
        let choice = Blank {
            options: vec!["north".to_owned(), "south".to_owned()],
            ..blank("way", BlankKind::Choice)
        };
        let blanks = [
            blank("line", BlankKind::Line),
            blank("n", BlankKind::Number),
            choice,
        ];
        for (name, value, says) in [
            ("line", "a\nb", "must be one line"),
            (
                "line",
                &"x".repeat(207),
                "has 207 characters, 7 more than the 200",
            ),
            ("n", "seven", "must be a number"),
            ("n", "1e400", "must be a number"),
            ("way", "east", "must be one of `north`, `south`"),
            ("other", "x", "has no blank `other`"),
        ] {
            let refused = filled(&blanks, &[answer(name, value)]).unwrap_err();
            assert!(refused.to_string().contains(says), "{refused}");
        }
        let twice = filled(&blanks, &[answer("n", "1"), answer("n", "2")]);
        assert_eq!(twice, Err(AnswerError::Twice("n".to_owned())));
    }

    #[test]
    fn finds_the_blanks_that_a_text_names() {
        let text =
            "{{blank::hero}}, {{ Blank : town }} and {{blank x}}; {{blanket}} {{user}} {{blank::";
        assert_eq!(named_in(text), ["hero", "town", "x"]);
    }
}

//! Scenarios in files: JSON of a form of our own, with the cards and lorebooks that it needs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ScenarioError, Script, schema};
use crate::domain::cast::Part;
use crate::domain::json_size::{MAX_VALUES, count_values};
use crate::domain::lorebook::BookDocument;
use crate::domain::sharing::Rating;

/// By which a file says what schema it follows.
const SCHEMA_ID: &str = "https://troupe.dev/schemas/scenario-1.json";
/// The version of files that we write.
const VERSION: u64 = 1;

/// What a file has.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioFile {
    /// What the scenario says.
    pub script: Script,
    /// For whom it is meant.
    pub rating: Rating,
    /// Its roles.
    pub cast: Vec<FileRole>,
    /// Its lorebooks.
    pub lorebooks: Vec<BookDocument>,
}

/// A role in a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileRole {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// The name of the character that fills it; empty while it is open.
    pub character_name: String,
    /// How that character takes part.
    #[serde(flatten)]
    pub part: Part,
    /// That character's card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<Map<String, Value>>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    #[serde(rename = "$schema", default)]
    schema: String,
    version: u64,
    scenario: Body,
}

#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(flatten)]
    script: Script,
    #[serde(default)]
    rating: Rating,
    #[serde(default)]
    cast: Vec<FileRole>,
    #[serde(default)]
    lorebooks: Vec<Value>,
}

impl ScenarioFile {
    /// The file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document {
            schema: SCHEMA_ID.to_owned(),
            version: VERSION,
            scenario: Body {
                script: self.script.clone(),
                rating: self.rating,
                cast: self.cast.clone(),
                lorebooks: self.lorebooks.iter().map(BookDocument::to_json).collect(),
            },
        };
        // Its keys are texts, so that it can always be written.
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }

    /// Reads a file, and says what of it was left out.
    ///
    /// # Errors
    /// It has no scenario, or isn't as the schema says.
    pub fn read(bytes: &[u8]) -> Result<(Self, Vec<String>), ScenarioError> {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let values = count_values(text);
        if values > MAX_VALUES {
            let max_values = MAX_VALUES;
            return Err(ScenarioError::TooManyValues { values, max_values });
        }
        let json: Value = serde_json::from_slice(text).map_err(|error| ScenarioError::NotJson {
            line: error.line(),
            column: error.column(),
        })?;
        if let Some(found) = stranger(&json) {
            return Err(ScenarioError::NotAScenario { found });
        }
        let findings = schema::check(&json);
        if !findings.problems.is_empty() {
            return Err(ScenarioError::AgainstSchema(findings.problems));
        }
        let document: Document = serde_json::from_value(json)
            .map_err(|error| ScenarioError::AgainstSchema(vec![error.to_string()]))?;
        let mut warnings = Vec::new();
        if document.version > VERSION {
            warnings.push(format!(
                "the file is of version {}, newer than {VERSION}, which is known here: fields that it has since are left out",
                document.version
            ));
        }
        let unknown = findings.unknown.into_iter();
        warnings.extend(unknown.map(|field| format!("{field} isn't known here, and was left out")));
        let body = document.scenario;
        let file = Self {
            script: body.script,
            rating: body.rating,
            cast: body.cast,
            lorebooks: lorebooks(&body.lorebooks)?,
        };
        Ok((file, warnings))
    }
}

fn lorebooks(all: &[Value]) -> Result<Vec<BookDocument>, ScenarioError> {
    let read = (1..).zip(all).map(|(place, json)| {
        let document = BookDocument::of(json).filter(BookDocument::has_entries_or_none);
        document.ok_or_else(|| ScenarioError::Lorebook {
            place,
            problem: "its `entries` must be a list or an object".to_owned(),
        })
    });
    read.collect()
}

/// What a file is that has no scenario.
fn stranger(json: &Value) -> Option<String> {
    if json.get("scenario").is_some_and(Value::is_object) {
        return None;
    }
    let has = |name: &str| json.get(name).is_some();
    let found = match json {
        Value::Object(_) if has("entries") || has("lorebookVersion") => "it is a lorebook",
        Value::Object(_) if has("chat_metadata") => "it is a chat",
        Value::Object(_) => "it has no object `scenario`",
        Value::Array(_) => "it is a list",
        _ => "it is a single value",
    };
    Some(found.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Blank, BlankKind, Note, Variable};
    use super::*;
    use crate::domain::prompt::GroupCards;
    use crate::domain::role::Role;
    use crate::domain::session::{ReplySettings, TurnChoices};
    use crate::domain::turn::Strategy;

    fn file() -> ScenarioFile {
        let script = Script {
            name: "Storm".to_owned(),
            description: "At sea".to_owned(),
            tags: vec!["sea".to_owned()],
            premise: "A storm.".to_owned(),
            opening: "Hold on, {{blank::name}}!".to_owned(),
            notes: vec![Note {
                text: "Short.".to_owned(),
                depth: 2,
                role: Role::User,
            }],
            variables: vec![Variable {
                name: "hull".to_owned(),
                value: "3".to_owned(),
            }],
            blanks: vec![Blank {
                name: "name".to_owned(),
                label: "Who are you?".to_owned(),
                kind: BlankKind::Line,
                default_value: Some("Ada".to_owned()),
                required: true,
                options: Vec::new(),
            }],
            settings: ReplySettings {
                temperature: Some(0.7),
                max_tokens: Some(200),
                turns: TurnChoices {
                    strategy: Some(Strategy::List),
                    self_replies: Some(true),
                    cards: Some(GroupCards::JoinedWithMuted),
                    nudge_format: Some("{{char}}!".to_owned()),
                },
                ..ReplySettings::default()
            },
        };
        let card = json!({"spec": "chara_card_v2", "data": {"name": "Mira", "odd": [1]}});
        ScenarioFile {
            script,
            rating: Rating::Teen,
            cast: vec![FileRole {
                name: "Captain".to_owned(),
                character_name: "Mira".to_owned(),
                card: card.as_object().cloned(),
                part: Part {
                    is_muted: true,
                    talkativeness: Some(0.5),
                    aliases: vec!["Skipper".to_owned()],
                },
                ..FileRole::default()
            }],
            lorebooks: vec![BookDocument::named("Ships")],
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_follows_the_schema() {
        let file = file();
        let text = file.to_json();
        let (read, warnings) = ScenarioFile::read(text.as_bytes()).unwrap();
        assert_eq!(read, file);
        assert!(warnings.is_empty(), "{warnings:?}");
        let json: Value = serde_json::from_str(&text).unwrap();
        let schema: Value = serde_json::from_str(schema::TEXT).unwrap();
        assert_eq!(json["$schema"], schema["$id"]);
        assert_eq!(json["scenario"]["blanks"][0]["default"], "Ada");
    }

    #[test]
    fn what_a_newer_version_has_is_told_and_the_rest_is_read() {
        let mut json: Value = serde_json::from_str(&file().to_json()).unwrap();
        json["version"] = 2.into();
        json["scenario"]["weather"] = "bad".into();
        let (read, warnings) = ScenarioFile::read(json.to_string().as_bytes()).unwrap();
        assert_eq!(read.script.name, "Storm");
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].contains("version 2"), "{warnings:?}");
        assert!(warnings[1].contains("scenario.weather"), "{warnings:?}");
    }

    #[test]
    fn refuses_other_files_by_what_they_are() {
        let says = |bytes: &[u8]| ScenarioFile::read(bytes).unwrap_err().to_string();
        assert!(says(b"{\"a\":").contains("isn't JSON (line 1, column 5)"));
        assert!(says(b"{\"entries\": {}}").contains("it is a lorebook"));
        assert!(says(b"[]").contains("it is a list"));
        let book =
            json!({"version": 1, "scenario": {"name": "x", "lorebooks": [{}, {"entries": "x"}]}});
        let message = says(book.to_string().as_bytes());
        assert!(message.contains("the lorebook 2 of the file"), "{message}");
        let many = [b"[".as_slice(), &b"1,".repeat(MAX_VALUES), b"1]"].concat();
        assert!(says(&many).contains("more than the 1048576"));
        let wrong = json!({"version": "1", "scenario": {"name": "x"}});
        assert!(says(wrong.to_string().as_bytes()).contains("version must be of the type integer"));
    }
}

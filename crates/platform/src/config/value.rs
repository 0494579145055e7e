//! What the sources hold, before it is known of what kind each setting is.

use std::collections::BTreeMap;

/// A value, and the variable that it comes from if one set it.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) content: Content,
    pub(super) variable: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A variable, or a text of the file. The setting says what is made of it.
    Text(String),
    Flag(bool),
    Whole(i64),
    Number(f64),
    List(Vec<Value>),
    Table(Table),
}

/// Values by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Table(pub(super) BTreeMap<String, Value>);

impl Value {
    pub(super) fn table(table: Table) -> Self {
        Content::Table(table).into()
    }

    /// A text that a variable holds.
    pub(super) fn of_variable(name: &str, text: &str) -> Self {
        Self {
            content: Content::Text(text.to_owned()),
            variable: Some(name.to_owned()),
        }
    }

    /// What a table has under a name.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        match &self.content {
            Content::Table(table) => table.find(name),
            _ => None,
        }
    }

    /// The first variable that sets something in here.
    pub(super) fn any_variable(&self) -> Option<&str> {
        let inner = || match &self.content {
            Content::Table(table) => table.0.values().find_map(Self::any_variable),
            Content::List(values) => values.iter().find_map(Self::any_variable),
            _ => None,
        };
        self.variable.as_deref().or_else(inner)
    }
}

impl From<Content> for Value {
    fn from(content: Content) -> Self {
        let variable = None;
        Self { content, variable }
    }
}

impl Table {
    /// What it has under a name.
    pub(super) fn find(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Takes over what another has, in the place of what is here.
    pub(super) fn merge(&mut self, other: Self, variable: &str) {
        for (name, mut value) in other.0 {
            value.variable = Some(variable.to_owned());
            match (self.0.get_mut(&name), value.content) {
                (
                    Some(Value {
                        content: Content::Table(here),
                        ..
                    }),
                    Content::Table(there),
                ) => here.merge(there, variable),
                (_, content) => {
                    value.content = content;
                    self.0.insert(name, value);
                }
            }
        }
    }
}

/// Reads a list or a table that is written into a text, as TOML or as JSON.
pub(super) fn parse(text: &str) -> Option<Content> {
    let toml = || {
        let document: toml::Table = format!("value = {text}").parse().ok()?;
        document.get("value").cloned()
    };
    let value = toml().or_else(|| serde_json::from_str::<toml::Value>(text).ok())?;
    Some(value.into())
}

impl From<toml::Table> for Table {
    fn from(table: toml::Table) -> Self {
        let values = table.into_iter();
        Self(
            values
                .map(|(name, value)| (name, Content::from(value).into()))
                .collect(),
        )
    }
}

impl From<toml::Value> for Content {
    fn from(value: toml::Value) -> Self {
        match value {
            toml::Value::String(text) => Self::Text(text),
            toml::Value::Integer(number) => Self::Whole(number),
            toml::Value::Float(number) => Self::Number(number),
            toml::Value::Boolean(flag) => Self::Flag(flag),
            toml::Value::Datetime(time) => Self::Text(time.to_string()),
            toml::Value::Array(values) => {
                let values = values.into_iter().map(|value| Self::from(value).into());
                Self::List(values.collect())
            }
            toml::Value::Table(table) => Self::Table(table.into()),
        }
    }
}

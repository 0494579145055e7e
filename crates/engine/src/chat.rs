//! Chat templates: programs in Jinja, in the model's own file, that make one prompt of the messages of a chat.
//!
//! They are written for the `transformers` library of Hugging Face, and see here what they see there: `messages`,
//! `add_generation_prompt`, `bos_token`, `eos_token`, `raise_exception` and `strftime_now`, strings with Python's methods, and
//! blocks that take the line break after them along. A file is anybody's: a template has a bounded time, and no more than its
//! messages to look at.

mod date;
mod marks;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error as Fault, ErrorKind, Value, context};
use minijinja_contrib::pycompat::unknown_method_callback;

use super::error::Error;
use super::prompt::Prompt;
use marks::Marks;

/// Steps that a template may take for each message, and at all.
const STEPS: u64 = 100_000;
/// The largest template: those of tool-calling models have some 20 kB.
const LARGEST: usize = 1 << 20;
/// What stands after a last message that the model goes on with, while the template is rendered: no character that anybody writes.
const HERE: char = '\u{10fffc}';

/// A message of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn<'a> {
    /// Who says it: `system`, `user` or `assistant`.
    pub role: &'static str,
    /// What they say.
    pub content: &'a str,
}

/// How a model was taught to be spoken to.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    marks: Marks,
    begin: String,
    end: String,
}

impl ChatTemplate {
    /// Compiles `source`. `specials` are the texts of the control tokens; `begin` and `end` those that begin and end a text, or
    /// nothing.
    ///
    /// # Errors
    /// It isn't a template, for people.
    pub fn new(
        source: &str,
        specials: &[&str],
        begin: String,
        end: String,
    ) -> Result<Self, String> {
        if source.len() > LARGEST {
            return Err(format!("it has more than {LARGEST} bytes"));
        }
        let mut environment = Environment::new();
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true);
        environment.set_syntax(syntax.build().map_err(|fault| told(&fault))?);
        environment.set_recursion_limit(100);
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.add_function("raise_exception", raise);
        environment.add_filter("tojson", json);
        let compiled = environment.add_template_owned("chat", source.to_owned());
        compiled.map_err(|fault| told(&fault))?;
        Ok(Self {
            environment,
            marks: Marks::new(specials)?,
            begin,
            end,
        })
    }

    /// The prompt of a chat, to be continued by the assistant: in a turn of its own, or in its last one if it has the last. Some templates
    /// tell the model the date: that of `now`, in seconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// [`Error::Template`] where the template refuses the turns (many take no system message, or want user and assistant in turns) or
    /// fails.
    pub fn render(&self, turns: &[Turn<'_>], now: i64) -> Result<Prompt, Error> {
        let goes_on = turns.last().is_some_and(|turn| turn.role == "assistant");
        let mut hidden = self.marks.hide(turns.iter().map(|turn| turn.content));
        if goes_on && let Some(last) = hidden.texts.last_mut() {
            last.push(HERE);
        }
        let message = |(turn, content): (&Turn<'_>, &String)| context! { role => turn.role, content => content };
        let messages: Vec<Value> = turns.iter().zip(&hidden.texts).map(message).collect();
        let seen = context! {
            messages,
            add_generation_prompt => !goes_on,
            bos_token => self.begin.as_str(),
            eos_token => self.end.as_str(),
            // What thinks is asked not to: a character's thoughts are written in its reply.
            enable_thinking => false,
        };
        let mut text = self.run(seen, turns.len(), now)?;
        if goes_on {
            let here = text.rfind(HERE).ok_or_else(|| Error::Template {
                what: "it leaves out the last message".to_owned(),
            })?;
            text.truncate(here);
        }
        Ok(hidden.shown(&text))
    }

    fn run(&self, seen: Value, turns: usize, now: i64) -> Result<String, Error> {
        let failed = |fault: Fault| Error::Template { what: told(&fault) };
        let mut environment = self.environment.clone();
        environment.add_function("strftime_now", move |format: &str| {
            date::written(now, format)
        });
        environment.set_fuel(Some(STEPS * (turns as u64 + 1)));
        let template = environment.get_template("chat").map_err(failed)?;
        template.render(seen).map_err(failed)
    }
}

/// What a template says it can't do.
fn raise(message: &str) -> Result<Value, Fault> {
    Err(Fault::new(ErrorKind::InvalidOperation, message.to_owned()))
}

fn json(value: &Value) -> Result<String, Fault> {
    let failed = |error| Fault::new(ErrorKind::BadSerialization, "no JSON").with_source(error);
    serde_json::to_string(value).map_err(failed)
}

/// What went wrong, for people, without the template's own lines.
fn told(fault: &Fault) -> String {
    let what = fault
        .detail()
        .map_or_else(|| fault.kind().to_string(), str::to_owned);
    match fault.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}

#[cfg(test)]
mod tests;

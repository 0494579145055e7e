//! Anthropic's Messages.

mod reader;
mod wire;

use serde_json::Value;

use super::{Dialect, Traits};
use crate::domain::Request;
use crate::domain::embedder::Purpose;
use crate::infrastructure::upstream::{Outgoing, Reader};

#[derive(Debug)]
pub(super) struct Anthropic;

impl Dialect for Anthropic {
    fn completion(
        &self,
        request: &Request,
        traits: &Traits,
    ) -> Result<Outgoing, serde_json::Error> {
        wire::encode(request, traits)
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(reader::MessageReader::default())
    }

    /// It refuses stop texts of white space.
    fn takes_stop(&self, _index: usize, text: &str, _traits: &Traits) -> bool {
        !text.trim().is_empty()
    }

    fn list_path(&self) -> &'static str {
        "models?limit=1000"
    }

    fn embedding(&self, _model: &str, _texts: &[&str], _purpose: Purpose) -> Option<Outgoing> {
        None
    }
}

/// The members of a usage by which tokens of the prompt are counted: each of them apart from the others.
fn prompt_tokens(usage: &Value) -> [Option<u32>; 3] {
    use crate::infrastructure::upstream::piece::count;
    [
        count(usage, "input_tokens"),
        count(usage, "cache_creation_input_tokens"),
        count(usage, "cache_read_input_tokens"),
    ]
}

//! Field rules at run time. The build turns `buf.validate` options into calls of [`rules`]; the codec asks [`check`].

pub mod rules;

use tonic::Status;
use tonic_types::FieldViolation;

/// A message that knows the rules of its contract.
pub trait Validate {
    /// Adds every rule that the message breaks.
    fn validate(&self, violations: &mut Violations);
}

impl Validate for () {
    fn validate(&self, _: &mut Violations) {}
}

/// The broken rules of a message, with the paths of their fields.
#[derive(Debug, Default)]
pub struct Violations {
    path: Vec<Segment>,
    found: Vec<FieldViolation>,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    field: &'static str,
    index: Option<usize>,
}

impl Violations {
    /// Checks a nested message under the name of its field.
    pub fn within(&mut self, field: &'static str, check: impl FnOnce(&mut Self)) {
        self.path.push(Segment { field, index: None });
        check(self);
        self.path.pop();
    }

    /// Checks an item of a repeated field.
    pub fn within_item(
        &mut self,
        field: &'static str,
        index: usize,
        check: impl FnOnce(&mut Self),
    ) {
        self.path.push(Segment {
            field,
            index: Some(index),
        });
        check(self);
        self.path.pop();
    }

    /// Records that a field breaks a rule; an empty name means the item that is being checked. The rules of a field come one
    /// after another, and make one violation.
    pub fn add(&mut self, field: &str, description: String) {
        let mut path = String::new();
        for segment in &self.path {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(segment.field);
            if let Some(index) = segment.index {
                path.push_str(&format!("[{index}]"));
            }
        }
        if !path.is_empty() && !field.is_empty() {
            path.push('.');
        }
        path.push_str(field);
        match self.found.last_mut().filter(|last| last.field == path) {
            // One line a field: clients show it beside the input.
            Some(last) => last.description = format!("{} and {description}", last.description),
            None => self.found.push(FieldViolation::new(path, description)),
        }
    }
}

/// Refuses a message that breaks a rule, naming every field that does.
pub fn check<M: Validate>(message: &M) -> Result<(), Status> {
    let mut violations = Violations::default();
    message.validate(&mut violations);
    if violations.found.is_empty() {
        return Ok(());
    }
    Err(crate::error::invalid_fields(violations.found))
}

mod generated {
    use super::{Validate, Violations, rules};

    include!(concat!(env!("OUT_DIR"), "/validators.rs"));
}

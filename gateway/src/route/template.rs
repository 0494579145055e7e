//! Path templates as `google/api/http.proto` writes them.

use super::percent;

/// A parsed template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// What each segment of a path must be.
    pub(crate) segments: Vec<Segment>,
    /// What follows the colon at the end.
    pub(crate) verb: Option<String>,
    /// Which segments are bound to which field.
    pub(crate) variables: Vec<Variable>,
}

/// What one segment of a path must be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// This text, once percent-decoded.
    Literal(String),
    /// Any one segment that isn't empty.
    One,
    /// All the segments that are left, also none. Always last.
    Rest,
}

/// A part of the path that fills a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    /// Names from the request message down to the field.
    pub(crate) field_path: Vec<String>,
    /// First segment.
    pub(crate) start: usize,
    /// Segment after the last one; ignored where `to_end` is set.
    pub(crate) end: usize,
    /// True where the variable ends in `**`.
    pub(crate) to_end: bool,
}

impl Variable {
    /// True where the variable can span several segments.
    pub(crate) fn spans_segments(&self) -> bool {
        self.to_end || self.end - self.start > 1
    }
}

impl Template {
    /// Parses a template; the error says what is wrong, without repeating the template.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(body) = text.strip_prefix('/') else {
            return Err("must start with a slash".into());
        };
        if body.contains(['?', '#']) {
            return Err("must not hold a query or a fragment".into());
        }
        let mut parser = Parser {
            rest: body,
            template: Self {
                segments: Vec::new(),
                verb: None,
                variables: Vec::new(),
            },
        };
        parser.segments(false)?;
        parser.verb()?;
        parser.template.check_variables()?;
        Ok(parser.template)
    }

    fn check_variables(&self) -> Result<(), String> {
        for (index, variable) in self.variables.iter().enumerate() {
            let taken = self.variables[..index]
                .iter()
                .any(|earlier| earlier.field_path == variable.field_path);
            if taken {
                return Err(format!("binds {} twice", variable.field_path.join(".")));
            }
        }
        Ok(())
    }
}

struct Parser<'a> {
    rest: &'a str,
    template: Template,
}

impl Parser<'_> {
    fn segments(&mut self, in_braces: bool) -> Result<(), String> {
        loop {
            self.segment(in_braces)?;
            match self.rest.strip_prefix('/') {
                Some(rest) => self.rest = rest,
                None => return Ok(()),
            }
        }
    }

    fn segment(&mut self, in_braces: bool) -> Result<(), String> {
        if self.template.segments.last() == Some(&Segment::Rest) {
            return Err("has segments after **".into());
        }
        if let Some(rest) = self.rest.strip_prefix('{') {
            if in_braces {
                return Err("nests one variable in another".into());
            }
            self.rest = rest;
            return self.variable();
        }
        let stop: &[char] = if in_braces { &['/', '}'] } else { &['/', ':'] };
        let end = self.rest.find(stop).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.template.segments.push(plain_segment(text)?);
        Ok(())
    }

    fn variable(&mut self) -> Result<(), String> {
        let end = self.rest.find(['=', '}', '/']).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        let field_path: Vec<String> = name.split('.').map(str::to_owned).collect();
        if !field_path.iter().all(|name| is_identifier(name)) {
            return Err(format!(
                "has a variable whose name `{name}` is not a field path"
            ));
        }
        self.rest = rest;
        let start = self.template.segments.len();
        match self.rest.strip_prefix('=') {
            Some(rest) => {
                self.rest = rest;
                self.segments(true)?;
            }
            None => self.template.segments.push(Segment::One),
        }
        self.rest = self
            .rest
            .strip_prefix('}')
            .ok_or_else(|| format!("doesn't close the variable `{name}`"))?;
        if !(self.rest.is_empty() || self.rest.starts_with(['/', ':'])) {
            return Err(format!("has text right after the variable `{name}`"));
        }
        self.template.variables.push(Variable {
            field_path,
            start,
            end: self.template.segments.len(),
            to_end: self.template.segments.last() == Some(&Segment::Rest),
        });
        Ok(())
    }

    fn verb(&mut self) -> Result<(), String> {
        if self.rest.is_empty() {
            return Ok(());
        }
        let verb = self.rest.strip_prefix(':').unwrap_or(self.rest);
        let is_verb = !verb.is_empty() && !verb.contains(['/', ':', '{', '}', '*']);
        if !is_verb {
            return Err(format!("ends in `{}`, which is not a verb", self.rest));
        }
        self.template.verb = Some(verb.to_owned());
        Ok(())
    }
}

fn plain_segment(text: &str) -> Result<Segment, String> {
    match text {
        "" => Err("has an empty segment".into()),
        "*" => Ok(Segment::One),
        "**" => Ok(Segment::Rest),
        _ if text.contains(['*', '{', '}', '=', ':']) => Err(format!(
            "has the segment `{text}`, which is neither a literal nor a wildcard"
        )),
        _ => percent::decode(text, false)
            .map(|literal| Segment::Literal(literal.into_owned()))
            .map_err(|reason| format!("has the segment `{text}`, which {reason}")),
    }
}

fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

//! A pull reader of JSON text.

use std::borrow::Cow;

use super::MAX_DEPTH;

/// Reads one JSON text, value by value.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// A value, or the start of one.
#[derive(Debug)]
pub(crate) enum Token<'a> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    String(Cow<'a, str>),
    /// An array whose elements follow, to be read by [`Reader::element`].
    Array,
    /// An object whose members follow, to be read by [`Reader::member`].
    Object,
}

/// The text of a number, known to follow JSON's grammar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number<'a>(&'a str);

impl<'a> Number<'a> {
    /// Accepts `text` where it is a JSON number and nothing else.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        (number_len(text.as_bytes()) == Some(text.len())).then_some(Self(text))
    }

    /// The text.
    pub(crate) fn text(self) -> &'a str {
        self.0
    }
}

/// What is wrong with a JSON text.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    /// Offset in bytes.
    pub(crate) at: usize,
    /// What was expected or found.
    pub(crate) reason: &'static str,
}

type Result<T> = std::result::Result<T, SyntaxError>;

impl<'a> Reader<'a> {
    /// Starts to read `text`.
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// Reads the next value, or opens it.
    pub(crate) fn value(&mut self) -> Result<Token<'a>> {
        match self.peek() {
            Some(b'"') => self.string().map(Token::String),
            Some(b'{') => self.open().map(|()| Token::Object),
            Some(b'[') => self.open().map(|()| Token::Array),
            Some(b't') => self.word("true").map(|()| Token::Bool(true)),
            Some(b'f') => self.word("false").map(|()| Token::Bool(false)),
            Some(b'n') => self.word("null").map(|()| Token::Null),
            Some(b'-' | b'0'..=b'9') => self.number().map(Token::Number),
            Some(_) => Err(self.error("a value was expected")),
            None => Err(self.error("the text ends where a value was expected")),
        }
    }

    /// True where the next value is `null`; nothing is consumed.
    pub(crate) fn at_null(&mut self) -> bool {
        self.peek() == Some(b'n')
    }

    /// Reads the name of the next member of the open object, or closes it.
    pub(crate) fn member(&mut self, first: bool) -> Result<Option<Cow<'a, str>>> {
        if !self.item(first, b'}')? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(self.error("a name in quotes was expected"));
        }
        let name = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.error("a colon was expected after a name"));
        }
        self.at += 1;
        Ok(Some(name))
    }

    /// Tells whether the open array has another element; closes it where it has none.
    pub(crate) fn element(&mut self, first: bool) -> Result<bool> {
        self.item(first, b']')
    }

    /// Skips a value.
    pub(crate) fn skip(&mut self) -> Result<()> {
        let floor = self.depth;
        // Whether each open value is an object, and whether nothing of it was read.
        let mut open: Vec<(bool, bool)> = Vec::new();
        loop {
            match self.value()? {
                Token::Object => open.push((true, true)),
                Token::Array => open.push((false, true)),
                _ => {}
            }
            while let Some((is_object, first)) = open.last_mut() {
                let first = std::mem::replace(first, false);
                let more = match is_object {
                    true => self.member(first)?.is_some(),
                    false => self.element(first)?,
                };
                if more {
                    break;
                }
                open.pop();
            }
            if open.is_empty() {
                debug_assert_eq!(self.depth, floor);
                return Ok(());
            }
        }
    }

    /// True where only white space is left.
    pub(crate) fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Fails where anything but white space is left.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.at_end() {
            true => Ok(()),
            false => Err(self.error("text follows the value")),
        }
    }

    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                other => return Some(*other),
            }
        }
        None
    }

    fn error(&self, reason: &'static str) -> SyntaxError {
        SyntaxError {
            at: self.at,
            reason,
        }
    }

    fn open(&mut self) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(self.error("values nest more than 100 deep"));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    fn item(&mut self, first: bool, close: u8) -> Result<bool> {
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                return Ok(false);
            }
            Some(b',') if !first => self.at += 1,
            Some(_) if first => return Ok(true),
            Some(_) => return Err(self.error("a comma or the end of the value was expected")),
            None => return Err(self.error("the text ends inside an array or object")),
        }
        match self.peek() {
            Some(byte) if byte == close => Err(self.error("nothing follows a comma")),
            _ => Ok(true),
        }
    }

    fn word(&mut self, word: &'static str) -> Result<()> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.error("a value was expected"));
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<Number<'a>> {
        let rest = &self.text[self.at..];
        let len = number_len(rest.as_bytes()).ok_or(self.error("a number is malformed"))?;
        self.at += len;
        let follows = self.text.as_bytes().get(self.at);
        if follows.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.') {
            return Err(self.error("a number is malformed"));
        }
        Ok(Number(&rest[..len]))
    }

    fn string(&mut self) -> Result<Cow<'a, str>> {
        let start = self.at + 1;
        let text = self.text;
        let plain = text.as_bytes()[start..]
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
            .map(|len| start + len);
        match plain {
            Some(end) if text.as_bytes()[end] == b'"' => {
                self.at = end + 1;
                Ok(Cow::Borrowed(&text[start..end]))
            }
            Some(end) => self.string_with_escapes(start, end),
            None => Err(self.error("a string doesn't end")),
        }
    }

    fn string_with_escapes(&mut self, start: usize, escape: usize) -> Result<Cow<'a, str>> {
        let text = self.text;
        let mut decoded = String::with_capacity(escape - start + 16);
        let mut from = start;
        self.at = escape;
        loop {
            match text.as_bytes().get(self.at) {
                Some(b'"') => {
                    decoded.push_str(&text[from..self.at]);
                    self.at += 1;
                    return Ok(Cow::Owned(decoded));
                }
                Some(b'\\') => {
                    decoded.push_str(&text[from..self.at]);
                    self.at += 1;
                    decoded.push(self.escape()?);
                    from = self.at;
                }
                Some(0..=0x1f) => return Err(self.error("a string holds a control character")),
                Some(_) => self.at += 1,
                None => return Err(self.error("a string doesn't end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let byte = self.text.as_bytes().get(self.at).copied();
        let plain = match byte {
            Some(b'u') => {
                self.at += 1;
                return self.unicode_escape();
            }
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return Err(self.error("a string holds an unknown escape")),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Result<char> {
        let lone = self.error("a string holds half of a surrogate pair");
        let high = self.hex4()?;
        if !(0xd800..0xe000).contains(&high) {
            return char::from_u32(high).ok_or(lone);
        }
        if high >= 0xdc00 || !self.text[self.at..].starts_with("\\u") {
            return Err(lone);
        }
        self.at += 2;
        let low = self.hex4()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(lone);
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or(lone)
    }

    fn hex4(&mut self) -> Result<u32> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let mut value = 0;
        for digit in digits.ok_or(self.error("a string doesn't end"))? {
            let digit = char::from(*digit).to_digit(16);
            value = value * 16 + digit.ok_or(self.error("a string holds an unknown escape"))?;
        }
        self.at += 4;
        Ok(value)
    }
}

/// How many bytes at the start of `bytes` are a JSON number.
fn number_len(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        bytes[from.min(bytes.len())..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    at += match bytes.get(at)? {
        b'0' => 1,
        b'1'..=b'9' => digits(at),
        _ => return None,
    };
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

//! What the numbers of a sentence stand for, by the words around them.

/// What a number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Window,
    Prompt,
    /// Prompt and reply.
    Total,
    Reply,
    /// By how much the prompt is too long.
    Excess,
    Unknown,
}

/// The figures of a line.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Tokens that the model takes.
    pub(super) window: Option<u32>,
    prompt: Option<u32>,
    total: Option<u32>,
    excess: Option<u32>,
}

impl Reading {
    /// How much it says.
    pub(super) fn worth(&self) -> usize {
        usize::from(self.window.is_some()) * 2 + usize::from(self.tokens().is_some())
    }

    fn take_windows(&mut self, windows: &[(bool, u32)], unknown: &[u32]) {
        let values = || windows.iter().map(|(_, value)| *value);
        let of_context = windows
            .iter()
            .find(|(is_context, _)| *is_context)
            .map(|(_, value)| *value);
        if windows.len() > 1 && self.tokens().is_none() {
            // Two limits in one sentence: the larger one is what was asked for.
            (self.window, self.total) = (values().min(), values().max());
            return;
        }
        let is_below = |value: &&u32| self.tokens().is_none_or(|tokens| **value < tokens);
        let least = || unknown.iter().filter(is_below).max().copied();
        self.window = of_context.or_else(|| values().next()).or_else(least);
    }

    /// Tokens of the prompt.
    pub(super) fn tokens(&self) -> Option<u32> {
        let by_excess = || Some(self.window?.saturating_add(self.excess?));
        self.prompt.or(self.total).or_else(by_excess)
    }
}

/// A number, and the words around it.
struct Number<'a> {
    value: u64,
    before: &'a str,
    after: &'a str,
}

/// Reads the numbers of a line; those that are codes say nothing.
pub(super) fn read(line: &str, codes: &[u64]) -> Reading {
    let numbers = numbers(line);
    let numbers: Vec<&Number<'_>> = numbers
        .iter()
        .filter(|number| !codes.contains(&number.value))
        .collect();
    let mut reading = Reading::default();
    let (mut windows, mut unknown) = (Vec::new(), Vec::new());
    for (index, number) in numbers.iter().enumerate() {
        let Ok(value) = u32::try_from(number.value) else {
            continue;
        };
        let next = numbers.get(index + 1).map(|next| next.before.trim());
        match meaning(number, next) {
            Meaning::Window => windows.push((number.before.contains("context"), value)),
            Meaning::Prompt => reading.prompt = reading.prompt.or(Some(value)),
            Meaning::Total => reading.total = reading.total.or(Some(value)),
            Meaning::Excess => reading.excess = Some(value),
            Meaning::Unknown => unknown.push(value),
            Meaning::Reply => {}
        }
    }
    reading.take_windows(&windows, &unknown);
    reading
}

/// Where a sum is compared to its limit, there are no other words: `198563 + 21333 > 200000`.
fn compared(before: &str, next: Option<&str>) -> Option<Meaning> {
    let is_limit = |text: &str| text.ends_with('>') || text.ends_with(">=");
    let before = before.trim();
    match next {
        _ if is_limit(before) => Some(Meaning::Window),
        Some(next) if before == "+" && is_limit(next) => Some(Meaning::Reply),
        Some("+") => Some(Meaning::Prompt),
        _ => None,
    }
}

/// Words right behind a number.
const BEHIND: &[(Meaning, &[&str])] = &[
    (
        Meaning::Reply,
        &[
            "output token",
            "tokens for the completion",
            "in the completion",
            "for the completion",
            "`max_new_tokens`",
            "max_new_tokens",
            "completion token",
            "tokens to generate",
            "in the output",
            "draft token",
            "tokens in the completion",
            "new tokens",
        ],
    ),
    (
        Meaning::Prompt,
        &[
            "in the messages",
            "in your prompt",
            "in the prompt",
            "input token",
            "prompt token",
            "`inputs` token",
            "tokens from the input",
            "tokens in the prompt",
            "tokens in the messages",
            "of text input",
            "tokens of input",
        ],
    ),
    (
        Meaning::Window,
        &[
            "maximum",
            "max context",
            "token limit",
            "context limit",
            "limit",
            "token context",
            "tokens maximum",
            "context window",
        ],
    ),
];
/// Words before a number that make it a limit wherever they stand.
const STRONG: &[&str] = &[
    "max",
    "limit",
    "allowed",
    "less than",
    "<=",
    "longer than",
    "only",
    "cannot exceed",
    "can't exceed",
    "not exceed",
    "at most",
    "up to",
    "supports",
    "should be",
    "最大",
    "上限",
];
/// Words before a number, of which the nearest counts.
const NEAREST: &[(Meaning, &[&str])] = &[
    (
        Meaning::Window,
        &[
            "context length",
            "context window",
            "context size",
            "context_length",
            "n_ctx",
            "context of",
            "context (",
            "window of",
            "greater than",
        ],
    ),
    (
        Meaning::Prompt,
        &[
            "prompt contains",
            "your prompt",
            "prompt is too long",
            "prompt too long",
            "input length",
            "input token count",
            "prompt token count",
            "prompt length",
            "prompt (",
            "prompt has",
            "prompt of",
            "input (",
            "inputs (",
            "the input has",
            "keep the first",
            "n_keep",
            "given:",
            "given",
            "received",
            "resulted in",
            "request (",
            "request contains",
            "has",
            "contains",
            "current length",
            "n_prompt_tokens",
            "got",
            "input_tokens",
            "input tokens",
            "输入",
        ],
    ),
    (
        Meaning::Total,
        &["requested", "total of", "request", "asked for", "tokens ("],
    ),
];

fn meaning(number: &Number<'_>, next: Option<&str>) -> Meaning {
    let (before, after) = (number.before, number.after);
    if let Some(meaning) = compared(before, next) {
        return meaning;
    }
    let trimmed = before.trim_end();
    if trimmed.ends_with(" by") || trimmed.ends_with(" by about") {
        return Meaning::Excess;
    }
    if [
        "max_tokens:",
        "max_tokens=",
        "max_tokens (",
        "max_new_tokens:",
        "n_predict:",
    ]
    .iter()
    .any(|word| trimmed.ends_with(word))
    {
        return Meaning::Reply;
    }
    let behind = after.trim_start_matches([' ', ')', '(', ',']);
    let stands_behind = |words: &&[&str]| words.iter().any(|word| behind.starts_with(word));
    if let Some((meaning, _)) = BEHIND.iter().find(|(_, words)| stands_behind(words)) {
        return *meaning;
    }
    if STRONG.iter().any(|word| before.contains(word)) {
        return Meaning::Window;
    }
    let place = |words: &[&str]| {
        words
            .iter()
            .filter_map(|word| before.rfind(word).map(|at| at + word.len()))
            .max()
    };
    let nearest = NEAREST
        .iter()
        .filter_map(|(meaning, words)| Some((place(words)?, *meaning)));
    nearest
        .max_by_key(|(place, _)| *place)
        .map_or(Meaning::Unknown, |(_, meaning)| meaning)
}

/// The numbers of a line that may count tokens: no parts of names, and none that are tiny.
fn numbers(line: &str) -> Vec<Number<'_>> {
    const LEAST: u64 = 16;
    let bytes = line.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    let mut end_of_last = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        let mut digits = String::new();
        while at < bytes.len() && (bytes[at].is_ascii_digit() || separates_thousands(bytes, at)) {
            if bytes[at].is_ascii_digit() {
                digits.push(char::from(bytes[at]));
            }
            at += 1;
        }
        let is_part = |byte: Option<&u8>| {
            byte.is_some_and(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
            })
        };
        let before_it = start.checked_sub(1).and_then(|place| bytes.get(place));
        let ends_sentence = bytes.get(at) == Some(&b'.')
            && !bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
        if is_part(before_it) || (is_part(bytes.get(at)) && !ends_sentence) {
            continue;
        }
        let Some(value) = digits.parse().ok().filter(|value| *value >= LEAST) else {
            continue;
        };
        found.push(Number {
            value,
            before: &line[end_of_last..start],
            after: "",
        });
        if let Some(place) = found.len().checked_sub(2) {
            found[place].after = &line[end_of_last..start];
        }
        end_of_last = at;
    }
    if let Some(last) = found.last_mut() {
        last.after = &line[end_of_last..];
    }
    found
}

/// Whether a separator of thousands stands here: three digits follow, and no more.
fn separates_thousands(bytes: &[u8], at: usize) -> bool {
    let behind = bytes.get(at + 1..).unwrap_or_default();
    let digits = behind
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    matches!(bytes[at], b',' | b'_') && digits == 3
}

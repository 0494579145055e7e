//! A vocabulary of some 400 tokens: all bytes, the merges of `tests/reference/merges.txt`, and a few special tokens.

use crate::gguf::writer::Writer;
use crate::tokenizer::stand_ins;

const MERGES: &str = include_str!("../../tests/reference/merges.txt");
const SPECIAL: [&str; 4] = [
    "<|begin_of_text|>",
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
];
/// GGUF's numbers of what a token is for.
const PLAIN: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const BYTE: i32 = 6;

/// How a tiny model's text becomes tokens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Words {
    /// By byte-pair merges, cut into words as the name says.
    BytePair(&'static str),
    SentencePiece,
}

impl Words {
    /// Writes the vocabulary; gives the number of its tokens.
    pub(super) fn write(self, writer: &mut Writer) -> usize {
        match self {
            Self::BytePair(pre) => byte_pair(pre, writer),
            Self::SentencePiece => sentence_piece(writer),
        }
    }
}

fn byte_pair(pre: &str, writer: &mut Writer) -> usize {
    let merges: Vec<String> = MERGES.lines().map(str::to_owned).collect();
    let mut tokens: Vec<String> = stand_ins().iter().map(char::to_string).collect();
    for joined in merges.iter().map(|merge| merge.replace(' ', "")) {
        // Two merges may lead to one token.
        if !tokens.contains(&joined) {
            tokens.push(joined);
        }
    }
    let mut sorts = vec![PLAIN; tokens.len()];
    let special = tokens.len() as u32;
    tokens.extend(SPECIAL.map(str::to_owned));
    sorts.resize(tokens.len(), CONTROL);
    writer.text("tokenizer.ggml.model", "gpt2");
    writer.text("tokenizer.ggml.pre", pre);
    writer.texts("tokenizer.ggml.tokens", &tokens);
    writer.ints("tokenizer.ggml.token_type", &sorts);
    writer.texts("tokenizer.ggml.merges", &merges);
    writer.int("tokenizer.ggml.bos_token_id", special);
    writer.int("tokenizer.ggml.eos_token_id", special + 1);
    tokens.len()
}

fn sentence_piece(writer: &mut Writer) -> usize {
    let mut tokens = vec!["<unk>".to_owned(), "<s>".to_owned(), "</s>".to_owned()];
    let mut sorts = vec![UNKNOWN, CONTROL, CONTROL];
    tokens.extend((0..=255).map(|byte: u8| format!("<0x{byte:02X}>")));
    sorts.resize(tokens.len(), BYTE);
    // Those merges that are whole characters, with spaces as SentencePiece writes them.
    let pieces = MERGES
        .lines()
        .filter(|merge| {
            merge
                .chars()
                .all(|character| character.is_ascii() || character == 'Ġ')
        })
        .map(|merge| merge.replace(' ', "").replace('Ġ', "\u{2581}"));
    let characters = (b'!'..=b'~').map(|byte| char::from(byte).to_string());
    for piece in pieces
        .chain(characters)
        .chain(["\u{2581}".to_owned(), "é".to_owned()])
    {
        if !tokens.contains(&piece) {
            tokens.push(piece);
        }
    }
    sorts.resize(tokens.len(), PLAIN);
    let scores: Vec<f32> = (0..tokens.len()).map(|id| -(id as f32)).collect();
    writer.text("tokenizer.ggml.model", "llama");
    writer.texts("tokenizer.ggml.tokens", &tokens);
    writer.floats("tokenizer.ggml.scores", &scores);
    writer.ints("tokenizer.ggml.token_type", &sorts);
    writer.int("tokenizer.ggml.bos_token_id", 1);
    writer.int("tokenizer.ggml.eos_token_id", 2);
    writer.int("tokenizer.ggml.unknown_token_id", 0);
    tokens.len()
}

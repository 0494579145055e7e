//! Measures the local engine: `cargo run --release -p troupe-engine --example engine_bench -- MODEL.gguf [prompt tokens] [sessions]`.
//!
//! Prints one `name value unit` a line: load time, time to first token and prompt tokens/s of a new prompt, of the turn after it
//! and of a swipe, generation tokens/s for one session and for several at once, and resident memory.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use troupe_engine::{Engine, Event, Options, Request, Sampling};

const REPLY_TOKENS: u32 = 128;

#[derive(Default)]
struct Reply {
    text: String,
    first: Duration,
    whole: Duration,
    prompt_tokens: u32,
    cached_tokens: u32,
    completion_tokens: u32,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments
        .first()
        .ok_or("usage: engine_bench MODEL.gguf [prompt tokens] [sessions]")?;
    let prompt_tokens: usize = arguments.get(1).map_or(Ok(1000), |number| number.parse())?;
    let sessions: usize = arguments.get(2).map_or(Ok(4), |number| number.parse())?;

    let start = Instant::now();
    let engine = Engine::load(Path::new(path), Options::default())?;
    println!("load {:.0} ms", start.elapsed().as_secs_f64() * 1e3);

    let card = words(prompt_tokens, 0);
    let first = reply(&engine, &card)?;
    report("first", &first);
    let next = reply(
        &engine,
        &format!("{card}{}\nUser: And then?\nAlice:", first.text),
    )?;
    report("next_turn", &next);
    report("swipe", &reply(&engine, &card)?);

    for count in [1, 2, 4, 8].into_iter().filter(|count| *count <= sessions) {
        let start = Instant::now();
        let total = std::thread::scope(|scope| {
            let engine = &engine;
            let session = |index| {
                scope.spawn(move || {
                    reply(engine, &words(64, 1 + index)).map_or(0, |reply| reply.completion_tokens)
                })
            };
            let sessions: Vec<_> = (0..count).map(session).collect();
            sessions
                .into_iter()
                .map(|session| session.join().unwrap_or(0))
                .sum::<u32>()
        });
        println!(
            "sessions_{count} {:.1} tokens/s",
            f64::from(total) / start.elapsed().as_secs_f64()
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("Rss"))
        .for_each(|line| println!("{line}"));
    Ok(())
}

/// About `tokens` tokens of text that differs with `seed` from its first word.
fn words(tokens: usize, seed: usize) -> String {
    const WORDS: [&str; 16] = [
        "the", "garden", "smiled", "under", "a", "quiet", "moon", "and", "Alice", "spoke", "of",
        "old", "rivers", "with", "her", "friend",
    ];
    let word = |index: usize| {
        WORDS[(index * 7 + index / 16 * 5 + seed * 3 + index * index % 11) % WORDS.len()]
    };
    (0..tokens).map(word).collect::<Vec<_>>().join(" ")
}

fn reply(engine: &Engine, prompt: &str) -> Result<Reply, Box<dyn Error + Send + Sync>> {
    let start = Instant::now();
    let sampling = Sampling {
        repetition_penalty: 1.1,
        ..Sampling::default()
    };
    let request = Request {
        prompt: prompt.into(),
        max_tokens: REPLY_TOKENS,
        sampling,
        stop: Vec::new(),
    };
    let mut events = engine.generate(request)?;
    let mut reply = Reply::default();
    while let Some(event) = events.blocking_recv() {
        match event {
            Event::Delta(text) => {
                if reply.text.is_empty() {
                    reply.first = start.elapsed();
                }
                reply.text.push_str(&text);
            }
            Event::Finished {
                prompt_tokens,
                cached_tokens,
                completion_tokens,
                ..
            } => {
                reply = Reply {
                    prompt_tokens,
                    cached_tokens,
                    completion_tokens,
                    whole: start.elapsed(),
                    ..reply
                };
            }
        }
    }
    Ok(reply)
}

fn report(name: &str, reply: &Reply) {
    let computed = reply.prompt_tokens - reply.cached_tokens;
    println!(
        "{name}_prompt {} tokens, {} cached",
        reply.prompt_tokens, reply.cached_tokens
    );
    println!(
        "{name}_first_token {:.0} ms",
        reply.first.as_secs_f64() * 1e3
    );
    println!(
        "{name}_prompt_speed {:.0} tokens/s",
        f64::from(computed) / reply.first.as_secs_f64()
    );
    let rest = (reply.whole - reply.first).as_secs_f64();
    println!(
        "{name}_generation {:.1} tokens/s",
        f64::from(reply.completion_tokens.saturating_sub(1)) / rest
    );
}

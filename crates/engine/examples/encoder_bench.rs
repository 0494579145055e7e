//! Measures the sentence encoder: `cargo run --release -p troupe-engine --example encoder_bench -- FOLDER [threads] [GGUF]`.
//!
//! Prints one `name value unit` a line: load time, time a text of 10, 50 and 200 tokens takes alone and in a batch of 32, and
//! resident memory; with a language model's file, how fast it writes alone and beside an encoder that never rests.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use troupe_engine::{Encoder, Engine, Event, Options, Request, Sampling};

const LENGTHS: [usize; 3] = [10, 50, 200];
const BATCH: usize = 32;
const ROUNDS: usize = 5;
const REPLY_TOKENS: u32 = 96;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments
        .first()
        .ok_or("usage: encoder_bench FOLDER [threads] [GGUF]")?;
    let threads: usize = arguments.get(1).map_or(Ok(1), |number| number.parse())?;

    memory("before");
    let start = Instant::now();
    let encoder = Encoder::load(Path::new(folder), threads)?;
    println!("load {:.1} ms", milliseconds(start.elapsed()));
    memory("loaded");
    for length in LENGTHS {
        // The model's two own tokens count.
        let text = "word ".repeat(length - 2);
        assert_eq!(encoder.count_tokens(&text), length);
        let single = best(|| encoder.embed(&[&text]));
        let batch = best(|| encoder.embed(&[&*text; BATCH]));
        println!("single_{length} {:.2} ms", milliseconds(single));
        let each = milliseconds(batch) / BATCH as f64;
        println!("batch_{length} {each:.2} ms/text");
    }
    memory("used");
    match arguments.get(2) {
        Some(model) => beside(&encoder, model),
        None => Ok(()),
    }
}

fn beside(encoder: &Encoder, model: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let engine = Engine::load(Path::new(model), Options::default())?;
    writing_speed(&engine)?;
    println!("writes_alone {:.1} tokens/s", writing_speed(&engine)?);
    let ended = AtomicBool::new(false);
    let (speed, embedded) = std::thread::scope(|scope| {
        let encoding = scope.spawn(|| {
            let text = "word ".repeat(48);
            let mut count = 0;
            while !ended.load(Ordering::Relaxed) {
                count += encoder.embed(&[&*text; 8]).len();
            }
            count
        });
        let start = Instant::now();
        let speed = writing_speed(&engine);
        ended.store(true, Ordering::Relaxed);
        let count = encoding.join().unwrap_or(0);
        (speed, count as f64 / start.elapsed().as_secs_f64())
    });
    println!("writes_beside {:.1} tokens/s", speed?);
    println!("embeds_beside {embedded:.1} texts/s");
    Ok(())
}

fn writing_speed(engine: &Engine) -> Result<f64, Box<dyn Error + Send + Sync>> {
    let request = Request {
        prompt: "Once upon a time".into(),
        max_tokens: REPLY_TOKENS,
        sampling: Sampling {
            seed: 1,
            ..Sampling::default()
        },
        stop: Vec::new(),
    };
    let start = Instant::now();
    let mut events = engine.generate(request)?;
    let mut tokens = 0;
    while let Some(event) = events.blocking_recv() {
        if let Event::Finished {
            completion_tokens, ..
        } = event
        {
            tokens = completion_tokens;
        }
    }
    Ok(f64::from(tokens) / start.elapsed().as_secs_f64())
}

/// The shortest of some runs, which other programs disturbed least.
fn best<T>(run: impl Fn() -> T) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        std::hint::black_box(run());
        start.elapsed()
    };
    (0..ROUNDS).map(timed).min().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn memory(when: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines().filter(|line| line.starts_with("Rss")) {
        println!("{when} {line}");
    }
}

//! Models in the process with the real default weights, which the first run fetches: kept in the folder that
//! `TROUPE_TEST_MODELS` names, else in /var/tmp/troupe-models.
#![cfg(test)]

mod encoder;

use std::path::PathBuf;
use std::sync::LazyLock;

use tokio::sync::mpsc::UnboundedReceiver;
use troupe_engine::{Engine, Error, Event, Finish, Options, Request, Sampling, weights};

static MODEL: LazyLock<PathBuf> = LazyLock::new(|| {
    let origin = weights::Origin::default();
    run(weights::fetch(
        &models_folder(),
        weights::GEMMA_3_270M,
        origin,
    ))
    .unwrap()
});

/// Where the models are kept.
#[expect(
    clippy::disallowed_methods,
    reason = "the variable says how a test runs, which no setting does"
)]
fn models_folder() -> PathBuf {
    let folder = std::env::var_os("TROUPE_TEST_MODELS");
    folder.map_or_else(|| "/var/tmp/troupe-models".into(), PathBuf::from)
}

/// What a future comes to.
fn run<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}

const STORY: &str = "Alice is a lighthouse keeper on a small island. She loves old maps, strong tea and the sound of rain.\n\
    Bob: Good evening, Alice. What are you reading?\nAlice:";

fn engine(options: Options) -> Engine {
    Engine::load(&MODEL, options).unwrap()
}

fn greedy(prompt: &str, max_tokens: u32) -> Request {
    let sampling = Sampling {
        temperature: 0.0,
        ..Sampling::default()
    };
    Request {
        prompt: prompt.into(),
        max_tokens,
        sampling,
        stop: Vec::new(),
    }
}

fn seeded(prompt: &str, seed: u64) -> Request {
    let sampling = Sampling {
        temperature: 1.0,
        seed,
        ..Sampling::default()
    };
    Request {
        prompt: prompt.into(),
        max_tokens: 24,
        sampling,
        stop: Vec::new(),
    }
}

/// A reply's text and how it ended.
fn read(mut events: UnboundedReceiver<Event>) -> (String, Event) {
    let mut text = String::new();
    loop {
        match events.blocking_recv().expect("a reply ends with Finished") {
            Event::Delta(delta) => {
                assert!(!delta.is_empty());
                text.push_str(&delta);
            }
            finished => return (text, finished),
        }
    }
}

fn text(engine: &Engine, request: Request) -> String {
    read(engine.generate(request).unwrap()).0
}

#[test]
fn continues_a_prompt_sensibly() {
    let engine = engine(Options::default());
    assert_eq!(engine.name(), "Gemma 3 270m");
    assert!(engine.chat_template().is_none());
    let reply = text(&engine, greedy("One, two, three, four,", 8));
    assert!(reply.starts_with(" five, six"), "{reply:?}");
}

#[test]
fn counts_a_prompts_tokens_as_it_bills_them() {
    let engine = engine(Options::default());
    let (_, finished) = read(engine.generate(greedy(STORY, 3)).unwrap());
    let prompt_tokens = engine.count_tokens(STORY);
    let expected = Event::Finished {
        reason: Finish::Length,
        prompt_tokens,
        cached_tokens: 0,
        completion_tokens: 3,
    };
    assert_eq!(finished, expected);
}

#[test]
fn keeps_unusual_text_byte_for_byte() {
    // The model copies what it sees repeated, through tokens that split characters.
    let engine = engine(Options::default());
    let line = "𝕬 ᚠᛇᚻ 🦊\n";
    let reply = text(
        &engine,
        Request {
            stop: vec!["\n".to_owned()],
            ..greedy(&line.repeat(6), 40)
        },
    );
    assert_eq!(reply, line.trim_end());
}

#[test]
fn repeats_a_reply_with_the_same_seed_even_from_its_cache() {
    let engine = engine(Options::default());
    let first = text(&engine, seeded(STORY, 11));
    let (again, finished) = read(engine.generate(seeded(STORY, 11)).unwrap());
    assert_eq!(again, first);
    let Event::Finished {
        prompt_tokens,
        cached_tokens,
        ..
    } = finished
    else {
        unreachable!()
    };
    assert_eq!(cached_tokens, prompt_tokens - 1);
    assert_ne!(text(&engine, seeded(STORY, 12)), first);
}

#[test]
fn computes_only_what_a_turn_adds() {
    let engine = engine(Options::default());
    let reply = text(&engine, greedy(STORY, 16));
    let turn = format!("{STORY}{reply}\nBob: Tell me more.\nAlice:");
    let (_, finished) = read(engine.generate(greedy(&turn, 4)).unwrap());
    let Event::Finished {
        prompt_tokens,
        cached_tokens,
        ..
    } = finished
    else {
        unreachable!()
    };
    assert!(
        cached_tokens >= engine.count_tokens(STORY),
        "{cached_tokens} of {prompt_tokens}"
    );
}

#[test]
fn gives_the_same_reply_alone_and_beside_others() {
    let engine = engine(Options::default());
    let prompts: Vec<String> = ["tea", "maps", "rain", "ships"]
        .iter()
        .map(|topic| format!("{STORY} About {topic},"))
        .collect();
    let alone: Vec<String> = prompts
        .iter()
        .map(|prompt| text(&engine, seeded(prompt, 5)))
        .collect();
    let fresh = self::engine(Options::default());
    let running: Vec<_> = prompts
        .iter()
        .map(|prompt| fresh.generate(seeded(prompt, 5)).unwrap())
        .collect();
    let together: Vec<String> = running.into_iter().map(|events| read(events).0).collect();
    assert_eq!(together, alone);
}

#[test]
fn ends_before_a_stop_string() {
    let engine = engine(Options::default());
    let request = Request {
        stop: vec!["ve, si".to_owned()],
        ..greedy("One, two, three, four,", 20)
    };
    let (reply, finished) = read(engine.generate(request).unwrap());
    assert_eq!(reply, " fi");
    assert!(matches!(
        finished,
        Event::Finished {
            reason: Finish::Stop,
            ..
        }
    ));
}

#[test]
fn refuses_a_prompt_that_fills_the_window() {
    let engine = engine(Options {
        window: 64,
        ..Options::default()
    });
    let error = engine.generate(greedy(&STORY.repeat(3), 8)).unwrap_err();
    assert!(
        matches!(error, Error::ContextLength { tokens, window: 64 } if tokens >= 64),
        "{error}"
    );
}

#[test]
fn ends_a_reply_at_the_windows_end() {
    let window = 60;
    let engine = engine(Options {
        window,
        ..Options::default()
    });
    let (_, finished) = read(engine.generate(greedy(STORY, 0)).unwrap());
    let Event::Finished {
        reason,
        prompt_tokens,
        completion_tokens,
        ..
    } = finished
    else {
        unreachable!()
    };
    assert_eq!(
        (reason, prompt_tokens + completion_tokens),
        (Finish::Length, window)
    );
}

#[test]
fn says_that_it_is_busy_until_somebody_leaves() {
    let engine = engine(Options {
        slots: 1,
        queue: 0,
        ..Options::default()
    });
    let first = engine.generate(greedy(STORY, 0)).unwrap();
    assert!(matches!(
        engine.generate(greedy(STORY, 4)),
        Err(Error::Busy { waiting: 0 })
    ));
    drop(first);
    let events = loop {
        match engine.generate(greedy(STORY, 4)) {
            Ok(events) => break events,
            Err(Error::Busy { .. }) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    assert!(matches!(
        read(events).1,
        Event::Finished {
            completion_tokens: 4,
            ..
        }
    ));
}

#[test]
fn lets_requests_wait_for_a_slot() {
    let engine = engine(Options {
        slots: 1,
        queue: 2,
        ..Options::default()
    });
    let running: Vec<_> = (0..3)
        .map(|seed| engine.generate(seeded(STORY, seed)).unwrap())
        .collect();
    for events in running {
        assert!(matches!(read(events).1, Event::Finished { .. }));
    }
}

#[test]
fn refuses_files_that_are_no_models() {
    let folder = tempfile::tempdir().unwrap();
    let whole = std::fs::read(&*MODEL).unwrap();
    for (name, bytes) in [
        ("empty", &[][..]),
        ("other", b"PNG and so on"),
        ("cut-header", &whole[..200]),
        ("cut", &whole[..whole.len() / 2]),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        assert!(
            matches!(
                Engine::load(&path, Options::default()),
                Err(Error::Corrupt { .. })
            ),
            "{name}"
        );
    }
    let missing = Engine::load(&folder.path().join("missing"), Options::default());
    assert!(matches!(missing, Err(Error::Unreadable { .. })));
}

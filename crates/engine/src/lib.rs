//! Models that run in the process: language models, which continue prompts, and a sentence encoder.
//!
//! The engine knows text and tokens, nothing of chats, users or costs. Weights stay in the mapped file; sequences keep their
//! keys and values between requests, so that a prompt that goes on from an earlier one costs only what is new. Why the
//! engine is our own is in `docs/adr/0002-local-engine.md`.

mod attention;
mod cache;
mod chat;
pub mod encoder;
mod error;
mod gguf;
mod kernels;
mod mapped;
mod matrix;
mod model;
mod prompt;
mod quants;
mod rope;
mod sampling;
mod scheduler;
mod slots;
mod text;
#[cfg(test)]
mod tiny;
mod tokenizer;
pub mod weights;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub use cache::CacheType;
pub use chat::{ChatTemplate, Turn};
pub use encoder::{Encoder, EncoderError};
pub use error::Error;
pub use prompt::Prompt;
pub use sampling::Sampling;

use gguf::Gguf;
use matrix::Cpu;
use model::Model;
use sampling::Sampler;
use scheduler::{Job, Scheduler};
use text::TextStream;
use tokenizer::Tokenizer;

/// How an engine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The longest sequence, in tokens; the model's own window if that is smaller. Bounds the memory that a slot can take.
    pub window: u32,
    /// How many requests run at once.
    pub slots: usize,
    /// How many more may wait for a slot.
    pub queue: usize,
    /// How keys and values are kept.
    pub cache: CacheType,
    /// How many threads compute; as many as there are physical cores if absent.
    pub threads: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            window: 8192,
            slots: 4,
            queue: 64,
            cache: CacheType::default(),
            threads: None,
        }
    }
}

/// A prompt to continue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// The prompt, in the form that the model wants.
    pub prompt: Prompt,
    /// The most tokens to generate; 0 means as many as the window holds.
    pub max_tokens: u32,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts before which the reply ends.
    pub stop: Vec<String>,
}

/// Something that happened to a request. A receiver that ends without [`Event::Finished`] says that the engine has stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// More of the reply; whole characters, never empty.
    Delta(String),
    /// The reply is complete.
    Finished {
        /// Why it ends here.
        reason: Finish,
        /// Tokens in the prompt.
        prompt_tokens: u32,
        /// Those of the prompt's tokens that were still known from earlier requests.
        cached_tokens: u32,
        /// Tokens generated, the end token included.
        completion_tokens: u32,
    },
}

/// Why a reply ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it, or a stop string came next.
    Stop,
    /// It reached the most tokens asked for, or the window's end.
    Length,
}

/// A loaded model and the threads that run it. Dropping it ends what it runs.
#[derive(Debug)]
pub struct Engine {
    name: String,
    template: Option<ChatTemplate>,
    window: usize,
    tokenizer: Arc<Tokenizer>,
    jobs: mpsc::Sender<Job>,
    accepted: Arc<AtomicUsize>,
    options: Options,
}

impl Engine {
    /// Loads the GGUF file at `path` and starts the engine's threads. Blocks for some tenths of a second.
    ///
    /// # Errors
    /// The file can't be read, is damaged, or holds a kind of model that the engine doesn't run.
    pub fn load(path: &Path, options: Options) -> Result<Self, Error> {
        let (gguf, tokenizer, model) = open(path)?;
        let tokenizer = Arc::new(tokenizer);
        let window = model.window.min(options.window as usize);
        let threads = options
            .threads
            .unwrap_or_else(num_cpus::get_physical)
            .clamp(1, num_cpus::get());
        let cpu = Cpu {
            arch: pulp::Arch::new(),
            threads,
        };
        let (jobs, receiver) = mpsc::channel();
        let accepted = Arc::new(AtomicUsize::new(0));
        let scheduler = Scheduler::new(
            model,
            Arc::clone(&tokenizer),
            cpu,
            window,
            &options,
            receiver,
            Arc::clone(&accepted),
        );
        start(scheduler, threads)?;
        let stem = || {
            path.file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        Ok(Self {
            name: gguf.text("general.name").map_or_else(stem, str::to_owned),
            template: template(&gguf, &tokenizer),
            window,
            tokenizer,
            jobs,
            accepted,
            options,
        })
    }

    /// The model's own name, or else its file's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tokens that prompt and reply may have together.
    #[must_use]
    pub fn window(&self) -> u32 {
        self.window as u32
    }

    /// The model's chat template, if it has one that can be read. A base model has none and wants plain text.
    #[must_use]
    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.template.as_ref()
    }

    /// How many tokens `text` is as a prompt.
    #[must_use]
    pub fn count_tokens(&self, text: &str) -> u32 {
        self.tokenizer.encode(&text.into()).len() as u32
    }

    /// Starts to continue a prompt; the reply arrives at the receiver. Dropping the receiver cancels within one pass.
    ///
    /// # Errors
    /// [`Error::Sampling`] for a parameter out of its range, [`Error::ContextLength`] for a prompt that fills the window,
    /// [`Error::Busy`] when too many requests wait, [`Error::Stopped`] when the engine's thread has ended.
    pub fn generate(&self, request: Request) -> Result<UnboundedReceiver<Event>, Error> {
        request.sampling.validate()?;
        let prompt = self.tokenizer.encode(&request.prompt);
        if prompt.is_empty() || prompt.len() >= self.window {
            return Err(Error::ContextLength {
                tokens: prompt.len() as u32,
                window: self.window(),
            });
        }
        let most_tokens = if request.max_tokens == 0 {
            usize::MAX
        } else {
            request.max_tokens as usize
        };
        self.accept()?;
        let (events, receiver) = unbounded_channel();
        let text = TextStream::new(request.stop);
        let job = Job {
            prompt,
            most_tokens,
            sampler: Sampler::new(request.sampling),
            text,
            events,
        };
        self.jobs.send(job).map_err(|_| Error::Stopped)?;
        Ok(receiver)
    }

    fn accept(&self) -> Result<(), Error> {
        let most = self.options.slots.max(1) + self.options.queue;
        let more = |accepted| (accepted < most).then_some(accepted + 1);
        match self
            .accepted
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
        {
            Ok(_) => Ok(()),
            Err(accepted) => Err(Error::Busy {
                waiting: accepted.saturating_sub(self.options.slots.max(1)),
            }),
        }
    }
}

/// What the model in the file at `path` takes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Bytes of the file, which is mapped.
    pub file_bytes: u64,
    /// Tokens that prompt and reply may have together.
    pub window: u32,
    /// Bytes that the keys and values of a whole window take, in each slot.
    pub slot_bytes: u64,
}

impl Needs {
    /// Looks at the file without keeping it.
    ///
    /// # Errors
    /// As [`Engine::load`].
    pub fn of(path: &Path, options: &Options) -> Result<Self, Error> {
        let (gguf, _, model) = open(path)?;
        let window = model.window.min(options.window as usize);
        let row = 2 * model.heads.key_width() * options.cache.bytes();
        Ok(Self {
            file_bytes: gguf.map().len() as u64,
            window: window as u32,
            slot_bytes: (window * model.layers() * row) as u64,
        })
    }
}

/// Reads all that there is in the file at `path`.
fn open(path: &Path) -> Result<(Gguf, Tokenizer, Model), Error> {
    let gguf = Gguf::open(path)?;
    let tokenizer = Tokenizer::load(&gguf, path)?;
    let model = Model::load(&gguf, path)?;
    if tokenizer.len() > model.vocabulary {
        return Err(Error::Corrupt {
            path: path.to_owned(),
            what: format!(
                "its vocabulary has more tokens than its matrix, {} and {}",
                tokenizer.len(),
                model.vocabulary
            ),
        });
    }
    Ok((gguf, tokenizer, model))
}

/// The chat template of the model in `gguf`. One that can't be read is told of in the log; the model takes plain text then.
fn template(gguf: &Gguf, tokenizer: &Tokenizer) -> Option<ChatTemplate> {
    let source = gguf.text("tokenizer.chat_template")?;
    let marks: Vec<&str> = tokenizer.marks().collect();
    let begin = tokenizer.named(gguf, "tokenizer.ggml.bos_token_id");
    let end = tokenizer.named(gguf, "tokenizer.ggml.eos_token_id");
    ChatTemplate::new(source, &marks, begin, end)
        .inspect_err(|what| {
            tracing::warn!(
                what,
                "the model's chat template cannot be read: prompts are plain text"
            )
        })
        .ok()
}

/// Runs the scheduler on a pool of `threads` threads of its own, until its engine is dropped.
fn start(scheduler: Scheduler, threads: usize) -> Result<(), Error> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("model-{index}"))
        .build()
        .map_err(|error| Error::Threads(std::io::Error::other(error)))?;
    let run = move || pool.install(|| scheduler.run());
    thread::Builder::new()
        .name("model".to_owned())
        .spawn(run)
        .map_err(Error::Threads)?;
    Ok(())
}

//! A sentence encoder that runs in the process: turns texts into vectors, so that texts that mean alike point alike.
//!
//! It runs all-MiniLM-L6-v2 and its kin: BERT in lower case, the mean of a text's tokens, length 1. The weights stay
//! in the mapped file and go through the language models' products, but on threads of their own.

mod attention;
mod load;
mod network;
mod wordpiece;

use std::io;
use std::path::{Path, PathBuf};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::matrix::Cpu;
use network::{Network, Workspace, sum};
use wordpiece::WordPiece;

/// The file of a model's folder that holds its weights.
pub const WEIGHTS_FILE: &str = "model.safetensors";
/// The file of a model's folder that holds its vocabulary.
pub const VOCABULARY_FILE: &str = "vocab.txt";

/// Tokens of a text that are read, the model's own two included; what goes beyond is left out.
const MOST_TOKENS: usize = 256;
/// Tokens that go through the network at once; bounds the memory that a call takes.
const PASS_TOKENS: usize = 512;

/// Why an encoder can't be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// A file of the model can't be read.
    #[error("embedding model's file {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of the model is damaged, or of a kind that the encoder doesn't run.
    #[error("embedding model's file {} is not usable: {what}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The encoder's threads can't be started.
    #[error("threads of the embedding model cannot be started")]
    Threads(#[source] rayon::ThreadPoolBuildError),
}

impl EncoderError {
    /// What may be told to anybody: the message without the path of the file.
    #[must_use]
    pub fn without_path(&self) -> String {
        match self {
            Self::Unreadable { .. } => "a file of the embedding model cannot be read".to_owned(),
            Self::Unusable { what, .. } => {
                format!("a file of the embedding model is not usable: {what}")
            }
            Self::Threads(_) => self.to_string(),
        }
    }
}

/// A loaded model and the threads that run it.
#[derive(Debug)]
pub struct Encoder {
    tokenizer: WordPiece,
    network: Network,
    cpu: Cpu,
    pool: ThreadPool,
}

impl Encoder {
    /// Loads the model in `folder` to run on `threads` threads. Blocks for some hundredths of a second.
    ///
    /// # Errors
    /// A file can't be read, is damaged, or holds a kind of model that the encoder doesn't run.
    pub fn load(folder: &Path, threads: usize) -> Result<Self, EncoderError> {
        let vocabulary = folder.join(VOCABULARY_FILE);
        let text = std::fs::read_to_string(&vocabulary);
        let text = text.map_err(|source| EncoderError::Unreadable {
            path: vocabulary.clone(),
            source,
        })?;
        let unusable = |what| EncoderError::Unusable {
            path: vocabulary.clone(),
            what,
        };
        let tokenizer = WordPiece::read(&text).map_err(unusable)?;
        let network = Network::load(&folder.join(WEIGHTS_FILE))?;
        let (tokens, words) = (tokenizer.size(), network.words.rows());
        if tokens > words {
            return Err(unusable(format!(
                "it has {tokens} tokens, and the weights know {words}"
            )));
        }
        let threads = threads.clamp(1, num_cpus::get());
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("encoder-{index}"))
            .start_handler(|_| step_back())
            .build()
            .map_err(EncoderError::Threads)?;
        let arch = pulp::Arch::new();
        Ok(Self {
            tokenizer,
            network,
            cpu: Cpu { arch, threads },
            pool,
        })
    }

    /// How many numbers a vector has.
    #[must_use]
    pub const fn dimensions(&self) -> usize {
        self.network.width()
    }

    /// How many of its tokens are read of a text, those for its begin and end included.
    #[must_use]
    pub fn count_tokens(&self, text: &str) -> usize {
        self.tokenizer.encode(text, self.window()).len()
    }

    /// The vectors of `texts`, in their order and of length 1. A text's vector doesn't depend on the others. Blocks for
    /// milliseconds a text.
    #[must_use]
    pub fn embed<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Vec<Vec<f32>> {
        self.pool.install(|| self.run(texts))
    }

    fn run<T: AsRef<str>>(&self, texts: &[T]) -> Vec<Vec<f32>> {
        let mut work = Workspace::default();
        let mut vectors = Vec::with_capacity(texts.len());
        let mut pass = Vec::new();
        let mut tokens = 0;
        for text in texts {
            let text = self.tokenizer.encode(text.as_ref(), self.window());
            if tokens + text.len() > PASS_TOKENS {
                self.pass(&pass, &mut work, &mut vectors);
                (pass, tokens) = (Vec::new(), 0);
            }
            tokens += text.len();
            pass.push(text);
        }
        self.pass(&pass, &mut work, &mut vectors);
        vectors
    }

    fn pass(&self, texts: &[Vec<u32>], work: &mut Workspace, vectors: &mut Vec<Vec<f32>>) {
        self.network.forward(self.cpu, texts, work);
        let mut rows = work.stream.chunks_exact(self.dimensions());
        for text in texts {
            vectors.push(self.mean(rows.by_ref().take(text.len())));
        }
    }

    /// The rows' mean, made to have length 1.
    fn mean<'a>(&self, rows: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
        let mut vector = vec![0.0; self.dimensions()];
        for row in rows {
            vector
                .iter_mut()
                .zip(row)
                .for_each(|(sum, value)| *sum += value);
        }
        let length = sum(&vector, |value| value * value).sqrt();
        vector.iter_mut().for_each(|value| *value /= length);
        vector
    }

    fn window(&self) -> usize {
        MOST_TOKENS.min(self.network.positions.rows())
    }
}

/// Leaves most of the processor to others that want it: a reply that is being written comes before a memory. Linux
/// knows priorities of threads; elsewhere the encoder's few threads must do.
fn step_back() {
    #[cfg(target_os = "linux")]
    {
        // Where it is refused, all threads are equal.
        let _ = rustix::process::nice(NICENESS);
    }
}

/// About a tenth of the share of a thread that writes replies, where both want all of a core.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

//! Runs the requests: several at once, one forward pass after another on the engine's own threads.
//!
//! Every pass takes one token from each sequence that generates and a stretch of each prompt that is still being read. The
//! stretches are short while somebody waits for tokens. Between passes, new requests are taken in and those whose receiver is
//! gone are dropped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};

use tokio::sync::mpsc::UnboundedSender;

use super::cache::Cache;
use super::matrix::{Cpu, Rows};
use super::model::{Model, Span, Workspace};
use super::sampling::Sampler;
use super::slots::{self, Choice, View};
use super::text::{Piece, TextStream};
use super::tokenizer::Tokenizer;
use super::{Event, Finish, Options};

/// Prompt tokens in a pass when nobody waits for the next token, and when somebody does.
const PROMPT_ROWS_ALONE: usize = 256;
const PROMPT_ROWS_BESIDE: usize = 64;

/// A request, ready to run.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) prompt: Vec<u32>,
    pub(super) most_tokens: usize,
    pub(super) sampler: Sampler,
    pub(super) text: TextStream,
    pub(super) events: UnboundedSender<Event>,
}

/// Everything that the engine's thread owns.
#[derive(Debug)]
pub(super) struct Scheduler {
    model: Model,
    tokenizer: Arc<Tokenizer>,
    cpu: Cpu,
    window: usize,
    jobs: Receiver<Job>,
    /// Requests accepted and not yet finished, shared with those who submit them.
    accepted: Arc<AtomicUsize>,
    waiting: VecDeque<Job>,
    slots: Vec<Slot>,
    clock: u64,
    work: Workspace,
}

#[derive(Debug)]
struct Slot {
    /// The sequence's tokens; those beyond the cache's length are still to be computed.
    tokens: Vec<u32>,
    cache: Cache,
    used: u64,
    run: Option<Run>,
}

/// A request while it runs.
#[derive(Debug)]
struct Run {
    job: Job,
    cached: usize,
    generated: usize,
    bytes: Vec<u8>,
}

impl Scheduler {
    pub(super) fn new(
        model: Model,
        tokenizer: Arc<Tokenizer>,
        cpu: Cpu,
        window: usize,
        options: &Options,
        jobs: Receiver<Job>,
        accepted: Arc<AtomicUsize>,
    ) -> Self {
        let slot = || Slot {
            tokens: Vec::new(),
            cache: Cache::new(options.cache, model.layers(), model.heads.key_width()),
            used: 0,
            run: None,
        };
        let slots = (0..options.slots.max(1)).map(|_| slot()).collect();
        Self {
            model,
            tokenizer,
            cpu,
            window,
            jobs,
            accepted,
            waiting: VecDeque::new(),
            slots,
            clock: 0,
            work: Workspace::default(),
        }
    }

    /// Works until every sender of jobs is gone.
    pub(super) fn run(mut self) {
        while self.receive() {
            self.drop_abandoned();
            self.admit();
            self.pass();
        }
    }

    /// Takes in what was submitted; waits if there is nothing else to do. False when the engine is closed.
    fn receive(&mut self) -> bool {
        let idle = self.waiting.is_empty() && self.slots.iter().all(|slot| slot.run.is_none());
        if idle {
            let Ok(job) = self.jobs.recv() else {
                return false;
            };
            self.waiting.push_back(job);
        }
        loop {
            match self.jobs.try_recv() {
                Ok(job) => self.waiting.push_back(job),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn drop_abandoned(&mut self) {
        let before = self.waiting.len();
        self.waiting.retain(|job| !job.events.is_closed());
        self.accepted
            .fetch_sub(before - self.waiting.len(), Ordering::AcqRel);
        for slot in &mut self.slots {
            if slot
                .run
                .as_ref()
                .is_some_and(|run| run.job.events.is_closed())
            {
                slot.release();
                self.accepted.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    /// Gives waiting requests the slots that are free.
    fn admit(&mut self) {
        while let Some(job) = self.waiting.front() {
            let views: Vec<View<'_>> = self.slots.iter().map(Slot::view).collect();
            let Some(choice) = slots::choose(&views, &job.prompt) else {
                return;
            };
            let Some(job) = self.waiting.pop_front() else {
                return;
            };
            self.clock += 1;
            self.place(choice, job);
        }
    }

    fn place(&mut self, choice: Choice, job: Job) {
        if choice.source == choice.slot {
            self.slots[choice.slot].cache.truncate(choice.shared);
        } else if let Ok([slot, source]) = self.slots.get_disjoint_mut([choice.slot, choice.source])
        {
            slot.cache.copy_prefix(&source.cache, choice.shared);
        }
        let slot = &mut self.slots[choice.slot];
        slot.tokens.clone_from(&job.prompt);
        slot.used = self.clock;
        slot.run = Some(Run {
            job,
            cached: choice.shared,
            generated: 0,
            bytes: Vec::new(),
        });
    }

    /// One forward pass, and what comes of it.
    fn pass(&mut self) {
        let share = self.prompt_share();
        let mut batch: Vec<(bool, usize, Span<'_>)> = Vec::new();
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.run.is_some() {
                let pending = &slot.tokens[slot.cache.length()..];
                let single = pending.len() == 1;
                // A prompt's last token goes alone, like a generated one, so that a reply doesn't depend on how the prompt was cut.
                let tokens = if single {
                    pending
                } else {
                    &pending[..share.min(pending.len() - 1)]
                };
                batch.push((
                    single,
                    index,
                    Span {
                        tokens,
                        cache: &mut slot.cache,
                        logits: single,
                    },
                ));
            }
        }
        batch.sort_by_key(|(single, ..)| *single);
        let single = batch.iter().filter(|(single, ..)| *single).count();
        let prompt = batch
            .iter()
            .map(|(.., span)| span.tokens.len())
            .sum::<usize>()
            - single;
        let answered: Vec<usize> = batch
            .iter()
            .filter(|(single, ..)| *single)
            .map(|(_, slot, _)| *slot)
            .collect();
        let mut spans: Vec<Span<'_>> = batch.into_iter().map(|(.., span)| span).collect();
        if spans.is_empty() {
            return;
        }
        self.model.forward(
            self.cpu,
            Rows { prompt, single },
            &mut spans,
            &mut self.work,
        );
        drop(spans);
        for (logits, slot) in self
            .work
            .logits
            .chunks_exact_mut(self.model.vocabulary)
            .zip(answered)
        {
            if self.slots[slot].take_token(logits, &self.tokenizer, self.window) {
                self.accepted.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    /// How many tokens each prompt that is being read may add to the next pass.
    fn prompt_share(&self) -> usize {
        let running = || self.slots.iter().filter(|slot| slot.run.is_some());
        let reading = running()
            .filter(|slot| slot.tokens.len() - slot.cache.length() > 1)
            .count();
        let rows = if reading < running().count() {
            PROMPT_ROWS_BESIDE
        } else {
            PROMPT_ROWS_ALONE
        };
        (rows / reading.max(1)).max(1)
    }
}

impl Slot {
    fn view(&self) -> View<'_> {
        View {
            tokens: &self.tokens[..self.cache.length()],
            busy: self.run.is_some(),
            used: self.used,
        }
    }

    /// Ends the run; what was computed stays for the next.
    fn release(&mut self) {
        self.run = None;
        self.tokens.truncate(self.cache.length());
    }

    /// Chooses and sends the next token; true if the reply ends with it.
    fn take_token(&mut self, logits: &mut [f32], tokenizer: &Tokenizer, window: usize) -> bool {
        let Some(run) = &mut self.run else {
            return false;
        };
        let token = run.job.sampler.choose(logits, &self.tokens);
        self.tokens.push(token);
        run.generated += 1;
        let full = run.generated >= run.job.most_tokens || self.tokens.len() >= window;
        let finish = run
            .send(token, tokenizer)
            .or_else(|| full.then_some(Finish::Length));
        if let Some(reason) = finish {
            run.finish(reason);
            self.release();
        }
        finish.is_some()
    }
}

impl Run {
    /// Sends the token's text, as far as it is certain; [`Finish::Stop`] if nothing may follow.
    fn send(&mut self, token: u32, tokenizer: &Tokenizer) -> Option<Finish> {
        if tokenizer.ends(token) {
            return Some(Finish::Stop);
        }
        self.bytes.clear();
        tokenizer.decode(token, &mut self.bytes);
        let (text, finish) = match self.job.text.push(&self.bytes) {
            Piece::Text(text) => (text, None),
            Piece::Stopped(text) => (text, Some(Finish::Stop)),
        };
        self.delta(text);
        finish
    }

    fn finish(&mut self, reason: Finish) {
        let rest = self.job.text.finish();
        self.delta(rest);
        let event = Event::Finished {
            reason,
            prompt_tokens: self.job.prompt.len() as u32,
            cached_tokens: self.cached as u32,
            completion_tokens: self.generated as u32,
        };
        // A receiver that is gone has nothing more to learn.
        let _ = self.job.events.send(event);
    }

    fn delta(&self, text: String) {
        if !text.is_empty() {
            let _ = self.job.events.send(Event::Delta(text));
        }
    }
}

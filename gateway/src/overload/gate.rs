//! Who is let in.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{Response, Version};
use http_body::Body as _;
use tonic::Status;
use tonic::body::Body;

use super::answers::{Answers, overloaded};
use super::busy::Busy;
use super::limit;
use super::load::Load;
use super::pace::Pace;
use super::shares::Shares;
use crate::address::budget_key;
use crate::attached::attached;
use crate::config::Overload;
use crate::protocol::Protocol;
use crate::schema::Schema;
use crate::visit::Visit;

/// How often the log tells of refusals.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The gate before all methods.
#[derive(Debug)]
pub(crate) struct Gate {
    settings: Overload,
    /// Calls of a method that are let in whatever its limit is, while the process has time left.
    idle_limit: usize,
    answers: Answers,
    busy: Busy,
    shares: Shares,
    refused: AtomicU64,
    told: Mutex<Option<Instant>>,
}

/// A request as it arrives.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// When it was read.
    pub(crate) at: Instant,
    /// How long it may have waited to be read.
    pub(crate) waited: Duration,
    /// Its connection, where that may be kept waiting.
    pub(crate) pace: Option<Arc<Pace>>,
    /// Whether it is one of many streams of that connection.
    pub(crate) has_streams: bool,
}

impl Arrival {
    /// A request of a version of HTTP, and of a connection or of none.
    pub(crate) fn on(pace: Option<Arc<Pace>>, version: Version) -> Self {
        Self {
            at: Instant::now(),
            waited: pace.as_ref().map_or(Duration::ZERO, |pace| pace.waited()),
            pace,
            has_streams: version == Version::HTTP_2,
        }
    }

    /// The same body, of a call that was let in: it is read even if its connection is not, since another stream was refused.
    pub(crate) fn expect(&self, body: Body) -> Body {
        match &self.pace {
            Some(pace) if self.has_streams && !body.is_end_stream() => {
                attached(body, pace.expect_body())
            }
            _ => body,
        }
    }
}

/// A call that was let in. It counts until it has begun to answer, or this is dropped; but not while its client still has to
/// send something, or whoever sends nothing would keep others out.
#[derive(Debug)]
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    load: Arc<Load>,
    address: IpAddr,
    /// Since when it counts; absent while it doesn't.
    since: Mutex<Option<Instant>>,
    is_pushed_back: AtomicBool,
}

impl Gate {
    /// A gate that lets everybody in, so far.
    pub(crate) fn new(settings: &Overload, schema: &Schema) -> Arc<Self> {
        let delay = Duration::from_millis(settings.hold_millis);
        Arc::new(Self {
            settings: settings.clone(),
            idle_limit: limit::at_first(settings),
            answers: Answers::new(schema, delay),
            busy: Busy::default(),
            shares: Shares::default(),
            refused: AtomicU64::new(0),
            told: Mutex::new(None),
        })
    }

    pub(super) fn busy(&self) -> (&Busy, &Overload) {
        (&self.busy, &self.settings)
    }

    /// Lets a call of a method in, unless as many run as end in good time. An address that has less than its share of them
    /// is let in all the same.
    pub(crate) fn admit(
        self: &Arc<Self>,
        load: &Arc<Load>,
        client: IpAddr,
        arrival: &Arrival,
    ) -> Option<Arc<Ticket>> {
        if load.is_late(arrival.waited + arrival.at.elapsed()) {
            return None;
        }
        let address = budget_key(client);
        self.enter(load, address).then(|| {
            Arc::new(Ticket {
                gate: Arc::clone(self),
                load: Arc::clone(load),
                address,
                since: Mutex::new(Some(arrival.at)),
                is_pushed_back: AtomicBool::new(false),
            })
        })
    }

    /// Counts a call if there is room for it.
    fn enter(&self, load: &Arc<Load>, address: IpAddr) -> bool {
        let (running, mut limit) = load.enter();
        if !self.busy.is_set() {
            // What was so few for the load of before.
            limit = limit.max(self.idle_limit);
        }
        let (own, addresses) = self.shares.enter(address);
        let is_under_share = addresses > 1 && own <= (limit / addresses).max(1);
        let has_room = running <= limit || (is_under_share && running <= limit * 2);
        if !has_room {
            self.leave(load, address);
        }
        has_room
    }

    /// Takes a call off again.
    fn leave(&self, load: &Arc<Load>, address: IpAddr) {
        self.shares.leave(address);
        load.leave();
    }

    /// Reads a connection on no sooner than it may come again, where a service refused its call for load.
    pub(crate) fn hold(load: &Arc<Load>, ticket: &Ticket, arrival: &Arrival) {
        if ticket.is_pushed_back.load(Ordering::Relaxed) {
            load.refuse(arrival.pace.as_ref(), arrival.has_streams);
        }
    }

    /// Refuses a call, and reads its connection on no sooner than it may come again.
    pub(crate) fn refuse(
        &self,
        load: &Arc<Load>,
        visit: &Visit,
        protocol: Protocol,
    ) -> Response<Body> {
        let arrival = &visit.arrival;
        let again = load.refuse(arrival.pace.as_ref(), arrival.has_streams);
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.answers.to(protocol, again, &visit.request_id)
    }

    /// Tells the log of refusals, now and then.
    pub(crate) fn tell(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|at| at.elapsed() < TELL_EVERY) {
            return;
        }
        let refused = self.refused.swap(0, Ordering::Relaxed);
        if refused > 0 {
            *told = Some(Instant::now());
            tracing::warn!(
                calls = refused,
                "calls were refused: the platform was overloaded"
            );
        }
    }
}

impl Ticket {
    /// The call has begun to answer: what is still to come doesn't count.
    pub(crate) fn begun(&self) {
        if let Some(since) = self.leave() {
            let is_pushed_back = self.is_pushed_back.load(Ordering::Relaxed);
            let is_busy = self.gate.busy.is_set();
            self.load.note(since.elapsed(), is_pushed_back, is_busy);
        }
    }

    /// The client has something to send first: until [`Self::resume`] the call doesn't count.
    pub(crate) fn pause(&self) {
        self.leave();
    }

    /// Counts the call again, from now on.
    ///
    /// # Errors
    /// There is no room any more.
    pub(crate) fn resume(&self) -> Result<(), Status> {
        if self.gate.enter(&self.load, self.address) {
            *self.since() = Some(Instant::now());
            return Ok(());
        }
        self.push_back();
        self.gate.refused.fetch_add(1, Ordering::Relaxed);
        let delay = Duration::from_millis(self.gate.settings.hold_millis);
        Err(overloaded(delay))
    }

    /// Notes that a service refused the call for load.
    pub(crate) fn push_back(&self) {
        self.is_pushed_back.store(true, Ordering::Relaxed);
    }

    fn leave(&self) -> Option<Instant> {
        let since = self.since().take();
        if since.is_some() {
            self.gate.leave(&self.load, self.address);
        }
        since
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.leave();
    }
}

//! A platform under half of the load that it can bear, for long: its memory stays what it was. CI does a short form of it;
//! `cargo xtask soak` the long one, with the executable as it is shipped.

mod caller;
mod crowd;
mod samples;
mod visit;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use testkit::scripted::{self, Handle, Reply};
use tokio::time::MissedTickBehavior;

use crate::platform::{Platform, Setup, variable};
use crowd::Crowd;
use samples::{Sample, Samples};

/// The short form: what memory settles in, and is compared over, is shorter, so its bar is wider.
const SHORT: Form = Form {
    length: Duration::from_secs(150),
    capacity: Duration::from_secs(10),
    most_per_sec: 6.0,
    most_growth: 0.30,
};
/// The long form, but for its length.
const LONG: Form = Form {
    length: Duration::from_secs(3600),
    capacity: Duration::from_secs(30),
    most_per_sec: 1_000.0,
    most_growth: 0.15,
};
/// Where the long form begins: below that, memory has no time to settle.
const LONG_FROM_MINUTES: u64 = 10;
/// Visits that may fail, of a hundred. The platform may refuse some while others hold the machine.
const MOST_FAILED_PERCENT: u64 = 2;
const SAMPLE_EVERY: Duration = Duration::from_secs(2);
/// Of the model's replies: enough of them to leave in the middle.
const WORDS: usize = 160;

/// How a soak goes.
#[derive(Debug, Clone, Copy)]
struct Form {
    length: Duration,
    /// How long the platform is given all that it bears, to find how much that is.
    capacity: Duration,
    /// Visits a second, if half of the capacity is more.
    most_per_sec: f64,
    /// By which share the memory may have grown at the end.
    most_growth: f64,
}

impl Form {
    /// As `cargo xtask soak` wants it; the short one otherwise.
    fn wanted() -> Self {
        let Some(minutes) = variable("TROUPE_SOAK_MINUTES") else {
            return SHORT;
        };
        let minutes: u64 = minutes.parse().unwrap();
        let form = match minutes >= LONG_FROM_MINUTES {
            true => LONG,
            false => SHORT,
        };
        Self {
            length: Duration::from_secs(60 * minutes),
            most_per_sec: LONG.most_per_sec,
            ..form
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_what_it_was_under_half_of_the_load() {
    let form = Form::wanted();
    let model = model().await;
    let setup = setup(&model);
    let platform = setup.start().await;
    let crowd = Arc::new(Crowd::new(&platform));

    let capacity = crowd.find_capacity(form.capacity).await;
    let rate = (capacity / 2.0).clamp(0.5, form.most_per_sec);
    println!("soak: {capacity:.1} visits a second at most; {rate:.1} a second from now on");
    crowd.forget_counts();
    let samples = soak(&form, rate, &crowd, &platform, &setup).await;

    let tally = crowd.tally();
    let growth = samples.growth();
    println!("{}", samples.table());
    println!(
        "memory (median of each sixth): {:+.1} % from the second to the last; the bar is {:+.0} %\n{tally}",
        growth * 100.0,
        form.most_growth * 100.0,
    );
    assert!(platform.stop().await.success(), "it stops in order");
    assert!(tally.visits > 0, "nobody came");
    let most_failed = tally.visits * MOST_FAILED_PERCENT / 100;
    assert!(
        tally.failed <= most_failed,
        "too many visits failed: {tally}"
    );
    assert!(
        growth <= form.most_growth,
        "memory grew by {:.1} %",
        growth * 100.0
    );
}

/// Words without end, from a server that remembers nothing of what it was asked.
async fn model() -> Handle {
    let model = scripted::serve("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    model.forget_requests();
    let words: Vec<String> = (0..WORDS).map(|number| format!("word{number}")).collect();
    model.always(Reply::words(&words.join(" ")));
    model
}

/// The defaults, but for budgets, since a few stand for many people, and the executable, if one is named.
fn setup(model: &Handle) -> Setup {
    let mut setup = Setup::new()
        .with("TROUPE__AI__OPENAI__BASE_URL", model.base_url())
        .with("TROUPE__LOG__LEVEL", "warn,troupe=info");
    for class in ["READ", "WRITE", "CREDENTIALS", "GENERATE"] {
        for limit in ["PER_SECOND", "BURST"] {
            let variable = format!("TROUPE__GATEWAY__RATES__{class}__{limit}");
            setup = setup.with(&variable, "1000000");
        }
    }
    match variable("TROUPE_SOAK_EXECUTABLE") {
        Some(executable) => setup.of(PathBuf::from(executable)),
        None => setup,
    }
}

/// Lets people come at a rate, and looks at the process meanwhile.
async fn soak(
    form: &Form,
    rate: f64,
    crowd: &Arc<Crowd>,
    platform: &Platform,
    setup: &Setup,
) -> Samples {
    let begun = Instant::now();
    let mut samples = Samples::new(form.length);
    let mut looks = tokio::time::interval(SAMPLE_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut visiting = std::pin::pin!(crowd.visit_at(rate, form.length));
    let mut told = 0;
    loop {
        tokio::select! {
            () = &mut visiting => return samples,
            _ = looks.tick() => {}
        }
        let at = begun.elapsed();
        let sample = Sample::of(at, platform.pid(), &setup.data_dir(), crowd.tally().visits);
        if at.as_secs() / 60 >= told {
            told = at.as_secs() / 60 + 1;
            println!("soak: {sample}; {}", crowd.tally());
        }
        samples.add(sample);
    }
}

use std::time::Duration;

use events::Events;
use platform::Timestamp;
use sea_orm::{ActiveEnum, Iterable};
use storage::{Database, Storage};

use super::*;
use crate::domain::{Form, Prices};
use crate::infrastructure::migrations::Migrator;
use crate::infrastructure::tables::usage;

struct Desk {
    books: Books,
    subject: Subject,
    _folder: tempfile::TempDir,
}

async fn desk() -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open::<Migrator>(&Storage::new(folder.path()), "ai").await;
    let (database, (clock, _)) = (database.unwrap(), Clock::fake(Timestamp::from_micros(7)));
    let outbox = Events::default().register("ai", &database, &clock);
    let model = Model {
        provider: "openai".into(),
        name: "tiny".to_owned(),
        display_name: "Tiny".to_owned(),
        window_tokens: 100,
        max_reply_tokens: 100,
        form: Form::Text,
        prices: Some(Prices {
            prompt: 10,
            cached: 1,
            cache_written: 20,
            completion: 100,
            reasoning: 100,
        }),
        unavailable: None,
        exact_tokens: false,
    };
    Desk {
        books: Books {
            ledger: Ledger::new(database, outbox.unwrap()),
            clock,
            tasks: Tasks::new(),
        },
        subject: Subject {
            generation_id: GenerationId::new(),
            user_id: UserId::new(),
            model,
            prompt: Arc::new(Prompt::Text("12345678".to_owned())),
            cause: Cause::new(),
        },
        _folder: folder,
    }
}

impl Desk {
    fn meter(&self) -> Meter {
        Meter::new(self.books.clone(), self.subject.clone(), Trail::default())
    }

    /// What is in the ledger, once all that is being written is.
    async fn entries(&self) -> Vec<usage::Model> {
        assert!(self.books.tasks.shut_down(Duration::from_secs(30)).await);
        let user_id = self.subject.user_id;
        self.books.ledger.list(user_id, None, 10).await.unwrap()
    }
}

#[tokio::test]
async fn charges_the_prompt_of_a_request_that_was_taken_on_and_dropped() {
    let desk = desk().await;
    let mut meter = desk.meter();
    meter.see(&Event::Started);
    drop(meter);
    let [entry] = desk.entries().await.try_into().unwrap();
    assert_eq!((entry.prompt_tokens, entry.completion_tokens), (2, 0));
    assert_eq!((entry.cost_pico_usd, entry.estimated), (20, true));
    assert_eq!(entry.outcome, Outcome::Cancelled);
}

#[tokio::test]
async fn charges_the_prompt_as_the_provider_counted_it_for_a_reply_that_was_dropped() {
    let desk = desk().await;
    let mut meter = desk.meter();
    meter.see(&Event::Started);
    meter.see(&Event::Read(TokenUsage {
        prompt: 9,
        cached: 4,
        cache_written: 3,
        ..TokenUsage::default()
    }));
    meter.see(&Event::Delta("12345678".to_owned()));
    drop(meter);
    let [entry] = desk.entries().await.try_into().unwrap();
    let tokens = (
        entry.prompt_tokens,
        entry.cached_tokens,
        entry.cache_written_tokens,
    );
    assert_eq!((tokens, entry.completion_tokens), ((9, 4, 3), 2));
    assert_eq!(
        (entry.cost_pico_usd, entry.estimated),
        (20 + 4 + 60 + 200, true)
    );
}

#[tokio::test]
async fn charges_nothing_for_a_request_that_was_dropped_before_it_was_taken_on() {
    let desk = desk().await;
    drop(desk.meter());
    assert!(desk.entries().await.is_empty());
}

/// Rows of older releases have these names, so a variant keeps its name for good.
#[test]
fn stores_outcomes_under_the_names_of_older_releases() {
    let names: Vec<String> = Outcome::iter().map(|one| one.to_value()).collect();
    let older = [
        "stop",
        "length",
        "content_filter",
        "cancelled",
        "interrupted",
    ];
    assert_eq!(names, older);
}

#[tokio::test]
async fn keeps_the_prices_that_it_charged_by() {
    let desk = desk().await;
    let usage = TokenUsage {
        prompt: 5,
        cached: 3,
        completion: 2,
        ..TokenUsage::default()
    };
    let bill = desk.meter().close(Outcome::Length, Some(usage)).await;
    assert_eq!(bill.cost_pico_usd, 20 + 3 + 200);
    let [entry] = desk.entries().await.try_into().unwrap();
    let prices = (
        entry.prompt_price,
        entry.cached_price,
        entry.completion_price,
    );
    assert_eq!(prices, (Some(10), Some(1), Some(100)));
    assert_eq!(
        (entry.outcome, entry.create_time.micros()),
        (Outcome::Length, 7)
    );
    assert!(!entry.estimated);
}

use platform::clock::FakeTime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::domain::Form;

struct Scene {
    health: Health,
    time: FakeTime,
    changes: UnboundedReceiver<Change>,
}

fn scene() -> Scene {
    let (changes, told) = unbounded_channel();
    let (clock, time) = Clock::fake(Timestamp::from_micros(1));
    let limits = Limits {
        window: Duration::from_secs(60),
        min_calls: 2,
        failure_percent: 50,
        slow_percent: 100,
        pause: Duration::from_secs(30),
    };
    let slow = Duration::from_secs(60);
    Scene {
        health: Health::new(limits, slow, clock, changes),
        time,
        changes: told,
    }
}

fn model(name: &str) -> Model {
    Model {
        provider: "openai".into(),
        name: name.to_owned(),
        display_name: String::new(),
        window_tokens: 100,
        max_reply_tokens: 100,
        form: Form::Chat,
        prices: None,
        unavailable: None,
        exact_tokens: false,
    }
}

impl Scene {
    fn fail(&self, name: &str, error: &ProviderError) {
        self.health.begin(&model(name)).failed(error);
    }

    fn answer(&self, name: &str) {
        let mut watch = self.health.begin(&model(name));
        watch.first_text();
        watch.finished(20);
    }

    fn condition(&self, name: &str) -> Condition {
        self.health.condition(&format!("openai/{name}"))
    }

    /// What was told of models, and of the provider, since the last time.
    fn told(&mut self) -> Vec<(String, Option<Condition>)> {
        let mut told = Vec::new();
        while let Ok(change) = self.changes.try_recv() {
            told.push((change.model_id, change.provider.map(|(_, is)| is)));
        }
        told
    }
}

fn away() -> ProviderError {
    let cause = "gone".to_owned();
    ProviderError::Unavailable { cause }
}

#[test]
fn keeps_away_from_a_model_that_fails_until_one_call_does_well() {
    let mut scene = scene();
    scene.fail("a", &away());
    assert_eq!(scene.condition("a"), Condition::Up);
    scene.fail("a", &away());
    assert_eq!(scene.condition("a"), Condition::Down);
    assert_eq!(
        scene.told(),
        [("openai/a".to_owned(), Some(Condition::Down))]
    );
    scene.time.advance(Duration::from_secs(30));
    let probe = scene.health.begin(&model("a"));
    assert_eq!(scene.condition("a"), Condition::Tried);
    drop(probe);
    assert_eq!(scene.condition("a"), Condition::Down, "it was given up");
    scene.answer("a");
    assert_eq!(scene.condition("a"), Condition::Up);
    let provider: Vec<_> = scene.told().into_iter().filter_map(|told| told.1).collect();
    use Condition::{Down, Tried, Up};
    assert_eq!(provider, [Tried, Down, Tried, Up]);
    let standing = scene.health.standing("openai/a", false);
    assert!(standing.first_token.is_some());
}

#[test]
fn a_provider_is_down_when_all_of_its_models_are() {
    let mut scene = scene();
    scene.answer("b");
    for _ in 0..2 {
        scene.fail("a", &away());
    }
    assert_eq!(scene.told(), [("openai/a".to_owned(), None)]);
    for _ in 0..2 {
        scene.fail("b", &away());
    }
    assert_eq!(
        scene.told(),
        [("openai/b".to_owned(), Some(Condition::Down))]
    );
}

#[test]
fn a_refused_key_is_that_of_all_of_the_providers_models() {
    let scene = scene();
    scene.answer("b");
    let cause = String::new();
    scene.fail("a", &ProviderError::Account { cause });
    assert_eq!(scene.condition("a"), Condition::Down);
    assert_eq!(scene.condition("b"), Condition::Down);
}

#[test]
fn what_the_caller_is_at_fault_for_does_not_count() {
    let scene = scene();
    let cause = String::new;
    for _ in 0..50 {
        scene.fail("a", &ProviderError::Refused);
        scene.fail("a", &ProviderError::Rejected { cause: cause() });
        scene.fail("a", &ProviderError::ModelGone { cause: cause() });
        let (tokens, window) = (None, Some(9));
        scene.fail("a", &ProviderError::ContextLength { tokens, window });
    }
    assert_eq!(scene.condition("a"), Condition::Up);
    assert_eq!(scene.health.standing("openai/a", false).failed_percent, 0);
}

#[test]
fn comes_back_when_the_provider_says() {
    let scene = scene();
    let retry_after = Some(Duration::from_secs(7));
    scene.fail("a", &ProviderError::RateLimited { retry_after });
    scene.time.advance(Duration::from_secs(6));
    let gate = || scene.health.standing("openai/a", false).gate;
    assert!(matches!(gate(), Gate::Open(_)));
    scene.time.advance(Duration::from_secs(1));
    assert_eq!(gate(), Gate::HalfOpen);
}

#[test]
fn does_not_remember_more_models_than_there_is_room_for() {
    let scene = scene();
    for number in 0..2 * MOST_MODELS {
        scene.answer(&format!("m{number}"));
    }
    assert_eq!(scene.health.conditions().len(), MOST_MODELS);
    scene.time.advance(Duration::from_secs(61));
    scene.answer("new");
    assert_eq!(scene.health.conditions().len(), 1);
}

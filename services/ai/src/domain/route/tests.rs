use platform::Timestamp;

use super::*;
use crate::domain::Prices;

fn model(name: &str, window_tokens: u32, price: Option<i64>) -> Model {
    Model {
        provider: "p".into(),
        name: name.to_owned(),
        display_name: name.to_owned(),
        window_tokens,
        max_reply_tokens: 1000,
        form: Form::Chat,
        prices: price.map(|price| Prices {
            prompt: price,
            completion: 2 * price,
            ..Prices::default()
        }),
        unavailable: None,
        exact_tokens: false,
    }
}

fn standing() -> Standing {
    Standing {
        gate: Gate::Closed,
        failed_percent: 0,
        first_token: None,
        tokens_per_sec: None,
        is_warm: false,
    }
}

/// Three models: a small cheap one, a large dear one, and one without a price.
struct Scene {
    rules: Rules,
    candidates: Vec<Candidate>,
    models: Vec<Option<Model>>,
    standings: Vec<Standing>,
}

impl Scene {
    fn new() -> Self {
        let models = [
            model("small", 1_000, Some(1)),
            model("large", 100_000, Some(10)),
            model("free", 10_000, None),
        ];
        let candidate = |model: &Model| Candidate {
            model_id: model.id(),
            ..Candidate::default()
        };
        Self {
            rules: Rules::default(),
            candidates: models.iter().map(candidate).collect(),
            models: models.map(Some).into(),
            standings: vec![standing(); 3],
        }
    }

    fn change(&mut self, which: usize, change: impl FnOnce(&mut Model)) {
        change(self.models[which].as_mut().unwrap());
    }

    /// Numbers of those that are tried, and verdicts on all.
    fn choose(&self, wish: &Wish<'_>) -> (Vec<usize>, Vec<Verdict>) {
        let each = self
            .candidates
            .iter()
            .zip(&self.models)
            .zip(&self.standings);
        let offers: Vec<Offer<'_>> = each
            .map(|((candidate, model), standing)| Offer {
                candidate,
                model: model.as_ref(),
                standing: *standing,
            })
            .collect();
        let places = choose(&self.rules, &offers, wish);
        let tried = places.iter().filter(|place| place.verdict.is_tried());
        let tried = tried.map(|place| place.offer).collect();
        let mut verdicts = vec![Verdict::Unknown; offers.len()];
        for place in &places {
            verdicts[place.offer] = place.verdict;
        }
        (tried, verdicts)
    }

    fn tried(&self) -> Vec<usize> {
        self.choose(&WISH).0
    }

    fn verdicts(&self) -> Vec<Verdict> {
        self.choose(&WISH).1
    }
}

const WISH: Wish<'_> = Wish {
    form: Some(Form::Chat),
    prompt_tokens: 100,
    max_tokens: 100,
    tier: "free",
    language: Some("en"),
};

#[test]
fn tries_all_that_fit_as_they_are_listed() {
    assert_eq!(Scene::new().tried(), [0, 1, 2]);
}

#[test]
fn says_of_each_why_it_is_left_out() {
    let mut scene = Scene::new();
    scene.models[0] = None;
    scene.change(1, |model| model.form = Form::Text);
    scene.candidates[2].tiers = vec!["pro".to_owned()];
    use Verdict::{Language, Price, ReplyLength, Tier, Unavailable, Unknown, Window};
    assert_eq!(scene.verdicts(), [Unknown, Verdict::Form, Tier]);
    assert!(scene.tried().is_empty());

    let mut scene = Scene::new();
    scene.candidates[0].languages = vec!["ja".to_owned(), "KO".to_owned()];
    scene.change(1, |model| model.max_reply_tokens = 10);
    scene.rules.min_reply_tokens = 50;
    scene.change(2, |model| model.unavailable = Some("away".to_owned()));
    assert_eq!(
        scene.verdicts(),
        [Language, ReplyLength, Verdict::LastResort]
    );
    let korean = Wish {
        language: Some("ko"),
        ..WISH
    };
    let (tried, verdicts) = scene.choose(&korean);
    assert_eq!((tried, verdicts[2]), (vec![0], Unavailable));
    let unknown = Wish {
        language: None,
        ..WISH
    };
    assert_eq!(
        scene.choose(&unknown).0,
        [0],
        "any may write what isn't known"
    );

    let mut scene = Scene::new();
    scene.rules.min_window_tokens = 2_000;
    scene.rules.max_completion_price = Some(19);
    assert_eq!(scene.verdicts(), [Window, Price, Price]);
}

#[test]
fn leaves_out_what_the_prompt_is_too_long_for() {
    let scene = Scene::new();
    let long = |prompt_tokens| Wish {
        prompt_tokens,
        max_tokens: 200,
        ..WISH
    };
    assert_eq!(scene.choose(&long(800)).0, [0, 1, 2]);
    assert_eq!(
        scene.choose(&long(925)).0,
        [0, 1, 2],
        "counts are estimates"
    );
    let (tried, verdicts) = scene.choose(&long(926));
    assert_eq!((tried, verdicts[0]), (vec![1, 2], Verdict::ContextLength));
    let (tried, verdicts) = scene.choose(&long(1_000_000));
    assert_eq!((tried, verdicts[1]), (vec![1], Verdict::LastResort));
}

#[test]
fn leaves_out_who_fails_and_tries_the_least_bad_where_all_do() {
    let mut scene = Scene::new();
    let until = |secs| Gate::Open(Timestamp::default() + Duration::from_secs(secs));
    scene.standings[0].gate = until(9);
    scene.standings[1].gate = Gate::HalfOpen;
    assert_eq!(scene.tried(), [1, 2]);
    scene.standings[1].gate = until(5);
    scene.standings[2].gate = until(7);
    assert_eq!(scene.tried(), [1], "it is asked again soonest");
    for (standing, percent) in scene.standings.iter_mut().zip([50, 100, 100]) {
        standing.failed_percent = percent;
    }
    assert_eq!(scene.tried(), [0], "it fails least");
    use Verdict::{Failing, LastResort};
    assert_eq!(scene.verdicts(), [LastResort, Failing, Failing]);
}

#[test]
fn goes_on_with_the_model_that_is_warm() {
    let mut scene = Scene::new();
    scene.standings[2].is_warm = true;
    assert_eq!(scene.tried(), [2, 0, 1]);
    assert_eq!(scene.verdicts()[2], Verdict::Warm);
    scene.standings[2].gate = Gate::Open(Timestamp::from_micros(1));
    assert_eq!(scene.tried(), [0, 1]);
}

#[test]
fn prefers_by_price_or_by_latency() {
    let mut scene = Scene::new();
    scene.models.swap(0, 1);
    scene.candidates.swap(0, 1);
    scene.rules.order = Preference::Price;
    assert_eq!(scene.tried(), [1, 0, 2], "what nobody knows is dearest");
    scene.rules.order = Preference::Latency;
    let millis = |millis| Some(Duration::from_millis(millis));
    scene.standings[0].first_token = millis(900);
    scene.standings[1].first_token = millis(300);
    assert_eq!(scene.tried(), [2, 1, 0], "what nobody knows is measured");
}

#[test]
fn puts_the_slow_behind_the_others() {
    let mut scene = Scene::new();
    scene.rules.slowest_first_token = Some(Duration::from_secs(1));
    scene.standings[0].first_token = Some(Duration::from_secs(2));
    assert_eq!(scene.tried(), [1, 2, 0]);
    scene.rules.fewest_tokens_per_sec = Some(10);
    scene.standings[1].tokens_per_sec = Some(9);
    assert_eq!(scene.tried(), [2, 0, 1]);
}

use super::*;

const LIMITS: Limits = Limits {
    window: Duration::from_secs(30),
    min_calls: 4,
    failure_percent: 50,
    slow_percent: 75,
    pause: Duration::from_secs(20),
};

/// A breaker, and a clock that is moved by hand.
#[derive(Default)]
struct Scene {
    breaker: Breaker,
    now: Timestamp,
}

impl Scene {
    fn wait(&mut self, secs: u64) {
        self.now = self.now + Duration::from_secs(secs);
    }

    fn call(&mut self, outcome: Outcome) -> Pass {
        let pass = self.breaker.admit(self.now);
        self.breaker.record(&LIMITS, pass, outcome, self.now);
        pass
    }

    fn calls(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            self.call(*outcome);
        }
    }

    fn gate(&self) -> Gate {
        self.breaker.gate(self.now)
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::default() + Duration::from_secs(secs)
    }
}

use Outcome::{Closed, Failed, Good, Nothing, Slow};

#[test]
fn opens_when_as_many_calls_failed_as_are_too_many() {
    let mut scene = Scene::default();
    scene.calls(&[Good, Good, Failed]);
    assert_eq!(scene.gate(), Gate::Closed, "three calls say too little");
    scene.call(Failed);
    assert_eq!(scene.gate(), Gate::Open(Scene::at(20)));
    assert_eq!(scene.breaker.condition(), Condition::Down);
    assert_eq!(scene.breaker.failed_percent(&LIMITS, scene.now), 50);
}

#[test]
fn a_call_that_does_well_opens_nothing() {
    let mut scene = Scene::default();
    scene.calls(&[Failed, Failed, Failed, Good]);
    assert_eq!(scene.gate(), Gate::Closed);
    scene.call(Failed);
    assert!(matches!(scene.gate(), Gate::Open(_)));
}

#[test]
fn opens_when_calls_are_slow() {
    let mut scene = Scene::default();
    scene.calls(&[Slow, Good, Slow]);
    assert_eq!(scene.gate(), Gate::Closed);
    scene.call(Slow);
    assert_eq!(scene.gate(), Gate::Open(Scene::at(20)));
}

#[test]
fn forgets_what_is_older_than_the_window() {
    let mut scene = Scene::default();
    scene.calls(&[Failed, Failed, Failed]);
    scene.wait(31);
    scene.calls(&[Failed, Good, Good]);
    assert_eq!(scene.gate(), Gate::Closed);
    assert!(!scene.breaker.is_idle(&LIMITS, scene.now));
    scene.wait(31);
    assert!(scene.breaker.is_idle(&LIMITS, scene.now));
}

#[test]
fn a_callers_own_fault_never_counts() {
    let mut scene = Scene::default();
    scene.calls(&[Nothing; 100]);
    assert!(scene.breaker.is_idle(&LIMITS, scene.now));
}

#[test]
fn one_call_finds_out_after_the_pause() {
    let mut scene = Scene::default();
    scene.calls(&[Failed; 4]);
    scene.wait(19);
    assert!(matches!(scene.gate(), Gate::Open(_)));
    scene.wait(1);
    assert_eq!(scene.gate(), Gate::HalfOpen);
    let probe = scene.breaker.admit(scene.now);
    assert_eq!(
        (probe, scene.breaker.condition()),
        (Pass::Probe, Condition::Tried)
    );
    assert!(matches!(scene.gate(), Gate::Open(_)), "only one finds out");
    scene.breaker.record(&LIMITS, probe, Good, scene.now);
    assert_eq!(scene.gate(), Gate::Closed);
    scene.calls(&[Failed, Good, Good]);
    assert_eq!(scene.gate(), Gate::Closed, "what was before is forgotten");
}

#[test]
fn stays_open_when_the_call_that_finds_out_fails_or_is_slow() {
    for outcome in [Failed, Slow] {
        let mut scene = Scene::default();
        scene.calls(&[Failed; 4]);
        scene.wait(20);
        assert_eq!(scene.call(outcome), Pass::Probe);
        assert_eq!(scene.gate(), Gate::Open(Scene::at(40)));
    }
}

#[test]
fn the_next_call_finds_out_where_one_was_given_up() {
    let mut scene = Scene::default();
    scene.calls(&[Failed; 4]);
    scene.wait(20);
    assert_eq!(scene.call(Nothing), Pass::Probe);
    assert_eq!(scene.gate(), Gate::HalfOpen);
}

#[test]
fn opens_at_once_until_the_time_that_a_failure_names() {
    let mut scene = Scene::default();
    scene.call(Closed(Some(Duration::from_secs(7))));
    assert_eq!(scene.gate(), Gate::Open(Scene::at(7)));
    scene.wait(7);
    scene.call(Closed(None));
    assert_eq!(scene.gate(), Gate::Open(Scene::at(27)));
    let mut scene = Scene::default();
    scene.call(Closed(Some(Duration::from_hours(99))));
    assert_eq!(scene.gate(), Gate::Open(Scene::at(3600)));
}

#[test]
fn a_call_through_an_open_breaker_closes_it_by_doing_well() {
    let mut scene = Scene::default();
    scene.calls(&[Failed; 4]);
    assert_eq!(scene.call(Failed), Pass::Forced);
    assert_eq!(scene.gate(), Gate::Open(Scene::at(20)));
    assert_eq!(scene.call(Good), Pass::Forced);
    assert_eq!(scene.gate(), Gate::Closed);
}

#[test]
fn a_call_from_before_does_not_close_it() {
    let mut scene = Scene::default();
    let early = scene.breaker.admit(scene.now);
    scene.calls(&[Failed; 4]);
    scene.breaker.record(&LIMITS, early, Good, scene.now);
    assert_eq!(scene.gate(), Gate::Open(Scene::at(20)));
}

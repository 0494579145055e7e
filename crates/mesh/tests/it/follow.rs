//! Following the users service.

use std::time::Duration;

use platform::Tasks;
use troupe_mesh::{Channel, Verifier, access};

use crate::fake_users::{PANICS, SILENT, World};

/// Waits for something that others in this process bring about. Time may stand still meanwhile.
async fn eventually(holds: impl Fn() -> bool) {
    for _ in 0..1_000_000 {
        if holds() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never came about");
}

#[tokio::test]
async fn takes_the_keys_and_reports_each_token_s_first_use_once() {
    let world = World::new();
    let (verifier, tasks) = (Verifier::new(world.clock.clone()), Tasks::new());
    let channel = Channel::in_process(&world.server, SILENT);
    access::follow(verifier.clone(), channel, &tasks);
    eventually(|| verifier.is_ready()).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let token = world.token();
        ids.push(verifier.verify(&token).unwrap().token_id.to_string());
        verifier.verify(&token).unwrap();
        verifier.verify("garbage").unwrap_err();
    }
    let reported = || world.users.reported.lock().unwrap().clone();
    eventually(|| reported().len() >= 3).await;
    assert_eq!(reported(), ids);
    assert!(tasks.shut_down(Duration::from_secs(10)).await);
}

#[tokio::test(start_paused = true)]
async fn follows_again_when_the_stream_breaks() {
    let world = World::new();
    let (verifier, tasks) = (Verifier::new(world.clock.clone()), Tasks::new());
    let channel = Channel::in_process(&world.server, PANICS);
    access::follow(verifier.clone(), channel, &tasks);
    eventually(|| verifier.is_ready()).await;
    verifier.set_keys(&[]);
    let token = world.token();
    assert!(verifier.verify(&token).is_err());
    // The stream broke after its first message; the next one brings the keys again.
    for _ in 0..100 {
        tokio::time::advance(Duration::from_millis(50)).await;
        if verifier.verify(&token).is_ok() {
            break;
        }
    }
    verifier.verify(&token).unwrap();
    assert!(tasks.shut_down(Duration::from_secs(10)).await);
}

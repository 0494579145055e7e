use super::*;

fn key(name: &str, change: impl FnOnce(&mut KeyConfig)) -> Key {
    let mut limits = KeyConfig::from(ApiKey::new(name));
    change(&mut limits);
    Key::new(limits, HeaderMap::new())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn name(lease: &Lease<'_>) -> String {
    lease.key.secret().strike_out("a b c").replace("[key]", "*")
}

fn limited(secs: u64) -> ProviderError {
    ProviderError::RateLimited {
        retry_after: Some(Duration::from_secs(secs)),
    }
}

fn refused() -> ProviderError {
    ProviderError::Account {
        cause: String::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn shares_calls_by_weight() {
    let keys = Keys::new(vec![key("a", |_| {}), key("b", |key| key.weight = 9)]);
    let mut of_second = 0;
    for _ in 0..1000 {
        let lease = keys.lease(soon()).await.unwrap();
        of_second += usize::from(name(&lease) == "a * c");
    }
    assert!((820..970).contains(&of_second), "{of_second}");
}

#[tokio::test(start_paused = true)]
async fn holds_to_the_calls_at_once_and_wakes_who_waits() {
    let keys = Keys::new(vec![key("a", |key| key.concurrent_calls = Some(1))]);
    let first = keys.lease(soon()).await.unwrap();
    let full = keys.lease(Instant::now() + Duration::from_secs(1)).await;
    assert!(matches!(full, Err(ProviderError::Timeout { .. })));
    let (second, ()) = tokio::join!(keys.lease(soon()), async { drop(first) });
    second.unwrap();
}

#[tokio::test(start_paused = true)]
async fn holds_to_the_calls_of_a_minute() {
    let keys = Keys::new(vec![key("a", |key| key.calls_per_minute = Some(2))]);
    let began = Instant::now();
    for _ in 0..2 {
        keys.lease(soon()).await.unwrap();
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    let deadline = began + Duration::from_secs(100);
    keys.lease(deadline).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 60);
    keys.lease(deadline).await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 65);
}

#[tokio::test(start_paused = true)]
async fn sets_keys_aside_while_there_are_others() {
    let keys = Keys::new(vec![
        key("a", |key| key.weight = 1_000_000),
        key("b", |_| {}),
    ]);
    let first = keys.lease(soon()).await.unwrap();
    assert!(keys.failed(&first, &refused()));
    let second = keys.lease(soon()).await.unwrap();
    assert_eq!(
        (name(&first), name(&second)),
        ("* b c".to_owned(), "a * c".to_owned())
    );
    // Where all are refused, the first that was is tried again.
    assert!(!keys.failed(&second, &refused()));
    assert_eq!(name(&keys.lease(soon()).await.unwrap()), "* b c");
    assert!(!keys.failed(&first, &ProviderError::Refused));
}

#[tokio::test(start_paused = true)]
async fn waits_for_the_limited_key_that_is_back_first() {
    let keys = Keys::new(vec![key("a", |_| {}), key("b", |_| {})]);
    let first = keys.lease(soon()).await.unwrap();
    assert!(keys.failed(&first, &limited(60)));
    let second = keys.lease(soon()).await.unwrap();
    assert!(!keys.failed(&second, &limited(5)));
    let began = Instant::now();
    let third = keys.lease(soon()).await.unwrap();
    assert_eq!(
        (name(&third), began.elapsed().as_secs()),
        (name(&second), 5)
    );
    assert!(!keys.failed(&third, &limited(30)));
    let Err(ProviderError::RateLimited { retry_after }) = keys.lease(soon()).await else {
        panic!("all rest");
    };
    assert_eq!(retry_after.unwrap().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn sets_the_only_key_never_aside() {
    let keys = Keys::new(vec![key("a", |_| {})]);
    let lease = keys.lease(soon()).await.unwrap();
    assert!(!keys.failed(&lease, &limited(600)));
    keys.lease(Instant::now()).await.unwrap();
}

//! Logins: Redis takes the right one, and a wrong one is named as such, without showing it.

use platform::config::ServerUrl;
use platform::reach::Unreached;
use testkit::servers::Redis;
use troupe_redis::{ExamineError, RedisConfig, examine};

/// `p@:/%#§=` and a space.
const PASSWORD: &str = "p%40%3A%2F%25%23%C2%A7=%20";

fn redis(server: &Redis, login: &str) -> RedisConfig {
    RedisConfig {
        url: ServerUrl::new(server.url().replacen("://", &format!("://{login}"), 1)),
        ..RedisConfig::default()
    }
}

#[tokio::test]
async fn redis_takes_the_login_of_the_address_and_a_wrong_one_is_named_as_such() {
    let server = Redis::start_with(&[
        "--requirepass",
        "p@:/%#§= ",
        "--user",
        "ann",
        "on",
        ">an:other",
        "~*",
        "&*",
        "+@all",
        "--user",
        "weak",
        "on",
        ">weak",
        "~none",
        "-@all",
    ]);
    let server = server.await.unwrap();
    for login in [format!(":{PASSWORD}@"), "ann:an%3Aother@".to_owned()] {
        examine(&redis(&server, &login)).await.unwrap();
    }
    for login in [
        "",
        ":hunter2@",
        "ann:hunter2@",
        "nobody:hunter2@",
        "weak:weak@",
    ] {
        let refused = examine(&redis(&server, login)).await;
        let Err(error @ ExamineError::Refused(_)) = refused else {
            panic!("{login}: {refused:?}")
        };
        let text = error.to_string();
        assert!(
            text.contains("redis.url") && !text.contains("hunter2"),
            "{text}"
        );
    }
    let open = Redis::start().await.unwrap();
    let refused = examine(&redis(&open, "ann:hunter2@")).await;
    assert!(
        matches!(refused, Err(ExamineError::Refused(_))),
        "{refused:?}"
    );
    open.daemon().unwrap().kill().unwrap();
    let away = examine(&redis(&open, ":hunter2@")).await;
    assert!(
        matches!(away, Err(ExamineError::Unreached(Unreached::Closed))),
        "{away:?}"
    );
}

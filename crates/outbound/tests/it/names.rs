//! Names: what they resolve to is judged, once, and nothing else is called.

use troupe_outbound::{Client, Error, Refusal, Request};

use crate::stage::{Names, Server, ok};

fn refused_address(error: Error) -> String {
    match error {
        Error::Refused(Refusal::Name { address, .. }) => address.to_string(),
        other => panic!("not refused by its name: {other:?}"),
    }
}

#[tokio::test]
async fn calls_an_allowed_network_by_name_and_by_address() {
    let server = Server::answering(ok("taken"));
    let client = server.client();
    for host in ["hooks.test", "127.0.0.1", "0x7f.1", "[::ffff:127.0.0.1]"] {
        let request = Request::post(server.at(host), "a message");
        let answer = client.send(request).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), &answer.body[..]),
            (200, &b"taken"[..])
        );
    }
    let requests = server.requests();
    assert!(
        requests[0].starts_with("POST /hook HTTP/1.1\r\n"),
        "{requests:?}"
    );
    assert!(requests[0].ends_with("a message"), "{requests:?}");
    let host = format!("host: hooks.test:{}\r\n", server.port());
    assert!(requests[0].contains(&host), "{requests:?}");
}

#[tokio::test]
async fn asks_once_for_each_request_and_believes_no_earlier_answer() {
    let server = Server::answering(ok("taken"));
    // What rebinding does: a good answer for the judge, another for whoever asks again.
    let names = Names::in_turn(&[&["127.0.0.1"], &["10.0.0.1"]]);
    let client = Client::with_resolver(&server.config(), names.clone()).unwrap();

    client
        .send(Request::get(server.at("hooks.test")))
        .await
        .unwrap();
    assert_eq!(names.asked(), 1);

    let again = client.send(Request::get(server.at("hooks.test"))).await;
    assert_eq!(refused_address(again.unwrap_err()), "10.0.0.1");
    assert_eq!(names.asked(), 2);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn one_private_answer_refuses_a_name_wherever_it_stands() {
    let server = Server::answering(ok("taken"));
    let mixes: [&[&str]; 4] = [
        &["127.0.0.1", "10.0.0.1"],
        &["10.0.0.1", "127.0.0.1"],
        &["127.0.0.1", "1.1.1.1", "10.0.0.1", "1.0.0.1"],
        &["127.0.0.1", "::ffff:10.0.0.1"],
    ];
    for mix in mixes {
        let names = Names::by(move |_, _| mix.iter().map(|it| it.parse().unwrap()).collect());
        let client = Client::with_resolver(&server.config(), names).unwrap();
        let outcome = client.send(Request::get(server.at("mixed.test"))).await;
        let address = refused_address(outcome.unwrap_err());
        assert!(address.ends_with("10.0.0.1"), "{address}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn goes_on_to_the_next_judged_answer_where_one_does_not_listen() {
    let server = Server::answering(ok("taken"));
    let mut config = server.config();
    config.allowed_networks.push("::1/128".parse().unwrap());
    let names = Names::in_turn(&[&["::1", "127.0.0.1"]]);
    let client = Client::with_resolver(&config, names.clone()).unwrap();
    let answer = client.send(Request::get(server.at("two.test"))).await;
    assert_eq!(answer.unwrap().status.as_u16(), 200);
    assert_eq!(names.asked(), 1);
}

#[tokio::test]
async fn asks_no_resolver_for_an_address() {
    let server = Server::answering(ok("taken"));
    let names = Names::all("10.0.0.1");
    let client = Client::with_resolver(&server.config(), names.clone()).unwrap();
    let answer = client.send(Request::get(server.at("127.0.0.1"))).await;
    answer.unwrap();
    assert_eq!(names.asked(), 0);
}

#[tokio::test]
async fn tells_a_name_that_resolves_to_nothing_from_one_that_is_refused() {
    let server = Server::answering(ok("taken"));
    let client = Client::with_resolver(&server.config(), Names::in_turn(&[&[]])).unwrap();
    let outcome = client.send(Request::get(server.at("nothing.test"))).await;
    assert!(matches!(outcome, Err(Error::Unresolved(_))), "{outcome:?}");
}

#[tokio::test]
async fn resolves_as_the_system_does() {
    let server = Server::answering(ok("taken"));
    let mut config = server.config();
    config.allowed_networks.push("::1/128".parse().unwrap());
    let client = Client::new(&config).unwrap();
    let answer = client.send(Request::get(server.at("localhost"))).await;
    assert_eq!(answer.unwrap().status.as_u16(), 200);

    config.allowed_networks.clear();
    let client = Client::new(&config).unwrap();
    let outcome = client.send(Request::get(server.at("localhost"))).await;
    refused_address(outcome.unwrap_err());
}

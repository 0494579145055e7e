//! What a store on a server does when the server is missing, silent, back, or says no.

use platform::config::{SecretText, ServerUrl};
use qdrant_client::qdrant::payload_index_params::IndexParams;
use tonic::Code;
use troupe_vectors::{self, Error, ServerState};
use uuid::Uuid;

use super::*;

async fn on(peer: &Peer) -> (Place, Arc<dyn Vectors>) {
    let place = Place::new(peer.config());
    let store = place.open().await;
    (place, store)
}

/// Every call, with what it came to.
async fn call_everything(store: &dyn Vectors) -> [Result<(), Error>; 6] {
    let chat = Uuid::now_v7();
    [
        store.upsert(vec![point(chat, EAST)]).await,
        nearest(store, chat, &EAST, 10).await.map(drop),
        store.delete(chat, &[Uuid::now_v7()]).await,
        store.delete_partition(chat).await,
        store.count(None).await.map(drop),
        store.clear().await,
    ]
}

#[tokio::test]
async fn opens_without_the_server_and_works_once_it_is_there() {
    let peer = Peer::start();
    peer.kill();
    let (_place, store) = on(&peer).await;
    for result in call_everything(&*store).await {
        assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    }
    peer.come_back();
    for result in call_everything(&*store).await {
        result.unwrap();
    }
}

#[tokio::test]
async fn works_again_after_the_server_was_away() {
    let peer = Peer::start();
    let (_place, store) = on(&peer).await;
    let chat = Uuid::now_v7();
    store.upsert(vec![point(chat, EAST)]).await.unwrap();
    peer.kill();
    let result = store.count(None).await;
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    peer.come_back();
    assert_eq!(store.count(None).await.unwrap(), 1);
}

#[tokio::test]
async fn gives_up_on_a_server_that_does_not_answer() {
    let peer = Peer::start();
    let (_place, store) = on(&peer).await;
    store.count(None).await.unwrap();
    peer.fall_silent();
    let result = store.count(None).await;
    assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    peer.come_back();
    // The connection to the silent one may still be the one in use; keeping alive ends it.
    while store.count(None).await.is_err() {}
}

#[tokio::test]
async fn makes_the_collection_before_anybody_asks() {
    let peer = Peer::start();
    let (_place, _store) = on(&peer).await;
    while peer.state().collections.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn makes_the_collection_anew_when_somebody_took_it_away() {
    let peer = Peer::start();
    let (_place, store) = on(&peer).await;
    store
        .upsert(vec![point(Uuid::now_v7(), EAST)])
        .await
        .unwrap();
    peer.state().collections.clear();
    assert_eq!(store.count(None).await.unwrap(), 0);
    store
        .upsert(vec![point(Uuid::now_v7(), EAST)])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_partition_is_a_tenant_of_its_own() {
    let peer = Peer::start();
    let (_place, store) = on(&peer).await;
    store.count(None).await.unwrap();
    let state = peer.state();
    let (name, collection) = state.collections.first_key_value().unwrap();
    assert!(
        name.starts_with("troupe-test-memory-all-MiniLM-L6-v2-4-"),
        "{name}"
    );
    let graph = collection.settings.hnsw_config.unwrap();
    assert_eq!((graph.m, graph.payload_m), (Some(0), Some(16)));
    let index = &collection.indexes[0];
    assert_eq!(index.field_name, "partition");
    let params = index
        .field_index_params
        .as_ref()
        .unwrap()
        .index_params
        .as_ref();
    let Some(IndexParams::UuidIndexParams(params)) = params else {
        panic!("{params:?}");
    };
    assert_eq!(params.is_tenant, Some(true));
}

#[tokio::test]
async fn two_processes_may_make_the_same_collection() {
    let peer = Peer::start();
    let (_one, first) = on(&peer).await;
    let (_other, second) = on(&peer).await;
    let (one, other) = tokio::join!(first.count(None), second.count(None));
    assert_eq!((one.unwrap(), other.unwrap()), (0, 0));
    assert_eq!(peer.state().collections.len(), 1);
}

#[tokio::test]
async fn tells_a_server_that_is_not_ready_from_one_that_fails() {
    let peer = Peer::start();
    let (_place, store) = on(&peer).await;
    store.count(None).await.unwrap();
    for (code, is_unavailable) in [
        (Code::Unavailable, true),
        (Code::ResourceExhausted, true),
        (Code::DeadlineExceeded, true),
        (Code::Internal, false),
        (Code::InvalidArgument, false),
    ] {
        peer.state().failure = Some(code);
        match store.count(None).await {
            Err(Error::Unavailable(_)) => assert!(is_unavailable, "{code:?}"),
            Err(Error::Storage(_)) => assert!(!is_unavailable, "{code:?}"),
            other => panic!("{code:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let peer = Peer::start();
    let mut config = peer.config();
    config.api_key = SecretText::new("another");
    let place = Place::new(config);
    let looked = troupe_vectors::examine(&place.qdrant).await;
    let mut results = vec![looked.map(drop)];
    results.extend(call_everything(&*place.open().await).await);
    for result in results {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Refused(_)), "{error:?}");
        assert!(error.to_string().contains("refuses the key"), "{error}");
        let told = error.passing().unwrap();
        assert!(
            told.contains("the vector store") && !told.contains("key"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    for url in [
        "qdrant.example:6334",
        "redis://qdrant.example",
        "http://",
        "no address",
    ] {
        let config = QdrantConfig {
            url: ServerUrl::new(url),
            ..QdrantConfig::default()
        };
        let place = Place::new(config);
        let result = troupe_vectors::open(
            &place.storage,
            &place.qdrant,
            "test-memory",
            MODEL,
            DIMENSIONS,
        )
        .await;
        assert!(
            matches!(result, Err(Error::Invalid(_))),
            "{url}: {result:?}"
        );
    }
}

#[tokio::test]
async fn a_server_says_how_it_is() {
    let peer = Peer::start();
    let (place, store) = on(&peer).await;
    store.count(None).await.unwrap();
    let state = troupe_vectors::examine(&place.qdrant).await.unwrap();
    let expected = ServerState {
        version: "1.2.3".to_owned(),
        collections: 1,
    };
    assert_eq!(state, expected);
}

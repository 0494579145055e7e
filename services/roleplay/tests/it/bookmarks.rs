//! Bookmarks.

use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use crate::stage::{Person, Stage, tick, turn};

impl Person {
    pub(crate) async fn bookmark(
        &self,
        session: &str,
        message: &str,
        title: &str,
    ) -> Result<pb::Bookmark, Status> {
        self.bookmark_by("", session, message, title).await
    }

    async fn bookmark_by(
        &self,
        request_id: &str,
        session: &str,
        message: &str,
        title: &str,
    ) -> Result<pb::Bookmark, Status> {
        let request = pb::CreateBookmarkRequest {
            bookmark: Some(pb::Bookmark {
                session_id: session.to_owned(),
                message_id: message.to_owned(),
                title: title.to_owned(),
                ..Default::default()
            }),
            request_id: request_id.to_owned(),
        };
        let made = self.bookmarks().create_bookmark(self.ask(request)).await?;
        Ok(made.into_inner().bookmark.unwrap())
    }

    /// The titles of all bookmarks, of all sessions or of one.
    async fn bookmarked(&self, session: &str) -> Vec<String> {
        let (mut titles, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = pb::ListBookmarksRequest {
                session_id: session.to_owned(),
                page_size: 2,
                page_token,
            };
            let page = self.bookmarks().list_bookmarks(self.ask(request)).await;
            let page = page.unwrap().into_inner();
            titles.extend(page.bookmarks.into_iter().map(|bookmark| bookmark.title));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return titles;
            }
        }
    }
}

#[tokio::test]
async fn leads_back_to_messages() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let (first, second) = (alice.open_session().await.id, alice.open_session().await.id);
    let reply = turn(&stage, &alice, &first, "Hello", "Hi").await;
    let greeting = alice.path(&first).await.remove(0).id;
    let elsewhere = alice.path(&second).await.remove(0).id;
    let made = alice
        .bookmark(&first, &reply.id, "The reply")
        .await
        .unwrap();
    assert_eq!(
        (made.session_id.as_str(), made.message_id.as_str()),
        (first.as_str(), reply.id.as_str())
    );
    alice.bookmark(&first, &greeting, "").await.unwrap();
    alice
        .bookmark(&second, &elsewhere, "Elsewhere")
        .await
        .unwrap();
    assert_eq!(alice.bookmarked("").await, ["Elsewhere", "", "The reply"]);
    assert_eq!(alice.bookmarked(&first).await, ["", "The reply"]);
    // One at a message.
    tick(&stage);
    let again = alice
        .bookmark(&first, &reply.id, "My favourite")
        .await
        .unwrap();
    assert_eq!(again.id, made.id);
    assert!(again.update_time.unwrap().seconds > made.update_time.unwrap().seconds);
    assert_eq!(alice.bookmarked(&first).await, ["", "My favourite"]);

    let request = pb::UpdateBookmarkRequest {
        bookmark: Some(pb::Bookmark {
            title: "Renamed".to_owned(),
            ..again.clone()
        }),
        update_mask: None,
    };
    let changed = alice.bookmarks().update_bookmark(alice.ask(request)).await;
    assert_eq!(
        changed.unwrap().into_inner().bookmark.unwrap().title,
        "Renamed"
    );
    let get = || pb::GetBookmarkRequest {
        bookmark_id: made.id.clone(),
    };
    let got = alice.bookmarks().get_bookmark(alice.ask(get())).await;
    assert_eq!(got.unwrap().into_inner().bookmark.unwrap().title, "Renamed");
    alice.delete(&first, &reply.id).await.unwrap();
    let gone = alice.bookmarks().get_bookmark(alice.ask(get())).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    assert_eq!(alice.bookmarked("").await, ["Elsewhere", ""]);
}

#[tokio::test]
async fn is_deleted_once_and_its_message_stays() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let greeting = alice.path(&id).await.remove(0).id;
    let made = alice.bookmark(&id, &greeting, "Start").await.unwrap();
    let delete = || pb::DeleteBookmarkRequest {
        bookmark_id: made.id.clone(),
    };
    let deleted = alice.bookmarks().delete_bookmark(alice.ask(delete())).await;
    deleted.unwrap();
    let again = alice.bookmarks().delete_bookmark(alice.ask(delete())).await;
    assert_eq!(again.unwrap_err().code(), Code::NotFound);
    assert_eq!(alice.path(&id).await.len(), 1);
}

#[tokio::test]
async fn a_repeated_request_makes_it_once() {
    let stage = Stage::new().await;
    let alice = stage.person();
    let id = alice.open_session().await.id;
    let greeting = alice.path(&id).await.remove(0).id;
    let made = alice.bookmark_by("once", &id, &greeting, "One").await;
    let again = alice.bookmark_by("once", &id, &greeting, "One").await;
    assert_eq!(made.unwrap(), again.unwrap());
    let other = alice.bookmark_by("once", &id, &greeting, "Two").await;
    assert_eq!(
        reason_of(&other.unwrap_err()),
        Some(Reason::RequestIdReused)
    );
}

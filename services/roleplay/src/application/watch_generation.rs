//! Watching a generation: from any offset on, from anywhere, running or ended.

use std::pin::pin;
use std::time::Duration;

use async_stream::try_stream;
use futures::Stream;
use mesh::Ctx;
use tokio::sync::watch::Receiver;
use tokio::time::timeout;

use super::begin_message::answered;
use super::doors::Guard;
use super::live::Progress;
use super::start_generation::{Begun, Started};
use super::{Chats, Error, KeptReceipt};
use crate::domain::generation::Generation;
use crate::domain::ids::{GenerationId, MessageId, UserId};
use crate::domain::message::Message;
use crate::domain::watch::{Event, check_offset};
use crate::infrastructure::queries::{generations, messages};

/// How long a stream is silent at most where the text can't be stored, which is not shown before. The generation goes on;
/// who watches again finds it where it is then.
const HELD_UP: Duration = Duration::from_secs(5);

impl Chats {
    /// A generation in a session of the caller, with its text so far.
    pub(crate) async fn get_generation(
        &self,
        ctx: &Ctx,
        id: GenerationId,
    ) -> Result<Generation, Error> {
        self.generation_as_seen(Viewer::of(ctx)?, id).await
    }

    async fn generation_as_seen(
        &self,
        viewer: Viewer,
        id: GenerationId,
    ) -> Result<Generation, Error> {
        // Before the row: a job that ends in between has stored its text there.
        let watched = self.live.find(id);
        let mut generation = self.find_generation(viewer, id).await?;
        match watched {
            _ if generation.state.is_ended() => Ok(generation),
            Some(watched) => {
                generation.text = watched.progress.borrow().text.clone();
                Ok(generation)
            }
            None => self.get_stored_generation(viewer, id).await,
        }
    }

    /// A generation with the text that is stored by now.
    async fn get_stored_generation(
        &self,
        viewer: Viewer,
        id: GenerationId,
    ) -> Result<Generation, Error> {
        // Before the row: one that ends in between has its text there.
        let written = generations::written_since(self.db.read(), id, 0).await?;
        let mut generation = self.find_generation(viewer, id).await?;
        if !generation.state.is_ended() {
            generation.text = written.unwrap_or_default();
        }
        Ok(generation)
    }

    /// The receipt of a generation's prompt.
    pub(crate) async fn get_receipt(
        &self,
        ctx: &Ctx,
        id: GenerationId,
    ) -> Result<KeptReceipt, Error> {
        let user = ctx.user_id()?;
        let id = self.find_generation(Viewer::of(ctx)?, id).await?.id;
        let receipt = generations::receipt(self.db.read(), id).await?;
        let receipt = receipt.ok_or(Error::NotFound("receipt"))?;
        self.readable(user, serde_json::from_str(&receipt)?).await
    }

    /// What happens in a generation from its beginning on.
    pub(crate) async fn watch_started(
        &self,
        ctx: &Ctx,
        started: Started,
    ) -> Result<impl Stream<Item = Result<Event, Error>> + Send + 'static, Error> {
        let viewer = Viewer::of(ctx)?;
        let guard = self.guard(viewer);
        let view = match started {
            Started::New(begun) => View::of(*begun),
            Started::Earlier(id) => self.view(viewer, id, 0).await?,
        };
        Ok(self.clone().events(viewer, view, guard))
    }

    /// What happens in a generation from an offset of its text on: its start, each byte once, its end.
    pub(crate) async fn watch_generation(
        &self,
        viewer: Viewer,
        id: GenerationId,
        offset: u64,
    ) -> Result<impl Stream<Item = Result<Event, Error>> + Send + 'static, Error> {
        // Before the view: who loses their place in between is found.
        let guard = self.guard(viewer);
        let view = self.view(viewer, id, offset).await?;
        Ok(self.clone().events(viewer, view, guard))
    }

    /// What ends a stream of a person who doesn't take part any more.
    fn guard(&self, viewer: Viewer) -> Option<Guard> {
        match viewer {
            Viewer::Person(_) => Some(self.doors.guard(self.hold.is_shared())),
            Viewer::Service => None,
        }
    }

    async fn view(&self, viewer: Viewer, id: GenerationId, offset: u64) -> Result<View, Error> {
        let watched = self.live.find(id);
        let mut generation = self.generation_as_seen(viewer, id).await?;
        if usize::try_from(offset).is_ok_and(|offset| offset > generation.text.len()) {
            // Another process may have shown what this one doesn't know to be stored yet.
            generation = self.get_stored_generation(viewer, id).await?;
        }
        let offset = check_offset(&generation.text, offset)?;
        let progress = match watched {
            Some(watched) => Some(watched.progress),
            None if !generation.state.is_ended() && self.hold.is_shared() => Some(self.follow(id)),
            None => None,
        };
        let whole = generation.text.clone();
        generation.text.truncate(offset);
        Ok(View {
            id,
            started: self.started(generation, &whole).await?,
            offset,
            progress,
        })
    }

    fn events(
        self,
        viewer: Viewer,
        view: View,
        mut guard: Option<Guard>,
    ) -> impl Stream<Item = Result<Event, Error>> + Send + 'static {
        let View {
            id,
            started,
            mut offset,
            progress,
        } = view;
        try_stream! {
            yield started;
            if let Some(mut progress) = progress {
                loop {
                    if let Some(guard) = &mut guard && guard.is_due() {
                        self.look(viewer, id, guard).await?;
                    }
                    let (text, ended, trouble) = {
                        let progress = progress.borrow_and_update();
                        // The watch may begin ahead of what was seen here.
                        let text = progress.text.get(offset..).unwrap_or_default();
                        (text.to_owned(), progress.ended, progress.trouble.clone())
                    };
                    if !text.is_empty() {
                        let length = text.len();
                        yield Event::Delta { offset, text };
                        offset += length;
                    }
                    if ended || !self.wait_on(viewer, id, &mut guard, &mut progress, trouble).await? {
                        break;
                    }
                }
            }
            let (generation, message) = self.ended(viewer, id).await?;
            let rest = generation.text.get(offset..).unwrap_or_default().to_owned();
            if !rest.is_empty() {
                yield Event::Delta { offset, text: rest };
            }
            yield Event::Ended { generation: Box::new(generation), message: Box::new(message) };
        }
    }

    /// Waits for more, as [`go_on`], for as long as the viewer may see it.
    async fn wait_on(
        &self,
        viewer: Viewer,
        id: GenerationId,
        guard: &mut Option<Guard>,
        progress: &mut Receiver<Progress>,
        trouble: Option<String>,
    ) -> Result<bool, Error> {
        let mut more = pin!(go_on(progress, trouble));
        let Some(guard) = guard else {
            return more.await;
        };
        loop {
            tokio::select! {
                more = &mut more => return more,
                () = guard.alarm() => {
                    if guard.is_due() {
                        self.look(viewer, id, guard).await?;
                    }
                }
            }
        }
    }

    /// Refuses a viewer who may not see a generation any more. While the database is away nobody loses their place in it, so what is
    /// open goes on until the next look.
    async fn look(&self, viewer: Viewer, id: GenerationId, guard: &mut Guard) -> Result<(), Error> {
        let looked = self.find_generation(viewer, id).await.map(drop);
        match looked {
            Err(error) if error.is_passing() => {
                guard.look_again();
                Ok(())
            }
            looked => looked,
        }
    }

    async fn started(&self, generation: Generation, whole: &str) -> Result<Event, Error> {
        let message = self.message_of(&generation, generation.message_id).await?;
        let session = generation.session_id;
        let user_message = answered(self.db.read(), session, generation.kind, &message).await?;
        let message = Box::new(message.as_of(&generation, whole));
        Ok(Event::Started {
            generation: Box::new(generation),
            user_message: user_message.map(Box::new),
            message,
        })
    }

    async fn ended(
        &self,
        viewer: Viewer,
        id: GenerationId,
    ) -> Result<(Generation, Message), Error> {
        let generation = self.find_generation(viewer, id).await?;
        if !generation.state.is_ended() {
            return Err(match self.tasks.token().is_cancelled() {
                true => Error::Stopping,
                false => Error::Orphaned(id),
            });
        }
        let message = self.message_of(&generation, generation.message_id).await?;
        Ok((generation, message))
    }

    /// A message of the session of a generation, which was found as the caller's.
    async fn message_of(&self, generation: &Generation, id: MessageId) -> Result<Message, Error> {
        let message = messages::find_written(self.db.read(), generation.session_id, id).await?;
        message.ok_or(Error::NotFound("message"))
    }

    pub(super) async fn find_generation(
        &self,
        viewer: Viewer,
        id: GenerationId,
    ) -> Result<Generation, Error> {
        let db = self.db.read();
        let generation = match viewer {
            Viewer::Person(user) => generations::find(db, user, id).await?,
            Viewer::Service => generations::find_for_service(db, id).await?,
        };
        generation.ok_or(Error::NotFound("generation"))
    }
}

/// Who looks at a generation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Viewer {
    /// Somebody who must take part in its session.
    Person(UserId),
    /// A service that shows it to many, and asks for each whether they may see it.
    Service,
}

impl Viewer {
    /// The person who calls.
    pub(crate) fn of(ctx: &Ctx) -> Result<Self, Error> {
        Ok(Self::Person(ctx.user_id()?))
    }
}

/// A generation as somebody begins to watch it.
struct View {
    id: GenerationId,
    started: Event,
    /// Bytes of its text that the start has.
    offset: usize,
    /// Absent where it has ended.
    progress: Option<Receiver<Progress>>,
}

impl View {
    /// Of one that has just begun, with nothing to read again.
    fn of(begun: Begun) -> Self {
        let Begun { rows, progress } = begun;
        Self {
            id: rows.generation.id,
            started: Event::Started {
                generation: Box::new(rows.generation),
                user_message: rows.user_message.map(Box::new),
                message: Box::new(rows.message),
            },
            offset: 0,
            progress: Some(progress),
        }
    }
}

/// Waits for more, and for what is in trouble only for a while. False where nothing more comes.
async fn go_on(progress: &mut Receiver<Progress>, trouble: Option<String>) -> Result<bool, Error> {
    let Some(trouble) = trouble else {
        return Ok(progress.changed().await.is_ok());
    };
    let is_over = |progress: &Progress| progress.trouble.is_none() || progress.ended;
    let over = timeout(HELD_UP, progress.wait_for(is_over)).await;
    let over = over.map(|over| over.is_ok());
    over.map_err(|_elapsed| Error::HeldUp(trouble))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::live::Live;

    #[tokio::test(start_paused = true)]
    async fn waits_for_a_full_disk_for_a_while_only() {
        let live = Live::default();
        let id = GenerationId::new();
        let job = live.announce(id);
        let mut progress = live.find(id).unwrap().progress;
        let full = || Some("the disk is full".to_owned());
        job.hold_up("the disk is full".to_owned());
        let told = go_on(&mut progress, full()).await.unwrap_err();
        assert!(told.to_string().contains("the disk is full"), "{told}");
        job.publish("more");
        assert!(go_on(&mut progress, full()).await.unwrap());
        assert_eq!(progress.borrow_and_update().trouble, None);
        drop(job);
        assert!(go_on(&mut progress, None).await.unwrap());
    }
}

//! Accepts connections, so many at a time.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::Tasks;

/// How long to wait after a failed accept, which mostly means too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// Has each connection served as one of `tasks`. One for which there is no permit waits to be accepted; `failed` learns why
/// one was not. Returns only once `permits` are closed.
pub async fn accept<F>(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    tasks: &Tasks,
    failed: impl Fn(io::Error),
    serve: impl Fn(TcpStream, SocketAddr) -> F,
) where
    F: Future + Send + 'static,
{
    loop {
        let Ok(permit) = Arc::clone(permits).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let served = serve(stream, peer);
                tasks.spawn(async move {
                    served.await;
                    drop(permit);
                });
            }
            Err(error) => {
                failed(error);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_connection_has_its_permit_from_before_it_is_accepted_to_its_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (permits, tasks) = (Arc::new(Semaphore::new(1)), Tasks::new());
        let (sender, mut free) = mpsc::unbounded_channel();
        let serve = |stream: TcpStream, _| {
            let (sender, permits) = (sender.clone(), Arc::clone(&permits));
            sender.send(permits.available_permits()).unwrap();
            async move {
                // At its end.
                stream.readable().await.unwrap();
                sender.send(permits.available_permits()).unwrap();
            }
        };
        let connecting = async {
            for _ in 0..3 {
                let stream = TcpStream::connect(address).await.unwrap();
                assert_eq!(free.recv().await, Some(0));
                drop(stream);
                assert_eq!(free.recv().await, Some(0));
            }
        };
        tokio::select! {
            () = accept(&listener, &permits, &tasks, |_| unreachable!(), serve) => unreachable!(),
            () = connecting => {}
        }
    }
}

//! Ctrl-C as a value that many tasks can wait for.

use tokio::sync::watch;

/// The exit code of a process that Ctrl-C ended (128 + SIGINT), for the second press.
const EXIT_INTERRUPTED: i32 = 130;

/// Whether Ctrl-C was pressed.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Listens for Ctrl-C from now on. The second press ends the process: it is the way out when tidying up hangs.
    pub(super) fn listen() -> Self {
        let (pressed, interrupt) = Self::manual();
        tokio::spawn(async move {
            // Without a signal handler there is nothing to wait for, and Ctrl-C ends the process as usual.
            if tokio::signal::ctrl_c().await.is_ok() {
                pressed.send_replace(true);
                if tokio::signal::ctrl_c().await.is_ok() {
                    std::process::exit(EXIT_INTERRUPTED);
                }
            }
        });
        interrupt
    }

    /// An interruption that the caller triggers by sending `true`.
    pub(super) fn manual() -> (watch::Sender<bool>, Self) {
        let (pressed, receiver) = watch::channel(false);
        (pressed, Self(receiver))
    }

    /// Whether it happened.
    pub(super) fn is_pressed(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when it happens; never, if it cannot happen any more.
    pub(crate) async fn pressed(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|pressed| *pressed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

//! A tap on a serial line: whatever the till sends to its printer, heard passively.
//!
//! A line that is pulled out reads as end of file; it is closed, and opened again when it is back, under the same name
//! (`/dev/serial/by-id/…`).

use super::parser::Feed;
use crate::config::{Parity, SerialSettings};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio_serial::{DataBits, SerialPortBuilderExt, SerialStream, StopBits};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Waits between attempts to open the line: the first, doubled up to the last.
const AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Bytes read at once.
const CHUNK: usize = 4 << 10;

/// Listens until `cancel`.
pub(super) async fn listen(settings: SerialSettings, feed: Feed, cancel: CancellationToken) {
    let copies = feed.parser();
    let shown = settings.device.display().to_string();
    let mut wait = AGAIN.0;
    let mut told = false;
    loop {
        match open(&settings) {
            Ok(mut line) => {
                info!(feed = %feed.report.name(), device = shown, "the line is open");
                feed.report.up();
                (wait, told) = (AGAIN.0, false);
                let mut chunk = vec![0; CHUNK];
                let why = loop {
                    let read = tokio::select! {
                        read = line.read(&mut chunk) => read,
                        () = cancel.cancelled() => return,
                    };
                    match read {
                        Ok(0) => break "it was pulled out".to_owned(),
                        Ok(n) => copies.take(&chunk[..n]),
                        Err(e) => break e.to_string(),
                    }
                };
                // Closed before it is opened again: opening is exclusive.
                drop(line);
                copies.cut_off();
                warn!(feed = %feed.report.name(), device = shown, "the line is gone: {why}");
                feed.report.down(format!("{shown}: {why}"));
            }
            Err(e) => {
                if !told {
                    warn!(feed = %feed.report.name(), device = shown, "cannot open the line: {e}");
                    told = true;
                }
                feed.report.down(format!("cannot open {shown}: {e}"));
            }
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(AGAIN.1),
            () = cancel.cancelled() => return,
        }
    }
}

fn open(settings: &SerialSettings) -> tokio_serial::Result<SerialStream> {
    let path = settings.device.to_string_lossy();
    tokio_serial::new(path, settings.baud)
        .data_bits(if settings.data_bits == 7 { DataBits::Seven } else { DataBits::Eight })
        .parity(match settings.parity {
            Parity::None => tokio_serial::Parity::None,
            Parity::Even => tokio_serial::Parity::Even,
            Parity::Odd => tokio_serial::Parity::Odd,
        })
        .stop_bits(if settings.stop_bits == 2 { StopBits::Two } else { StopBits::One })
        .open_native_async()
}

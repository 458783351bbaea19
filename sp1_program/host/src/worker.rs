//! Takes jobs from a sequencer, one at a time, and hands in the results.
//!
//! Each job runs in a process of its own (`zkclob-prover execute`): whatever happens to it, the worker lives to report
//! it, and the peak memory is the job's.

use crate::queue::{Job, Outcome, Queue, QueueError};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How late a request to stop may be noticed.
const REACTION: Duration = Duration::from_millis(100);
const REPORT_ATTEMPTS: u32 = 5;

pub struct Worker {
    pub queue: Queue,
    pub name: String,
    pub elf: PathBuf,
    pub vkey: String,
    /// Set from outside (SIGTERM) to make the worker stop.
    pub stop: Arc<AtomicBool>,
}

enum Ending {
    Executed(Outcome),
    Failed(String),
    /// Stopped, or the lease lost: somebody else will do it.
    Abandoned,
}

impl Worker {
    /// Serves the queue until it is stopped.
    ///
    /// # Errors
    /// When the sequencer refuses the token. Everything else is tried again.
    pub fn run(&self) -> Result<(), QueueError> {
        let mut pause = SHORTEST_PAUSE;
        while !self.stopped() {
            match self.queue.lease(&self.name, "execute", &self.vkey) {
                Ok(Some(job)) => {
                    pause = SHORTEST_PAUSE;
                    self.serve(&job);
                    continue;
                }
                Ok(None) => {}
                Err(QueueError::Unauthorized) => return Err(QueueError::Unauthorized),
                Err(error) => eprintln!("worker: no lease: {error}"),
            }
            self.sleep(pause);
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
        Ok(())
    }

    fn serve(&self, job: &Job) {
        let ending = self.queue.witness(job).map_or_else(
            |error| Ending::Failed(format!("witness: {error}")),
            |witness| self.execute(job, witness),
        );
        let reported = match &ending {
            Ending::Executed(outcome) => {
                eprintln!(
                    "worker: batch {}: {} cycles, {} prover gas, {} ms",
                    job.batch, outcome.cycles, outcome.prover_gas, outcome.execute_ms
                );
                self.insist(|| self.queue.executed(job, outcome))
            }
            Ending::Failed(message) => {
                eprintln!("worker: batch {} failed: {message}", job.batch);
                self.insist(|| self.queue.failed(job, message))
            }
            Ending::Abandoned => Ok(()),
        };
        if let Err(error) = reported {
            eprintln!("worker: batch {}: not reported: {error}", job.batch);
        }
    }

    /// Runs the guest in another process, and says that it is still at it until it ends.
    fn execute(&self, job: &Job, witness: Vec<u8>) -> Ending {
        let mut child = match self.spawn() {
            Ok(child) => child,
            Err(error) => return Ending::Failed(format!("cannot start the executor: {error}")),
        };
        let process = child.id();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            sender.send(feed(&mut child, &witness).and_then(|()| child.wait_with_output()))
        });

        let interval = Duration::from_secs(job.lease_seconds) / 3;
        let mut heartbeat = Instant::now();
        loop {
            match receiver.recv_timeout(REACTION) {
                Ok(output) => return read_output(output),
                Err(RecvTimeoutError::Disconnected) => {
                    return Ending::Failed("the executor is gone".to_owned())
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let mut lost = false;
            if heartbeat.elapsed() >= interval {
                heartbeat = Instant::now();
                lost = matches!(self.queue.heartbeat(job), Err(QueueError::LeaseLost));
            }
            if lost || self.stopped() {
                kill(process);
                return Ending::Abandoned;
            }
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        Command::new(executable()?)
            .args(["execute", "--witness", "-", "--elf"])
            .arg(&self.elf)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
    }

    /// Reports in spite of a few failures of the network.
    fn insist(&self, report: impl Fn() -> Result<(), QueueError>) -> Result<(), QueueError> {
        let mut pause = SHORTEST_PAUSE;
        for _ in 1..REPORT_ATTEMPTS {
            match report() {
                Err(QueueError::Http(_)) if !self.stopped() => self.sleep(pause),
                done => return done,
            }
            pause *= 2;
        }
        report()
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn sleep(&self, pause: Duration) {
        let end = Instant::now() + pause;
        while !self.stopped() && Instant::now() < end {
            thread::sleep(REACTION.min(end - Instant::now()));
        }
    }
}

/// This program. On Linux it is found even after its file was replaced, as a new build does.
fn executable() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok("/proc/self/exe".into())
    } else {
        std::env::current_exe()
    }
}

/// Writes the witness and closes the pipe. An executor that ends before it has read all says why itself.
fn feed(child: &mut Child, witness: &[u8]) -> io::Result<()> {
    let mut stdin = child.stdin.take().expect("the pipe was asked for");
    match stdin.write_all(witness) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

fn read_output(output: io::Result<Output>) -> Ending {
    match output {
        Ok(output) if output.status.success() => serde_json::from_slice(&output.stdout)
            .map_or_else(|error| Ending::Failed(format!("the executor's output: {error}")), Ending::Executed),
        Ok(output) => {
            let message = String::from_utf8_lossy(&output.stderr);
            Ending::Failed(format!("{}: {}", output.status, message.trim()))
        }
        Err(error) => Ending::Failed(format!("the executor: {error}")),
    }
}

fn kill(process: u32) {
    // SAFETY: a signal to a child that was started here and has not been waited for.
    unsafe { libc::kill(process as libc::pid_t, libc::SIGKILL) };
}
